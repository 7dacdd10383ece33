"""`manage.py tokenauth_keys`, as an operator reads it."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from tokenauth.models.event import EventKind, TokenEvent
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.models.order import OrderKind, RevocationOrder
from tokenauth.tokens import records
from tokenauth.tokens.encoding import from_base64url, to_base64url
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db
NEW_KEY = to_base64url(b"n" * 32)


@pytest.fixture(autouse=True)
def site():
    with transaction.atomic():
        records.make_missing(*KeyPurpose, at=timezone.now())
        KEYRING.changed()


def run(*args: str) -> str:
    out = StringIO()
    call_command("tokenauth_keys", *args, stdout=out)
    return out.getvalue()


def kid(purpose: str = "access", state: str = "active") -> str:
    return KeyRecord.objects.get(purpose=purpose, state=state).kid


def answers(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    def asked(prompt: str) -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", asked)


class TestList:
    def test_is_a_table_with_a_line_for_each_key(self):
        head, *lines = run("list").splitlines()

        assert head.split() == ["kid", "purpose", "alg", "state", "wrapped", "made", "since"]
        assert len(lines) == KeyRecord.objects.count()
        line = next(line for line in lines if line.startswith(kid()))
        assert line.split()[1:5] == ["access", "ES256", "active", "first"]
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00$", line)

    def test_columns_stand_below_each_other(self):
        lines = run("list").splitlines()

        assert len({re.search(r"\S+\s+", line).end() for line in lines}) == 1

    def test_for_programs_is_json(self):
        listed = json.loads(run("list", "--json"))

        assert {key["kid"] for key in listed} == set(KeyRecord.objects.values_list("kid", flat=True))
        assert set(listed[0]) == {
            "kid",
            "purpose",
            "alg",
            "state",
            "created_at",
            "activated_at",
            "retiring_at",
            "ended_at",
            "wrapped",
        }
        assert listed[0]["created_at"].endswith("+00:00")

    def test_is_empty_before_the_first_need(self):
        KeyRecord.objects.all().delete()

        assert run("list").splitlines() == ["kid  purpose  alg  state  wrapped  made  since"]
        assert json.loads(run("list", "--json")) == []

    @pytest.mark.parametrize("args", [["list"], ["list", "--json"]])
    def test_shows_no_secret(self, args):
        shown = run(*args)

        for record in KeyRecord.objects.all():
            secret, envelope = records.opened_secret(record).raw, bytes(record.envelope)
            for raw in (secret, envelope):
                assert raw.hex() not in shown
                assert to_base64url(raw) not in shown


class TestNewAndRotate:
    def test_new_makes_the_key_that_comes_next(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": "EdDSA"}

        shown = run("new")

        assert shown == f"Made access key {kid(state='next')} (EdDSA, next).\n"

    def test_new_of_another_purpose(self):
        shown = run("new", "audit")

        assert shown == f"Made audit key {kid('audit')} (HS256, active).\n"

    def test_rotate_too_early_changes_nothing_and_has_a_status_of_its_own(self):
        before = list(KeyRecord.objects.order_by("kid").values())

        with pytest.raises(CommandError, match=r"may sign from .* on.*Nothing was changed") as refused:
            run("rotate")

        assert refused.value.returncode == 3
        assert list(KeyRecord.objects.order_by("kid").values()) == before

    def test_rotate_now(self):
        following = kid(state="next")

        shown = run("rotate", "access", "--now")

        assert shown == f"access tokens are now signed by key {following} (ES256).\n"
        assert KEYRING.signing().kid == following

    def test_rotate_retires_what_is_spent(self, clock):
        former = kid()
        run("rotate", "--now")
        clock.shift(3 * 3600)

        assert f"Retired access key {former}: nothing it signed is alive." in run("rotate")

    def test_the_trail_names_the_command(self):
        run("rotate", "--now")

        assert set(TokenEvent.objects.values_list("actor", flat=True)) == {"manage.py tokenauth_keys"}

    @pytest.mark.parametrize("action", ["new", "rotate"])
    def test_an_unknown_purpose_is_named(self, action):
        with pytest.raises(CommandError, match="invalid choice: 'nonsense'"):
            run(action, "nonsense")


class TestKill:
    def test_kills_writes_the_order_and_the_reason(self):
        killed = kid()

        shown = run("kill", killed, "--yes", "--reason", "laptop stolen")

        assert shown == f"Killed access key {killed}. Another one has taken its place.\n"
        assert KeyRecord.objects.get(pk=killed).state == KeyState.KILLED
        assert RevocationOrder.objects.get().kind == OrderKind.KID
        assert RevocationOrder.objects.get().key == killed
        assert TokenEvent.objects.get(kind=EventKind.KEY_KILLED).data["reason"] == "laptop stolen"

    @pytest.mark.parametrize("purpose", KeyPurpose)
    def test_says_what_it_will_cost_and_asks(self, purpose, monkeypatch, capsys):
        answers(monkeypatch, "kill")
        killed = kid(purpose)

        shown = run("kill", killed).splitlines()

        assert shown[0] == f"Kill {purpose} key {killed} (active) for ever?"
        assert len(shown[1]) > 20
        assert shown[-1].startswith("Killed")

    @pytest.mark.parametrize("answer", ["", "y", "yes", "no", "KILL"])
    def test_another_answer_kills_nothing(self, answer, monkeypatch):
        answers(monkeypatch, answer)

        with pytest.raises(CommandError, match="Not confirmed: nothing was changed"):
            run("kill", kid())

        assert not KeyRecord.objects.filter(state=KeyState.KILLED).exists()

    def test_without_a_terminal_it_wants_yes(self, monkeypatch):
        answers(monkeypatch, None)

        with pytest.raises(CommandError, match="give --yes"):
            run("kill", kid())

    def test_no_key_has_a_name_that_a_command_line_takes_for_an_option(self, monkeypatch):
        names = iter(["-begins-with-a-dash", "--as-well", "does-not"])
        monkeypatch.setattr(records, "new_symmetric_kid", lambda: next(names))

        assert records.make(KeyPurpose.AUDIT, KeyState.RETIRING, at=timezone.now()).kid == "does-not"

    def test_an_unknown_key_is_an_error(self):
        with pytest.raises(CommandError, match="There is no key 'unknown'"):
            run("kill", "unknown", "--yes")

    def test_killing_twice_is_harmless(self):
        killed = kid()
        run("kill", killed, "--yes")

        assert run("kill", killed, "--yes") == f"Key {killed} was killed before.\n"
        assert RevocationOrder.objects.count() == 1


class TestRewrap:
    def test_says_how_many(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [NEW_KEY]}

        assert run("rewrap") == f"Sealed {KeyRecord.objects.count()} keys anew.\n"
        assert run("rewrap") == "Sealed 0 keys anew.\n"

    def test_fails_where_a_key_does_not_open_and_says_what_to_do(self, settings):
        settings.SECRET_KEY = "another"
        out = StringIO()

        with pytest.raises(CommandError, match=rf"{kid()}.*SECRET_KEY_FALLBACKS"):
            call_command("tokenauth_keys", "rewrap", stdout=out)

        assert out.getvalue() == "Sealed 0 keys anew.\n"


def test_a_wrapping_key_that_is_lost_is_explained_and_the_way_out_works(settings):
    lost = dict(KeyRecord.objects.values_list("kid", "purpose"))
    settings.SECRET_KEY = "another"
    KEYRING.forget()

    with pytest.raises(CommandError, match="the audit key first"):
        run("rotate", "--now")
    for each in sorted(lost, key=lambda each: lost[each] != KeyPurpose.AUDIT):
        run("kill", each, "--yes")

    assert "not opened" not in run("list")
    assert run("rotate", "--now").startswith("access tokens are now signed by key")


def test_a_new_encryption_key_is_one_that_the_setting_takes(settings):
    printed = run("new-encryption-key").strip()

    assert len(from_base64url(printed.encode())) == 32
    assert printed != run("new-encryption-key").strip()
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [printed]}
    assert "Sealed" in run("rewrap")


def test_without_an_action_it_says_which_there_are():
    with pytest.raises(CommandError, match="action"):
        run()


def test_listing_is_what_anybody_may_read_in_a_terminal_log(settings: Any):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [NEW_KEY]}

    assert NEW_KEY not in run("list")
    assert NEW_KEY not in run("rewrap")


class TestExportPlane:
    def test_prints_the_keys_that_verify_and_nothing_else(self):
        run("new", "plane")

        first, second = run("export-plane").splitlines()

        assert [from_base64url(line.encode()) for line in (first, second)] == [
            key.secret for key in KEYRING.all(KeyPurpose.PLANE)
        ]
        assert KEYRING.active(KeyPurpose.PLANE).kid == kid("plane")

    def test_is_a_line_in_the_log_that_holds_no_key(self, caplog):
        with caplog.at_level("INFO", "tokenauth.security"):
            (printed,) = run("export-plane").splitlines()

        assert "plane_key_exported" in caplog.text
        assert printed not in caplog.text

    def test_a_killed_one_is_not_among_them(self):
        former = run("export-plane")

        run("kill", kid("plane"), "--yes")

        assert run("export-plane") != former
        assert len(run("export-plane").splitlines()) == 1
