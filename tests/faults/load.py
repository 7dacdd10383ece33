"""
The crowd: threads that log in, refresh and call a site without pause, and write down every answer.

    python -m tests.faults.load FOLDER SITE PORT SEED

Dead tokens are shown for as long as live ones: a revocation that is forgotten later must be seen. It ends
when its standard input does; a line `last` has it show everything once more to every worker.
"""

import base64
import contextlib
import http.client
import itertools
import json
import random
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.faults.facts import DECIDED, Decision, Log, Revocation, Said, Token, now
from tests.faults.people import CLIENTS, PASSWORD, USERS

THREADS = 4
#: Threads beside them that only show what those hold: a refresh that hangs must not blind us.
WATCHERS = 4
#: Live sessions that one thread holds.
SESSIONS = 4
#: Dead tokens that one thread still shows.
DEAD = 60
#: Seconds that a request may take; a stopped worker holds it longer.
PATIENCE = 6
#: Seconds between two requests of a thread: the machine has others to serve.
PAUSE = 0.02
#: Seconds for which everything is shown once more in the end.
LAST = 4
#: Seconds beyond 20% of its life that an access token has left where its rotation surely ordered its end.
_EARLY = 15

Form = dict[str, str]


@dataclass
class Session:
    """What one login's client holds."""

    client: str
    refresh: str
    bearer: str
    token: Token
    #: A refresh was sent and never answered: it may have happened.
    is_unsure: bool = False


@dataclass
class Crowd:
    """What the threads of one site share."""

    site: str
    port: int
    decisions: Log
    tokens: Log
    revocations: Log
    is_over: threading.Event = field(default_factory=threading.Event)
    is_last: threading.Event = field(default_factory=threading.Event)
    callers: "list[Caller]" = field(default_factory=list)
    ids: "itertools.count[int]" = field(default_factory=itertools.count)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` 0: nothing."""

    status: int
    body: dict[str, object]
    worker: int
    #: When it was decided, as the worker says; of other calls, when they were sent and answered.
    started: float
    ended: float


class Caller:
    """One thread of the crowd."""

    def __init__(self, crowd: Crowd, seed: str) -> None:
        self._crowd, self._chance = crowd, random.Random(seed)
        self._live: list[Session] = []
        self._dead: deque[tuple[str, Token]] = deque(maxlen=DEAD)

    def watch(self) -> None:
        """Show what the others hold."""
        while not self._crowd.is_last.is_set():
            held = self._chance.choice(self._crowd.callers).held(dead=self._chance.random() < 0.4)
            if held:
                self._show(*self._chance.choice(held))
            time.sleep(PAUSE)

    def held(self, *, dead: bool) -> list[tuple[str, Token]]:
        """Return the tokens that this caller holds, with what each says."""
        return [*self._dead] if dead else [(session.bearer, session.token) for session in [*self._live]]

    def run(self) -> None:
        while not self._crowd.is_last.is_set():
            if len(self._live) < SESSIONS:
                self._log_in()
            else:
                self._step()
            time.sleep(PAUSE)
        self._show_all_again()

    def _step(self) -> None:
        if self._dead and self._chance.random() < 0.4:
            self._show(*self._chance.choice(self._dead))
            return
        session = self._chance.choice(self._live)
        if self._chance.random() < 0.05 or self._show(session.bearer, session.token) is Said.REFUSED:
            self._refresh(session)

    def _show_all_again(self) -> None:
        """Everything is healed: the live must be accepted and the dead refused, wherever they are shown."""
        until = time.monotonic() + LAST
        while time.monotonic() < until and not self._crowd.is_over.is_set():
            for bearer, token in self.held(dead=True) + self.held(dead=False):
                self._show(bearer, token)

    def _show(self, bearer: str, token: Token) -> Said:
        is_last = self._crowd.is_last.is_set()
        answer = self._call("GET", "/faults/check/", bearer=bearer)
        self._write(token, answer, said := _said(answer), is_last=is_last)
        return said

    def _log_in(self) -> None:
        client = self._chance.choice(CLIENTS)
        form = {"username": self._chance.choice(USERS), "password": PASSWORD, "client_id": client}
        answer = self._call("POST", "/auth/login/", form=form)
        if answer.status == 200:
            token = self._noted(answer)
            self._live.append(
                Session(client, str(answer.body["refresh_token"]), str(answer.body["access_token"]), token)
            )
        elif answer.status:
            self._write(None, answer, _said(answer))

    def _refresh(self, session: Session) -> None:
        form = {"refresh_token": session.refresh, "client_id": session.client}
        began = now()
        answer = self._call("POST", "/auth/token/refresh/", form=form)
        if answer.status == 400:
            self._write(session.token, answer, Said.REFUSED, is_refresh=True)
            self._bury(session)
            self._live.remove(session)
        elif answer.status == 200:
            self._rotated(session, answer, began)
        else:
            # it may have been written all the same
            self._supersede(session, began, None)
            session.is_unsure = True

    def _rotated(self, session: Session, answer: Answer, began: float) -> None:
        left = session.token.exp - time.time()
        life = session.token.exp - session.token.iat
        was_early = not session.is_unsure and left > 0.2 * life + _EARLY
        self._bury(session)
        self._supersede(session, began, now() if was_early else None)
        session.is_unsure = False
        session.refresh = str(answer.body["refresh_token"])
        session.bearer = str(answer.body["access_token"])
        session.token = self._noted(answer)

    def _bury(self, session: Session) -> None:
        self._dead.append((session.bearer, session.token))

    def _supersede(self, session: Session, began: float, committed: float | None) -> None:
        token, floor = session.token, session.token.generation + 1
        self._crowd.revocations.write(
            Revocation(f"{token.id}r", "generation", token.family, floor, began, committed, way="refresh")
        )

    def _noted(self, answer: Answer) -> Token:
        token = read(str(answer.body["access_token"]), f"{self._crowd.site}{next(self._crowd.ids)}")
        self._crowd.tokens.write(token)
        return token

    def _write(
        self,
        token: Token | None,
        answer: Answer,
        said: Said,
        *,
        is_refresh: bool = False,
        is_last: bool = False,
    ) -> None:
        self._crowd.decisions.write(
            Decision(
                token.id if token else "",
                said,
                answer.worker,
                answer.started,
                answer.ended,
                time.time() - (now() - answer.started),
                is_refresh,
                is_last,
            )
        )

    def _call(self, method: str, path: str, *, bearer: str = "", form: Form | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        sent = now()
        line = http.client.HTTPConnection("127.0.0.1", self._crowd.port, timeout=PATIENCE)
        with contextlib.closing(line):
            try:
                line.request(method, path, urlencode(form) if form else None, headers)
                response = line.getresponse()
                raw = response.read()
            except (OSError, http.client.HTTPException):
                return Answer(0, {}, 0, sent, now())
        is_json = "json" in response.headers.get("Content-Type", "")
        worker, started, ended = _decided(response.headers.get(DECIDED), sent)
        return Answer(response.status, json.loads(raw) if is_json else {}, worker, started, ended)


def _decided(header: str | None, sent: float) -> tuple[int, float, float]:
    if header is None:
        return 0, sent, now()
    worker, started, ended = header.split()
    return int(worker), float(started), float(ended)


def _said(answer: Answer) -> Said:
    match answer.status:
        case 0:
            return Said.SILENCE
        case 200:
            return Said.ACCEPTED
        case 401:
            return Said.REFUSED
        case 503:
            return Said.STALE
        case _:
            return Said.ERROR


def read(bearer: str, id_: str) -> Token:
    """Return what an access token says; its signature is the site's business."""
    header, payload = (_part(part) for part in bearer.split(".")[:2])
    return Token(
        id=id_,
        jti=payload["jti"],
        kid=header["kid"],
        family=payload["sid"],
        device=payload["did"],
        user=payload["sub"],
        client=payload["client_id"],
        iat=payload["iat"],
        exp=payload["exp"],
        generation=payload["gen"],
        epochs=tuple(payload["ep"][1:]),
        obtained=now(),
    )


def _part(text: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def main() -> None:
    folder, site, port, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    crowd = Crowd(
        site,
        port,
        Log(folder / f"decisions-{site}.jsonl"),
        Log(folder / f"tokens-{site}.jsonl"),
        Log(folder / f"revocations-{site}.jsonl"),
    )
    crowd.callers = [Caller(crowd, f"{seed}-{site}-{place}") for place in range(THREADS)]
    watchers = [Caller(crowd, f"{seed}-{site}-watcher{place}") for place in range(WATCHERS)]
    threads = [threading.Thread(target=caller.run) for caller in crowd.callers]
    threads += [threading.Thread(target=watcher.watch) for watcher in watchers]
    for thread in threads:
        thread.start()
    sys.stdin.readline()  # `last`, or the end of who started us
    crowd.is_last.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
