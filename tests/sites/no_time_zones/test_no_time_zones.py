"""A site with USE_TZ=False is told so before it starts: an hour that comes twice ends no session."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

pytestmark = pytest.mark.django_db


def test_no_migration_goes_past_it():
    with pytest.raises(SystemCheckError) as refused:
        call_command("migrate", skip_checks=False)

    assert "tokenauth.E009" in str(refused.value)
    assert "Set USE_TZ to True" in str(refused.value)


def test_it_is_all_that_is_wrong_here():
    with pytest.raises(SystemCheckError) as refused:
        call_command("check")

    assert "identified 1 issue" in str(refused.value)
