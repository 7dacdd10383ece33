"""Guarantee 10: neither scope, audience nor time grows by refreshing, and the tables grow by events only."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from time_machine import Traveller

from tests.factories import ClientFactory
from tests.sessions import Session, answer_of, claims_of, log_in, why_refused
from tokenauth.errors import Cause, Refused
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling
from tokenauth.models import RevocationOrder, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind
from tokenauth.revocation import numbering

pytestmark = pytest.mark.django_db

W = 10
SHOP, STOCK, ELSEWHERE = "https://shop.test", "https://stock.test", "https://elsewhere.test"
GRANTED = {"scope": "orders:read profile", "audience": (SHOP, STOCK)}
KEY = "a-key-of-one-attempt"


def session_with_a_grant(**client: object) -> Session:
    """A client may have more than this login was granted."""
    allowed = ClientFactory(
        scopes=["orders:read", "orders:write", "profile"], audiences=[SHOP, STOCK, ELSEWHERE], **client
    )
    return log_in(client=allowed, **GRANTED)


def rotates(session: Session, clock: Traveller) -> str:
    return session.pair.refresh_token


def repeats_inside_the_window(session: Session, clock: Traveller) -> str:
    session.refresh_and_lose_the_answer()
    return session.pair.refresh_token


def repeats_for_its_key(session: Session, clock: Traveller) -> str:
    session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(3_600)
    return session.pair.refresh_token


def becomes_a_sibling(session: Session, clock: Traveller) -> str:
    session.refresh_and_lose_the_answer()
    clock.shift(W + 1)
    return session.pair.refresh_token


def is_newer_than_the_database(session: Session, clock: Traveller) -> str:
    row = TokenFamily.objects.filter(pk=session.family_id)
    before = row.values().get()
    session.refresh()
    session.refresh()
    row.update(**before)
    return session.pair.refresh_token


LINES = pytest.mark.parametrize(
    ("line", "expected"),
    [
        (rotates, Rotated),
        (repeats_inside_the_window, Repeated),
        (repeats_for_its_key, Repeated),
        (becomes_a_sibling, Sibling),
        (is_newer_than_the_database, Rotated),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)


def everything_stored(session: Session) -> tuple[object, ...]:
    rows = [row_counts(), TokenFamily.objects.filter(pk=session.family_id).values().get()]
    return tuple(rows)


def row_counts() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in apps.get_app_config("tokenauth").get_models()}


# --- scope and audience -------------------------------------------------------------------------------


@LINES
@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ({"scope": "orders:write"}, Cause.SCOPE),
        ({"scope": "orders:read orders:write"}, Cause.SCOPE),
        ({"scope": "orders:read  profile"}, Cause.SCOPE),
        ({"audience": (ELSEWHERE,)}, Cause.AUDIENCE),
        ({"audience": (SHOP, ELSEWHERE)}, Cause.AUDIENCE),
        ({"audience": (SHOP + "/",)}, Cause.AUDIENCE),
    ],
    ids=str,
)
def test_asking_for_more_than_was_granted_is_refused_and_consumes_nothing(
    clock, line, expected, asked, cause
):
    session = session_with_a_grant()
    token = line(session, clock)
    before = everything_stored(session)

    outcome = session.show(token, key=KEY, **asked)

    assert outcome == Refused(cause, session.family_id)
    assert everything_stored(session) == before
    assert isinstance(session.show(token, key=KEY), expected)


@LINES
def test_asking_for_less_narrows_one_access_token_and_no_grant(clock, line, expected):
    session = session_with_a_grant()
    token = line(session, clock)

    narrowed = session.show(token, key=KEY, scope="profile", audience=(STOCK,))

    assert isinstance(narrowed, expected)
    claims = claims_of(narrowed.pair.access_token)
    assert (claims.scope, claims.aud, narrowed.pair.scope) == ("profile", (STOCK,), "profile")
    whole = claims_of(answer_of(session.show(narrowed.pair.refresh_token)).access_token)
    assert (whole.scope, whole.aud) == (GRANTED["scope"], GRANTED["audience"])


def test_a_repeat_with_another_scope_gets_the_same_refresh_token(clock):
    session = session_with_a_grant()
    lost = session.refresh_and_lose_the_answer(scope="profile")

    again = session.refresh_and_lose_the_answer(scope="orders:read")

    assert again.refresh_token == lost.refresh_token
    assert claims_of(again.access_token).scope == "orders:read"
    assert claims_of(again.access_token).jti != claims_of(lost.access_token).jti


def test_a_client_that_is_allowed_more_later_gets_no_more_for_an_old_session(clock):
    session = log_in(client=ClientFactory(scopes=["profile"], audiences=[SHOP]), audience=(SHOP,))
    session.client.scopes, session.client.audiences = ["profile", "orders:write"], [SHOP, STOCK]
    session.client.save()

    assert session.show(session.pair.refresh_token, scope="orders:write").cause is Cause.SCOPE
    assert session.show(session.pair.refresh_token, audience=(STOCK,)).cause is Cause.AUDIENCE
    assert claims_of(session.refresh().access_token).scope == "profile"


@pytest.mark.parametrize("asked", [{"scope": "orders:write"}, {"audience": (ELSEWHERE,)}], ids=str)
def test_a_stolen_token_is_found_whatever_it_asks_for(clock, asked):
    session = session_with_a_grant()
    stolen = session.pair.refresh_token
    session.refresh()
    session.refresh()

    assert session.show(stolen, **asked) == Refused(Cause.REUSE, session.family_id)
    assert session.family.revoked_at is not None


# --- time ---------------------------------------------------------------------------------------------

SHORT = {"short": {"access": 300, "idle": 3_600, "absolute": 7_200}}


@pytest.fixture
def short(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": SHORT}
    return log_in(client=ClientFactory(policy="short"))


@pytest.mark.parametrize("every", [137, 290, 601, 1_800])
def test_no_chain_of_refreshes_repeats_and_siblings_outlives_the_absolute_timeout(clock, short, every):
    end = short.family.absolute_expires_at
    began, answers = end - timedelta(seconds=7_200), 0

    for second in range(every, 7_200, every):
        clock.move_to(began + timedelta(seconds=second))
        lost = short.refresh_and_lose_the_answer(key=KEY)
        degraded = short.refresh_and_lose_the_answer(key=KEY)
        clock.shift(min(W + 1, every - 1))
        sibling = answer_of(short.show(short.pair.refresh_token, key="another-key-of-a-tab"))
        for pair in (lost, degraded, sibling):
            assert claims_of(pair.access_token).exp <= end.timestamp()
            assert max(pair.access_expires_at, pair.refresh_expires_at) <= end
        assert short.family.absolute_expires_at == end
        short.refresh(key="another-key-of-a-tab")
        answers += 1

    clock.move_to(end)
    assert answers >= 3
    assert short.show(short.pair.refresh_token) == Refused(Cause.ABSOLUTE, short.family_id)


def test_a_late_repeat_of_a_degraded_access_token_ends_with_the_family(clock, short):
    for _ in range(2):
        clock.shift(3_300)
        short.refresh()
    short.refresh_and_lose_the_answer(key=KEY)
    clock.shift(500)

    again = short.refresh(key=KEY)

    assert short.family.absolute_expires_at.timestamp() == claims_of(again.access_token).exp
    assert claims_of(again.access_token).exp == claims_of(again.access_token).iat + 100


def test_the_last_access_token_dies_with_the_family(clock, short):
    end = short.family.absolute_expires_at
    for _ in range(2):
        clock.shift(3_590)
        short.refresh()
    leeway = timedelta(seconds=10)

    assert short.accepts()
    clock.move_to(end + leeway)
    assert why_refused(short.pair.access_token).cause is Cause.EXPIRED


@pytest.mark.django_db(transaction=True)
def test_expires_in_is_what_remains_near_the_end(clock, client, short):
    for _ in range(2):
        clock.shift(3_550)
        short.refresh()

    body = {"refresh_token": short.pair.refresh_token, "client_id": short.client.client_id}
    answer = client.post("/auth/token/refresh/", body, content_type="application/json", secure=True).json()

    assert (answer["expires_in"], answer["refresh_expires_in"]) == (100, 100)


@LINES
def test_how_and_when_the_user_authenticated_never_changes_by_refreshing(clock, line, expected):
    session = session_with_a_grant()
    TokenFamily.objects.filter(pk=session.family_id).update(acr="urn:test:silver", amr="otp pwd")
    logged_in = claims_of(session.pair.access_token).auth_time
    clock.shift(3_000)
    token = line(session, clock)
    clock.shift(3)

    claims = claims_of(answer_of(session.show(token, key=KEY)).access_token)

    assert (claims.acr, claims.amr, claims.auth_time) == ("urn:test:silver", ("otp", "pwd"), logged_in)
    assert session.family.auth_time.timestamp() == logged_in
    assert session.family.created_at.timestamp() == logged_in


# --- rows ---------------------------------------------------------------------------------------------


def grown(before: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in row_counts().items() if count != before[name]}


@pytest.mark.django_db(transaction=True)
def test_a_refresh_adds_one_event_and_nothing_else(clock):
    session = log_in()
    before = row_counts()

    for _ in range(25):
        clock.shift(290)
        session.refresh()

    assert grown(before) == {"TokenEvent": 25}


@pytest.mark.django_db(transaction=True)
def test_an_early_refresh_adds_one_order_that_is_bound_to_expire(clock):
    session = log_in()
    before = row_counts()

    session.refresh()

    assert grown(before) == {"TokenEvent": 1, "RevocationOrder": 1}
    numbering.number_visible(connection)  # as the next poll of any process does
    assert RevocationOrder.objects.get().until is not None


@pytest.mark.django_db(transaction=True)
def test_a_token_that_is_hammered_inside_the_window_adds_one_event_for_all_of_it(clock):
    session = log_in()
    session.refresh_and_lose_the_answer()
    before = row_counts()

    for _ in range(100):
        session.refresh_and_lose_the_answer()

    assert grown(before) == {"TokenEvent": 1}
    newest = TokenEvent.objects.of_family(session.family_id).last()
    assert (newest.kind, newest.generation, newest.branch) == (EventKind.REPEATED, 1, 0)


def test_a_token_that_is_hammered_with_its_key_adds_no_row_at_all(clock):
    session = log_in(client=ClientFactory(exact=True))
    session.refresh_and_lose_the_answer(key=KEY)
    before = everything_stored(session)

    for minutes in range(100):
        clock.shift(60 * (minutes % 2))
        session.refresh_and_lose_the_answer(key=KEY)

    assert everything_stored(session) == before


def test_a_token_of_a_dead_family_that_is_hammered_adds_no_row_at_all(clock):
    session = log_in()
    stolen = session.pair.refresh_token
    session.refresh()
    session.refresh()
    session.show(stolen)
    before = everything_stored(session)

    outcomes = {session.show(token).cause for token in (stolen, session.pair.refresh_token) * 20}

    assert outcomes == {Cause.REUSE}
    assert everything_stored(session) == before


def test_an_expired_token_that_is_hammered_adds_no_row_at_all(clock):
    session = log_in()
    clock.shift(60)
    session.refresh_and_lose_the_answer()
    clock.shift(7 * 86_400 - 60)
    before = everything_stored(session)

    outcomes = {session.show(session.pair.refresh_token).cause for _ in range(20)}

    assert outcomes == {Cause.EXPIRED_PARENT}
    assert everything_stored(session) == before
