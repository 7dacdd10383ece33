"""F01: the answer was lost, and the phone stayed in the tunnel for longer than any grace window."""

from typing import Any

import pytest

from tests.factories import ClientFactory
from tests.http import REFRESH, Http
from tests.sessions import Session, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import pair
from tokenauth.flows.outcomes import Repeated, Sibling
from tokenauth.models import TokenEvent, TokenFamily
from tokenauth.models.event import EventKind
from tokenauth.models.family import Transport
from tokenauth.models.key import KeyPurpose
from tokenauth.tokens import refresh
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db

#: Far past the grace window of 10 seconds, well within the idle timeout of 7 days.
DAYS_IN_THE_TUNNEL = 3 * 86_400
ME = "/api/me/"
KEY, OTHER_KEY = "the-key-of-one-attempt", "the-key-of-another-one"


def answered(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def reuses() -> int:
    return TokenEvent.objects.filter(kind=EventKind.REUSE).count()


def late_repeats() -> int:
    return TokenEvent.objects.filter(kind=EventKind.LATE_REPEAT).count()


@pytest.fixture
def in_the_tunnel(clock) -> Session:
    """Token 0 was refreshed, token 1 never arrived, and days went by."""
    session = log_in()
    session.refresh_and_lose_the_answer()
    clock.shift(DAYS_IN_THE_TUNNEL)
    return session


def test_out_of_the_tunnel_it_is_answered_with_another_token(http: Http, ada, web, clock):
    zero = http.log_in(ada, web, device={"id": "phone"})
    lost = answered(http.refresh(zero, web, device_id="phone"))
    clock.shift(DAYS_IN_THE_TUNNEL)

    sibling = answered(http.refresh(zero, web, device_id="phone"))

    assert sibling["refresh_token"] not in (zero["refresh_token"], lost["refresh_token"])
    assert sibling["session_id"] == zero["session_id"]
    assert http.get(ME, bearer=sibling["access_token"]).status_code == 200
    assert http.refresh(sibling, web).status_code == 200


@pytest.mark.parametrize("first", ["the lost token", "the sibling"])
def test_whichever_is_used_first_wins_and_the_other_is_theft(http: Http, ada, web, clock, first):
    zero = http.log_in(ada, web)
    pairs = {"the lost token": answered(http.refresh(zero, web))}
    clock.shift(DAYS_IN_THE_TUNNEL)
    pairs["the sibling"] = answered(http.refresh(zero, web))
    winner = answered(http.refresh(pairs.pop(first), web))
    (loser,) = pairs.values()

    answer = http.refresh(loser, web)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert TokenFamily.objects.get().cause == "reuse"
    assert reuses() == 1
    assert http.get(ME, bearer=winner["access_token"]).status_code == 401
    assert http.refresh(winner, web).status_code == 400


def test_it_may_be_repeated_late_until_one_of_the_answers_was_used(http: Http, ada, web, clock):
    zero = http.log_in(ada, web)
    answers = [answered(http.refresh(zero, web))]
    for _ in range(3):
        clock.shift(3600)
        answers.append(answered(http.refresh(zero, web)))
    assert len({answer["refresh_token"] for answer in answers}) == 4
    answered(http.refresh(answers[2], web))

    answer = http.refresh(zero, web)

    assert answer.status_code == 400
    assert TokenFamily.objects.get().cause == "reuse"


def test_each_late_repeat_is_an_event(http: Http, ada, web, clock):
    zero = http.log_in(ada, web)
    http.refresh(zero, web)

    for times in (1, 2):
        clock.shift(3600)
        http.refresh(zero, web)

        assert late_repeats() == times
    assert reuses() == 0


def test_not_in_another_clients_name(http: Http, ada, web, clock):
    zero = http.log_in(ada, web)
    http.refresh(zero, web)
    clock.shift(DAYS_IN_THE_TUNNEL)

    answer = http.refresh(zero, ClientFactory())

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert late_repeats() == 0
    assert http.refresh(zero, web).status_code == 200


def test_not_by_another_transport(in_the_tunnel):
    session = in_the_tunnel

    outcome = session.show(session.pair.refresh_token, transport=Transport.COOKIE)

    assert outcome == Refused(Cause.BINDING, session.family_id)
    assert isinstance(session.show(session.pair.refresh_token), Sibling)


def test_not_without_the_key_that_the_family_is_bound_to(in_the_tunnel):
    session = in_the_tunnel
    token = bound_to_a_key(session)

    outcome = session.show(token)

    assert outcome == Refused(Cause.PROOF, session.family_id)
    assert late_repeats() == 0
    assert session.family.revoked_at is None


def bound_to_a_key(session: Session) -> str:
    """Make the session one that has a proof key, and return its token 0."""
    TokenFamily.objects.filter(pk=session.family_id).update(jkt="x" * 43)
    family = session.family
    return refresh.made(
        pair.identity_of(family),
        KEYRING.active(KeyPurpose.REFRESH),
        issuer="https://issuer.test",
        generation=0,
        branch=0,
        iat=int(family.created_at.timestamp()),
        exp=int(family.refresh_expires_at.timestamp()),
    )


def test_an_exact_family_needs_the_same_idempotency_key(clock):
    session = log_in(client=ClientFactory(exact=True))
    lost = session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(DAYS_IN_THE_TUNNEL)

    outcome = session.show(session.pair.refresh_token, key=KEY)

    assert isinstance(outcome, Repeated)
    assert outcome.pair.refresh_token == lost.refresh_token


@pytest.mark.parametrize("key", [OTHER_KEY, None], ids=["another", "none"])
def test_in_an_exact_family_any_other_key_is_theft(clock, key):
    session = log_in(client=ClientFactory(exact=True))
    session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(DAYS_IN_THE_TUNNEL)

    outcome = session.show(session.pair.refresh_token, key=key)

    assert outcome == Refused(Cause.REUSE, session.family_id)
    assert reuses() == 1


def test_a_lost_request_and_a_lost_answer_look_alike_over_http(http: Http, ada, clock):
    exact = ClientFactory(client_id="exact", exact=True)
    zero = http.log_in(ada, exact)
    body = {"refresh_token": zero["refresh_token"], "client_id": "exact"}
    lost = answered(http.post(REFRESH, body, Idempotency_Key=KEY))
    clock.shift(DAYS_IN_THE_TUNNEL)

    again = answered(http.post(REFRESH, body, Idempotency_Key=KEY))

    assert again["refresh_token"] == lost["refresh_token"]
    assert http.get(ME, bearer=again["access_token"]).status_code == 200
