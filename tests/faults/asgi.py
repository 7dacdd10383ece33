"""The site for uvicorn."""

from project.asgi import application

__all__ = ["application"]
