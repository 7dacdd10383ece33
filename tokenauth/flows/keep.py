"""Keeping one's own session over one's own password change (PROTOCOL 2).

To tokens what `update_session_auth_hash` is to Django's sessions.
"""

import os
import warnings
from types import TracebackType
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connections

from tokenauth.audit import trail
from tokenauth.errors import NotAsContextManager, SessionEnded
from tokenauth.flows import account_changes, pair, standing, verdict
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import TokenPair
from tokenauth.flows.pair import Answer, Granted
from tokenauth.models import isolation, rotation, users
from tokenauth.models.account import AccountState
from tokenauth.models.event import EventKind
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyPurpose
from tokenauth.models.rotation import Facts
from tokenauth.policy import builtin
from tokenauth.policy.decisions import OURS
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING, database


class keep:
    """Keep the session that a request came with, while everything else of the user's ends.

    Use it around the change, in or outside a transaction:

        with flows.keep(request, user) as kept:
            user.set_password(new)
            user.save()
        return Response(...)  # kept.pair is what the client goes on with

    Args:
        request: The request; `request.auth` names the session. Where that is not one of our tokens,
            nothing is kept and `pair` is None.
        user: Whose password changes.
    Raises:
        SessionEnded: The session has been revoked; the change must not happen.
        NotAsContextManager: `pair` was read without `with`.

    One commit holds the change, the revocation of all other sessions and the kept one. The older
    tokens of the kept session are refused afterwards, without being called theft.
    """

    def __init__(self, request: Any, user: AbstractBaseUser) -> None:
        self._claims = request.auth if isinstance(request.auth, AccessClaims) else None
        self._user = user
        self._entered = False
        self._told = False
        self._pair: TokenPair | None = None

    @property
    def pair(self) -> TokenPair | None:
        """The pair that the client goes on with; None where there was no session of ours to keep."""
        if not self._entered:
            self._told = True
            raise NotAsContextManager
        return self._pair

    def __enter__(self) -> "keep":
        self._entered = True
        self._atomic = isolation.read_committed(using=database())
        self._atomic.__enter__()
        try:
            self._moment = Moment()
            self._facts = self._locked_and_alive() if self._claims is not None else None
        except BaseException as failure:
            self._atomic.__exit__(type(failure), failure, failure.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if raised is None and self._facts is not None and not _is_gone(self._facts):
                # without a trigger nobody has seen an update()
                account_changes.settle(self._facts.family.user_key)
                self._pair = _stamped_anew(self._facts, self._moment)
        except BaseException as failure:
            self._atomic.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._atomic.__exit__(kind, raised, trace)

    def __del__(self) -> None:
        if not self._entered and not self._told:
            warnings.warn(
                "flows.keep() was called without 'with': nothing was kept", RuntimeWarning, stacklevel=2
            )

    def _locked_and_alive(self) -> Facts:
        """Lock user, account, family, in the order of an account change: else the two deadlock."""
        assert self._claims is not None  # noqa: S101 - the caller looked
        alias = database()
        user_key = users.key_of(self._user)
        _lock_user(self._user)
        AccountState.objects.using(alias).locked(user_key).first()
        rotation.lock(self._claims.sid, using=alias)
        facts = standing.read(self._claims.sid)
        if (
            facts is None
            or facts.family.user_key != user_key
            or standing.why_dead(facts, MIRROR.floors(), self._moment) is not None
        ):
            raise SessionEnded
        return facts


def _lock_user(user: AbstractBaseUser) -> None:
    alias = users.database()
    rows = get_user_model()._base_manager.using(alias).filter(pk=user.pk)
    if alias == database():
        no_key = connections[alias].features.has_select_for_no_key_update
        rows = rows.select_for_update(no_key=True) if no_key else rows.select_for_update()
    rows.values_list("pk", flat=True).first()


def _is_gone(facts: Facts) -> bool:
    """Whether the change itself took the account away: then there is nobody to keep."""
    now = standing.read(facts.family.pk)
    return now is None or standing.account_of(now) is None


def _stamped_anew(facts: Facts, moment: Moment) -> TokenPair:
    """Give the family the epoch that the change left, a new secret, and a generation of ours."""
    alias, family = database(), facts.family
    policy = builtin.named_or_default(family.policy)
    refresh_key = KEYRING.active(KeyPurpose.REFRESH)
    changes: dict[str, Any] = {
        "ep_user": AccountState.objects.using(alias).epoch_of(family.user_key),
        "secret": os.urandom(32),
        "generation": family.generation + 1,
        "branches": 1,
        "won": None,
        "rotated_at": moment.at,
        "attempt": OURS,
        "overlap_run": 0,
        "overlapped": False,
        "refresh_kid": refresh_key.kid,
        "format": verdict.FORMAT,
        "refresh_expires_at": moment.after(policy.idle, at_most=family.absolute_expires_at),
        "access_expires_at": moment.after(policy.access, at_most=family.absolute_expires_at),
    }
    if TokenFamily.objects.using(alias).filter(pk=family.pk, revoked_at=None).update(**changes) != 1:
        raise SessionEnded
    for name, value in changes.items():
        setattr(family, name, value)
    kept = trail.entry(
        EventKind.KEPT,
        at=moment.at,
        family=family.pk,
        user_key=family.user_key,
        client_id=facts.client_id,
        device=family.device_id,
        generation=family.generation,
        branch=0,
        actor=family.impersonator,
    )
    trail.save(kept, using=alias)
    answer = Answer(
        generation=family.generation,
        branch=0,
        issued_at=moment.at,
        access_issued_at=moment.at,
        refresh_expires_at=family.refresh_expires_at,
        access_expires_at=family.access_expires_at,
        refresh_key=refresh_key,
        granted=Granted(family.scope, family.audience),
    )
    return pair.of(family, facts.client_id, answer)
