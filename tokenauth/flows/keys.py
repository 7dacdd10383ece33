"""The life of a key: next -> active -> retiring -> retired, or killed for ever (PROTOCOL 4)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from tokenauth import conf
from tokenauth.audit import trail
from tokenauth.models.event import EventKind
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.models.order import Plane
from tokenauth.observability import log
from tokenauth.policy import builtin
from tokenauth.tokens import records
from tokenauth.tokens.keyring import KEYRING, database
from tokenauth.tokens.keys import Secret

#: Seconds after which every process has loaded a key that was made.
KNOWN_TO_ALL_PROCESSES = 60
#: Seconds that a spent key is kept longer, for clocks and for what was under way.
_SLACK = 60


@dataclass(frozen=True, slots=True)
class TooEarly:
    """The next key was not announced long enough: services that cache the JWKS would refuse its tokens."""

    kid: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What `rewrap` did: how many keys it sealed anew, and which ones it could not open."""

    done: int
    not_opened: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One key as an operator sees it: nothing of it is secret."""

    kid: str
    purpose: str
    alg: str
    state: str
    created_at: datetime
    activated_at: datetime | None
    retiring_at: datetime | None
    ended_at: datetime | None
    #: `first` and `older` wrapping key; `not opened`; empty once the key has ended.
    wrapped: str


def new(purpose: KeyPurpose, *, at: datetime, actor: str = "") -> KeyRecord:
    """Make the key that comes next, of the algorithm that is set now; one that waited unused is retired.

    For a purpose that announces no next key it is the key in use, as with `rotate`.

    Returns:
        The new key.
    """
    if purpose not in records.WITH_NEXT:
        return _replace_active(purpose, at=at, actor=actor)
    alias = database()
    with transaction.atomic(using=alias):
        change = _Change(purpose, at=at, actor=actor)
        change.end(change.in_state(KeyState.NEXT), KeyState.RETIRED, EventKind.KEY_RETIRED)
        made = change.make(KeyState.NEXT)
        change.done()
    return made


def rotate(purpose: KeyPurpose, *, at: datetime, now: bool = False, actor: str = "") -> KeyRecord | TooEarly:
    """Let the next key sign: active -> retiring, next -> active, and a new next is announced.

    Args:
        at: The flow's one clock.
        now: Do not wait until everybody can know the next key.
    Returns:
        The key that signs from the commit on; or, with nothing changed, until when to wait.
    """
    if purpose not in records.WITH_NEXT:
        return _replace_active(purpose, at=at, actor=actor)
    alias = database()
    with transaction.atomic(using=alias):
        change = _Change(purpose, at=at, actor=actor)
        following = change.in_state(KeyState.NEXT)
        if following is not None and not now and at < (known := known_to_all_at(following)):
            return TooEarly(following.kid, known)
        change.retire_active()
        active = change.promote_or_make()
        change.make(KeyState.NEXT)
        change.done()
    return active


def retire_spent(at: datetime, *, actor: str = "") -> list[KeyRecord]:
    """Retire the keys of which no token can be alive any more.

    Only token keys are ever spent: what the others have digested or sealed is stored.

    Returns:
        The keys retired; nothing of them is kept but the line in the list.
    """
    alias, retired = database(), []
    for purpose in (KeyPurpose.ACCESS, KeyPurpose.REFRESH):
        with transaction.atomic(using=alias):
            change = _Change(purpose, at=at, actor=actor)
            spent = [each for each in change.held if _is_spent(each, at=at)]
            for record in spent:
                change.end(record, KeyState.RETIRED, EventKind.KEY_RETIRED)
            change.done()
        retired += spent
    return retired


def kill(kid: str, *, at: datetime, actor: str = "", reason: str = "") -> KeyRecord | None:
    """Kill a key for ever and put another in its place; the caller records the order.

    It does not have to open: a key that nobody can use any more can be killed too. Killing twice is harmless.

    Args:
        at: The flow's one clock.
        actor, reason: For the trail; the first 60 characters of the reason are kept.
    Returns:
        The record, None where there is no such key.

    Side effects: events `key_killed`, `key_promoted` and `key_made`; every process loads its keyring again.
    """
    alias = database()
    purpose = KeyRecord.objects.using(alias).filter(pk=kid).values_list("purpose", flat=True).first()
    if purpose is None:
        return None
    with transaction.atomic(using=alias):
        change = _Change(KeyPurpose(purpose), at=at, actor=actor, reason=reason)
        record = change.of_kid(kid)
        if record.state == KeyState.KILLED:
            return record
        change.end(record, KeyState.KILLED, EventKind.KEY_KILLED)
        if change.in_state(KeyState.ACTIVE) is None:
            change.promote_or_make()
        if purpose in records.WITH_NEXT and change.in_state(KeyState.NEXT) is None:
            change.make(KeyState.NEXT)
        change.done()
    return record


def rewrap() -> Rewrapped:
    """Seal every key under the first wrapping key, so that older ones may leave the settings.

    Safe at any time and as often as you like; no process has to load anything again.
    """
    alias, done, not_opened = database(), 0, []
    with transaction.atomic(using=alias):
        usable = KeyRecord.objects.using(alias).usable().order_by("purpose", "created_at", "kid")
        for record in usable.select_for_update():
            if not records.opens(record):
                not_opened.append(record.kid)
            elif not records.is_under_first_key(record):
                records.reseal(record)
                record.save(using=alias, update_fields=["envelope"])
                done += 1
    log.note("keys_rewrapped", done=done, not_opened=len(not_opened))
    return Rewrapped(done, tuple(not_opened))


def listing() -> list[Listed]:
    """Return all keys there ever were, by purpose, oldest first. One query."""
    found = KeyRecord.objects.using(database()).order_by("purpose", "created_at", "kid")
    return [
        Listed(
            kid=record.kid,
            purpose=record.purpose,
            alg=record.alg,
            state=record.state,
            created_at=record.created_at,
            activated_at=record.activated_at,
            retiring_at=record.retiring_at,
            ended_at=record.ended_at,
            wrapped=_wrapped(record),
        )
        for record in found
    ]


def exported_plane(*, actor: str = "") -> list[Secret]:
    """Return the plane keys that verify, the one in use first, for a service without a database.

    The log tells that somebody asked. Made at first need.
    """
    held = KEYRING.all(KeyPurpose.PLANE)
    log.note("plane_key_exported", kid=held[0].kid, keys=len(held), actor=actor)
    return [Secret(key.secret) for key in held]


def known_to_all_at(record: KeyRecord) -> datetime:
    """Return when a next key may sign: everybody who caches the JWKS has fetched it by then."""
    wait = KNOWN_TO_ALL_PROCESSES
    if record.purpose == KeyPurpose.ACCESS:
        wait = max(wait, conf.current().JWKS_MAX_AGE + conf.current().LONGEST_CLIENT_CACHE)
    return record.created_at + timedelta(seconds=wait)


def _replace_active(purpose: KeyPurpose, *, at: datetime, actor: str) -> KeyRecord:
    with transaction.atomic(using=database()):
        change = _Change(purpose, at=at, actor=actor)
        change.retire_active()
        made = change.make(KeyState.ACTIVE)
        change.done()
    return made


def _is_spent(record: KeyRecord, *, at: datetime) -> bool:
    if record.state != KeyState.RETIRING or record.retiring_at is None:
        return False
    if record.purpose == KeyPurpose.ACCESS:
        return at >= record.retiring_at + timedelta(seconds=_longest_access() + _SLACK)
    # a family's row names the key of its newest token; the parent may be shown until its own end
    return at >= record.retiring_at + timedelta(seconds=_longest_idle() + _SLACK) and not (
        TokenFamily.objects.using(database())
        .filter(refresh_kid=record.kid, refresh_expires_at__gt=at, revoked_at=None)
        .exists()
    )


def _longest_access() -> int:
    ever = Plane.objects.using(database()).values_list("longest_access", flat=True).first() or 0
    return max(ever, builtin.longest_access()) + conf.current().LEEWAY


def _longest_idle() -> int:
    return max(builtin.named(name).idle for name in builtin.all_names())


def _wrapped(record: KeyRecord) -> str:
    if record.state in {KeyState.RETIRED, KeyState.KILLED}:
        return ""
    if not records.opens(record):
        return "not opened"
    return "first" if records.is_under_first_key(record) else "older"


@dataclass(slots=True)
class _Change:
    """The keys of one purpose, locked until commit, and what becomes of them."""

    purpose: KeyPurpose
    at: datetime = field(kw_only=True)
    actor: str = field(kw_only=True)
    reason: str = field(kw_only=True, default="")
    held: list[KeyRecord] = field(init=False)
    _events: list[tuple[EventKind, KeyRecord]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        of_purpose = KeyRecord.objects.using(database()).locked(self.purpose)
        list(of_purpose)  # waits for the locks; only a later statement sees the keys made meanwhile
        self.held = list(of_purpose.all())

    def of_kid(self, kid: str) -> KeyRecord:
        return next(record for record in self.held if record.kid == kid)

    def in_state(self, state: KeyState) -> KeyRecord | None:
        return next((record for record in self.held if record.state == state), None)

    def end(self, record: KeyRecord | None, state: KeyState, kind: EventKind) -> None:
        if record is not None:
            records.end(record, state, at=self.at)
            record.save(using=database())
            self._events.append((kind, record))

    def retire_active(self) -> None:
        """The active key signs no more; what it signed lives on."""
        record = self.in_state(KeyState.ACTIVE)
        if record is None:
            return
        if not records.opens(record):
            records.put_aside(record, at=self.at)
            return
        records.put_in_state(record, records.opened_secret(record), KeyState.RETIRING, at=self.at)
        record.save(using=database())

    def promote_or_make(self) -> KeyRecord:
        """Fill the active slot: with the next key, with a new one where that does not open."""
        following = self.in_state(KeyState.NEXT)
        if following is None:
            return self.make(KeyState.ACTIVE)
        if not records.opens(following):
            records.put_aside(following, at=self.at)
            return self.make(KeyState.ACTIVE)
        records.promote(following, at=self.at)
        self._events.append((EventKind.KEY_PROMOTED, following))
        return following

    def make(self, state: KeyState) -> KeyRecord:
        made = records.make(self.purpose, state, at=self.at)
        self.held.append(made)
        self._events.append((EventKind.KEY_MADE, made))
        return made

    def done(self) -> None:
        """Write the events and let every process load its keyring again."""
        if not self._events:
            return
        KEYRING.changed()  # before the events: their MAC is made by the audit key that is now in use
        for kind, record in self._events:
            data = {"kid": record.kid, "purpose": str(record.purpose)}
            if kind == EventKind.KEY_KILLED and self.reason:
                data["reason"] = self.reason[:60]
            event = trail.entry(kind, at=self.at, actor=self.actor, data=data)
            trail.save(event, using=database())
