"""Secure token authentication for Django: see `tokenauth.flows` and `tokenauth.api`."""

__version__ = "0.1.0"
