"""W017: user admins that came too late to be extended."""

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.urls import get_resolver

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import warning


@register(Tags.security)
def user_admins_show_sessions(**kwargs: object) -> list[CheckMessage]:
    """W017: an operator looks for a user's sessions on a page that does not have them."""
    if not apps.is_installed("django.contrib.admin") or not readable() or not conf.current().USER_ADMIN:
        return []
    from tokenauth.admin import user_admins  # noqa: PLC0415 - needs Django's admin, which not every site has

    _register_what_the_urls_register()
    return [
        _left_out(f"{each.__class__.__module__}.{each.__class__.__qualname__}", each.admin_site.name)
        for each in user_admins.left_out()
    ]


def _register_what_the_urls_register() -> None:
    try:
        get_resolver(settings.ROOT_URLCONF).url_patterns  # noqa: B018 - to look at it imports it
    except Exception:  # whatever it is, Django's own check of the urls says it
        return


def _left_out(admin: str, site: str) -> CheckMessage:
    text = f"{admin}, on the admin site {site!r}, was registered after tokenauth looked for user admins."
    mend = (
        "Register it in an app's admin.py, or let it inherit from tokenauth.admin.UserSessionsMixin; if it "
        "shall not show sessions, set TOKENAUTH['USER_ADMIN'] to False."
    )
    return warning("W017", text, mend=mend)
