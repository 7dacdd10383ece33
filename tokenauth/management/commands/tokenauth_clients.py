"""What an operator does with clients and their secrets; a secret is printed once and kept nowhere."""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Prefetch
from django.utils import timezone

from tokenauth.flows import clients
from tokenauth.management.tables import as_table
from tokenauth.models.client import Client, ClientSecret
from tokenauth.policy import builtin
from tokenauth.tokens.keyring import database

ACTOR = "manage.py tokenauth_clients"
#: Clients that are listed; the rest is counted.
SHOWN = 1_000
#: Scopes, or audiences, that one client may be registered with here.
MOST_VALUES = 100
#: Days after which a secret may end at the latest, where it is to end.
MOST_DAYS = 3_650

_COLUMNS = ("client_id", "kind", "policy", "first_party", "state", "secrets")
#: RFC 6749 3.3; audiences are URIs, which have no other characters.
_VALUE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z")


class Command(BaseCommand):
    help = "List and register clients; make and retire their secrets."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")

        listed = actions.add_parser("list", help="show all clients, and their live secrets by the last four")
        listed.add_argument("--json", action="store_true", help="for programs")

        create = actions.add_parser("create", help="register a client")
        create.add_argument("client_id", help="1 to 100 visible ASCII characters; it never changes")
        create.add_argument("--kind", required=True, choices=Client.Kind.values)
        create.add_argument("--name", default="", help="what users read; the client_id by default")
        create.add_argument("--policy", default="", help="the default one where this is left out")
        create.add_argument("--audience", action="append", default=[], type=_value, help="may be repeated")
        create.add_argument("--scope", action="append", default=[], type=_value, help="may be repeated")
        create.add_argument(
            "--acr",
            action="append",
            default=[],
            type=_value,
            help="of a resource server: a class of login that it accepts; may be repeated",
        )
        create.add_argument("--first-party", action="store_true", help="it may ask users for their passwords")

        secret = actions.add_parser("secret", help="make a secret and print it, this once")
        secret.add_argument("client_id")
        secret.add_argument("--days", type=_days, help="after which it ends by itself")
        secret.add_argument("--yes", action="store_true", help="do not ask")

        retire = actions.add_parser("retire-secret", help="refuse a secret from now on")
        retire.add_argument("client_id")
        retire.add_argument("tail", help="its last four characters")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        does: dict[str, Callable[..., None]] = {
            "list": self._list,
            "create": self._create,
            "secret": self._secret,
            "retire-secret": self._retire_secret,
        }
        does[action](**options)

    def _list(self, *, json: bool, **_: Any) -> None:
        found = _with_live_secrets()
        if json:
            self.stdout.write(_as_json(found))
        else:
            for line in as_table(_COLUMNS, *map(_row, found)):
                self.stdout.write(line)
        if more := Client.objects.using(database()).count() - len(found):
            self.stderr.write(f"{more} more are not shown: the admin finds them.")

    def _create(self, *, client_id: str, kind: str, name: str, policy: str, **options: Any) -> None:
        client = Client(
            client_id=client_id,
            name=name or client_id,
            kind=kind,
            policy=policy,
            first_party=options["first_party"],
            audiences=_distinct(options["audience"], "audiences"),
            scopes=_distinct(options["scope"], "scopes"),
            acr=_distinct(options["acr"], "classes of login"),
        )
        _check_policy(policy)
        try:
            clients.register(client, actor=ACTOR)
        except ValidationError as invalid:
            raise CommandError(" ".join(invalid.messages)) from None
        self.stdout.write(f"Registered the {kind} client {client_id}.")
        if kind in Client.CONFIDENTIAL:
            self.stdout.write(f"It has to authenticate: 'manage.py tokenauth_clients secret {client_id}'.")

    def _secret(self, *, client_id: str, days: int | None, yes: bool, **_: Any) -> None:
        client = _found(client_id)
        if not yes and clients.is_public(client):
            self._confirm(client)
        ends = timezone.now() + timedelta(days=days) if days else None
        try:
            secret = clients.make_secret(client, actor=ACTOR, expires_at=ends)
        except clients.TooManySecrets as full:
            raise CommandError(f"Nothing was changed: {full}.") from None
        # the secret alone goes to standard output, for a pipe into wherever it is kept
        self.stdout.write(secret)
        until = f", until {_time(ends)}" if ends else ""
        self.stderr.write(f"That is the secret of {client_id}{until}. It cannot be shown again.")
        if client.disabled_at:
            self.stderr.write("The client is disabled: it is refused until it is enabled in the admin.")

    def _confirm(self, client: Client) -> None:
        self.stderr.write(f"{client.client_id} is a public client and has no secret.")
        self.stderr.write("With one it is refused wherever it does not send it, its live sessions included.")
        self.stderr.write("Type 'confidential' to go on: ", ending="")
        try:
            answer = input()
        except EOFError:
            raise CommandError("Nobody is there to confirm: give --yes.") from None
        if answer.strip() != "confidential":
            raise CommandError("Not confirmed: nothing was changed.")

    def _retire_secret(self, *, client_id: str, tail: str, **_: Any) -> None:
        client = _found(client_id)
        secret = _ending_in(tail, client)
        if secret.revoked_at is not None:
            self.stdout.write(f"The secret …{secret.tail} of {client_id} was retired before.")
            return
        clients.retire_secret(secret, actor=ACTOR)
        self.stdout.write(f"Retired the secret …{secret.tail} of {client_id}.")
        if not ClientSecret.objects.using(database()).filter(client=client).live(at=timezone.now()).exists():
            self.stderr.write("It has none left, and is refused until it has one.")


def _value(given: str) -> str:
    if not _VALUE.match(given):
        raise argparse.ArgumentTypeError('give 1 to 200 visible ASCII characters, no space, " or \\')
    return given


def _days(given: str) -> int:
    days = int(given) if given.isascii() and given.isdigit() else 0
    if not 1 <= days <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"give 1 to {MOST_DAYS} days")
    return days


def _distinct(values: Iterable[str], name: str) -> list[str]:
    distinct = list(dict.fromkeys(values))
    if len(distinct) > MOST_VALUES:
        raise CommandError(f"A client has at most {MOST_VALUES} {name}.")
    return distinct


def _check_policy(name: str) -> None:
    if name and name not in builtin.all_names():
        raise CommandError(f"There is no such policy. There are: {', '.join(builtin.all_names())}.")


def _found(client_id: str) -> Client:
    client = Client.objects.using(database()).filter(client_id=client_id).first()
    if client is None:
        raise CommandError("There is no such client: 'list' shows all.")
    return client


def _ending_in(tail: str, client: Client) -> ClientSecret:
    """The secret of that tail, a live one before any that was retired."""
    found = list(ClientSecret.objects.using(database()).filter(client=client, tail=tail).order_by("-id")[:10])
    live = [secret for secret in found if secret.revoked_at is None]
    if not found:
        raise CommandError("It has no secret that ends so; 'list' shows those that live.")
    if len(live) > 1:
        raise CommandError("Two of its secrets end so: retire the one that is meant in the admin.")
    return (live or found)[0]


def _with_live_secrets() -> list[Client]:
    alias = database()
    live = ClientSecret.objects.using(alias).live(at=timezone.now()).order_by("-id")
    found = Client.objects.using(alias).order_by("client_id")
    return list(found.prefetch_related(Prefetch("secrets", live, to_attr="live_secrets"))[:SHOWN])


def _live(client: Client) -> Sequence[ClientSecret]:
    live: Sequence[ClientSecret] = client.live_secrets  # type: ignore[attr-defined]
    return live


def _row(client: Client) -> tuple[str, ...]:
    state = f"disabled {_time(client.disabled_at)}" if client.disabled_at else "enabled"
    secrets = " ".join(f"…{secret.tail}" for secret in _live(client)) or "-"
    first_party = "yes" if client.first_party else "no"
    return client.client_id, client.kind, client.policy or "(default)", first_party, state, secrets


def _as_json(found: Iterable[Client]) -> str:
    shown = [
        {
            "client_id": client.client_id,
            "name": client.name,
            "kind": client.kind,
            "policy": client.policy,
            "first_party": client.first_party,
            "audiences": client.audiences,
            "scopes": client.scopes,
            "acr": client.acr,
            "disabled_at": client.disabled_at,
            "secrets": [
                {
                    "tail": secret.tail,
                    "created_at": secret.created_at,
                    "expires_at": secret.expires_at,
                    "last_used_at": secret.last_used_at,
                }
                for secret in _live(client)
            ],
        }
        for client in found
    ]
    return json.dumps(shown, default=datetime.isoformat, indent=2)


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
