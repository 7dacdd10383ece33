"""What an operator does with keys; no secret is printed but the one that is asked for."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tokenauth.errors import NoUsableKey
from tokenauth.flows import keys
from tokenauth.flows.revoke import revoke
from tokenauth.management.tables import as_table
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.revocation.subjects import OfKey
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import database

ACTOR = "manage.py tokenauth_keys"
#: Exit status of `rotate` where the next key was not announced long enough; nothing was changed.
TOO_EARLY = 3

_EFFECT = {
    KeyPurpose.ACCESS: "Every access token that it signed is refused; clients refresh.",
    KeyPurpose.REFRESH: "Every session whose newest refresh token it signed has to log in again.",
    KeyPurpose.AUDIT: "Events that it sealed can no longer be verified.",
    KeyPurpose.PLANE: "Notices that it sealed are ignored; processes ask the database.",
    KeyPurpose.PEPPER: "Every client secret that was stored under it is refused: make new ones.",
    KeyPurpose.PRIVACY: "Personal details that it digested can no longer be verified.",
}
_LOST = (
    "Put the wrapping key that sealed it back into TOKENAUTH['ENCRYPTION_KEYS'] or SECRET_KEY_FALLBACKS. "
    "If that is lost for good, kill the keys that 'list' shows as not opened, the audit key first."
)
_COLUMNS = ("kid", "purpose", "alg", "state", "wrapped", "made", "since")


class Command(BaseCommand):
    help = "List, make, rotate, kill and rewrap the keys that tokens are signed with."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")

        listed = actions.add_parser("list", help="show all keys, none of them secret")
        listed.add_argument("--json", action="store_true", help="for programs")

        new = actions.add_parser("new", help="make the key that comes next, of the algorithm now set")
        _add_purpose(new)

        rotate = actions.add_parser("rotate", help="let the next key sign; retire keys that are spent")
        _add_purpose(rotate)
        rotate.add_argument("--now", action="store_true", help="do not wait until every cache knows it")

        kill = actions.add_parser("kill", help="refuse everything that a key signed, for ever")
        kill.add_argument("kid")
        kill.add_argument("--reason", default="", help="for the trail; 60 characters are kept")
        kill.add_argument("--yes", action="store_true", help="do not ask")

        actions.add_parser("rewrap", help="seal all keys under the first of ENCRYPTION_KEYS")
        actions.add_parser("export-plane", help="print the keys by which a service believes Redis: a secret")
        actions.add_parser("new-encryption-key", help="print a fresh entry for ENCRYPTION_KEYS")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        does: dict[str, Callable[..., None]] = {
            "list": self._list,
            "new": self._new,
            "rotate": self._rotate,
            "kill": self._kill,
            "rewrap": self._rewrap,
            "export-plane": self._export_plane,
            "new-encryption-key": self._new_encryption_key,
        }
        try:
            does[action](**options)
        except NoUsableKey as failure:
            raise CommandError(f"{failure}. {_LOST}") from None

    def _list(self, *, json: bool, **_: Any) -> None:
        listed = keys.listing()
        if json:
            self.stdout.write(_as_json(listed))
        else:
            for line in as_table(_COLUMNS, *map(_row, listed)):
                self.stdout.write(line)

    def _new(self, *, purpose: str, **_: Any) -> None:
        made = keys.new(KeyPurpose(purpose), at=timezone.now(), actor=ACTOR)
        self.stdout.write(f"Made {made.purpose} key {made.kid} ({made.alg}, {made.state}).")

    def _rotate(self, *, purpose: str, now: bool, **_: Any) -> None:
        at = timezone.now()
        rotated = keys.rotate(KeyPurpose(purpose), at=at, now=now, actor=ACTOR)
        if isinstance(rotated, keys.TooEarly):
            raise CommandError(
                f"Next key {rotated.kid} may sign from {_time(rotated.until)} on: until then a service may "
                "not know it. Nothing was changed; --now does not wait.",
                returncode=TOO_EARLY,
            )
        self.stdout.write(f"{rotated.purpose} tokens are now signed by key {rotated.kid} ({rotated.alg}).")
        for record in keys.retire_spent(at, actor=ACTOR):
            self.stdout.write(f"Retired {record.purpose} key {record.kid}: nothing it signed is alive.")

    def _kill(self, *, kid: str, reason: str, yes: bool, **_: Any) -> None:
        record = KeyRecord.objects.using(database()).filter(pk=kid).first()
        if record is None:
            raise CommandError(f"There is no key {kid!r}.")
        if record.state == KeyState.KILLED:
            self.stdout.write(f"Key {kid} was killed before.")
            return
        if not yes:
            self._confirm(record)
        revoke(OfKey(kid), reason=reason, actor=ACTOR)
        self.stdout.write(f"Killed {record.purpose} key {kid}. Another one has taken its place.")

    def _confirm(self, record: KeyRecord) -> None:
        self.stdout.write(f"Kill {record.purpose} key {record.kid} ({record.state}) for ever?")
        self.stdout.write(_EFFECT[KeyPurpose(record.purpose)])
        try:
            answer = input("Type 'kill' to go on: ")
        except EOFError:
            raise CommandError("Nobody is there to confirm: give --yes.") from None
        if answer.strip() != "kill":
            raise CommandError("Not confirmed: nothing was changed.")

    def _rewrap(self, **_: Any) -> None:
        rewrapped = keys.rewrap()
        self.stdout.write(f"Sealed {rewrapped.done} keys anew.")
        if rewrapped.not_opened:
            raise CommandError(f"Not opened by any wrapping key: {', '.join(rewrapped.not_opened)}. {_LOST}")

    def _export_plane(self, **_: Any) -> None:
        # nothing else on standard output: it goes into a file or a secret store
        for secret in keys.exported_plane(actor=ACTOR):
            self.stdout.write(to_base64url(secret.raw))
        self.stderr.write("Whoever has these can revoke in the site's name, and keep its news from services.")

    def _new_encryption_key(self, **_: Any) -> None:
        self.stdout.write(to_base64url(os.urandom(32)))


def _add_purpose(parser: CommandParser) -> None:
    parser.add_argument("purpose", nargs="?", default=KeyPurpose.ACCESS.value, choices=KeyPurpose.values)


def _as_json(listed: Sequence[keys.Listed]) -> str:
    return json.dumps([asdict(key) for key in listed], default=datetime.isoformat, indent=2)


def _row(key: keys.Listed) -> tuple[str, ...]:
    since = key.ended_at or key.retiring_at or key.activated_at or key.created_at
    return key.kid, key.purpose, key.alg, key.state, key.wrapped, _time(key.created_at), _time(since)


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
