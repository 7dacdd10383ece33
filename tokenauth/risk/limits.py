"""How often something may be asked: by account, network, family and server, before it costs (PROTOCOL 5)."""

import math
import time
import unicodedata
from uuid import UUID

from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.models.key import KeyPurpose
from tokenauth.risk.counters import CacheStorage
from tokenauth.risk.networks import network_of
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import KEYRING

_STORAGE = CacheStorage()
_LIMITER = FixedWindowRateLimiter(_STORAGE)
#: Seconds after which consecutive failures are forgotten when nobody tries any more.
_FAILURES_KEPT = 30 * 86_400
#: Tries at one login challenge.
CHALLENGE_TRIES = 5
#: Seconds, longer than a challenge lives.
_CHALLENGE_KEPT = 900


def login(*, account: str, address: str | None) -> Refused | None:
    """Count a login attempt against its account and its network.

    Args:
        account: The name as it was sent; its Unicode spellings count as one.
        address: Parsed address; an unknown one has no network limit.
    """
    limits = conf.current().LIMITS
    return _exceeded(limits.login_network, "login-network", network_of(address)) or _exceeded(
        limits.login_account, "login-account", normalised(account)
    )


def refresh_from(address: str | None) -> Refused | None:
    """Count a refresh against its network."""
    return _exceeded(conf.current().LIMITS.refresh_network, "refresh-network", network_of(address))


def refresh_of(family_id: UUID) -> Refused | None:
    """Count a refresh against its family."""
    return _exceeded(conf.current().LIMITS.refresh_family, "refresh-family", str(family_id))


def introspection_by(client_id: str) -> Refused | None:
    """Count an introspection against its resource server."""
    return _exceeded(conf.current().LIMITS.introspect, "introspect", client_id)


def account_is_locked(account: str, *, known_device: str | None) -> bool:
    """Whether an account had too many consecutive failures; a known device has a count of its own,
    so that strangers cannot lock a user out."""
    most = conf.current().LIMITS.login_failures
    return most is not None and _STORAGE.get(_failures(account, known_device)) >= most


def note_failure(account: str, *, known_device: str | None) -> None:
    """Count a failed login."""
    if conf.current().LIMITS.login_failures is not None:
        _STORAGE.incr(_failures(account, known_device), _FAILURES_KEPT)


def note_success(account: str, *, known_device: str | None) -> None:
    """Forget the failures before a login that succeeded."""
    _STORAGE.clear(_failures(account, known_device))


def challenge_is_exhausted(nonce: str) -> bool:
    """Count a try at a login challenge; True once there were too many, or it was used up."""
    return _STORAGE.incr(_challenge(nonce), _CHALLENGE_KEPT) > CHALLENGE_TRIES


def use_up_challenge(nonce: str) -> None:
    """Let nobody answer this challenge again."""
    _STORAGE.incr(_challenge(nonce), _CHALLENGE_KEPT, CHALLENGE_TRIES)


def give_challenge_back(nonce: str) -> None:
    """Let a challenge that was used up be answered again: its success never left the server."""
    _STORAGE.incr(_challenge(nonce), _CHALLENGE_KEPT, -CHALLENGE_TRIES)


def normalised(name: str) -> str:
    """Return an account name as limits count it: NFKC, case folded, trimmed."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _exceeded(rate: str | None, what: str, who: str | None) -> Refused | None:
    if rate is None or who is None:
        return None
    item = _parsed(rate)
    key = _digest(what, who)
    if _LIMITER.hit(item, key):
        return None
    closes = _LIMITER.get_window_stats(item, key).reset_time
    return Refused(Cause.THROTTLED, retry_after=max(1, math.ceil(closes - time.time())))


@conf.until_settings_change
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)


def _failures(account: str, known_device: str | None) -> str:
    return f"tokenauth:{_digest('failures', normalised(account) + '|' + (known_device or ''))}"


def _challenge(nonce: str) -> str:
    return f"tokenauth:{_digest('challenge', nonce)}"


def _digest(what: str, who: str) -> str:
    # keyed: whoever reads the cache learns neither names nor addresses
    message = f"limit 1|{what}|{who}".encode("utf-8", "surrogatepass")
    return to_base64url(KEYRING.active(KeyPurpose.PRIVACY).mac(message)[:16])
