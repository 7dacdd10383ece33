"""What an operator does for a user who is locked out by failed logins."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser

from tokenauth.models import users
from tokenauth.models.device import Device
from tokenauth.risk import limits
from tokenauth.tokens.keyring import database


class Command(BaseCommand):
    help = "Forget an account's failed logins; a change of the password does so by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the user logs in with: his name, or his e-mail address")

    def handle(self, *, name: str, **options: Any) -> None:
        limits.unlock(name, known_devices=_devices_of(name))
        self.stdout.write("Failed logins of that name are forgotten.")


def _devices_of(name: str) -> list[Any]:
    model = get_user_model()
    user = model._base_manager.using(users.database()).filter(**{model.USERNAME_FIELD: name}).first()
    if user is None:  # whoever it is, the failures of a name count whether or not it exists
        return []
    devices = Device.objects.using(database()).of_user(users.key_of(user))
    return list(devices.values_list("pk", flat=True))
