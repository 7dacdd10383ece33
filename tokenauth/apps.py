"""The app's registration: nothing starts here, a process's mirror starts at its first check."""

from operator import methodcaller

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps  # a class would be taken for one of ours
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class TokenAuthConfig(AppConfig):
    name = "tokenauth"
    verbose_name = _("Token authentication")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Django's place to connect them: models are loaded now
        from tokenauth import checks, receivers  # noqa: F401, PLC0415
        from tokenauth.flows import database_behind  # noqa: PLC0415
        from tokenauth.flows.housekeeping import embedded  # noqa: PLC0415
        from tokenauth.revocation import listening, registry  # noqa: PLC0415
        from tokenauth.revocation.notifiers import beating  # noqa: PLC0415
        from tokenauth.revocation.process import MIRRORS  # noqa: PLC0415

        for companion in (
            registry.keep_reporting,
            embedded.keep_house,
            listening.listen,
            beating.keep_beating,
        ):
            MIRRORS.each(methodcaller("accompany", companion))
        for witness in (registry.report_again, database_behind.record, database_behind.kill_again):
            MIRRORS.each(methodcaller("when_behind", witness))
        pre_migrate.connect(receivers.migration_begins, sender=self, dispatch_uid="tokenauth.pre_migrate")
        post_migrate.connect(receivers.migrated, sender=self, dispatch_uid="tokenauth.post_migrate")

        if any(isinstance(config, admin_apps.AdminConfig) for config in apps.get_app_configs()):
            _extend_user_admins()

        if apps.is_installed("drf_spectacular"):
            from tokenauth.api import openapi  # noqa: PLC0415 - an extra: not every site has it

            openapi.describe()


def _extend_user_admins() -> None:
    from tokenauth import conf  # noqa: PLC0415 - models are ready only now
    from tokenauth.admin import user_admins  # noqa: PLC0415

    try:
        wanted = conf.current().USER_ADMIN
    except ImproperlyConfigured:  # a check says what is wrong
        return
    if wanted:
        user_admins.extend_once_found()
