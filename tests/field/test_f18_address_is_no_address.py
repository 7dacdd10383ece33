"""F18: the client's address is not an address, and its other words fit no column."""

from typing import Any

import pytest
from django.test import Client as Browser

from tests.factories import UserFactory
from tests.http import Http
from tokenauth.models import Device, EventDetail, TokenEvent
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db

ABSENT = object()


class Proxied(Browser):
    """A browser behind a server that says what it likes of where a request came from."""

    meta: dict[str, Any]

    def _base_environ(self, **request: Any) -> dict[str, Any]:
        environ = {**super()._base_environ(**request), **self.meta}
        return {name: value for name, value in environ.items() if value is not ABSENT}


def behind(**meta: Any) -> Http:
    browser = Proxied()
    browser.meta = meta
    return Http(browser)


def logged_in_and_refreshed(http: Http, user: Any, client: Any, clock: Any, **more: Any) -> None:
    """Log in, lose an answer and come back late: what writes an address and an agent down."""
    tokens = http.log_in(user, client, **more)
    assert http.refresh(tokens, client).status_code == 200
    clock.shift(60)
    assert http.refresh(tokens, client).status_code == 200


def details() -> list[EventDetail]:
    kinds = [EventKind.ISSUED, EventKind.LATE_REPEAT]
    events = TokenEvent.objects.filter(kind__in=kinds).order_by("id")
    assert [event.kind for event in events] == kinds
    return [event.detail for event in events]


def addresses() -> set[str | None]:
    return {detail.address for detail in details()}


@pytest.fixture
def one_proxy(settings) -> None:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "TRUSTED_PROXIES": 1}


@pytest.mark.parametrize("peer", ["", ABSENT, b"", "b''", "unix:", None], ids=repr)
def test_without_an_address_the_login_works_and_none_is_stored(ada, web, clock, peer):
    logged_in_and_refreshed(behind(REMOTE_ADDR=peer), ada, web, clock)

    assert addresses() == {None}


@pytest.mark.usefixtures("one_proxy")
@pytest.mark.parametrize(
    ("forwarded", "stored"),
    [
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("unknown", None),
        ("_hidden", None),
        ("1.2.3.4, unknown", None),
        ("1" * 4_000, None),
        ("1.2.3.4," * 500 + "5.6.7.8", "5.6.7.8"),
        ("", None),
        (ABSENT, None),
        ("\xff\xfe", None),
    ],
)
def test_behind_a_proxy_what_it_appended_is_parsed_or_nothing(ada, web, clock, forwarded, stored):
    http = behind(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)

    logged_in_and_refreshed(http, ada, web, clock)

    assert addresses() == {stored}


def test_without_a_configured_proxy_the_header_counts_for_nothing(ada, web, clock):
    http = behind(REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="6.6.6.6")

    logged_in_and_refreshed(http, ada, web, clock)

    assert addresses() == {"192.0.2.1"}


@pytest.mark.parametrize(
    ("agent", "stored"),
    [
        ("a" * 300, "a" * 256),
        ("a" * 8_000, "a" * 256),
        ("Mozilla\x00/5.0", "Mozilla/5.0"),
        # as WSGI hands bytes over that are no UTF-8
        (b"Mozilla \xff\xfe".decode("latin-1"), b"Mozilla \xff\xfe".decode("latin-1")),
        ("Mozilla \udcff", "Mozilla ?"),
        ("📱" * 300, "📱" * 256),
        ("", ""),
        (ABSENT, ""),
    ],
    ids=["300", "8000", "NUL", "not UTF-8", "a lone surrogate", "emoji", "empty", "absent"],
)
def test_any_agent_is_stored_as_far_as_its_column_goes(ada, web, clock, agent, stored):
    logged_in_and_refreshed(behind(HTTP_USER_AGENT=agent), ada, web, clock)

    assert {detail.agent for detail in details()} == {stored}


@pytest.mark.parametrize("name", ["Ada's 📱🦄", "x" * 1_000, "📱" * 1_000, "\u202egnp.exe", "e\u0301" * 60])
def test_any_device_name_is_stored_as_far_as_its_column_goes(http: Http, ada, web, clock, name):
    device = {"id": "phone", "name": name, "platform": name}

    logged_in_and_refreshed(http, ada, web, clock, device=device)

    stored = Device.objects.get()
    assert (stored.name, stored.platform) == (name[:100], name[:50])


def limited(settings: Any, **limits: str) -> None:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {**settings.TOKENAUTH["LIMITS"], **limits}}


@pytest.mark.parametrize("peer", ["", ABSENT, b"", "unknown"], ids=repr)
def test_clients_without_an_address_do_not_share_a_limit(web, settings, peer):
    limited(settings, login_network="1/minute", refresh_network="1/minute")
    http = behind(REMOTE_ADDR=peer)

    for _ in range(3):
        tokens = http.log_in(UserFactory(), web)
        assert http.refresh(tokens, web).status_code == 200


def test_clients_with_one_address_do_share_a_limit(ada, web, settings):
    limited(settings, login_network="1/minute")
    http = behind(REMOTE_ADDR="192.0.2.1")
    http.log_in(ada, web)

    answer = http.post(
        "/auth/login/", {"username": "ada", "password": "correct horse battery staple", "client_id": "web"}
    )

    assert answer.status_code == 429
