"""The keys of a process, on a real database."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import override_settings

from tests.tokens.world import ISSUER, NOW, claims
from tokenauth.errors import NoUsableKey, Refused
from tokenauth.models.catalogue import Catalogue, Held
from tokenauth.models.key import SLOT, KeyPurpose, KeyRecord, KeyState
from tokenauth.tokens import access, records, verify
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.envelope import seal
from tokenauth.tokens.keyring import KEYRING, Keyring
from tokenauth.tokens.keys import Secret, access_key, new_access_secret

AT = datetime(2026, 11, 25, 3, 4, 5, 678_901, tzinfo=UTC)


def signing_kid(keyring: Keyring = KEYRING) -> str:
    return keyring.signing().kid


def change(kid: str, **columns: Any) -> None:
    """Write into the table past everything, as one who got hold of the database can."""
    assert KeyRecord.objects.filter(pk=kid).update(**columns) == 1
    KEYRING.forget()


def committed(purpose: KeyPurpose, state: KeyState) -> KeyRecord:
    with transaction.atomic():
        made = records.make(purpose, state, at=AT)
        KEYRING.changed()
    return made


class RolledBack(Exception):
    """What a test rolls a transaction back with."""


@contextmanager
def rolled_back() -> Iterator[None]:
    with suppress(RolledBack), transaction.atomic():
        yield
        raise RolledBack


@pytest.mark.django_db
class TestAtFirstNeed:
    def test_a_signing_key_and_its_successor_are_made(self):
        kid = signing_kid()

        states = {record.state: record for record in KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS)}
        assert states.keys() == {KeyState.ACTIVE, KeyState.NEXT}
        assert states[KeyState.ACTIVE].kid == kid

    @pytest.mark.parametrize("purpose", [p for p in KeyPurpose if p != KeyPurpose.ACCESS])
    def test_a_key_of_each_purpose_is_made(self, purpose):
        assert KEYRING.active(purpose).mac(b"x") == KEYRING.active(purpose).mac(b"x")
        assert KeyRecord.objects.filter(purpose=purpose, state=KeyState.ACTIVE).count() == 1

    def test_no_two_purposes_share_a_key(self):
        symmetric = [p for p in KeyPurpose if p != KeyPurpose.ACCESS]

        assert len({KEYRING.active(purpose).mac(b"x") for purpose in symmetric}) == len(symmetric)

    def test_one_need_makes_all_so_that_later_ones_write_nothing(self, django_assert_num_queries):
        signing_kid()

        with django_assert_num_queries(0):
            for purpose in KeyPurpose:
                if purpose != KeyPurpose.ACCESS:
                    KEYRING.active(purpose)

    def test_looking_alone_makes_nothing(self):
        assert KEYRING.current().signing is None
        assert not KeyRecord.objects.exists()

    @pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
    def test_the_setting_decides_the_algorithm_of_new_keys(self, alg, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": alg}

        assert KEYRING.signing().alg == alg

    def test_the_setting_does_not_touch_keys_that_are_there(self, settings):
        kid = signing_kid()
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": "EdDSA"}
        KEYRING.forget()

        assert signing_kid() == kid

    def test_no_secret_lies_in_the_table_or_the_log(self, caplog):
        caplog.set_level(logging.DEBUG)
        KEYRING.signing()

        secrets = [records.opened_secret(record).raw for record in KeyRecord.objects.all()]
        stored = [bytes(record.envelope) for record in KeyRecord.objects.all()]
        assert secrets
        for secret in secrets:
            assert not any(secret in envelope for envelope in stored)
            assert not any(
                text in caplog.text for text in (repr(secret)[2:-1], secret.hex(), to_base64url(secret))
            )


@pytest.mark.django_db
class TestFollowing:
    def test_costs_nothing_while_nothing_changed(self, django_assert_num_queries):
        signing_kid()
        version = KEYRING.current().version

        with django_assert_num_queries(0):
            KEYRING.follow(version)
            KEYRING.current()

    def test_loads_again_when_the_plane_says_so(self):
        keyring = Keyring()
        signing_kid(keyring)
        made = committed(KeyPurpose.ACCESS, KeyState.RETIRING)

        keyring.follow(Catalogue.objects.version_of(Held.KEYS))

        assert made.kid in {key.kid for key in keyring.current().access.values()}

    @pytest.mark.standard("7517-06")
    @pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.KILLED])
    @pytest.mark.parametrize("purpose", [KeyPurpose.ACCESS, KeyPurpose.REFRESH])
    def test_a_key_that_ended_verifies_nothing_any_more(self, purpose, state):
        made = committed(purpose, KeyState.RETIRING)
        held = KEYRING.current().access if purpose == KeyPurpose.ACCESS else KEYRING.current().refresh
        assert made.kid in {key.kid for key in held.values()}

        with transaction.atomic():
            records.end(made, state, at=AT)
            made.save()
            KEYRING.changed()

        keys = KEYRING.current()
        assert made.kid not in {key.kid for key in [*keys.access.values(), *keys.refresh.values()]}
        assert keys.refresh_key(made.kid) is None
        assert bytes(KeyRecord.objects.get(pk=made.kid).envelope) == b""

    def test_a_retiring_key_verifies_and_does_not_sign(self):
        made = committed(KeyPurpose.ACCESS, KeyState.RETIRING)

        assert signing_kid() != made.kid
        assert made.kid in {key.kid for key in KEYRING.current().access.values()}

    @pytest.mark.standard("7517-05")
    def test_the_next_key_verifies_before_it_signs(self):
        """Else a process that has not yet heard of a rotation would refuse fresh tokens."""
        KEYRING.signing()
        following = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.NEXT)
        key = access_key(records.opened_secret(following))

        found = verify.access_token(
            access.signed(claims(), key).encode(),
            keys=KEYRING.current().access,
            issuer=ISSUER,
            leeway=0,
            now=NOW,
        )

        assert isinstance(found, AccessClaims)

    def test_the_one_in_use_comes_first_and_former_ones_still_verify(self):
        former = committed(KeyPurpose.AUDIT, KeyState.RETIRING)

        kids = [key.kid for key in KEYRING.all(KeyPurpose.AUDIT)]

        assert kids[-1] == former.kid
        assert len(kids) == 2

    def test_refresh_tokens_of_former_keys_are_read_even_where_none_is_active(self):
        former = committed(KeyPurpose.REFRESH, KeyState.RETIRING)

        assert KEYRING.current().refresh_key(former.kid) is not None


@pytest.mark.django_db
class TestAnAttackersRow:
    """One leak forges nothing: writing to the database makes no key."""

    def forged(self, purpose: KeyPurpose, state: KeyState, envelope: bytes, kid: str = "forged") -> None:
        KeyRecord.objects.create(
            kid=kid,
            purpose=purpose,
            alg="ES256",
            state=state,
            active_slot=SLOT.get(state),
            envelope=envelope,
            created_at=AT,
        )
        KEYRING.forget()

    @pytest.mark.parametrize("purpose", KeyPurpose)
    @pytest.mark.parametrize("envelope", ["secret", "empty", "noise", "short", "another site", "copied"])
    def test_is_ignored_whatever_it_holds(self, purpose, envelope, caplog):
        signing, pepper = signing_kid(), KEYRING.active(KeyPurpose.PEPPER).kid
        secret = new_access_secret("ES256")
        with override_settings(SECRET_KEY="of the attacker's own site"):
            elsewhere = seal(secret, bound_to=b"")
        own = bytes(KeyRecord.objects.get(pk=signing).envelope)
        forms = {
            "secret": secret.raw,
            "empty": b"",
            "noise": os.urandom(200),
            "short": own[:12],
            "another site": elsewhere,
            "copied": own,
        }

        self.forged(purpose, KeyState.RETIRING, forms[envelope])

        assert signing_kid() == signing
        assert KEYRING.active(KeyPurpose.PEPPER).kid == pepper
        assert "forged" not in {key.kid for key in KEYRING.current().access.values()}
        assert "forged" not in {key.kid for keys in KEYRING.current().symmetric.values() for key in keys}
        assert "key_does_not_open kid=forged" in caplog.text

    def test_a_token_signed_by_it_is_refused(self):
        KEYRING.signing()
        secret = new_access_secret("ES256")
        key = access_key(secret)
        self.forged(KeyPurpose.ACCESS, KeyState.RETIRING, secret.raw, kid=key.kid)

        found = verify.access_token(
            access.signed(claims(), key).encode(),
            keys=KEYRING.current().access,
            issuer=ISSUER,
            leeway=0,
            now=NOW,
        )

        assert isinstance(found, Refused)

    @pytest.mark.parametrize(
        "columns",
        [
            {"alg": "none"},
            {"created_at": AT},
            {"activated_at": None},
            {"retiring_at": AT},
            {"ended_at": AT},
            {"purpose": KeyPurpose.ACCESS, "state": KeyState.RETIRING, "active_slot": None},
            {"envelope": b"\x01" * 60},
        ],
        ids=lambda columns: next(iter(columns)),
    )
    def test_a_column_changed_makes_another_key_or_none_never_the_same(self, columns):
        kid = KEYRING.active(KeyPurpose.REFRESH).kid
        change(kid, **columns)

        assert KEYRING.active(KeyPurpose.REFRESH).kid != kid
        assert kid not in {key.kid for key in KEYRING.current().access.values()}

    def test_a_killed_key_is_not_raised_again_by_its_state(self):
        made = committed(KeyPurpose.ACCESS, KeyState.RETIRING)
        with transaction.atomic():
            records.end(made, KeyState.KILLED, at=AT)
            made.save()

        change(made.kid, state=KeyState.RETIRING, ended_at=None)

        assert made.kid not in {key.kid for key in KEYRING.current().access.values()}

    def test_where_it_spoiled_the_active_key_the_next_one_signs(self):
        """It is announced already; nobody has to write anything."""
        kid = signing_kid()
        following = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.NEXT)

        change(kid, alg="none")

        assert signing_kid() == following.kid

    @pytest.mark.parametrize(
        "purpose", [KeyPurpose.AUDIT, KeyPurpose.PEPPER, KeyPurpose.PRIVACY, KeyPurpose.PLANE]
    )
    def test_where_it_spoiled_a_key_without_successor_another_is_made(self, purpose, caplog):
        kid = KEYRING.active(purpose).kid

        change(kid, activated_at=AT)

        assert KEYRING.active(purpose).kid != kid
        assert f"key_put_aside kid={kid}" in caplog.text

    def test_what_was_put_aside_can_be_put_back(self):
        kid = KEYRING.active(KeyPurpose.AUDIT).kid
        before = KeyRecord.objects.filter(pk=kid).values().get()
        change(kid, alg="none")
        another = KEYRING.active(KeyPurpose.AUDIT).kid

        KeyRecord.objects.filter(pk=another).delete()
        change(kid, **{name: before[name] for name in ("alg", "state", "active_slot", "ended_at")})

        assert KEYRING.active(KeyPurpose.AUDIT).kid == kid

    def test_deleting_all_keys_only_logs_everybody_out(self):
        kid = signing_kid()
        KeyRecord.objects.all().delete()
        KEYRING.forget()

        assert signing_kid() != kid


@pytest.mark.django_db
class TestWrongSettings:
    def test_a_wrapping_key_that_is_missing_stops_the_site_and_spoils_nothing(self):
        kid = signing_kid()
        KEYRING.forget()

        with override_settings(SECRET_KEY="another"):
            with pytest.raises(NoUsableKey):
                KEYRING.signing()
            with pytest.raises(NoUsableKey):
                KEYRING.active(KeyPurpose.AUDIT)
        KEYRING.forget()

        assert signing_kid() == kid

    def test_a_wrapping_key_that_is_about_to_leave_is_named_in_time(self, caplog, settings):
        """Else emptying SECRET_KEY_FALLBACKS would stop the site."""
        kid = signing_kid()
        assert "older_wrapping_key" not in caplog.text
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "new"
        KEYRING.forget()

        assert signing_kid() == kid
        assert f"keys_under_an_older_wrapping_key keys={KeyRecord.objects.count()}" in caplog.text

    @override_settings(USE_TZ=False)
    def test_without_time_zones_keys_open_too(self):
        kid = signing_kid()
        KEYRING.forget()

        assert signing_kid() == kid


@pytest.mark.django_db(transaction=True)
class TestRolledBack:
    def made_and_rolled_back(self) -> str:
        with rolled_back():
            kid = signing_kid()
            assert signing_kid() == kid
        return kid

    def test_the_transaction_itself_uses_its_key(self, django_assert_num_queries):
        with transaction.atomic():
            kid = signing_kid()
            with django_assert_num_queries(0):
                assert signing_kid() == kid

        assert signing_kid() == kid

    def test_a_key_that_was_rolled_back_signs_nothing(self):
        phantom = self.made_and_rolled_back()

        assert not KeyRecord.objects.exists()
        assert KEYRING.current().signing is None
        assert signing_kid() != phantom
        assert KeyRecord.objects.filter(pk=signing_kid()).exists()

    def test_another_thread_never_sees_an_uncommitted_key(self):
        KEYRING.current()
        with rolled_back():
            signing_kid()
            seen = in_thread(KEYRING.current)

        assert seen.access == {}

    def test_a_savepoint_that_is_rolled_back_takes_its_key_with_it(self):
        with transaction.atomic():
            kid = signing_kid()
            with rolled_back():
                phantom = records.make(KeyPurpose.ACCESS, KeyState.RETIRING, at=AT)
                KEYRING.changed()
                assert phantom.kid in {key.kid for key in KEYRING.current().access.values()}
            assert phantom.kid not in {key.kid for key in KEYRING.current().access.values()}
            assert signing_kid() == kid

        assert {key.kid for key in KEYRING.current().access.values()} >= {kid}
        assert phantom.kid not in {key.kid for key in KEYRING.current().access.values()}

    def test_the_first_use_after_a_rollback_may_be_inside_another_transaction(self):
        phantom = self.made_and_rolled_back()

        with transaction.atomic():
            kid = signing_kid()

        assert kid != phantom
        assert KeyRecord.objects.filter(pk=kid).exists()

    def test_what_a_rolled_back_transaction_changed_is_as_before(self):
        kid = signing_kid()
        with rolled_back():
            record = KeyRecord.objects.get(pk=kid)
            records.end(record, KeyState.KILLED, at=AT)
            record.save()
            KEYRING.changed()
            assert kid not in {key.kid for key in KEYRING.current().access.values()}

        assert signing_kid() == kid

    def test_hooks_that_a_test_runs_early_do_not_make_it_committed(self, django_capture_on_commit_callbacks):
        with rolled_back():
            with django_capture_on_commit_callbacks(execute=True):
                phantom = signing_kid()
            assert signing_kid() == phantom
            assert in_thread(KEYRING.current).access == {}

        assert KEYRING.current().access == {}


def in_thread(function: Callable[[], Any]) -> Any:
    """The function's answer on a connection of its own."""
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(function())
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert answers
    return answers[0]


@pytest.mark.django_db(transaction=True)
class TestThreads:
    def all_at_once(self, count: int, function: Callable[[int], Any]) -> list[Any]:
        start = threading.Barrier(count)
        answers: list[Any] = [None] * count

        def work(number: int) -> None:
            start.wait(30)
            try:
                answers[number] = function(number)
            except Exception as failure:
                answers[number] = failure
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return answers

    def test_one_active_key_however_many_processes_need_it_first(self):
        """Each thread has a keyring of its own, as processes have."""
        kids = self.all_at_once(8, lambda number: signing_kid(Keyring()))

        assert len(set(kids)) == 1, kids
        assert KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE).count() == 1
        assert KeyRecord.objects.count() == len(KeyPurpose) + 2

    def test_one_active_key_however_many_threads_of_a_process_need_it_first(self):
        purposes = [KeyPurpose.AUDIT, KeyPurpose.REFRESH, KeyPurpose.PEPPER]

        kids = self.all_at_once(9, lambda number: KEYRING.active(purposes[number % 3]).kid)

        assert len(set(kids)) == 3, kids

    def test_threads_that_wait_for_a_load_do_not_load_again(self, monkeypatch):
        loads = []
        load = Keyring._loaded.__globals__["_load"]
        monkeypatch.setitem(Keyring._loaded.__globals__, "_load", lambda: loads.append(1) or load())
        keyring = Keyring()

        self.all_at_once(8, lambda number: keyring.current())

        assert len(loads) == 1

    def test_what_was_loaded_before_a_change_is_not_kept_after_it(self, monkeypatch):
        """A load is under way while another thread commits a change and forgets."""
        keyring = Keyring()
        signing_kid(keyring)
        keyring.forget()
        load = Keyring._loaded.__globals__["_load"]

        def slow_load() -> Any:
            keys = load()
            keyring.forget()
            return keys

        monkeypatch.setitem(Keyring._loaded.__globals__, "_load", slow_load)
        before = keyring.current()
        monkeypatch.undo()

        assert keyring.current() is not before

    def test_reads_go_on_while_keys_change(self):
        signing_kid()

        def work(number: int) -> list[str]:
            kids = []
            for _ in range(60):
                if number == 0:
                    KEYRING.forget()
                kids.append(signing_kid())
            return kids

        answers = self.all_at_once(4, work)

        assert {kid for kids in answers for kid in kids} == {signing_kid()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_a_thread_loads_is_not_locked_for_ever():
    KEYRING.signing()
    connections.close_all()
    KEYRING._loading.acquire()
    try:
        child = os.fork()
        if child == 0:
            os._exit(0 if KEYRING._loading.acquire(timeout=1) and KEYRING.current().signing else 1)
        _, status = os.waitpid(child, 0)
    finally:
        KEYRING._loading.release()

    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.django_db
class TestErrors:
    def test_an_error_page_shows_no_secret(self, monkeypatch):
        """Django shows the variables of every frame where DEBUG is on."""
        made: list[Secret] = []
        original = new_access_secret

        def remembered(alg: Any) -> Secret:
            made.append(original(alg))
            return made[-1]

        def breaks(*args: Any, **kwargs: Any) -> None:
            raise DatabaseError("no space left")

        monkeypatch.setattr(records, "new_access_secret", remembered)
        monkeypatch.setattr(KeyRecord, "save", breaks)

        with pytest.raises(DatabaseError) as failure:
            KEYRING.signing()

        shown = []
        trace = failure.value.__traceback__
        while trace is not None:
            if trace.tb_frame.f_globals["__name__"].startswith("tokenauth."):
                shown += [repr(value) for value in trace.tb_frame.f_locals.values()]
            trace = trace.tb_next
        assert shown
        assert not any(repr(made[0].raw)[10:40] in text for text in shown)

    def test_a_broken_transaction_says_so_and_leaves_no_lock_behind(self):
        with transaction.atomic():
            connection.set_rollback(True)
            with pytest.raises(transaction.TransactionManagementError):
                KEYRING.current()

        assert KEYRING.signing()
