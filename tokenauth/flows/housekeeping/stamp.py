"""Writing into families that an epoch has ended that they have ended (PROTOCOL 2)."""

from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import make_naive

from tokenauth.errors import Cause
from tokenauth.flows.housekeeping import batches
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.models import AccountState, Client, Device, Site, TokenFamily
from tokenauth.models.family import TokenFamilyQuerySet, below_impersonator
from tokenauth.tokens.keyring import database

ACTOR = "tokenauth.stamp"


def stamp(at: datetime, allowance: Allowance | None = None) -> int:
    """End the rows of families that the epoch of account, impersonator, client, device or site has passed.

    Nobody depends on it: every reader judges by the epochs. The trail has the revocation already.

    Args:
        at: The job's one clock.
    Returns:
        How many families.
    """
    alias, allowance = database(), allowance or Allowance()
    alive = TokenFamily.objects.filter(revoked_at=None, absolute_expires_at__gt=at)
    # in this order, so that the cause is the one a refresh is refused for
    by_cause = (
        (Cause.ACCOUNT_CHANGED, alive.filter(_below_account() | below_impersonator())),
        (Cause.REVOKED, alive.filter(_below_others(Site.objects.using(alias).now()))),
    )

    def ended(families: TokenFamilyQuerySet, cause: Cause) -> int:
        def end(batch: TokenFamilyQuerySet) -> int:
            return batch.end(at=at, cause=cause, actor=ACTOR)

        return batches.each(families, end, using=alias, allowance=allowance)

    return sum(ended(families, cause) for cause, families in by_cause)


def _below_account() -> Q:
    return Q(
        Exists(AccountState.objects.filter(user_key=OuterRef("user_key"), epoch__gt=OuterRef("ep_user")))
    )


def _below_others(site: Site) -> Q:
    # subqueries, not joins: a join would have the client's row locked
    client = Client.objects.filter(pk=OuterRef("client_id"), epoch__gt=OuterRef("ep_client"))
    device = Device.objects.filter(pk=OuterRef("device_id"), epoch__gt=OuterRef("ep_device"))
    below = Q(Exists(client)) | Q(Exists(device)) | Q(ep_site__lt=site.epoch)
    if site.issued_before is None:
        return below
    moment = datetime.fromtimestamp(site.issued_before, UTC)
    return below | Q(created_at__lt=moment if settings.USE_TZ else make_naive(moment))
