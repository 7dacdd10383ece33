"""Bridges to other apps. Each is a module of its own and imports its app only when it is imported."""
