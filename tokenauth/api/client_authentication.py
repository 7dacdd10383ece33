"""Which client asks: HTTP Basic or the body, never both (RFC 6749 2.3)."""

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote_plus

from django.http import HttpRequest, HttpResponseBase

from tokenauth.api.address import origin_of
from tokenauth.api.parameters import BadRequest, Parameters
from tokenauth.errors import Cause, Refused
from tokenauth.flows.clients import note_secret_use
from tokenauth.flows.moment import Moment
from tokenauth.observability import log
from tokenauth.observability.hidden import Hidden
from tokenauth.policy import clients
from tokenauth.policy.clients import Authenticated
from tokenauth.revocation.process import MIRROR

_LONGEST_HEADER = 2_048
#: Attribute of a request whose client showed a secret.
_NOTE_USE = "_tokenauth_note_use"


@dataclass(frozen=True, slots=True)
class RefusedClient:
    """The client is not who it says. `by_basic`: the answer carries a challenge (RFC 6749 5.2)."""

    refused: Refused
    by_basic: bool


def authenticated(
    request: HttpRequest, sent: Parameters, *, basic_too: bool, public_too: bool = True
) -> Authenticated | RefusedClient | Refused:
    """Authenticate the client of a request. No query once this process knows the clients.

    Args:
        basic_too: Whether this endpoint reads HTTP Basic. The others leave the header alone: it may be
            a staging site's, or stale.
        public_too: Whether public clients come here. Where they do not, whoever names no client has not
            authenticated (RFC 7662 2.3).
    Raises:
        BadRequest: No client is named, or by two ways at once.

    Side effects: a refusal is logged.
    """
    if (stale := MIRROR.stale()) is not None:
        return stale
    basic = _basic(request) if basic_too else None
    in_body = sent.hidden("client_secret")
    if basic is not None and (in_body is not None or _differs(basic[0], sent)):
        raise BadRequest
    if basic is None and not public_too and sent.text("client_id") is None:
        return RefusedClient(Refused(Cause.CLIENT_UNKNOWN), by_basic=True)
    client_id, secret = basic or (sent.required("client_id"), in_body)
    moment = Moment()
    found = clients.authenticated(client_id, secret, at=moment.at)
    if isinstance(found, Refused):
        log.note("client_refused", cause=found.cause, client=client_id, address=origin_of(request).address)
        return RefusedClient(found, basic is not None)
    if found.secret is not None:
        setattr(request, _NOTE_USE, partial(note_secret_use, found.secret.pk, at=moment.at))
    return found


def note_use_after(response: HttpResponseBase, *, request: HttpRequest) -> None:
    """Have the use of a client's secret written once the answer is out: nobody waits for it."""
    if (note := getattr(request, _NOTE_USE, None)) is not None:
        response._resource_closers.append(note)  # type: ignore[attr-defined]


def _differs(client_id: str, sent: Parameters) -> bool:
    in_body = sent.text("client_id")
    return in_body is not None and in_body != client_id


def _basic(request: HttpRequest) -> tuple[str, Hidden | None] | None:
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return None  # a stale Bearer header travels along with every call: not ours to judge
    if len(credentials) > _LONGEST_HEADER:
        raise BadRequest
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise BadRequest from None
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise BadRequest
    # a public client has no secret, and an empty password says so (RFC 6749 2.3.1)
    return unquote_plus(client_id), Hidden(unquote_plus(secret)) if secret else None
