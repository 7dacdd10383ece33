"""The exchange of a refresh token, over the real database."""

import pytest

from tests.sessions import answer_of, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import verdict
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling
from tokenauth.models import RevocationOrder, TokenEvent, TokenFamily, rotation
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refresh_makes_the_next_generation(clock):
    session = log_in()
    clock.shift(60)

    outcome = session.show(session.pair.refresh_token)

    assert isinstance(outcome, Rotated)
    assert session.family.generation == 1
    assert session.accepts(outcome.pair.access_token)


def test_the_parent_gets_the_same_pair_inside_the_window(clock):
    session = log_in()
    first = session.refresh_and_lose_the_answer()
    clock.shift(10)

    outcome = session.show(session.pair.refresh_token)

    assert isinstance(outcome, Repeated)
    assert outcome.pair.refresh_token == first.refresh_token


def test_the_parent_gets_a_sibling_after_the_window(clock):
    session = log_in()
    first = session.refresh_and_lose_the_answer()
    clock.shift(11)

    outcome = session.show(session.pair.refresh_token)

    assert isinstance(outcome, Sibling)
    assert outcome.pair.refresh_token != first.refresh_token


def test_a_branch_that_lost_is_theft_and_ends_the_family(clock):
    session = log_in()
    delivered = session.refresh_and_lose_the_answer()
    clock.shift(300)
    sibling = session.refresh()
    newest = session.refresh()

    outcome = session.show(delivered.refresh_token)

    assert outcome == Refused(Cause.REUSE, session.family_id)
    assert not session.accepts(newest.access_token)
    assert not session.accepts(sibling.access_token)
    assert session.show(newest.refresh_token) == Refused(Cause.REUSE, session.family_id)


def test_an_early_refresh_revokes_the_access_tokens_before_it(clock):
    session = log_in()
    before = session.pair

    session.refresh()

    assert not session.accepts(before.access_token)
    assert session.accepts()


def test_a_refresh_near_expiry_writes_no_order(clock):
    session = log_in()
    clock.shift(290)

    session.refresh()

    assert not RevocationOrder.objects.exists()


def test_every_generation_and_branch_has_exactly_one_event(clock):
    session = log_in()
    session.refresh()
    session.refresh_and_lose_the_answer()
    clock.shift(60)
    session.refresh()
    answer_of(session.show(session.pair.refresh_token))

    written = TokenEvent.objects.of_family(session.family_id).values_list("kind", "generation", "branch")

    assert list(written) == [
        (EventKind.ISSUED, 0, 0),
        (EventKind.ROTATED, 1, 0),
        (EventKind.ROTATED, 2, 0),
        (EventKind.LATE_REPEAT, 2, 1),
        (EventKind.ROTATED, 3, 0),
    ]


def test_a_family_that_asks_too_often_is_throttled_and_loses_nothing(clock, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"refresh_family": "2/minute"}}
    session, other = log_in(), log_in()
    session.refresh()
    session.refresh()

    outcome = session.show(session.pair.refresh_token)
    clock.shift(61)

    assert isinstance(outcome, Refused)
    assert outcome.cause is Cause.THROTTLED
    assert outcome.retry_after is not None
    assert session.refresh()
    assert other.refresh()


def test_theft_is_found_whatever_the_limit(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"refresh_family": "2/minute"}}
    session = log_in()
    stolen = session.pair
    session.refresh()
    session.refresh()

    assert session.show(stolen.refresh_token) == Refused(Cause.REUSE, session.family_id)


@pytest.mark.parametrize("spelled", [str.upper, str.lower, lambda id_: id_.replace("-", "")])
def test_a_public_device_id_is_the_same_in_any_spelling(spelled):
    session = log_in()

    assert session.refresh(device_id=spelled(str(session.pair.device_id)))


def test_of_several_repeats_one_is_an_event(clock):
    session = log_in()
    session.refresh_and_lose_the_answer()
    seen = rotation.read(session.family_id, using="default")
    assert seen is not None

    write = verdict.overlap(seen, Moment())

    assert [rotation.swap(seen.family, write, using="default") for _ in range(2)] == [True, False]


def test_a_policy_that_always_supersedes_ends_what_a_repeat_made_longer(clock, settings):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "POLICIES": {"browser": {"supersede": "always", "access": 60}},
    }
    session = log_in()
    session.refresh_and_lose_the_answer(key="k" * 16)
    clock.shift(120)
    longer = answer_of(session.show(session.pair.refresh_token, key="k" * 16))
    assert session.accepts(longer.access_token)

    session.pair = longer
    session.refresh()

    assert not session.accepts(longer.access_token)


def test_a_failover_does_not_take_a_devices_time_away(clock):
    session = log_in()
    clock.shift(7 * 86_400 - 60)
    before = TokenFamily.objects.filter(pk=session.family_id).values().get()
    session.refresh()
    TokenFamily.objects.filter(pk=session.family_id).update(**before)  # the newest commit was lost
    clock.shift(300)

    outcome = session.show(session.pair.refresh_token)

    assert isinstance(outcome, Rotated)
    assert outcome.adopted
