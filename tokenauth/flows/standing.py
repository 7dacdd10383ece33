"""Whether a family is alive: its own row, the epochs above it, and its account (PROTOCOL 1, 2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.conf import settings as django_settings
from django.contrib.auth import load_backend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser

from tokenauth.errors import Cause
from tokenauth.flows import account_changes
from tokenauth.flows.moment import Moment
from tokenauth.models import rotation, users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.device import as_public_id
from tokenauth.models.family import TokenFamily
from tokenauth.models.rotation import Facts
from tokenauth.revocation.mirror import Floors, Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import database

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def why_dead(facts: Facts, floors: Floors, moment: Moment) -> Cause | None:
    """Judge a family by what one SELECT read and by the orders this process knows.

    A floor above the database's own epoch means that the database went back: the floor counts.

    Returns:
        The cause for which nothing of it is accepted any more; None while it lives.
    """
    family = facts.family
    if family.revoked_at is not None:
        return _known(family.cause)
    if facts.client_disabled_at is not None:
        return Cause.CLIENT_DISABLED
    if (cause := _below_an_epoch(facts, floors)) is not None:
        return cause
    if floors.has_ended(Kind.FAMILY, str(family.id)):
        return Cause.ENDED
    if moment.at >= family.absolute_expires_at:
        return Cause.ABSOLUTE
    if moment.at >= family.refresh_expires_at:
        return Cause.DEVICE_OFFLINE
    return None


def read(family_id: UUID) -> Facts | None:
    """Return what decides about a family, as far as this site needs it. One query."""
    return rotation.read(family_id, using=database(), user_fields=account_changes.wanted_fields())


def why_each_is_dead(families: Sequence[TokenFamily]) -> dict[UUID, Cause | None]:
    """Judge the families of a list by the database alone, whatever this process's mirror knows.

    Args:
        families: With their clients and devices selected.
    Returns:
        For each family the cause for which nothing of it is accepted any more; None while it lives.
    Two queries however many families.
    """
    alias, moment = database(), Moment()
    keys = {key for family in families for key in (family.user_key, family.impersonator) if key}
    epochs = dict(
        AccountState.objects.using(alias).filter(user_key__in=keys).values_list("user_key", "epoch")
    )
    site, floors = Site.objects.using(alias).now(), Floors()

    def cause_of(family: TokenFamily) -> Cause | None:
        facts = _facts(family, epochs.get(family.user_key, 0), site)
        if (cause := why_dead(facts, floors, moment)) is not None:
            return cause
        passed = family.ep_impersonator < epochs.get(family.impersonator, 0)
        return Cause.ACCOUNT_CHANGED if passed else None

    return {family.pk: cause_of(family) for family in families}


def _facts(family: TokenFamily, account_epoch: int, site: Site) -> Facts:
    return Facts(
        family=family,
        client_id=family.client.client_id,
        client_disabled_at=family.client.disabled_at,
        client_epoch=family.client.epoch,
        device_installation=family.device.installation,
        device_lost_at=family.device.lost_at,
        device_epoch=family.device.epoch,
        account_epoch=account_epoch,
        fingerprint=None,
        site_epoch=site.epoch,
        issued_before=site.issued_before,
        user=None,
    )


def account_of(facts: Facts) -> AbstractBaseUser | None:
    """Ask the backend that logged the user in whether he may go on.

    No query where that is Django's own `ModelBackend.get_user` and the user lies in this database;
    else the backend's own queries.

    Returns:
        The user; None: the account is gone.
    """
    family = facts.family
    if family.backend not in django_settings.AUTHENTICATION_BACKENDS:
        return None
    backend = load_backend(family.backend)
    in_this_database = users.database() == family._state.db
    if in_this_database and isinstance(backend, ModelBackend) and _asks_only_the_row(backend):
        user = cast("User | None", facts.user)
        return user if user is not None and backend.user_can_authenticate(user) else None
    pk = users.pk_of(family.user_key)
    return None if pk is None else cast("AbstractBaseUser | None", backend.get_user(pk))


def refuses_by_row(backend: str, user: AbstractBaseUser) -> bool:
    """Whether a login backend refuses a user by what his row says. One that asks elsewhere is asked at
    the next refresh. No query."""
    if backend not in django_settings.AUTHENTICATION_BACKENDS:
        return True
    asked = load_backend(backend)
    if not isinstance(asked, ModelBackend) or not _asks_only_the_row(asked):
        return False
    return not asked.user_can_authenticate(cast("User", user))


def impersonator_is_gone(family: TokenFamily) -> bool:
    """Whether who acts in the user's name may no longer log in, or his own tokens were ended since.

    No query where nobody does; else two, and those of the family's backend.
    """
    if not family.impersonator:
        return False
    floor = MIRROR.floors().floor(Kind.USER, family.impersonator)
    epoch = AccountState.objects.using(database()).epoch_of(family.impersonator)
    return family.ep_impersonator < max(epoch, floor) or not may_act(family.impersonator, family.backend)


def may_act(user_key: str, backend: str) -> bool:
    """Ask a backend whether it knows an active account of that key."""
    pk = users.pk_of(user_key)
    return pk is not None and load_backend(backend).get_user(pk) is not None


def _asks_only_the_row(backend: ModelBackend) -> bool:
    return type(backend).get_user is ModelBackend.get_user


def _below_an_epoch(facts: Facts, floors: Floors) -> Cause | None:
    family = facts.family
    site = max(facts.site_epoch, floors.floor(Kind.SITE))
    client = max(facts.client_epoch, floors.floor(Kind.CLIENT, facts.client_id))
    device = max(facts.device_epoch, floors.floor(Kind.DEVICE, str(family.device_id)))
    account = max(facts.account_epoch, floors.floor(Kind.USER, family.user_key))
    if family.ep_user < account:
        return Cause.ACCOUNT_CHANGED
    if family.ep_site < site or family.ep_client < client or family.ep_device < device:
        return Cause.REVOKED
    issued_before = max(facts.issued_before or 0, floors.floor(Kind.BEFORE))
    return Cause.REVOKED if family.created_at.timestamp() < issued_before else None


def _known(stored: str) -> Cause:
    try:
        return Cause(stored)
    except ValueError:
        return Cause.ENDED  # a site's own reason


def is_own_device(family: TokenFamily, installation: str | None, sent: str | None) -> bool:
    """Whether the device id that was sent, if any, is the family's, in whatever spelling."""
    return sent is None or sent == installation or as_public_id(sent) == family.device_id
