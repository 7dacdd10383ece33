"""W006: where tokenauth's class stands among the site's."""

from typing import Any, cast

from django.core.checks import CheckMessage, Tags, register
from rest_framework.settings import api_settings

from tokenauth.api.authentication import TokenAuthentication
from tokenauth.checks.findings import warning


@register(Tags.security)
def expired_tokens_are_401(**kwargs: object) -> list[CheckMessage]:
    """W006: DRF challenges with its first class alone, and answers 403 where that one has no challenge
    (RFC 6750 3.1): clients refresh on 401 only."""
    try:
        classes: list[type[Any]] = [*cast("Any", api_settings.DEFAULT_AUTHENTICATION_CLASSES)]
    except ImportError:  # DRF says so itself
        return []
    ours = [each for each in classes if issubclass(each, TokenAuthentication)]
    if not ours or issubclass(classes[0], TokenAuthentication):
        return []
    others = [each for each in classes if each not in ours]
    mended = [f"{each.__module__}.{each.__qualname__}" for each in [*ours, *others]]
    text = (
        f"{classes[0].__qualname__} stands before tokenauth's class in "
        "REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES']: expired tokens are not answered 401 with our "
        "challenge, and clients do not refresh."
    )
    return [warning("W006", text, mend=f"Set it to {mended!r}.")]
