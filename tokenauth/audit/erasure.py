"""Forgetting a person: what names him goes, the trail stays and verifies (PROTOCOL 6, GDPR Art. 17)."""

from django.db.models import Exists, OuterRef
from django.utils import timezone

from tokenauth.models.account import AccountState
from tokenauth.models.device import Device
from tokenauth.models.event import EventDetail, TokenEvent
from tokenauth.models.family import TokenFamily, TokenFamilyQuerySet
from tokenauth.models.pages import in_pages
from tokenauth.tokens.keyring import database

#: Rows that one statement deletes.
BATCH = 1000


def erase(user_key: str) -> int:
    """Delete addresses, user agents and names of an account's events, and the names of its devices.

    A device that no live session uses also loses the id that its client gave it. The events keep the
    account's key and a keyed digest whose salt is gone: nothing can be guessed from it. Sessions live on;
    end them first where they must not. Batches of 1,000 rows, a commit each.

    Returns:
        How many events were stripped.
    """
    alias = database()
    devices = Device.objects.using(alias).filter(user_key=user_key)
    devices.update(name="", platform="")
    devices.exclude(Exists(_live(user_key).filter(device=OuterRef("pk")))).update(installation=None)
    events = TokenEvent.objects.using(alias).of_user(user_key).filter(detail_hash__isnull=False).only("pk")
    return sum(
        EventDetail.objects.using(alias).filter(pk__in=[event.pk for event in page]).delete()[0]
        for page in in_pages(events, BATCH)
    )


def _live(user_key: str) -> TokenFamilyQuerySet:
    epoch = AccountState.objects.using(database()).epoch_of(user_key)
    return TokenFamily.objects.live(at=timezone.now()).filter(user_key=user_key, ep_user__gte=epoch)
