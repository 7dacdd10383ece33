"""What the admin calls things: the words of causes, and pieces of markup."""

from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.contrib.admin import AdminSite
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import make_naive
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tokenauth.errors import Cause
from tokenauth.flows.sessions import rounded
from tokenauth.models import Device, TokenFamily

LIVE = pgettext_lazy("state of a session", "live")

ENDED = pgettext_lazy("state of a session", "ended")

#: What a session of a list is: its page says more.
IN_A_WORD: dict[Cause, str | Promise] = {
    Cause.LOGGED_OUT: _("logged out"),
    Cause.REPLACED: _("replaced"),
    Cause.REVOKED: _("revoked"),
    Cause.ACCOUNT_CHANGED: _("revoked"),
    Cause.CLIENT_DISABLED: _("client disabled"),
    Cause.DEVICE_OFFLINE: _("expired"),
    Cause.ABSOLUTE: _("expired"),
    Cause.REUSE: _("theft"),
}

#: Why a session is dead, as an operator is told.
ENDS: dict[Cause, str | Promise] = {
    Cause.ENDED: ENDED,
    Cause.LOGGED_OUT: _("logged out"),
    Cause.REPLACED: _("replaced by a newer login on the device"),
    Cause.CAPPED: _("ended by newer sessions: too many at once"),
    Cause.REVOKED: _("revoked"),
    Cause.ACCOUNT_CHANGED: _("account changed or revoked"),
    Cause.ACCOUNT_GONE: _("account gone or inactive"),
    Cause.CLIENT_DISABLED: _("client disabled"),
    Cause.DEVICE_OFFLINE: _("expired: unused for too long"),
    Cause.ABSOLUTE: _("expired: its time was over"),
    Cause.BINDING: _("ended: shown by another device"),
    Cause.REUSE: _("theft: a spent token was shown again"),
}


def short(id_: UUID | str) -> SafeString:
    """Return the end of an id: what tells two of them apart in a list (UUIDv7 begin alike)."""
    return format_html('<span class="tokenauth-id" title="{}">…{}</span>', id_, str(id_)[-12:])


def moment(at: datetime | None) -> SafeString:
    """Return a moment as an operator reads it: to the minute, in the site's time zone."""
    if at is None:
        return SafeString("-")
    shown = timezone.localtime(at) if timezone.is_aware(at) else at
    return format_html('<span class="tokenauth-moment">{}</span>', date_format(shown, "Y-m-d H:i"))


def name_of(device: Device) -> str | SafeString:
    """Return what an operator tells a device by."""
    return device.name or device.platform or short(device.pk)


def state_of(cause: Cause | None, *, in_full: bool = False) -> SafeString:
    """Return how a session stands, in a word or in full, which also its colour tells."""
    if cause is None:
        return format_html('<span class="tokenauth-state tokenauth-live">{}</span>', LIVE)
    kind = "tokenauth-theft" if cause is Cause.REUSE else "tokenauth-dead"
    full = ENDS.get(cause) or cause.value.replace("_", " ")
    word = full if in_full else IN_A_WORD.get(cause, ENDED)
    return format_html('<span class="tokenauth-state {}" title="{}">{}</span>', kind, full, word)


def url_of(site: AdminSite, name: str, *args: object) -> str:
    """Return the address of a page of tokenauth on an admin site; empty where that site has no such page."""
    try:
        return reverse(f"admin:tokenauth_{name}", args=args, current_app=site.name)
    except NoReverseMatch:
        return ""


def linked(url: str, text: object) -> SafeString:
    """Return a text that leads somewhere, or only the text where there is no such page."""
    return format_html('<a href="{}">{}</a>', url, text) if url else format_html("{}", text)


def last_used(family: TokenFamily) -> datetime:
    """Return when a session was last used, rounded down to 15 minutes as everywhere people see it."""
    second = max(rounded(family.rotated_at.timestamp()), family.created_at.timestamp())
    moment = datetime.fromtimestamp(second, UTC)
    return moment if settings.USE_TZ else make_naive(moment)


def end_of(family: TokenFamily) -> datetime:
    """Return when a session ended or, unless it is used before, will."""
    return family.revoked_at or family.refresh_expires_at
