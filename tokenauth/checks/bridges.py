"""W016: the bridge to allauth."""

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.utils.module_loading import import_string

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import warning

_MODULE = "tokenauth.contrib.allauth"


@register(Tags.security)
def somebody_may_log_in_through_allauth(**kwargs: object) -> list[CheckMessage]:
    """W016: allauth asks us for tokens, and no client may have any: every login is refused."""
    if not apps.is_installed("allauth.headless") or not readable() or conf.current().ALLAUTH_CLIENTS:
        return []
    if not _issues(getattr(settings, "HEADLESS_TOKEN_STRATEGY", "")):
        return []
    text = (
        "HEADLESS_TOKEN_STRATEGY is tokenauth's and TOKENAUTH['ALLAUTH_CLIENTS'] is empty: every login of an "
        "app through allauth is refused."
    )
    mend = "Name in it the public clients that log in through allauth's headless API."
    return [warning("W016", text, mend=mend)]


def _issues(strategy: str) -> bool:
    """Whether a token strategy is ours, or one that a site derived from it."""
    try:
        found = import_string(strategy)
    except ImportError:  # allauth says so itself
        return False
    return any(base.__module__ == _MODULE for base in getattr(found, "__mro__", ()))
