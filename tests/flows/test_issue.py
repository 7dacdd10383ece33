"""Making a family: what was seen before authentication must still stand."""

import threading
from importlib import import_module

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

from tests.factories import ClientFactory, UserFactory
from tests.sessions import BACKEND, Session, known, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import issue, revoke
from tokenauth.flows.asked import DeviceAsked, LoginAsked
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.seen import before_authentication
from tokenauth.models import TokenFamily, users
from tokenauth.models.device import DeviceQuerySet
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import Everything, OfClient, OfDevice, OfUser

ISSUE = import_module("tokenauth.flows.issue")  # the package's attribute is the function
ALLOW_ALL = "django.contrib.auth.backends.AllowAllUsersModelBackend"

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_namesake_locks_nobody_out():
    """A site with an e-mail backend: somebody chose the victim's address as his user name."""
    victim, namesake = UserFactory(email="v@example.test"), UserFactory(username="v@example.test")
    client = ClientFactory()
    revoke(OfUser(users.key_of(namesake)))
    seen = before_authentication(client_pk=client.pk, username="v@example.test")

    outcome = issue(victim, asked=LoginAsked(client=known(client)), backend=BACKEND, seen=seen)

    assert isinstance(outcome, Issued)


@pytest.mark.parametrize("lost", [False, True], ids=["revoked", "lost"])
def test_a_device_that_is_revoked_meanwhile_stops_a_login_that_names_no_user(lost):
    session = log_in(device="phone")
    asked = LoginAsked(client=known(session.client), device=DeviceAsked(id="phone"))
    seen = before_authentication(client_pk=session.client.pk, device_id="phone")
    revoke(OfDevice(session.pair.device_id, lost=lost))

    outcome = issue(session.user, asked=asked, backend=BACKEND, seen=seen)

    assert outcome == Refused(Cause.CREDENTIALS)


def issued(user, *, backend=BACKEND):
    """As a site's own login does, which asks nobody but itself who he is."""
    client = ClientFactory()
    seen = before_authentication(client_pk=client.pk)
    return issue(user, asked=LoginAsked(client=known(client)), backend=backend, seen=seen)


def test_a_user_who_was_read_before_he_was_deactivated_is_refused():
    user = UserFactory()
    get_user_model().objects.update(is_active=False)

    assert issued(user) == Refused(Cause.CREDENTIALS)


def test_a_user_who_was_made_to_look_active_in_memory_is_refused():
    user = UserFactory(is_active=False)
    user.is_active = True

    assert issued(user) == Refused(Cause.CREDENTIALS)


def test_a_user_who_was_deleted_meanwhile_is_refused():
    user = UserFactory()
    get_user_model().objects.all().delete()

    assert issued(user) == Refused(Cause.CREDENTIALS)


def test_an_inactive_user_is_refused_whoever_calls():
    assert issued(UserFactory(is_active=False)) == Refused(Cause.INACTIVE)


def test_an_inactive_user_is_let_in_by_a_backend_that_allows_it(settings):
    settings.AUTHENTICATION_BACKENDS = [ALLOW_ALL]

    assert isinstance(issued(UserFactory(is_active=False), backend=ALLOW_ALL), Issued)


def test_a_backend_that_the_site_does_not_have_lets_nobody_in():
    assert issued(UserFactory(), backend=ALLOW_ALL) == Refused(Cause.INACTIVE)


@pytest.mark.parametrize("subject", [OfUser, OfClient, Everything], ids=["user", "client", "site"])
def test_a_revocation_of_which_this_process_hears_while_it_compares_is_no_set_back_database(
    subject, monkeypatch
):
    """The new epoch must not be stamped on a login that began before it."""
    user, client = UserFactory(), ClientFactory()
    subjects = {OfUser: (users.key_of(user),), OfClient: (client.client_id,), Everything: ()}
    compare = ISSUE._standing_now

    def revoked_right_after(*args):
        now = compare(*args)
        revoke(subject(*subjects[subject]))
        assert MIRROR.stale() is None
        return now

    monkeypatch.setattr(ISSUE, "_standing_now", revoked_right_after)
    outcome = issue(user, asked=LoginAsked(client=known(client)), backend=BACKEND)

    assert outcome == Refused(Cause.CREDENTIALS) or Session(user, client, outcome.pair).is_dead()


def test_a_device_that_is_revoked_while_its_login_is_written_is_none_of_a_set_back_database(monkeypatch):
    session = log_in(device="phone")
    asked = LoginAsked(client=known(session.client), device=DeviceAsked(id="phone"))
    seen = before_authentication(client_pk=session.client.pk, device_id="phone")
    find = DeviceQuerySet.known_as

    def revoked_right_after(self, *args, **kwargs):
        found = list(find(self, *args, **kwargs))
        revoke(OfDevice(session.pair.device_id))
        assert MIRROR.stale() is None
        return found

    monkeypatch.setattr(DeviceQuerySet, "known_as", revoked_right_after)
    outcome = issue(session.user, asked=asked, backend=BACKEND, seen=seen)

    assert outcome == Refused(Cause.CREDENTIALS)


def test_logins_at_once_do_not_pass_the_cap(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 3}
    user, client = UserFactory(), ClientFactory()
    asked = LoginAsked(client=known(client))
    outcomes = []

    def login() -> None:
        try:
            outcomes.append(issue(user, asked=asked, backend=BACKEND))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=login) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(isinstance(outcome, Issued) for outcome in outcomes)
    assert TokenFamily.objects.filter(revoked_at=None).count() == 3
