"""User admins that show no sessions."""

import sys
from types import ModuleType

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin

from tests.checks.found import ids
from tokenauth.admin import UserSessionsMixin
from tokenauth.checks import user_admins as checks


class LateUserAdmin(UserAdmin):
    """Registered where nobody looks any more."""


class WithSessions(UserSessionsMixin, UserAdmin):
    pass


@pytest.fixture
def ops():
    made = admin.AdminSite(name="ops")
    yield made
    made._registry.clear()  # Django knows it until it is collected


def test_w017_a_user_admin_that_is_registered_late(ops, tokenauth):
    assert checks.user_admins_show_sessions() == []
    ops.register(get_user_model(), LateUserAdmin)

    (found,) = checks.user_admins_show_sessions()

    assert ids([found]) == ["W017"]
    assert "tests.checks.test_user_admins.LateUserAdmin" in found.msg
    assert "'ops'" in found.msg
    tokenauth(USER_ADMIN=False)
    assert checks.user_admins_show_sessions() == []


def test_w017_is_silent_about_one_that_was_written_with_sessions(ops):
    ops.register(get_user_model(), WithSessions)

    assert checks.user_admins_show_sessions() == []


def test_w017_one_that_the_urls_register(ops, settings, monkeypatch):
    """They are imported with the first request, long after the site has started."""
    urls = ModuleType("tests.checks.late_urls")

    def patterns(name):
        if name != "urlpatterns":
            raise AttributeError(name)
        ops.register(get_user_model(), LateUserAdmin)
        return []

    urls.__getattr__ = patterns
    monkeypatch.setitem(sys.modules, urls.__name__, urls)
    settings.ROOT_URLCONF = urls.__name__

    assert ids(checks.user_admins_show_sessions()) == ["W017"]


def test_w017_is_silent_where_the_urls_cannot_be_imported(settings):
    settings.ROOT_URLCONF = "nowhere.at.all"

    assert checks.user_admins_show_sessions() == []
