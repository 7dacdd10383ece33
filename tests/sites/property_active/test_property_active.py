"""F10 (a): whether a user is active is a property of his, not a column."""

from datetime import date, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.factories import PASSWORD
from tests.http import LOGIN, Http
from tests.sites import everyday
from tests.sites.everyday import is_alive, is_over, rows
from tokenauth.flows.housekeeping import JOBS, run
from tokenauth.models import RevocationOrder, TokenFamily, users

pytestmark = pytest.mark.django_db(transaction=True)

YESTERDAY = date.today() - timedelta(days=1)


def leave(user):
    user = get_user_model().objects.get(pk=user.pk)
    user.left_on = YESTERDAY
    user.save()


def leave_by_update(user):
    rows(user).update(left_on=YESTERDAY)


class TestEndpoints(everyday.Endpoints):
    def test_whoever_has_left_does_not_log_in(self, http: Http, ada, web):
        leave(ada)

        body = {"username": ada.email, "password": PASSWORD, "client_id": "web"}

        assert http.post(LOGIN, body).json()["error"] == "invalid_grant"

    def test_whoever_leaves_later_is_still_let_in(self, http: Http, ada, web):
        rows(ada).update(left_on=date.today() + timedelta(days=1))

        assert is_alive(http, http.log_in(ada, web))


class TestWithoutTheColumnNamed:
    """A site that names no TRIGGER_COLUMNS: the backend is asked at each refresh."""

    @pytest.fixture(autouse=True)
    def names_no_column(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "TRIGGER_COLUMNS": ()}

    @pytest.mark.parametrize("leaves", [leave, leave_by_update])
    def test_the_next_refresh_is_refused_and_ends_the_family(self, http: Http, ada, web, leaves):
        tokens = http.refresh(http.log_in(ada, web), web).json()

        leaves(ada)
        answer = http.refresh(tokens, web)

        assert (answer.json()["error"], answer.json()["reauthenticate"]) == ("invalid_grant", True)
        assert TokenFamily.objects.get().cause == "account_gone"
        assert not is_alive(http, tokens)


class TestChangesWithoutTriggers(everyday.ChangesSeenBySignals):
    def test_whoever_leaves_has_no_tokens(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        leave(ada)

        assert is_over(http, tokens, web)


class TestChangesWithTriggers(everyday.ChangesSeenByTriggers):
    @pytest.mark.parametrize("leaves", [leave, leave_by_update])
    def test_whoever_leaves_has_no_tokens(self, http: Http, ada, web, leaves):
        tokens = http.log_in(ada, web)

        leaves(ada)

        assert is_over(http, tokens, web)
        assert RevocationOrder.objects.filter(key=users.key_of(ada)).count() == 1


@pytest.mark.usefixtures("triggers")
def test_no_housekeeping_asks_for_a_column(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    leave_by_update(ada)

    for name in JOBS:
        run(name, force=True)

    family = TokenFamily.objects.get(pk=tokens["session_id"])
    assert (family.cause, family.revoked_at <= timezone.now()) == ("account_changed", True)


class TestAdmin(everyday.Admin):
    pass
