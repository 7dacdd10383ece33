"""What each verdict about a refresh token writes and answers (PROTOCOL 1, the table's last columns)."""

import hmac

from tokenauth.audit import trail
from tokenauth.errors import Cause
from tokenauth.flows.asked import Asked, Origin
from tokenauth.flows.moment import Moment
from tokenauth.flows.pair import Answer, Granted, degraded_until
from tokenauth.models.event import EventDetail, EventKind, TokenEvent
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyPurpose
from tokenauth.models.order import OrderKind, RevocationOrder
from tokenauth.models.rotation import Facts, Raw, Write
from tokenauth.policy.builtin import Policy
from tokenauth.policy.decisions import Advance, Branch
from tokenauth.revocation import orders
from tokenauth.revocation.mirror import Floors, Kind
from tokenauth.tokens.keyring import KEYRING

FORMAT = 1


def attempt_digest(family: TokenFamily, key: str | None) -> bytes | None:
    """Return what the row keeps of an Idempotency-Key: 16 bytes, meaningless without the row."""
    if key is None:
        return None
    return hmac.digest(bytes(family.secret), b"attempt 1|" + key.encode(), "sha256")[:16]


def can_repeat(family: TokenFamily, floors: Floors) -> bool:
    """Whether the newest refresh token can be made again: its key is still in force."""
    kid = family.refresh_kid
    return KEYRING.current().refresh_key(kid) is not None and not floors.has_ended(Kind.KID, kid)


def next_answer(
    verdict: Advance | Branch, facts: Facts, policy: Policy, moment: Moment, granted: Granted
) -> Answer:
    """Return the answer that a write of this verdict makes the newest one."""
    family = facts.family
    return Answer(
        generation=verdict.generation if isinstance(verdict, Advance) else family.generation,
        branch=verdict.branch if isinstance(verdict, Branch) else 0,
        issued_at=moment.at,
        access_issued_at=moment.at,
        refresh_expires_at=moment.after(policy.idle, at_most=family.absolute_expires_at),
        access_expires_at=moment.after(policy.access, at_most=family.absolute_expires_at),
        refresh_key=KEYRING.active(KeyPurpose.REFRESH),
        granted=granted,
    )


def newest_answer(facts: Facts, policy: Policy, moment: Moment, granted: Granted) -> Answer:
    """Return the newest answer again, its access token made longer where little of it is left."""
    family = facts.family
    key = KEYRING.current().refresh_key(family.refresh_kid)
    assert key is not None  # noqa: S101 - `can_repeat` said so
    access_until = degraded_until(
        policy, newest=family.access_expires_at, refresh_until=family.refresh_expires_at, moment=moment
    )
    return Answer(
        generation=family.generation,
        branch=family.branches - 1,
        issued_at=family.rotated_at,
        access_issued_at=family.rotated_at if access_until == family.access_expires_at else moment.at,
        refresh_expires_at=family.refresh_expires_at,
        access_expires_at=access_until,
        refresh_key=key,
        granted=granted,
    )


def advance(
    verdict: Advance, facts: Facts, answer: Answer, policy: Policy, asked: Asked, moment: Moment
) -> Write:
    """ROTATED: the position moves on, and early refreshes revoke what came before."""
    family = facts.family
    kind: EventKind = EventKind.ROTATED
    data: dict[str, object] | None = None
    if verdict.adopted:
        kind, data = EventKind.DATABASE_BEHIND, {"from": family.generation, "to": verdict.generation}
    return Write(
        changes={
            # computed by the row: a repeat may have marked it since we read it. Before `overlapped`:
            # MySQL assigns from left to right
            "overlap_run": Raw("CASE WHEN overlapped THEN overlap_run + 1 ELSE 0 END"),
            "overlapped": False,
            "generation": verdict.generation,
            "branches": 1,
            "won": verdict.won,
            **_newest(family, answer, asked),
        },
        event=_event(kind, facts, moment, generation=verdict.generation, branch=0, data=data),
        order=_supersession(facts, answer, policy, moment),
    )


def branch(verdict: Branch, facts: Facts, answer: Answer, asked: Asked, moment: Moment) -> Write:
    """SIBLING: one more answer to the same parent."""
    family = facts.family
    personal = trail.detail(address=asked.origin.address, agent=asked.origin.agent)
    return Write(
        changes={
            "branches": verdict.branch + 1,
            "overlapped": True if verdict.marks_overlap else Raw("overlapped"),
            **_newest(family, answer, asked),
        },
        event=_event(
            EventKind.LATE_REPEAT,
            facts,
            moment,
            generation=family.generation,
            branch=verdict.branch,
            personal=personal,
        ),
        detail=personal,
    )


def overlap(facts: Facts, moment: Moment) -> Write:
    """REPEATED for the first time in this generation."""
    family = facts.family
    return Write(
        changes={"overlapped": True},
        # of several repeats at once one is the event
        guards={"overlapped": False},
        event=_event(
            EventKind.REPEATED, facts, moment, generation=family.generation, branch=family.branches - 1
        ),
    )


def end(kind: EventKind, cause: Cause, facts: Facts, origin: Origin, moment: Moment) -> Write:
    """The family dies: row, event and order in one."""
    family = facts.family
    personal = trail.detail(address=origin.address, agent=origin.agent)
    return Write(
        changes={"revoked_at": moment.at, "cause": cause.value, "live_device": None},
        event=_event(
            kind,
            facts,
            moment,
            generation=family.generation,
            branch=family.branches - 1,
            cause=cause,
            personal=personal,
        ),
        detail=personal,
        order=orders.order(OrderKind.FAMILY, key=str(family.id), at=moment.at, cause=cause),
    )


def shown_by_another(facts: Facts, asked: Asked, moment: Moment) -> TokenEvent:
    """The event of a token shown in another client's or transport's name: it names the presenter."""
    family = facts.family
    return _event(
        EventKind.BINDING_REFUSED,
        facts,
        moment,
        generation=family.generation,
        branch=family.branches - 1,
        cause=Cause.BINDING,
        data={"presenter": asked.client.client_id, "transport": int(asked.transport)},
    )


def _newest(family: TokenFamily, answer: Answer, asked: Asked) -> dict[str, object]:
    return {
        "rotated_at": answer.issued_at,
        "attempt": attempt_digest(family, asked.key),
        "refresh_kid": answer.refresh_key.kid,
        "format": FORMAT,
        "refresh_expires_at": answer.refresh_expires_at,
        "access_expires_at": answer.access_expires_at,
    }


def _supersession(facts: Facts, answer: Answer, policy: Policy, moment: Moment) -> RevocationOrder | None:
    left = (facts.family.access_expires_at - moment.at).total_seconds()
    tolerated = {
        "never": float("inf"),
        "always": float("-inf"),
        "early": max(policy.grace, 0.2 * policy.access),
    }
    if left <= tolerated[policy.supersede]:
        return None
    return orders.order(
        OrderKind.GENERATION,
        key=str(facts.family.id),
        floor=answer.generation,
        at=moment.at,
        cause="superseded",
    )


def _event(
    kind: EventKind,
    facts: Facts,
    moment: Moment,
    *,
    generation: int,
    branch: int,
    cause: str = "",
    data: dict[str, object] | None = None,
    personal: EventDetail | None = None,
) -> TokenEvent:
    family = facts.family
    return trail.entry(
        kind,
        at=moment.at,
        family=family.id,
        user_key=family.user_key,
        client_id=facts.client_id,
        device=family.device_id,
        generation=generation,
        branch=branch,
        cause=cause,
        actor=family.impersonator,
        data=data,
        detail=personal,
    )
