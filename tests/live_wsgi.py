"""The example site's own application, its URLs loaded before the processes part: once, not four times."""

from django.urls import get_resolver

from project.wsgi import application

__all__ = ["application"]

_ = get_resolver().url_patterns
