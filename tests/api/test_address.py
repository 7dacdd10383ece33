"""Client addresses: parsed, and forwarded ones only behind configured proxies (field case F18)."""

import pytest
from django.test import RequestFactory

from tokenauth.api.address import origin_of


def address(settings, *, proxies: int = 0, **meta):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "TRUSTED_PROXIES": proxies}
    request = RequestFactory().get("/")
    request.META.update(meta)
    return origin_of(request).address


@pytest.mark.parametrize(
    ("sent", "parsed"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        (None, None),
        (b"", None),
        ("unknown", None),
    ],
)
def test_the_peer(settings, sent, parsed):
    assert address(settings, REMOTE_ADDR=sent) == parsed


@pytest.mark.parametrize(
    ("forwarded", "parsed"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("unknown", None),
        ("", None),
        ("1" * 4_000, None),
    ],
)
def test_behind_one_proxy_the_last_entry_counts(settings, forwarded, parsed):
    assert address(settings, proxies=1, HTTP_X_FORWARDED_FOR=forwarded) == parsed


def test_behind_two_proxies_the_last_but_one_counts(settings):
    assert address(settings, proxies=2, HTTP_X_FORWARDED_FOR="6.6.6.6, 1.2.3.4, 10.0.0.1") == "1.2.3.4"


def test_fewer_entries_than_proxies_is_nobodys_address(settings):
    assert address(settings, proxies=2, HTTP_X_FORWARDED_FOR="1.2.3.4") is None


def test_without_a_proxy_the_header_is_not_read(settings):
    assert address(settings, REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="6.6.6.6") == "192.0.2.1"


@pytest.mark.parametrize("agent", ["x" * 8_000, "a\x00b", "\udcff"])
def test_any_agent_is_taken(agent):
    request = RequestFactory().get("/", HTTP_USER_AGENT=agent)

    assert len(origin_of(request).agent) <= 2_000
