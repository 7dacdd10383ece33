"""Without a trigger: what neither save() nor delete() tells is found by how an account looked before."""

from importlib import import_module

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tests.factories import BETTER_HASHERS, PASSWORD, ClientFactory, UserFactory
from tests.sessions import claims_of, known, log_in
from tokenauth import receivers
from tokenauth.errors import Cause, Refused
from tokenauth.flows import reencoding_passwords
from tokenauth.flows.account_changes import settle
from tokenauth.flows.introspect import Active, Inactive, introspect
from tokenauth.flows.keep import keep
from tokenauth.flows.revoke import revoke
from tokenauth.models import AccountState, RevocationOrder
from tokenauth.models.order import OrderKind
from tokenauth.models.users import key_of
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db
ISSUE = import_module("tokenauth.flows.issue")  # the package's attribute is the function


def rows(session):
    return get_user_model().objects.filter(pk=session.user.pk)


def changed_by_update(session):
    rows(session).update(password=make_password("another one"))


def deactivated_by_sql(session):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET is_active = %s WHERE id = %s", [False, session.user.pk])


def orders_of(session) -> int:
    return RevocationOrder.objects.filter(kind=OrderKind.USER, key=key_of(session.user)).count()


def looks_of(session) -> bytes | None:
    return AccountState.objects.get(pk=key_of(session.user)).fingerprint


class TestARefresh:
    def test_ends_all_sessions_of_an_account_that_changed_unseen(self):
        phone = log_in()
        laptop = log_in(phone.user)
        changed_by_update(phone)

        outcome = phone.show(phone.pair.refresh_token)

        assert outcome == Refused(Cause.ACCOUNT_CHANGED, phone.family_id)
        assert phone.is_dead()
        assert laptop.is_dead()
        assert orders_of(phone) == 1

    def test_ends_them_where_a_named_column_changed(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "TRIGGER_COLUMNS": ("email",)}
        session = log_in()
        rows(session).update(email="else@example.test")

        assert session.show(session.pair.refresh_token) == Refused(Cause.ACCOUNT_CHANGED, session.family_id)

    def test_minds_no_other_column(self):
        session = log_in()
        rows(session).update(last_name="Byron", email="else@example.test")

        assert session.refresh()

    def test_takes_one_unusable_password_for_another(self):
        session = log_in(UserFactory(password=None))
        rows(session).update(password=make_password(None))

        assert session.refresh()

    @pytest.mark.postgres
    def test_costs_no_statement_more(self):
        session = log_in()

        with CaptureQueriesContext(connection) as seen:
            session.refresh()

        of_the_family = [query for query in seen.captured_queries if "tokenfamily" in query["sql"]]
        assert len(of_the_family) == 2
        assert not [query for query in seen.captured_queries if query["sql"].startswith('SELECT "auth_user"')]

    def test_of_a_changed_secret_key_sees_no_change(self, settings):
        session = log_in()
        before = looks_of(session)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another one, also of no use anywhere else"

        assert session.refresh()
        assert looks_of(session) == before

    def test_sees_no_change_where_an_account_was_never_stamped(self):
        session = log_in()
        AccountState.objects.forget_looks()
        changed_by_update(session)

        assert session.refresh()


class TestALogin:
    def test_stamps_how_the_account_looks(self):
        session = log_in()

        assert len(bytes(looks_of(session))) == 32

    def test_hides_no_change_before_it(self):
        old = log_in()
        changed_by_update(old)

        new = log_in(rows(old).get())

        assert old.is_dead()
        assert new.accepts()
        assert new.refresh()

    def test_that_was_overtaken_by_a_revocation_is_refused_beside_an_unseen_change(self, monkeypatch):
        """Guarantee 8: the epoch of the unseen change must not lift it over another's."""
        old = log_in()
        changed_by_update(old)
        user = rows(old).get()
        stamps = ISSUE._stamps

        def revoked_right_after(*args):
            found = stamps(*args)
            revoke(OfUser(key_of(user)))
            return found

        monkeypatch.setattr(ISSUE, "_stamps", revoked_right_after)

        with pytest.raises(AssertionError, match="CREDENTIALS"):
            log_in(user)

    def test_with_a_better_hasher_that_another_overtakes_is_no_change(self, monkeypatch):
        session = log_in()
        first, second = rows(session).get(), rows(session).get()
        noted = receivers.note_better_hash

        def overtaken(*args, **kwargs):
            monkeypatch.setattr(receivers, "note_better_hash", noted)
            assert first.check_password(PASSWORD)
            noted(*args, **kwargs)

        monkeypatch.setattr(receivers, "note_better_hash", overtaken)
        with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
            assert second.check_password(PASSWORD)

        assert session.refresh()
        assert orders_of(session) == 0

    def test_with_a_better_hasher_hides_no_change_before_it(self):
        old = log_in()
        changed_by_update(old)
        with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
            user = rows(old).get()
            assert user.check_password("another one")  # and so stores the better hash

            new = log_in(rows(old).get())

        assert old.is_dead()
        assert new.accepts()


class TestASave:
    def test_is_stamped_with_the_revocation(self):
        session = log_in()
        session.user.set_password("another one")
        session.user.save()

        again = log_in(session.user)

        assert again.refresh()
        assert orders_of(session) == 1

    def test_of_a_better_hash_is_stamped_and_ends_nothing(self):
        session = log_in()
        with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
            assert rows(session).get().check_password(PASSWORD)
            assert session.refresh()
        assert orders_of(session) == 0

    def test_that_is_rolled_back_leaves_the_looks(self):
        session = log_in()
        before = looks_of(session)
        with transaction.atomic():
            session.user.set_password("another one")
            session.user.save()
            transaction.set_rollback(True)

        assert looks_of(session) == before
        assert session.refresh()

    def test_of_a_single_field_is_judged_by_the_row_and_not_by_what_was_loaded(self):
        session = log_in()
        stale = rows(session).get()
        deactivated_by_sql(session)
        session.show(session.pair.refresh_token)
        rows(session).update(is_active=True)
        settle(key_of(session.user))
        again = log_in(rows(session).get())
        stale.is_active = False  # not among what is saved
        stale.set_password("another one")
        stale.save(update_fields=["password"])

        assert again.is_dead()
        assert log_in(rows(session).get()).refresh()


class TestOthersThatLook:
    def test_introspection_calls_the_token_inactive(self):
        resource = known(ClientFactory(resource=True, audiences=["https://issuer.test"]))
        session = log_in()
        assert isinstance(introspect(session.pair.access_token, caller=resource), Active)

        changed_by_update(session)

        assert introspect(session.pair.access_token, caller=resource) == Inactive()

    def test_keep_ends_the_others_where_the_change_is_an_update(self, rf):
        own = log_in()
        other = log_in(own.user)
        request = rf.post("/")
        request.auth = claims_of(own.pair.access_token)

        with keep(request, own.user) as kept:
            changed_by_update(own)
        own.pair = kept.pair

        assert own.accepts()
        assert own.refresh()
        assert other.is_dead()

    def test_encoding_all_passwords_anew_ends_nothing(self):
        session = log_in()
        with reencoding_passwords():
            changed_by_update(session)

        assert session.refresh()
        assert orders_of(session) == 0
