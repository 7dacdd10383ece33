"""In a real browser as wide as a phone, no page of the admin is wider than that, whatever a name is."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client as Browser
from django.urls import reverse

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.sessions import log_in
from tokenauth.flows import Origin
from tokenauth.models import Device, KeyRecord, Site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
]

PHONE = {"width": 390, "height": 844}
LONG = "bartholomew.featherstonehaugh.of.the.east.wing@subsidiary.example.com"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
#: How much wider the page is than the window; what scrolls within it does not count.
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def phone(live_server: Any, admin_user: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page of a browser, as wide as a phone, in which the administrator is logged in."""
    # the driver keeps a loop in this thread, in which Django would refuse queries
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    inside = Browser()
    inside.force_login(admin_user)
    cookie = {"name": "sessionid", "value": inside.cookies["sessionid"].value, "url": live_server.url}
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport=PHONE, base_url=live_server.url)
        context.add_cookies([cookie])
        yield context.new_page()
        browser.close()


def address(model: str, name: str, *args: str) -> str:
    return reverse(f"admin:{model}_{name}", args=args)


def pages() -> Iterator[str]:
    """Every list, a row's page of each, and the pages that ask before something is done."""
    for model in admin.site._registry:
        if model._meta.app_label == "tokenauth":
            name = model._meta.label_lower.replace(".", "_")
            yield address(name, "changelist")
            if (row := model._default_manager.first()) is not None:
                yield address(name, "change", quote(row.pk))


def test_no_page_is_wider(phone):
    Site.objects.get_or_create(pk=1)
    client = ClientFactory(client_id="the-application-of-the-shop-" * 3, name="Shop" * 20)
    session = log_in(UserFactory(username=LONG), client, device="phone", origin=Origin("2001:db8::1", AGENT))
    secret_of(ClientFactory(resource=True))
    Device.objects.update(name="telephone" * 10, platform="Android" * 5)
    kid = KeyRecord.objects.filter(purpose="access")[0].pk
    asking = [
        address("tokenauth_client", "add"),
        address("tokenauth_client", "act", client.pk, "make_secret"),
        address("tokenauth_tokenfamily", "act", session.family_id, "revoke_sessions"),
        address("tokenauth_keyrecord", "act", quote(kid), "kill_keys"),
        address("auth_user", "change", session.user.pk),
    ]

    wider = {}
    for path in [*pages(), *asking]:
        assert phone.goto(path).status == 200, path
        if too_wide := phone.evaluate(TOO_WIDE):
            wider[path] = too_wide

    assert wider == {}
