"""Guarantee 12: one leak forges nothing, and no usable secret lies where others may look (DESIGN 6)."""

import base64
import html
import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.apps import apps
from django.contrib import admin
from django.core.cache import caches
from django.db import connection, transaction
from django.test import Client as Browser
from django.urls import reverse

from tests.api.test_error_pages import Site
from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.guarantees.statements import watched
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, Http
from tests.sessions import Session, known, log_in
from tokenauth import conf
from tokenauth.api.authentication import CACHE
from tokenauth.errors import Cause, Refused
from tokenauth.flows import pair
from tokenauth.flows.challenge import Challenge
from tokenauth.flows.login import Credentials, SecondStep
from tokenauth.models import KeyRecord, TokenFamily
from tokenauth.models.key import KeyPurpose
from tokenauth.policy import clients
from tokenauth.tokens import records, refresh
from tokenauth.tokens.encoding import from_base64url, to_base64url
from tokenauth.tokens.keyring import KEYRING
from tokenauth.tokens.keys import SymmetricKey

pytestmark = pytest.mark.django_db

WRONG, RESPONSE, KEY = "a wrong battery staple", "response-493021", "an-idempotency-key-1"
TOKENS = ("access_token", "refresh_token", "challenge")


@dataclass
class Run:
    """What a day of a site produced: everything that must be found nowhere, and every other answer."""

    browser: Browser
    wrapping: str
    secrets: list[str] = field(default_factory=lambda: [PASSWORD, WRONG, RESPONSE, KEY])
    tokens: list[str] = field(default_factory=list)
    #: Bodies of answers that hand no token out.
    bodies: list[str] = field(default_factory=list)

    def sees(self, answer: Any) -> dict[str, Any]:
        """Keep what an answer hands out."""
        body = answer.json() if answer.content else {}
        found = [body[name] for name in TOKENS if name in body]
        self.tokens += found
        if not found:
            self.bodies.append(answer.content.decode())
        return dict(body)

    @property
    def needles(self) -> dict[str, str]:
        """Form -> which secret it would give away; the forms that a careless writer would choose."""
        forms: dict[str, str] = {}
        for place, text in enumerate([*self.secrets, self.wrapping, *self.tokens]):
            name = f"{place}: {text[:8]}"
            raw = text.encode()
            parts = [text, text.replace(" ", "\\x20"), raw.hex(), base64.b64encode(raw).decode()[:-4]]
            if text in self.tokens:
                signature = text.rpartition(".")[2]
                parts += [signature, _raw(signature).hex(), _raw(signature).decode("latin-1")]
            forms |= dict.fromkeys(parts, name)
        return forms

    def found_in(self, *haystacks: str) -> set[str]:
        """The secrets that can be read there."""
        return {name for form, name in self.needles.items() for text in haystacks if form in text}


def _raw(segment: str) -> bytes:
    return from_base64url(segment.encode())


def asks_carol(user: Any, client: Any, device: Any, request: Any) -> Challenge | None:
    return Challenge(("totp",)) if user.get_username() == "carol" else None


@pytest.fixture
def wrapping(settings) -> str:
    """The site's wrapping key; limits, challenge and keys as in production."""
    key = to_base64url(os.urandom(32))
    settings.TOKENAUTH = {
        "ISSUER": "https://issuer.test",
        "MIRROR": "each-check",
        "ENCRYPTION_KEYS": [key],
        "LOGIN_CHALLENGE": asks_carol,
        "LOGIN_VERIFY": lambda user, method, response, request: response == RESPONSE,
    }
    return key


@pytest.fixture
def run(wrapping: str, caplog: pytest.LogCaptureFixture) -> Run:
    """Logins, refreshes, repeats, a theft, revocations and introspections, right and wrong ones."""
    caplog.set_level(logging.DEBUG)
    run = Run(Browser(), wrapping)
    http = Http(run.browser)
    ada, web = UserFactory(username="ada"), ClientFactory(client_id="web")
    UserFactory(username="carol")
    back = _with_secret(run, ClientFactory(client_id="back", confidential=True))
    server = _with_secret(
        run, ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
    )

    login = {"username": "ada", "password": PASSWORD, "client_id": "web"}
    tokens = run.sees(http.post(LOGIN, {**login, "device": {"id": "phone"}}, Idempotency_Key=KEY))
    run.sees(http.post(LOGIN, {**login, "password": WRONG}))
    run.sees(http.post(LOGIN, {**login, **back, "client_secret": WRONG}))
    _finishes_a_challenge(run, http, login)
    in_back = run.sees(http.post(LOGIN, {**login, **back}))

    sent = {"refresh_token": tokens["refresh_token"], "client_id": "web"}
    newer = run.sees(http.post(REFRESH, sent, Idempotency_Key=KEY))
    run.sees(http.post(REFRESH, sent, Idempotency_Key=KEY))
    run.sees(http.post(REFRESH, {**sent, "client_secret": WRONG}))
    run.sees(http.post(REFRESH, {**sent, **back}))
    newest = run.sees(http.refresh(newer, web))
    bearer = newest["access_token"]
    run.sees(http.get(SESSIONS, bearer=bearer))
    run.sees(http.get(DEVICES, bearer=bearer))
    run.sees(http.get("/api/me/", bearer=bearer))
    run.sees(http.form(INTROSPECT, {"token": bearer, **server}))
    run.sees(http.post(f"{SESSIONS}revoke-others/", {"password": PASSWORD}, bearer=bearer))
    run.sees(http.form(REVOKE, {"token": in_back["access_token"], **back}))
    run.sees(http.form(REVOKE, {"token": in_back["refresh_token"], **back}))
    run.sees(http.post(REFRESH, sent))
    assert TokenFamily.objects.filter(cause="reuse", user_key=str(ada.pk)).exists()
    assert len(run.tokens) >= 13
    return run


def _with_secret(run: Run, client: Any) -> dict[str, str]:
    run.secrets.append(secret_of(client))
    return {"client_id": client.client_id, "client_secret": run.secrets[-1]}


def _finishes_a_challenge(run: Run, http: Http, login: dict[str, str]) -> None:
    asked = run.sees(http.post(LOGIN, {**login, "username": "carol"}))
    step = {"challenge": asked["challenge"], "method": "totp", "client_id": "web"}
    run.sees(http.post(f"{LOGIN}continue/", {**step, "response": "wrong-response"}))
    run.sees(http.post(f"{LOGIN}continue/", {**step, "response": RESPONSE}))


# --- where somebody else may look ---------------------------------------------------------------------


def dump() -> str:
    """Every row of every table, bytes as they are and as hex."""
    with connection.cursor() as cursor:
        values = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            values += [value for row in cursor.fetchall() for value in row]
    return "\n".join(_texts(values))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, bytes | memoryview):
            yield from (bytes(value).hex(), bytes(value).decode("latin-1"))
        else:
            yield str(value)


def cached() -> str:
    """Keys and values of the cache that counts."""
    held = caches["default"]._cache.items()  # type: ignore[attr-defined]
    return "\n".join(f"{key}={pickle.loads(value)!r}" for key, value in held)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Every record of every logger, the attributes that a handler may print too."""
    seen = [*caplog.get_records("setup"), *caplog.get_records("call")]
    return "\n".join(f"{record.getMessage()} {vars(record)!r}" for record in seen)


def admin_pages(browser: Browser) -> Iterator[str]:
    """Every list, and the page and the history of every row."""
    for model in apps.get_app_config("tokenauth").get_models():
        if not admin.site.is_registered(model):
            continue
        name = f"admin:tokenauth_{model._meta.model_name}"
        yield _page(browser, reverse(f"{name}_changelist"))
        for row in model._base_manager.all():
            yield _page(browser, reverse(f"{name}_change", args=[row.pk]))
            yield _page(browser, reverse(f"{name}_history", args=[row.pk]))


def _page(browser: Browser, url: str) -> str:
    answer = browser.get(url)
    assert answer.status_code == 200, url
    return html.unescape(answer.content.decode())


def test_none_lies_in_the_database(run: Run):
    everything = dump()

    assert run.found_in(everything) == set()
    assert all(
        shown in everything for shown in ("ada", "phone", "web", TokenFamily.objects.first().secret.hex())
    )


def test_no_key_lies_in_the_database(run: Run, settings):
    raw = [secret for record in KeyRecord.objects.all() for secret in key_material(record)]
    forms = [form for key in raw for form in (key.hex(), key.decode("latin-1"), to_base64url(key))]
    everything = dump()

    assert len(raw) > len(KeyPurpose)
    assert not [form for form in [*forms, settings.SECRET_KEY] if form in everything]


def key_material(record: KeyRecord) -> list[bytes]:
    """A key as it is kept, and the number that makes it private."""
    secret = records.opened_secret(record).raw
    if record.purpose != KeyPurpose.ACCESS:
        return [secret]
    private = serialization.load_der_private_key(secret, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return [secret, private.private_numbers().private_value.to_bytes(32, "big")]


def test_none_lies_in_the_cache(run: Run):
    everything = cached()

    assert run.found_in(everything) == set()
    assert "tokenauth:" in everything
    assert "ada" not in everything


def test_none_lies_in_the_process_beside_what_it_verified(run: Run):
    assert len(CACHE) > 0
    assert run.found_in(repr(vars(CACHE))) == set()


def test_none_lies_in_the_log(run: Run, caplog):
    everything = logged(caplog)

    assert run.found_in(everything) == set()
    assert all(what in everything for what in ("login_refused", "refresh_refused", "client_refused", "reuse"))


def test_no_answer_gives_one_away_that_hands_none_out(run: Run):
    assert len(run.bodies) > 8
    assert run.found_in(*run.bodies) == set()


def test_no_page_of_the_admin_shows_one(run: Run, admin_client):
    pages = list(admin_pages(admin_client))

    assert len(pages) > 40
    assert run.found_in(*pages) == set()
    secrets = [bytes(family.secret) for family in TokenFamily.objects.all()]
    assert not [
        secret for secret in secrets for page in pages if secret.hex() in page or repr(secret) in page
    ]


def test_the_grep_would_find_each(run: Run):
    for text in (run.secrets[-1], run.tokens[0], run.tokens[-1]):
        assert run.found_in(f"... {text} ...")
        assert run.found_in(f"... {text.encode().hex()} ...")
    assert run.found_in(f"... {run.tokens[1].rpartition('.')[2]} ...")


# --- reprs --------------------------------------------------------------------------------------------


def test_no_value_of_a_flow_shows_one_by_its_repr(wrapping: str):
    back = ClientFactory(confidential=True)
    secret = secret_of(back)
    session = log_in()
    asked = session.asked(key=KEY)
    first = session.pair
    outcome = session.show(first.refresh_token, key=KEY)
    claims = refresh.read(first.refresh_token, keys=KEYRING.current().refresh, issuer=conf.current().ISSUER)
    step = SecondStep("the-challenge-of-a-login", "totp", RESPONSE)
    values = [
        *(first, outcome, outcome.pair, asked, session.family, claims, session.client, known(back)),
        *(
            Credentials.sent("ada", PASSWORD),
            step,
            clients.authenticated(back.client_id, secret, at=_now(session)),
        ),
        *(pair.identity_of(session.family), KEYRING.current(), KEYRING.signing(), conf.current()),
        *(KEYRING.active(purpose) for purpose in KeyPurpose if purpose is not KeyPurpose.ACCESS),
        *KeyRecord.objects.all(),
    ]

    run = Run(Browser(), wrapping, [PASSWORD, RESPONSE, KEY, secret, "the-challenge-of-a-login"])
    run.tokens = [
        first.refresh_token,
        first.access_token,
        outcome.pair.refresh_token,
        outcome.pair.access_token,
    ]
    shown = repr(values)

    assert isinstance(claims, refresh.RefreshClaims)
    assert run.found_in(shown) == set()
    raw = [
        bytes(session.family.secret),
        *(key for each in KeyRecord.objects.all() for key in key_material(each)),
    ]
    assert not [key for key in raw if repr(key)[2:-1] in shown or key.hex() in shown]


def _now(session: Session) -> Any:
    return session.family.rotated_at


# --- error pages --------------------------------------------------------------------------------------


@pytest.fixture
def site(wrapping: str) -> Site:
    http = Http(Browser(raise_request_exception=False))
    ada, back = UserFactory(username="ada"), ClientFactory(client_id="back", confidential=True)
    secret = secret_of(back)
    server = ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
    return Site(http, secret, http.log_in(ada, back, client_secret=secret), secret_of(server))


def failures_of(call: Callable[[], Any]) -> list[Any]:
    """The answers to a call that fails at its first statement, at its second, and so on to its last."""
    answers = []
    while True:
        CACHE.clear()
        fault = _Fault(at=len(answers))
        with transaction.atomic(), watched(fault):
            answer = call()
            transaction.set_rollback(True)
        if not fault.happened:
            return answers
        answers.append(answer)


@dataclass
class _Fault:
    at: int
    steps: int = 0
    happened: bool = False

    def __call__(self, sql: str, proceed: Callable[[], Any]) -> Any:
        self.steps += 1
        if self.steps == self.at + 1 and not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.happened = True
            raise RuntimeError("boom")
        if self.steps == self.at + 1:
            self.at += 1
        return proceed()


@pytest.mark.parametrize("debug", [True, False], ids=["DEBUG", "production"])
@pytest.mark.parametrize("name", ["login", "refresh by Basic", "revoke", "own devices"])
def test_no_error_page_or_mail_shows_one_whichever_statement_fails(
    site: Site, mails, caplog, settings, name, debug
):
    settings.DEBUG = debug
    run = Run(site.http.browser, conf.current().ENCRYPTION_KEYS[0], [PASSWORD, KEY, *site.secrets])
    run.tokens = [site.tokens["access_token"], site.tokens["refresh_token"]]
    caplog.set_level(logging.DEBUG)
    _, _, call = site.calls()[name]

    answers = failures_of(call)

    pages = [answer.content.decode() for answer in answers]
    pages += [str(part) for sent in mails for part in (sent.body, *(text for text, _ in sent.alternatives))]
    assert [answer.status_code for answer in answers].count(500) > 0
    assert [page for page in pages if "boom" in page]
    assert run.found_in(*map(html.unescape, pages), logged(caplog)) == set()


# --- one leak -----------------------------------------------------------------------------------------


def forged(session: Session, key: SymmetricKey, **known_otherwise: Any) -> str:
    """What a thief makes who knows how tokens are made, from a row and a key."""
    family = session.family
    return refresh.made(
        replace(pair.identity_of(family), **known_otherwise),
        key,
        issuer=conf.current().ISSUER,
        generation=family.generation,
        branch=0,
        iat=int(family.rotated_at.timestamp()),
        exp=int(family.refresh_expires_at.timestamp()),
    )


def test_the_database_alone_forges_nothing():
    session, key = log_in(), KEYRING.active(KeyPurpose.REFRESH)
    guessed = SymmetricKey(b"k" * 32, key.kid, key.header)

    outcome = session.show(forged(session, guessed))

    assert outcome == Refused(Cause.SIGNATURE)
    assert session.family.generation == 0


def test_the_key_alone_forges_nothing():
    session = log_in()
    key = KEYRING.active(KeyPurpose.REFRESH)

    outcome = session.show(forged(session, key, secret=b"s" * 32))

    assert outcome == Refused(Cause.JTI, session.family_id)
    assert session.family.generation == 0
    assert forged(session, key) == session.pair.refresh_token


def test_a_clients_digest_is_no_secret():
    """PROTOCOL 4: keyed, so that whoever reads the table cannot even try guesses."""
    back = ClientFactory(confidential=True)
    secret = secret_of(back)
    digest = bytes(back.secrets.get().digest)

    shown = [digest.hex(), to_base64url(digest), clients.PREFIX + to_base64url(digest)]

    now = back.created_at
    assert all(isinstance(clients.authenticated(back.client_id, text, at=now), Refused) for text in shown)
    assert not isinstance(clients.authenticated(back.client_id, secret, at=now), Refused)
