"""The site for gunicorn. FAULTS_WARM: its mirror starts before the fork, as a check at import would do."""

import os

from django.urls import get_resolver

from project.wsgi import application
from tokenauth.revocation.process import MIRROR

__all__ = ["application"]

_ = get_resolver().url_patterns
if os.environ.get("FAULTS_WARM"):
    MIRROR.stale()
