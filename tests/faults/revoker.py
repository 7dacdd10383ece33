"""
Whoever revokes: one process that ends sessions of every kind by chance, and says when each commit was.

    python -m tests.faults.revoker FOLDER SEED PACE

It reads commands, one a line, and answers each: `pause`, `resume`, `missing` (with those of its revocations
that the database no longer has), `revoke KIND`, and what a writer can suffer: `late SECONDS`, `elsewhere
SECONDS`, `killed`, `raising`, `rolled-back`; these happen soon after the answer.
"""

import contextlib
import json
import os
import queue
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import django
import psycopg

django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402 - the models are ready only now
from django.core.exceptions import ObjectDoesNotExist  # noqa: E402
from django.db import Error, connection, connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.faults.facts import Log, Revocation, Token, now, read  # noqa: E402
from tests.faults.people import PASSWORD  # noqa: E402
from tokenauth import flows  # noqa: E402
from tokenauth.models import AccountState, KeyRecord, RevocationOrder  # noqa: E402
from tokenauth.models.key import KeyPurpose, KeyState  # noqa: E402
from tokenauth.models.order import OrderKind  # noqa: E402
from tokenauth.revocation import subjects  # noqa: E402

#: How often which subject: a site is revoked as a whole now and then only.
WEIGHTS = {
    "family": 30,
    "token": 20,
    "user": 20,
    "device": 15,
    "password": 15,
    "client": 4,
    "before": 2,
    "key": 2,
    "site": 2,
}
#: Tokens among which the next victim is found.
_RECENT = 200
#: Bytes of each file in which they stand.
_NEWEST = 50_000
#: Seconds after which a writer that shall be killed is so in any case.
_LIFE = 10
_BEFORE = timedelta(seconds=61)


class Rolled(Exception):
    """The transaction that revoked is taken back."""


@dataclass
class Revoker:
    """Revokes at a pace until it is told to stop."""

    folder: Path
    chance: random.Random
    #: Revocations in a second.
    pace: float
    _count: int = 0
    _prefix: str = "o"
    _may: threading.Event = field(default_factory=threading.Event)
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _asked: "queue.SimpleQueue[Callable[[], None]]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self._log = Log(self.folder / "revocations-revoker.jsonl")
        self._written: list[Revocation] = []
        self._may.set()

    def run(self) -> None:
        while True:
            time.sleep(self.chance.expovariate(self.pace) if self.pace else 1)
            self._may.wait()
            if self.pace:
                with self._busy:
                    self.revoke()

    def pause(self) -> None:
        self._may.clear()
        with self._busy:  # what is under way ends first
            connections.close_all()

    def resume(self) -> None:
        self._may.set()

    def revoke(
        self,
        kind: str = "",
        *,
        way: str = "plain",
        before_commit: Callable[[], None] = lambda: None,
        after_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Revoke one thing by chance and write down what is known of it."""
        kind = kind or self.chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        victim = self._victim()
        if victim is None:
            return
        seen = Revocation(self._id(), kind, "", 0, now(), None, way=way)

        def committed() -> None:
            nonlocal seen
            seen = replace(seen, committed=now())
            if way == "killed":  # nobody else will write it down
                self._log.write(seen)
            after_commit()

        try:
            with transaction.atomic():
                # the first to run after COMMIT, before anything of the app
                transaction.on_commit(committed)
                seen = self._done(seen, victim)
                before_commit()
        except Rolled:
            return
        except (Error, LookupError, ObjectDoesNotExist):
            connection.close()  # the database is away, or went back and knows no such thing
        except RuntimeError:
            pass  # another app's hook, after the commit
        if seen.key or seen.kind in ("site", "before"):
            self._log.write(seen)
            self._written.append(seen)

    def ask(self, suffered: Callable[[], None]) -> None:
        """Have it happen soon: a database that is stopped must not stop who stopped it."""
        self._asked.put(suffered)

    def suffer(self) -> None:
        while True:
            self._asked.get()()

    def revoke_now(self, kind: str) -> None:
        """Revoke one thing of a kind, whatever the pace."""
        with self._busy:
            self.revoke(kind)

    def missing(self) -> list[str]:
        """Return the revocations that were committed and are not in the database."""
        there = set(RevocationOrder.objects.values_list("id", "kind", "key", "floor"))
        return [
            seen.id
            for seen in self._written
            if (seen.order, _ORDERS[seen.kind], seen.key, seen.floor) not in there
        ]

    def _done(self, seen: Revocation, victim: Token) -> Revocation:
        if seen.kind == "password":
            return self._password_changed(seen, victim)
        if seen.kind == "before":
            moment = timezone.now() - _BEFORE
            revoked = flows.revoke(subjects.EverythingBefore(moment))
            return replace(seen, floor=revoked.floor, order=revoked.order_id)
        if seen.kind == "key":
            kid = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE).kid
            return replace(seen, key=kid, order=flows.revoke(subjects.OfKey(kid)).order_id)
        key, subject = _SUBJECTS[seen.kind](victim)
        revoked = flows.revoke(subject)
        return replace(seen, key=key, floor=revoked.floor, order=revoked.order_id)

    def _password_changed(self, seen: Revocation, victim: Token) -> Revocation:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE auth_user SET password = %s WHERE id = %s", [make_password(PASSWORD), victim.user]
            )
        floor = AccountState.objects.epoch_of(victim.user)
        order = RevocationOrder.objects.filter(kind=OrderKind.USER, key=victim.user, floor=floor)
        return replace(seen, key=victim.user, floor=floor, order=order.values_list("id", flat=True).get())

    def _victim(self) -> Token | None:
        recent: deque[Token] = deque(maxlen=_RECENT)
        for path in sorted(self.folder.glob("tokens-*.jsonl")):
            recent.extend(read(path, Token, newest=_NEWEST))
        return self.chance.choice(recent) if recent else None

    def _id(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"

    # what writers suffer

    def late(self, seconds: float) -> None:
        """Revoke a token in a transaction that stays open while others commit."""

        def hold() -> None:
            try:
                # a token's end locks no row that other writers need
                self.revoke("token", way="late", before_commit=lambda: time.sleep(seconds))
            finally:
                connections.close_all()

        threading.Thread(target=hold, daemon=True).start()

    def elsewhere(self, seconds: float) -> None:
        """A batch job in another database of the same server, which is none of the site's."""

        def hold() -> None:
            server = connection.get_connection_params()
            named = {name: server[name] for name in ("host", "port", "user")}
            with contextlib.suppress(psycopg.Error), psycopg.connect(**named, dbname="postgres") as other:
                other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                other.execute("SELECT txid_current()")
                time.sleep(seconds)

        threading.Thread(target=hold, daemon=True).start()

    def killed(self) -> None:
        """A writer that dies between COMMIT and whatever it would have told anybody."""
        with self._busy:
            self.chance.random()  # or each child would choose what the one before it chose
            if (pid := os.fork()) == 0:
                signal.alarm(_LIFE)  # whatever another thread held when it was forked
                # the parent's connection: neither used nor closed here
                connection.connection = None
                self._prefix = f"killed{os.getpid()}-"
                with contextlib.suppress(BaseException):
                    self.revoke(
                        "family", way="killed", after_commit=lambda: os.kill(os.getpid(), signal.SIGKILL)
                    )
                os._exit(1)
            os.waitpid(pid, 0)
            self._written += self._of_child(pid)

    def _of_child(self, pid: int) -> list[Revocation]:
        """What a child wrote down before it was killed: a failover may lose it like any other."""
        newest = read(self._log.path, Revocation, newest=_NEWEST)
        return [each for each in newest if each.id.startswith(f"killed{pid}-")]

    def raising(self) -> None:
        """Another app's on_commit hook, before ours, raises."""

        def hook() -> None:
            raise RuntimeError("another app's")

        with self._busy:
            self.revoke(way="raising", after_commit=hook)

    def rolled_back(self) -> None:
        """A revocation that is taken back after all: nobody may ever obey it."""

        def take_back() -> None:
            raise Rolled

        with self._busy:
            self.revoke("family", way="rolled-back", before_commit=take_back)


_SUBJECTS: dict[str, Callable[[Token], tuple[str, subjects.Subject]]] = {
    "family": lambda token: (token.family, subjects.OfFamily(UUID(token.family))),
    "token": lambda token: (token.jti, subjects.OfToken(token.jti)),
    "user": lambda token: (token.user, subjects.OfUser(token.user)),
    "device": lambda token: (token.device, subjects.OfDevice(UUID(token.device))),
    "client": lambda token: ("spare", subjects.OfClient("spare")),
    "site": lambda token: ("", subjects.Everything()),
}
_ORDERS = {
    "family": OrderKind.FAMILY,
    "token": OrderKind.JTI,
    "user": OrderKind.USER,
    "password": OrderKind.USER,
    "device": OrderKind.DEVICE,
    "client": OrderKind.CLIENT,
    "site": OrderKind.SITE,
    "before": OrderKind.BEFORE,
    "key": OrderKind.KID,
}


def main() -> None:
    folder, seed, pace = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    revoker = Revoker(folder, random.Random(seed), pace)
    for work in (revoker.run, revoker.suffer):
        threading.Thread(target=work, daemon=True).start()
    for line in sys.stdin:
        command, *arguments = line.split()
        said: object = "done"
        match command:
            case "late" | "elsewhere":
                getattr(revoker, command)(float(arguments[0]))
            case "revoke":
                revoker.revoke_now(arguments[0])
            case "missing":
                said = revoker.missing()
            case "pause" | "resume":
                getattr(revoker, command)()
            case _:
                revoker.ask(getattr(revoker, command.replace("-", "_")))
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
