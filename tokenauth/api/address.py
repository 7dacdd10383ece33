"""Where a request came from: parsed, and forwarded headers only behind configured proxies."""

import ipaddress

from django.http import HttpRequest

from tokenauth import conf
from tokenauth.flows.asked import Origin

#: Characters of a header that are looked at.
_LONGEST = 2_000


def origin_of(request: HttpRequest) -> Origin:
    """Return address and agent of a request; an address that is none counts as unknown."""
    agent = request.META.get("HTTP_USER_AGENT", "")
    return Origin(address=_address(request), agent=str(agent)[:_LONGEST])


def _address(request: HttpRequest) -> str | None:
    proxies = conf.current().TRUSTED_PROXIES
    if proxies == 0:
        return _parsed(request.META.get("REMOTE_ADDR"))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))[-_LONGEST:].split(",")
    # each trusted proxy appended one entry: what a client wrote itself stands further left
    return _parsed(forwarded[-proxies]) if len(forwarded) >= proxies else None


def _parsed(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        address = ipaddress.ip_address(_without_port(text.strip()).partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
