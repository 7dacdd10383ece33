"""Whatever admin a site wrote for its users, on whichever admin site, shows their sessions."""

import subprocess
import sys

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group

from tokenauth.admin import UserSessionsMixin, user_admins

User = get_user_model()


class Crew(User):
    class Meta:
        proxy = True
        app_label = "auth"


class OwnUserAdmin(UserAdmin):
    """A site's own."""

    list_display = ("username", "shoe_size")

    def shoe_size(self, user):
        return 43


@pytest.fixture
def ops():
    return admin.AdminSite(name="ops")


def test_the_sites_user_admin_is_extended_when_it_starts():
    registered = admin.site._registry[User]

    assert isinstance(registered, UserSessionsMixin)
    assert isinstance(registered, UserAdmin)


def test_every_admin_site_is_extended_and_twice_is_once(ops):
    ops.register(User, OwnUserAdmin)
    ops.register(Group)

    user_admins.extend()
    once = ops._registry[User]
    user_admins.extend()

    assert ops._registry[User] is once
    assert type(once).__mro__[1:3] == (UserSessionsMixin, OwnUserAdmin)
    assert (type(once).__name__, type(once).__doc__) == ("OwnUserAdmin", "A site's own.")
    assert once.list_display == ("username", "shoe_size")
    assert not isinstance(ops._registry[Group], UserSessionsMixin)
    assert once.check() == []


def test_proxies_of_the_user_model_are_users_too(ops):
    ops.register(Crew, OwnUserAdmin)

    user_admins.extend()

    assert isinstance(ops._registry[Crew], UserSessionsMixin)


def test_an_admin_that_has_the_mixin_is_left_alone(ops):
    class Extended(UserSessionsMixin, UserAdmin):
        pass

    ops.register(User, Extended)

    user_admins.extend()

    assert type(ops._registry[User]) is Extended


SITE = """
import sys
from django.conf import settings

order, token_settings = eval(sys.argv[1])
settings.configure(
    SECRET_KEY="x" * 50, INSTALLED_APPS=order, TOKENAUTH=token_settings, USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
import django
django.setup()
from django.contrib import admin
from django.contrib.auth.models import User
print([base.__name__ for base in type(admin.site._registry[User]).__mro__][1])
"""

REST = ["django.contrib.contenttypes", "django.contrib.messages", "django.contrib.sessions"]
ISSUER = {"ISSUER": "https://issuer.test"}


def second_base(order, settings):
    """What a site of these apps finds above its user admin, once it has started."""
    asked = repr((order, settings))
    done = subprocess.run([sys.executable, "-c", SITE, asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "order",
    [
        ["django.contrib.admin", "django.contrib.auth", *REST, "tokenauth"],
        ["tokenauth", *REST, "django.contrib.auth", "django.contrib.admin"],
        ["django.contrib.auth", "tokenauth", *REST, "django.contrib.admin"],
    ],
    ids=["last", "first", "between"],
)
def test_the_order_of_the_apps_does_not_matter(order):
    assert second_base(order, ISSUER) == "UserSessionsMixin"


@pytest.mark.parametrize(
    ("order", "settings"),
    [
        (
            ["django.contrib.admin", "django.contrib.auth", *REST, "tokenauth"],
            {**ISSUER, "USER_ADMIN": False},
        ),
        (["django.contrib.admin", "django.contrib.auth", *REST, "tokenauth"], {"USER_ADMIN": "no idea"}),
    ],
    ids=["off", "unreadable"],
)
def test_a_site_may_turn_it_off(order, settings):
    assert second_base(order, settings) == "ModelAdmin"
