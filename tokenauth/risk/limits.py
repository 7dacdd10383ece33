"""How often something may be asked: by account, network, family and server, before it costs (PROTOCOL 5).

While the cache that counts is away nothing but a second step is refused for it: everybody else would be
locked out by its failure.
"""

import logging
import unicodedata
from collections.abc import Iterable
from uuid import UUID

from limits import RateLimitItem, parse

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.models.key import KeyPurpose
from tokenauth.observability import log
from tokenauth.risk import counters
from tokenauth.risk.counters import Window
from tokenauth.risk.networks import network_of
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import KEYRING

#: Seconds after which consecutive failures are forgotten.
_FAILURES_KEPT = 30 * 86_400
#: Tries at one login challenge.
CHALLENGE_TRIES = 5
#: Seconds, longer than a challenge lives.
_CHALLENGE_KEPT = 900
#: Seconds in which a family and a presenter that is not its client make one event.
_BINDING_PERIOD = 3600


def login_from(address: str | None) -> Refused | None:
    """Count a login attempt, or a password in an account call, against its network.

    Args:
        address: Parsed address; an unknown one has no network limit.
    """
    return _exceeded(conf.current().LIMITS.login_network, "login-network", network_of(address))


def login_of(account: str, *, known_device: str | None) -> Refused | None:
    """Count a login attempt against its account; a known device has a count of its own, so that
    strangers cannot keep a user out.

    Args:
        account: The name as it was sent; its Unicode spellings count as one.
        known_device: Public id of a device of that account's, None without one.
    """
    return _exceeded(conf.current().LIMITS.login_account, "login-account", _who(account, known_device))


def refresh_from(address: str | None) -> Refused | None:
    """Count a refresh against its network."""
    return _exceeded(conf.current().LIMITS.refresh_network, "refresh-network", network_of(address))


def revocation_from(address: str | None) -> Refused | None:
    """Count a token that is handed back against its network: as many as refreshes, counted apart."""
    return _exceeded(conf.current().LIMITS.refresh_network, "revocation-network", network_of(address))


def refresh_of(family_id: UUID) -> Refused | None:
    """Count a refresh against its family."""
    return _exceeded(conf.current().LIMITS.refresh_family, "refresh-family", str(family_id))


def introspection_by(client_id: str) -> Refused | None:
    """Count an introspection against its resource server."""
    return _exceeded(conf.current().LIMITS.introspect, "introspect", client_id)


def feed_by(client_id: str) -> Refused | None:
    """Count a question for revocations against its resource server."""
    return _exceeded(conf.current().LIMITS.feed, "feed", client_id)


def is_first_refusal_of(family_id: UUID, *, presenter: str) -> bool:
    """Whether a family's token was not shown in that client's name for an hour: the trail takes one
    event of it, whoever hammers."""
    window = Window.now(_key("binding", f"{family_id}|{presenter}"), _BINDING_PERIOD)
    return counters.count(window.key, seconds=window.seconds) in (1, None)


def account_is_locked(account: str, *, known_device: str | None) -> bool:
    """Whether an account had too many consecutive failures; a known device has a count of its own."""
    most = conf.current().LIMITS.login_failures
    return most is not None and (counters.value(_failures(account, known_device).key) or 0) >= most


def note_failure(account: str, *, known_device: str | None) -> None:
    """Count a wrong password or second step."""
    if conf.current().LIMITS.login_failures is not None:
        window = _failures(account, known_device)
        counters.count(window.key, seconds=window.seconds)


def note_success(account: str, *, known_device: str | None) -> None:
    """Forget the failures before a login that succeeded."""
    counters.forget(_failures(account, known_device).key)


def unlock(*accounts: str, known_devices: Iterable[UUID] = ()) -> None:
    """Forget an account's failures: what a change of password does, and an operator on request.

    Args:
        accounts: The names its user logs in with.
        known_devices: His devices, whose failures are counted apart.
    """
    devices = [None, *map(str, known_devices)]
    counters.forget(*(_failures(account, device).key for account in accounts for device in devices))


def challenge_try(nonce: str) -> Refused | None:
    """Count a try at a login challenge.

    Returns:
        `CREDENTIALS` once there were too many or it was answered; `OVERLOADED` where the cache does not
        hold what was just counted: tries that nobody counts would never end.
    """
    tries, answered = _key("challenge", nonce), _key("answered", nonce)
    count = counters.count(tries, seconds=_CHALLENGE_KEPT)
    held = counters.values(tries, answered)
    if count is None or held is None:
        return Refused(Cause.OVERLOADED, retry_after=1)
    if held[0] < count:
        log.note("limits_cache_forgets", level=logging.ERROR)
        return Refused(Cause.OVERLOADED, retry_after=1)
    return Refused(Cause.CREDENTIALS) if count > CHALLENGE_TRIES or held[1] else None


def take_challenge(nonce: str) -> Refused | None:
    """Let one caller make a session of a challenge; `challenge_try` comes first."""
    first = counters.take(_key("answered", nonce), seconds=_CHALLENGE_KEPT)
    if first is None:
        return Refused(Cause.OVERLOADED, retry_after=1)
    return None if first else Refused(Cause.CREDENTIALS)


def give_challenge_back(nonce: str) -> None:
    """Let it be answered again: no session came of it."""
    counters.forget(_key("answered", nonce))


def normalised(name: str) -> str:
    """Return an account name as limits count it: NFKC, case folded, trimmed."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _exceeded(rate: str | None, what: str, who: str | None) -> Refused | None:
    if rate is None or who is None:
        return None
    item = _parsed(rate)
    window = Window.now(_key(what, who), item.get_expiry())
    count = counters.count(window.key, seconds=window.seconds)
    if count is None or count <= item.amount:
        return None
    return Refused(Cause.THROTTLED, retry_after=window.left)


@conf.until_settings_change
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)


def _failures(account: str, known_device: str | None) -> Window:
    return Window.now(_key("failures", _who(account, known_device)), _FAILURES_KEPT)


def _who(account: str, known_device: str | None) -> str:
    return f"{normalised(account)}|{known_device or ''}"


def _key(what: str, who: str) -> str:
    # keyed: whoever reads the cache learns neither names nor addresses
    message = f"limit 1|{what}|{who}".encode("utf-8", "surrogatepass")
    return f"tokenauth:{to_base64url(KEYRING.active(KeyPurpose.PRIVACY).mac(message)[:16])}"
