"""What this app's site does."""

import base64
import hashlib
import itertools
import random
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

from benchmarks.sites.deeds import Consuming, Deeds
from benchmarks.sites.requests import Site, bearer, shown
from tokenauth import conf
from tokenauth.api.authentication import CACHE, TokenAuthentication
from tokenauth.flows.clients import make_secret
from tokenauth.flows.housekeeping.purge import purge as delete_what_is_past
from tokenauth.flows.revoke import revoke
from tokenauth.models import Client, TokenFamily, isolation
from tokenauth.observability.hidden import Hidden
from tokenauth.policy import clients
from tokenauth.policy.clients import DIRECTORY
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser
from tokenauth.tokens import access, claims, verify
from tokenauth.tokens.cache import VerifiedTokens
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.encoding import from_base64url
from tokenauth.tokens.keyring import KEYRING

DEEDS = Deeds()
SITE = Site()
PASSWORD = "correct horse battery staple"  # noqa: S105
_NUMBERS = itertools.count()


def app(client_id: str) -> Client:
    """A first-party app: `due` refreshes when its access token is about to expire, `web` early."""
    client, made = Client.objects.get_or_create(
        client_id=client_id,
        defaults={
            "name": client_id,
            "kind": "web",
            "first_party": True,
            "policy": "due" if client_id == "due" else "browser",
            "scopes": ["read"],
        },
    )
    if made:
        DIRECTORY.forget()
    return client


def new_user() -> Any:
    """Somebody who never logged in."""
    return get_user_model().objects.create_user(f"user-{uuid.uuid4().hex}", password=PASSWORD)


def logged_in(user: Any = None, *, by: str = "web") -> dict[str, Any]:
    """What a login answers."""
    user = user or new_user()
    sent = {"username": user.username, "password": PASSWORD, "client_id": app(by).client_id}
    answer: dict[str, Any] = SITE.post("/auth/login/", sent)
    return answer


def _signature(token: str) -> tuple[bytes, bytes]:
    signed, _, signature = token.encode().rpartition(b".")
    return signed, from_base64url(signature)


# -- authenticate


@DEEDS
def warm() -> Callable[[], object]:
    """Authenticate by a token that was seen before."""
    request, authenticate = shown(logged_in()["access_token"]), TokenAuthentication().authenticate
    return lambda: authenticate(request)


@DEEDS
def cold() -> Callable[[], object]:
    """Authenticate by a token that was not."""
    request, authenticate = shown(logged_in()["access_token"]), TokenAuthentication().authenticate

    def deed() -> object:
        CACHE.clear()
        return authenticate(request)

    return deed


@DEEDS
def verified() -> Callable[[], object]:
    """Verify a token, and nothing else."""
    token, settings = logged_in()["access_token"].encode(), conf.current()
    keys, now = KEYRING.current().access, time.time()

    def deed() -> object:
        return verify.access_token(token, keys=keys, issuer=settings.ISSUER, leeway=settings.LEEWAY, now=now)

    if not isinstance(deed(), AccessClaims):
        raise ValueError("the token is refused")
    return deed


@DEEDS
def by_pyjwt() -> Callable[[], object]:
    """Verify the same token by PyJWT."""
    token, settings = logged_in()["access_token"], conf.current()
    key: Any = KEYRING.signing()
    return lambda: jwt.decode(
        token, key.public, algorithms=[settings.ALG], issuer=settings.ISSUER, audience=settings.ISSUER
    )


@DEEDS
def bare_check() -> Callable[[], object]:
    """Check the same token's signature, and nothing else."""
    key: Any = KEYRING.signing()
    signed, signature = _signature(logged_in()["access_token"])
    match conf.current().ALG:
        case "ES256":
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            der, how = encode_dss_signature(r, s), ec.ECDSA(hashes.SHA256())
            return lambda: key.public.verify(der, signed, how)
        case "EdDSA":
            return lambda: key.public.verify(signature, signed)
    pad, sha = padding.PKCS1v15(), hashes.SHA256()
    return lambda: key.public.verify(signature, signed, pad, sha)


@DEEDS
def bare_hash() -> Callable[[], object]:
    """Hash the same token and look the digest up."""
    token, sha = logged_in()["access_token"].encode(), hashlib.sha256
    held = {sha(token).digest(): 1}
    return lambda: held[sha(token).digest()]


@DEEDS
def among_many(tokens: int, orders: int) -> Callable[[], object]:
    """Authenticate by one of many tokens, in random order, beside that many live orders."""
    first = logged_in()["access_token"]
    insert_orders(orders)
    MIRROR.forget()
    while MIRROR.stale() is not None:  # the first load
        time.sleep(0.1)
    shown_ones = [bearer(token)["HTTP_AUTHORIZATION"] for token in like(first, tokens)]
    picked = random.Random(1).choices(shown_ones, k=5 * tokens)  # noqa: S311 - the same each time
    request, authenticate = shown(first), TokenAuthentication().authenticate
    meta, following = request.META, itertools.cycle(picked)

    def deed() -> object:
        meta["HTTP_AUTHORIZATION"] = next(following)
        return authenticate(request)

    for _ in range(5 * tokens):
        deed()
    return deed


def like(token: str, many: int) -> list[str]:
    """Tokens as this one, each of a session of its own."""
    model, _ = claims.read(from_base64url(token.encode().split(b".")[1]), kid="")
    key = KEYRING.signing()
    return [
        access.signed(
            model._replace(
                sub=str(number),
                jti=uuid.uuid4().hex[:22],
                session=str(uuid.uuid4()),
                device=str(uuid.uuid4()),
            ),
            key,
        )
        for number in range(many)
    ]


def insert_orders(many: int) -> None:
    """Live orders that end sessions, numbered."""
    MIRROR.stale()  # the plane's row is there
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tokenauth_revocationorder (number, kind, key, floor, until, at, cause, actor) "
            "SELECT (SELECT n FROM tokenauth_plane) + n, 6, gen_random_uuid()::text, 0, "
            "now() + interval '6 hours', now(), 'revoked', '' FROM generate_series(1, %s) n",
            [many],
        )
        cursor.execute("UPDATE tokenauth_plane SET n = n + %s", [many])


@DEEDS
def entry_size(tokens: int = 5_000) -> Callable[[], object]:
    """Bytes that a remembered token takes."""
    found = [
        verify.access_token(
            token.encode(),
            keys=KEYRING.current().access,
            issuer=conf.current().ISSUER,
            leeway=10,
            now=time.time(),
        )
        for token in like(logged_in()["access_token"], tokens)
    ]

    def deed() -> float:
        cache = VerifiedTokens(lambda: 4 * tokens)
        tracemalloc.start()
        try:
            for number, each in enumerate(found):
                assert isinstance(each, AccessClaims)  # noqa: S101 - signed just now
                # as a request brings them: nothing is shared with another token before it is put in
                fresh = each._replace(
                    sub=_copy(each.sub),
                    jti=_copy(each.jti),
                    session=_copy(each.session),
                    device=_copy(each.device),
                )
                cache.put(b"%d" % number, fresh)
                del fresh
            return tracemalloc.get_traced_memory()[0] / tokens
        finally:
            tracemalloc.stop()

    return deed


def _copy(text: str) -> str:
    return text.encode().decode()


@DEEDS
def view(path: str) -> Callable[[], object]:
    """Ask for a view with a token that was seen before."""
    headers = bearer(logged_in()["access_token"])
    return lambda: SITE.get(path, **headers)


# -- refresh


@DEEDS
def refresh(by: str = "due") -> Callable[[], object]:
    """Exchange the newest refresh token of a session."""
    token = logged_in(by=by)["refresh_token"]

    def deed() -> None:
        nonlocal token
        sent = {"refresh_token": token, "client_id": by}
        token = SITE.post("/auth/token/refresh/", sent)["refresh_token"]

    return deed


@DEEDS
def header() -> Callable[[], object]:
    """The header by which a server's user shows a token."""
    token = logged_in()["access_token"]
    return lambda: bearer(token)["HTTP_AUTHORIZATION"]


@DEEDS
def client_secret() -> Callable[[], object]:
    """Check a client's secret."""
    client = Client.objects.create(client_id=f"service-{next(_NUMBERS)}", name="Service", kind="service")
    secret, at = Hidden(make_secret(client)), timezone.now()
    DIRECTORY.forget()
    name = client.client_id
    return lambda: clients.authenticated(name, secret, at=at)


# -- login, introspection, the user's own list


@DEEDS
def login() -> Callable[[], object]:
    """Log a user in again on his device."""
    user = new_user()
    sent = {
        "username": user.username,
        "password": PASSWORD,
        "client_id": app("web").client_id,
        "device": {"id": "bench", "name": "Bench"},
    }
    return lambda: SITE.post("/auth/login/", sent)


@DEEDS
def introspect() -> Callable[[], object]:
    """Ask, as a resource server, what a token is worth."""
    server = Client.objects.create(
        client_id="https://orders.test", name="Orders", kind="resource", audiences=["https://bench.test"]
    )
    credentials = f"{quote(server.client_id, safe='')}:{make_secret(server)}"
    DIRECTORY.forget()
    basic = {"HTTP_AUTHORIZATION": f"Basic {base64.b64encode(credentials.encode()).decode()}"}
    sent = {"token": logged_in()["access_token"]}

    def deed() -> None:
        if not SITE.post("/auth/token/introspect/", sent, form=True, **basic)["active"]:
            raise ValueError("the token is refused")

    return deed


@DEEDS
def sessions(many: int) -> Callable[[], object]:
    """List a user's own sessions."""
    user = new_user()
    token = [logged_in(user) for _ in range(many)][-1]["access_token"]
    return lambda: SITE.get("/auth/sessions/", **bearer(token))


# -- revoking, and deleting what is past


def copies(family: UUID, many: int, **instead: str) -> None:
    """Insert copies of a session's row, columns of which are said in SQL; their ids rise with time."""
    columns = [str(each.column) for each in TokenFamily._meta.local_concrete_fields]
    values = {
        "id": "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - 864000000 + n), 12, '0') || '7' || "
        "substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid",
        "live_device": "NULL",
        **instead,
    }
    names = ", ".join(columns)
    selected = ", ".join(values.get(column, f"f.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO tokenauth_tokenfamily ({names}) SELECT {selected} "  # noqa: S608 - only our names
            "FROM tokenauth_tokenfamily f, generate_series(1, %s) n WHERE f.id = %s",
            [many, family],
        )


@DEEDS
def revoke_user(many: int) -> Callable[[], object]:
    """Revoke a user with so many sessions."""
    user = new_user()
    session = UUID(logged_in(user)["session_id"])
    if many > 1:
        copies(session, many - 1)
    key = str(user.pk)
    return lambda: revoke(OfUser(key), reason="bench", actor="bench")


_ENDS = ("absolute_expires_at", "refresh_expires_at", "access_expires_at")


class Purge(Consuming):
    """Delete expired sessions."""

    def __init__(self, many: int) -> None:
        self._many = many
        self._session = UUID(logged_in()["session_id"])
        self.batches: list[float] = []

    def ready(self) -> None:
        past = dict.fromkeys(_ENDS, "now() - interval '2 days'")
        copies(self._session, self._many, **past)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE tokenauth_tokenfamily")

    def __call__(self) -> list[float]:
        with timed_transactions() as taken:
            if delete_what_is_past(timezone.now()) < self._many:
                raise ValueError("expired sessions are left")
        return taken


DEEDS.register("purge", Purge)


@contextmanager
def timed_transactions() -> Iterator[list[float]]:
    """Note how long each transaction of the housekeeping takes."""
    taken: list[float] = []
    original = isolation.read_committed

    @contextmanager
    def timed(*, using: str) -> Iterator[None]:
        began = time.perf_counter()
        with original(using=using):
            yield
        taken.append(time.perf_counter() - began)

    isolation.read_committed = timed
    try:
        yield taken
    finally:
        isolation.read_committed = original


@DEEDS
def grown(sessions: int, orders: int) -> Callable[[], object]:
    """Nothing; but from now on the tables hold so many sessions, their logins' events, and orders."""
    session = UUID(logged_in()["session_id"])
    copies(session, sessions, user_key="mod(n, 1000000)::text")
    insert_orders(orders)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tokenauth_tokenevent (at, kind, family, user_key, client_id, device, generation, "
            "branch, cause, actor, mac) SELECT created_at, 1, id, user_key, 'web', device_id, 0, 0, '', '', "
            "'\\x00' FROM tokenauth_tokenfamily"
        )
        cursor.execute("VACUUM ANALYZE")
    MIRROR.forget()
    while MIRROR.stale() is not None:
        time.sleep(0.1)
    return lambda: None
