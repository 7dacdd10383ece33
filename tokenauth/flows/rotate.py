"""The exchange of a refresh token for its family's next generation (PROTOCOL 1, RFC 9700 4.14.2)."""

import logging
import random
import time
from dataclasses import dataclass, replace

from django.db import Error

from tokenauth import conf, signals
from tokenauth.audit import trail
from tokenauth.errors import Cause, Refused
from tokenauth.flows import account_changes, pair, standing, verdict
from tokenauth.flows.account_changes import Looks
from tokenauth.flows.asked import Asked
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling
from tokenauth.flows.pair import Granted
from tokenauth.models import isolation, rotation
from tokenauth.models.event import EventKind
from tokenauth.models.family import TokenFamily
from tokenauth.models.order import RevocationOrder
from tokenauth.models.rotation import Facts, Write
from tokenauth.observability import log
from tokenauth.policy import builtin, decisions, grant
from tokenauth.policy.builtin import Policy
from tokenauth.policy.decisions import Advance, Branch, Position, Presented, Refuse, Repeat, Theft
from tokenauth.revocation import orders
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.risk import limits
from tokenauth.tokens import refresh
from tokenauth.tokens.keyring import KEYRING, database
from tokenauth.tokens.refresh import RefreshClaims

Outcome = Rotated | Repeated | Sibling | Refused

#: Times that a family is locked and read again because it moved since.
ATTEMPTS = 3


def rotate(presented: str, *, asked: Asked) -> Outcome:
    """Exchange a refresh token for its family's next generation and a fresh access token.

    What a repeated or old token means is decided by `policy.decisions.on_refresh`; theft ends the
    family. A refusal is a value: nothing is raised after a write.

    Args:
        presented: The refresh token as the client sent it.
        asked: The authenticated client, device, Idempotency-Key, and the narrower scope or audience.
    Returns:
        What happened, with the pair to hand out or the cause for the log.

    No query before the signature holds; then two statements on PostgreSQL, the order of an early
    refresh included.
    """
    try:
        outcome = _rotated(presented, asked)
    except Error as failure:
        # the write may have committed: the client's retry finds out (lines 2 to 5)
        log.note("database_failed", level=logging.ERROR, error=type(failure).__name__)
        outcome = Refused(Cause.BUSY, retry_after=1)
    if isinstance(outcome, Refused):
        log.note(
            "refresh_refused",
            cause=outcome.cause,
            family=outcome.family_id,
            client=asked.client.client_id,
            address=asked.origin.address,
        )
    return outcome


def _rotated(presented: str, asked: Asked) -> Outcome:
    claims = refresh.read(presented, keys=KEYRING.current().refresh, issuer=conf.current().ISSUER)
    if isinstance(claims, Refused):
        return claims
    if (stale := MIRROR.stale()) is not None:
        return stale
    if MIRROR.floors().has_ended(Kind.KID, claims.kid):
        return Refused(Cause.SIGNATURE, claims.family_id)

    moment = Moment()  # before the first SELECT: PROTOCOL 1, "one clock per flow"
    outcome = _attempt(claims, asked, moment)
    for _ in range(ATTEMPTS):
        if outcome is not None or moment.is_too_long_ago():
            break
        time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 - jitter
        outcome = _attempt_locked(claims, asked, moment)
    if outcome is None:  # it moved each time since we read it
        return Refused(Cause.BUSY, claims.family_id, retry_after=1)
    if moment.is_too_long_ago():
        return Refused(Cause.LATE, claims.family_id, retry_after=1)
    return outcome


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the caller gets, provided that `write` still meets the row that was judged."""

    outcome: Outcome
    write: Write | None = None


def _attempt(claims: RefreshClaims, asked: Asked, moment: Moment) -> Outcome | None:
    """Read, judge, write. None: the family moved between the two statements."""
    try:
        facts = standing.read(claims.family_id)
        if facts is None:
            return Refused(Cause.UNKNOWN_FAMILY, claims.family_id)
        judged = _judged(facts, claims, asked, moment)
        if judged is None:
            return None
        return judged.outcome if _written(facts, judged.write, asked) else None
    except Error as failure:
        if isolation.is_transient(failure):
            return None
        raise


def _written(facts: Facts, write: Write | None, asked: Asked) -> bool:
    if write is None:
        return True
    if not rotation.swap(facts.family, write, using=database()):
        return False
    # what a refresh supersedes waits for the next poll of any mirror, which is in time and costs no request
    if write.order is not None and write.order.kind not in RevocationOrder.EVERYDAY:
        orders.number_after_commit()
    if write.event.kind in (EventKind.REUSE, EventKind.ENDED):
        _alarm(write.event.cause, facts, asked)
        _announce(write, facts)
    return True


def _announce(write: Write, facts: Facts) -> None:
    family = facts.family
    whose = {"family_id": family.id, "user_key": family.user_key}
    if write.event.kind == EventKind.REUSE:
        signals.after_commit(signals.reuse_detected, **whose, client_id=facts.client_id)
    signals.after_commit(signals.session_ended, **whose, cause=write.event.cause)


def _alarm(what: str, facts: Facts, asked: Asked) -> None:
    """Once for what happened: what is shown of a dead family afterwards is an echo (field case F02)."""
    log.note(
        what,
        level=logging.WARNING,
        family=facts.family.id,
        client=facts.client_id,
        presenter=asked.client.client_id,
        address=asked.origin.address,
    )


def _attempt_locked(claims: RefreshClaims, asked: Asked, moment: Moment) -> Outcome | None:
    """The slow branch: lock the family, read it in a later statement, decide again."""
    try:
        with isolation.short_locks(using=database()):
            rotation.lock(claims.family_id, using=database())
            return _attempt(claims, asked, moment)
    except Error as failure:
        if isolation.is_transient(failure):
            return None
        raise


def _judged(facts: Facts, claims: RefreshClaims, asked: Asked, moment: Moment) -> Judgement | None:
    """Everything that decides, in the order of PROTOCOL 1. The tokens are made before the write, so
    that nothing can fail after it. None: what was read is being stamped anew."""
    family = facts.family
    key = KEYRING.current().refresh_key(claims.kid)
    if key is None or not claims.is_of(pair.identity_of(family), key):
        return _refused(Cause.JTI, family)
    cause = standing.why_dead(facts, MIRROR.floors(), moment)
    if cause is not None and not (cause is Cause.DEVICE_OFFLINE and _is_newer(claims, family)):
        return _refused(cause, family)
    user = standing.account_of(facts)
    if user is None or standing.impersonator_is_gone(family):
        return _ended(EventKind.ENDED, Cause.ACCOUNT_GONE, facts, asked, moment)
    looks = account_changes.compared(user, fingerprint=facts.fingerprint, epoch=facts.account_epoch)
    if looks in (Looks.BETTER_HASH, Looks.CHANGED):
        ended = account_changes.settle(family.user_key)
        return _refused(Cause.ACCOUNT_CHANGED, family) if ended else None
    policy = builtin.named_or_default(family.policy)
    return _unbound(facts, asked, policy, moment) or _positioned(facts, claims, asked, policy, moment)


def _is_newer(claims: RefreshClaims, family: TokenFamily) -> bool:
    """Whether the database lost what made this token (line 7): then the token's own expiry says how long
    its device may have been away, not the older row's."""
    shown = (claims.generation, claims.branch)
    return shown >= (family.generation, family.branches)


def _unbound(facts: Facts, asked: Asked, policy: Policy, moment: Moment) -> Judgement | None:
    """Binding to client, transport, proof key and device."""
    family = facts.family
    if family.client_id != asked.client.pk or family.transport != asked.transport:
        if limits.is_first_refusal_of(family.id, presenter=asked.client.client_id):
            trail.save(verdict.shown_by_another(facts, asked, moment), using=database())
            _alarm("shown_by_another", facts, asked)
        return _refused(Cause.BINDING, family)
    if family.jkt or policy.proof == "required":
        _alarm("proof_refused", facts, asked)
        return _refused(Cause.PROOF, family)
    if asked.device_id is None and policy.device == "required":
        return _refused(Cause.BINDING, family)
    if not standing.is_own_device(family, facts.device_installation, asked.device_id):
        return _ended(EventKind.ENDED, Cause.BINDING, facts, asked, moment)
    return None


def _positioned(
    facts: Facts, claims: RefreshClaims, asked: Asked, policy: Policy, moment: Moment
) -> Judgement:
    """POSITION kills whatever else is wrong with the request; only then are its own terms looked at."""
    family = facts.family
    presented = Presented(
        generation=claims.generation,
        branch=claims.branch,
        expired=moment.second >= claims.exp,
        attempt=verdict.attempt_digest(family, asked.key),
    )
    decided = decisions.on_refresh(_position(family), presented, policy, at=moment.at)
    match decided:
        case Theft():
            return _ended(EventKind.REUSE, Cause.REUSE, facts, asked, moment)
        case Refuse(cause):
            return _refused(cause, family)
    scope = grant.scope_within(asked.scope, family.scope.split())
    audience = grant.audience_within(asked.audience, family.audience.split())
    if isinstance(scope, Refused):
        return _refused(scope.cause, family)
    if isinstance(audience, Refused):
        return _refused(audience.cause, family)
    if (throttled := limits.refresh_of(family.id)) is not None:
        return Judgement(replace(throttled, family_id=family.id))
    return _answered(decided, facts, asked, policy, moment, Granted(scope, audience))


def _answered(
    decided: Advance | Repeat | Branch,
    facts: Facts,
    asked: Asked,
    policy: Policy,
    moment: Moment,
    granted: Granted,
) -> Judgement:
    if isinstance(decided, Repeat):
        answer = verdict.newest_answer(facts, policy, moment, granted)
        write = verdict.overlap(facts, moment) if decided.marks_overlap else None
        return Judgement(Repeated(pair.of(facts.family, facts.client_id, answer)), write)
    answer = verdict.next_answer(decided, facts, policy, moment, granted)
    made = pair.of(facts.family, facts.client_id, answer)
    if isinstance(decided, Branch):
        return Judgement(Sibling(made), verdict.branch(decided, facts, answer, asked, moment))
    if decided.adopted:
        log.note("database_behind", level=logging.ERROR, family=facts.family.id)
    write = verdict.advance(decided, facts, answer, policy, asked, moment)
    return Judgement(Rotated(made, adopted=decided.adopted), write)


def _ended(kind: EventKind, cause: Cause, facts: Facts, asked: Asked, moment: Moment) -> Judgement:
    return Judgement(Refused(cause, facts.family.id), verdict.end(kind, cause, facts, asked.origin, moment))


def _refused(cause: Cause, family: TokenFamily) -> Judgement:
    return Judgement(Refused(cause, family.id))


def _position(family: TokenFamily) -> Position:
    return Position(
        generation=family.generation,
        branches=family.branches,
        won=family.won,
        rotated_at=family.rotated_at,
        attempt=None if family.attempt is None else bytes(family.attempt),
        overlap_run=family.overlap_run,
        overlapped=family.overlapped,
        exact=family.exact,
        can_repeat=verdict.can_repeat(family, MIRROR.floors()),
    )
