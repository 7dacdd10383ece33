"""Who lives in a run's database; `python -m tests.faults.people` makes the tables and them."""

import django
from django.core.management import call_command

PASSWORD = "correct horse battery staple"
USERS = tuple(f"user{place}" for place in range(12))
#: The last one's tokens end within a round; another client is there to be revoked.
CLIENTS = ("main", "main", "main", "spare", "brief")


def main() -> None:
    django.setup()
    # what follows needs the models
    from tests.factories import ClientFactory, UserFactory  # noqa: PLC0415
    from tests.faults.settings import BRIEF  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    for name in USERS:
        UserFactory(username=name, password=PASSWORD)
    for name in dict.fromkeys(CLIENTS):
        ClientFactory(client_id=name, policy=BRIEF if name == "brief" else "browser")


if __name__ == "__main__":
    main()
