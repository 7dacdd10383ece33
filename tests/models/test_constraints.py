"""What must never be, is refused by the database whoever writes it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from tests.factories import ClientFactory, secret_of
from tests.sessions import log_in
from tokenauth.flows.revoke import revoke
from tokenauth.models import (
    AccountState,
    Client,
    Device,
    KeyRecord,
    Plane,
    RevocationOrder,
    Site,
    TokenFamily,
)
from tokenauth.revocation.subjects import Everything, OfUser

pytestmark = pytest.mark.django_db

Rows = Callable[[], "models.QuerySet[Any]"]


@dataclass(frozen=True)
class Never:
    """A constraint, the row it guards, and a change that it must refuse."""

    constraint: str
    row: Rows
    changes: Callable[[Any], dict[str, Any]]

    def __str__(self) -> str:
        return self.constraint.removeprefix("tokenauth_")


def never(constraint: str, row: Rows, **changes: Any) -> Never:
    return Never(constraint, row, lambda found: changes)


def family() -> models.QuerySet[TokenFamily]:
    return TokenFamily.objects.filter(generation=0, device__installation="first")


def ended_family() -> models.QuerySet[TokenFamily]:
    TokenFamily.objects.filter(device__installation="second").end(at=timezone.now(), cause="test", actor="")
    return TokenFamily.objects.filter(device__installation="second")


def client() -> models.QuerySet[Client]:
    return Client.objects.filter(client_id="the-client")


def device() -> models.QuerySet[Device]:
    return Device.objects.filter(installation="first")


def order() -> models.QuerySet[RevocationOrder]:
    return RevocationOrder.objects.filter(key="someone")


def site() -> models.QuerySet[Site]:
    return Site.objects.all()


def account() -> models.QuerySet[AccountState]:
    return AccountState.objects.filter(user_key="someone")


def plane() -> models.QuerySet[Plane]:
    return Plane.objects.all()


def active_key() -> models.QuerySet[KeyRecord]:
    return KeyRecord.objects.filter(purpose="access", state="active")


def next_key() -> models.QuerySet[KeyRecord]:
    return KeyRecord.objects.filter(purpose="access", state="next")


NEVER = [
    never("tokenauth_family_position", family, generation=-1),
    never("tokenauth_family_position", family, branches=0),
    never("tokenauth_family_position", family, branches=256),
    never("tokenauth_family_won", family, generation=1, won=-1),
    never("tokenauth_family_won", family, generation=1, won=255),
    never("tokenauth_family_won", family, won=0),
    never("tokenauth_family_end_has_cause", family, revoked_at=timezone.now(), live_device=None),
    never("tokenauth_family_end_has_cause", family, cause="revoked"),
    never("tokenauth_family_live_device", family, live_device=uuid.uuid4()),
    Never("tokenauth_family_live_device", ended_family, lambda row: {"live_device": row.device_id}),
    Never(
        "tokenauth_family_never_outlives_absolute",
        family,
        lambda row: {"refresh_expires_at": row.absolute_expires_at + timedelta(seconds=1)},
    ),
    Never(
        "tokenauth_family_never_outlives_absolute",
        family,
        lambda row: {"access_expires_at": row.absolute_expires_at + timedelta(seconds=1)},
    ),
    never("tokenauth_family_transport", family, transport=0),
    never("tokenauth_family_transport", family, transport=3),
    never("tokenauth_family_epochs", family, ep_site=-1),
    never("tokenauth_family_epochs", family, ep_client=-1),
    never("tokenauth_family_epochs", family, ep_device=-1),
    never("tokenauth_family_epochs", family, ep_user=-1),
    never("tokenauth_family_epochs", family, ep_impersonator=-1),
    never("tokenauth_client_epoch", client, epoch=-1),
    never("tokenauth_client_kind", client, kind="browser"),
    never("tokenauth_device_epoch", device, epoch=-1),
    never("tokenauth_device_lost_is_final", device, lost_at=timezone.now()),
    never("tokenauth_device_installation", device, installation="second"),
    never("tokenauth_account_epoch", account, epoch=-1),
    never("tokenauth_site_is_one", site, id=2),
    never("tokenauth_site_epoch", site, epoch=-1),
    never("tokenauth_plane_is_one", plane, id=2),
    never("tokenauth_order_number", order, number=0, until=timezone.now()),
    never("tokenauth_order_numbered_ends", order, number=1_000, until=None),
    never("tokenauth_key_slot_of_state", active_key, active_slot=None),
    never("tokenauth_key_slot_of_state", active_key, active_slot=2),
    never("tokenauth_key_slot_of_state", active_key, state="retired"),
    never("tokenauth_key_slot_of_state", active_key, state="lost", active_slot=None),
    never("tokenauth_key_one_in_slot", next_key, state="active", active_slot=1),
]


@pytest.fixture
def one_of_each():
    """One row of everything that has a constraint, and a second where two would clash."""
    sent = ClientFactory(client_id="the-client")
    session = log_in(client=sent, device="first")
    log_in(session.user, sent, device="second")
    secret_of(sent)
    revoke(OfUser("someone"))
    revoke(Everything())
    Plane.objects.ensure()


@pytest.mark.parametrize("case", NEVER, ids=str)
def test_what_must_never_be_is_refused_by_the_database(one_of_each, case):
    rows = case.row()
    changes = case.changes(rows.get())

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        rows.update(**changes)

    if connection.vendor == "postgresql" or "UNIQUE" not in str(refused.value):
        assert case.constraint in str(refused.value)


def test_every_constraint_is_provoked():
    declared = {
        constraint.name
        for model in apps.get_app_config("tokenauth").get_models()
        for constraint in model._meta.constraints
    }

    assert {case.constraint for case in NEVER} == declared


def test_a_device_has_one_live_family_where_policy_says_so(one_of_each):
    first = family().get()
    other = TokenFamily.objects.filter(device__installation="second")

    with pytest.raises(IntegrityError), transaction.atomic():
        other.update(device_id=first.device_id, live_device=first.device_id)


def test_a_client_id_is_nobody_elses(one_of_each):
    with pytest.raises(IntegrityError), transaction.atomic():
        ClientFactory(client_id="the-client")


def test_a_number_is_given_once(one_of_each):
    RevocationOrder.objects.filter(key="someone").update(number=7, until=timezone.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        RevocationOrder.objects.exclude(key="someone").update(number=7, until=timezone.now())


@pytest.mark.parametrize("model", [Client, Device])
def test_what_families_hang_on_is_not_deleted_under_them(one_of_each, model):
    with pytest.raises(models.ProtectedError):
        model.objects.all().delete()
