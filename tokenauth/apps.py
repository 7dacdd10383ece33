"""The app's registration: nothing starts here, a process's mirror starts at its first check."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TokenAuthConfig(AppConfig):
    name = "tokenauth"
    verbose_name = _("Token authentication")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tokenauth import checks, receivers  # noqa: F401, PLC0415 - Django's place to connect them
