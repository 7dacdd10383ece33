"""Load the demo data; a second run changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from project.demo import load


class Command(BaseCommand):
    help = "Loads the demo's users, clients and devices. Passwords and secrets lie in var/demo-secrets.json."

    def handle(self, *args: Any, **options: Any) -> None:
        load.load()
        self.stdout.write("The demo data is in place.")
