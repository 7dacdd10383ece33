"""All checks together, as `manage.py check` runs them."""

import pytest
from django.core import checks as django_checks
from django.core.checks.registry import registry

from tests import aliases
from tokenauth import checks


def ours(**options):
    found = django_checks.run_checks(**options)
    return [message for message in found if (message.id or "").startswith("tokenauth")]


@pytest.fixture
def registered():
    every = [*registry.registered_checks, *registry.deployment_checks]
    return [check for check in every if check.__module__.startswith("tokenauth.")]


def test_a_sound_site_is_silent(db):
    assert ours(databases=["default"], include_deployment_checks=False) == []


def test_each_file_registers_its_checks(registered):
    assert {check.__module__.rpartition(".")[2] for check in registered} == set(checks.__all__)


def test_each_check_has_a_tag_that_the_doctor_asks_for(registered):
    tags = {tag for check in registered for tag in check.tags}

    assert tags == {"security", "caches", "database"}


def test_only_those_tagged_database_query(db, registered, django_assert_num_queries):
    with django_assert_num_queries(0):
        for check in registered:
            check(app_configs=None, databases=None)
        for check in registered:
            if "database" not in check.tags:
                check(app_configs=None, databases=["default"])


def test_before_the_first_migrate_no_check_fails(
    django_db_setup, django_db_blocker, registered, tokenauth, tmp_path
):
    """`migrate` itself runs them first."""
    with django_db_blocker.unblock(), aliases.empty(tmp_path) as alias:
        tokenauth(DATABASE=alias)
        with_database = [check for check in registered if "database" in check.tags]
        found = [message for check in with_database for message in check(app_configs=None, databases=[alias])]

    # what is wrong with a fresh file without options, and to which no router leads: no word about tables
    assert {message.id for message in found} == {"tokenauth.W004", "tokenauth.E014"}
