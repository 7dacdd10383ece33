"""docs/explanation/privacy.md names every column that can hold a personal datum, and keeps its times."""

import re

from django.apps import apps
from django.db import models

from tests.docs.pages import DOCS
from tokenauth import conf
from tokenauth.flows.housekeeping import purge
from tokenauth.risk import limits

PAGE = (DOCS / "explanation/privacy.md").read_text()
NAMED = set(re.findall(r"`([A-Z]\w+\.\w+)`", PAGE))
DAY = 86_400

#: Times, numbers, yes and no say nothing of a person without the columns beside them.
_NAMELESS = (models.DateTimeField, models.IntegerField, models.BooleanField, models.ForeignKey)


def columns() -> set[str]:
    return {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("tokenauth").get_models()
        for field in model._meta.concrete_fields
        if not isinstance(field, _NAMELESS) and not field.choices
    }


def test_every_column_that_can_hold_a_personal_datum_is_named_and_no_other():
    assert columns() == NAMED


def test_the_numbers_of_the_page_are_those_of_the_code():
    settings = conf.Settings.model_fields

    assert f"`EVENT_RETENTION` ({settings['EVENT_RETENTION'].default // DAY} days by default)" in PAGE
    assert f"`DETAIL_RETENTION` ({settings['DETAIL_RETENTION'].default // DAY} days)" in PAGE
    assert f"{purge.DEVICES // DAY} days after the device was last heard of" in PAGE
    assert (purge.SLACK, purge.MARKS) == (3600, 3600)  # "an hour"
    assert f"consecutive failures for {limits._FAILURES_KEPT // DAY} days" in PAGE
