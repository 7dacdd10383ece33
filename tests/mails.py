"""The mails that a site with ADMINS gets of an error, the long form too."""

import logging
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.utils.log import AdminEmailHandler

ADDRESS = "admin@example.test"
#: Pairs until Django 6.0.
ADMINS: list[Any] = [ADDRESS] if django.VERSION >= (6, 0) else [("Admin", ADDRESS)]


@pytest.fixture
def mails(settings: Any, mailoutbox: list[Any]) -> Iterator[list[Any]]:
    settings.ADMINS = ADMINS
    handler, logger = AdminEmailHandler(include_html=True), logging.getLogger("django.request")
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)
    yield mailoutbox
    logger.removeHandler(handler)
