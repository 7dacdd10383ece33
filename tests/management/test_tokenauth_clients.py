"""`manage.py tokenauth_clients`, as an operator reads it."""

import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories import ClientFactory, secret_of
from tokenauth.errors import Cause, Refused
from tokenauth.flows import revoke
from tokenauth.flows.clients import retire_secret
from tokenauth.management.commands import tokenauth_clients as command
from tokenauth.models import Client, ClientSecret, TokenEvent
from tokenauth.models.event import EventKind
from tokenauth.policy.clients import Authenticated, authenticated
from tokenauth.revocation.subjects import OfClient

pytestmark = pytest.mark.django_db


@dataclass
class Said:
    """What went to standard output and to standard error."""

    out: str
    err: str


def run(*args: str) -> Said:
    out, err = StringIO(), StringIO()
    call_command("tokenauth_clients", *args, stdout=out, stderr=err)
    return Said(out.getvalue(), err.getvalue())


def answers(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    def asked() -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", asked)


def lets_in(client_id: str, secret: str | None) -> bool:
    return isinstance(authenticated(client_id, secret, at=timezone.now()), Authenticated)


class TestCreate:
    @pytest.mark.parametrize("kind", ["web", "native", "service"])
    def test_registers_what_it_is_told(self, kind):
        said = run(
            *["create", "shop", "--kind", kind, "--name", "The Shop", "--policy", "mobile", "--first-party"],
            *["--audience", "https://orders.test", "--audience", "https://stock.test"],
            *["--scope", "orders:read", "--scope", "orders:write", "--scope", "orders:read"],
        )

        assert said.out.startswith(f"Registered the {kind} client shop.\n")
        client = Client.objects.get()
        assert (client.client_id, client.name, client.kind, client.policy, client.first_party) == (
            "shop",
            "The Shop",
            kind,
            "mobile",
            True,
        )
        assert client.audiences == ["https://orders.test", "https://stock.test"]
        assert client.scopes == ["orders:read", "orders:write"]

    def test_little_is_little(self):
        run("create", "shop", "--kind", "web")

        client = Client.objects.get()
        assert (client.name, client.policy, client.first_party) == ("shop", "", False)
        assert client.audiences == client.scopes == []
        assert lets_in("shop", None)

    @pytest.mark.parametrize("kind", ["service", "resource"])
    def test_what_has_to_authenticate_says_so_and_is_refused_until_it_can(self, kind):
        said = run("create", "api", "--kind", kind)

        assert "'manage.py tokenauth_clients secret api'" in said.out
        assert authenticated("api", None, at=timezone.now()) == Refused(Cause.CLIENT_SECRET)

    def test_a_known_process_hears_of_it_and_the_trail_names_the_command(self):
        assert not lets_in("shop", None)

        run("create", "shop", "--kind", "web")

        event = TokenEvent.objects.get(kind=EventKind.CLIENT_CHANGED)
        assert (event.client_id, event.actor, event.data) == ("shop", command.ACTOR, {"registered": True})

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["taken", "--kind", "web"], "already exists"),
            (["with space", "--kind", "web"], "visible ASCII"),
            (["x" * 101, "--kind", "web"], "visible ASCII|at most 100"),
            (["shop", "--kind", "web", "--name", "x" * 201], "at most 200"),
            (["shop", "--kind", "web", "--policy", "none-such"], "no such policy. There are: browser, "),
            (["shop", "--kind", "other"], "invalid choice"),
            (["shop"], "--kind"),
            (["shop", "--kind", "web", "--scope", "two words"], "no space"),
            (["shop", "--kind", "web", "--scope", ""], "1 to 200"),
            (["shop", "--kind", "web", "--scope", 'a"b'], "no space"),
            (["shop", "--kind", "web", "--audience", "https://ä.test"], "visible ASCII"),
            (["api", "--kind", "resource", "--first-party"], "not first-party"),
            (["api", "--kind", "resource", "--policy", "browser"], "no policy"),
        ],
    )
    def test_what_cannot_be_is_refused(self, args, said):
        ClientFactory(client_id="taken")

        with pytest.raises(CommandError, match=said):
            run("create", *args)

        assert Client.objects.count() == 1
        assert not TokenEvent.objects.exists()

    def test_lists_are_bounded(self):
        scopes = [f"--scope=s{number}" for number in range(command.MOST_VALUES + 1)]

        with pytest.raises(CommandError, match="at most 100 scopes"):
            run("create", "shop", "--kind", "web", *scopes)

        run("create", "shop", "--kind", "web", *scopes[1:])


class TestSecret:
    def test_alone_goes_to_standard_output_and_lets_the_client_in(self):
        ClientFactory(client_id="api", resource=True)

        said = run("secret", "api")

        secret = said.out.removesuffix("\n")
        assert secret.startswith("tks_")
        assert len(secret) == 47
        assert lets_in("api", secret)
        assert "api" in said.err
        assert secret not in said.err

    def test_is_written_nowhere(self, caplog):
        caplog.set_level(logging.DEBUG)
        ClientFactory(client_id="api", resource=True)

        secret = run("secret", "api").out.strip()

        kept = [*ClientSecret.objects.values_list(), *TokenEvent.objects.values_list()]
        assert secret not in f"{kept} {caplog.text}"
        assert secret not in run("list").out + run("list", "--json").out
        assert TokenEvent.objects.get(kind=EventKind.SECRET_MADE).actor == command.ACTOR

    def test_cannot_be_chosen(self):
        ClientFactory(client_id="api", resource=True)

        for chosen in (["hunter2"], ["--secret", "hunter2"]):
            with pytest.raises(CommandError, match="unrecognized arguments"):
                run("secret", "api", *chosen)

        assert not ClientSecret.objects.exists()

    def test_two_live_at_a_time(self):
        ClientFactory(client_id="api", resource=True)
        both = [run("secret", "api").out.strip() for _ in range(2)]

        with pytest.raises(CommandError, match="at most 2 live secrets, retire one first"):
            run("secret", "api")

        assert all(lets_in("api", secret) for secret in both)

    def test_may_end_by_itself(self, clock):
        ClientFactory(client_id="api", resource=True)

        said = run("secret", "api", "--days", "30")

        secret = said.out.strip()
        assert f"until {(timezone.now() + timedelta(days=30)).date()}" in said.err
        clock.shift(timedelta(days=30, seconds=-1))
        assert lets_in("api", secret)
        clock.shift(1)
        assert not lets_in("api", secret)

    @pytest.mark.parametrize("days", ["0", "-1", "3651", "1.5", "soon", "²", "9" * 400])
    def test_within_reason(self, days):
        ClientFactory(client_id="api", resource=True)

        with pytest.raises(CommandError, match="--days"):
            run("secret", "api", f"--days={days}")

    @pytest.mark.parametrize("answer", ["", "yes", "y", None])
    def test_makes_no_public_client_confidential_unasked(self, answer, monkeypatch):
        ClientFactory(client_id="web")
        answers(monkeypatch, answer)

        with pytest.raises(CommandError, match=r"--yes|nothing was changed"):
            run("secret", "web")

        assert lets_in("web", None)

    @pytest.mark.parametrize("how", ["answer", "--yes"])
    def test_makes_it_so_when_told(self, how, monkeypatch):
        ClientFactory(client_id="web")
        answers(monkeypatch, "confidential" if how == "answer" else None)

        secret = run("secret", "web", *([how] if how == "--yes" else [])).out.strip()

        assert lets_in("web", secret)
        assert not lets_in("web", None)

    def test_one_that_once_had_a_secret_is_not_asked_about(self, monkeypatch):
        client = ClientFactory(client_id="web")
        secret_of(client)
        retire_secret(ClientSecret.objects.get())
        answers(monkeypatch, None)

        assert lets_in("web", run("secret", "web").out.strip())

    def test_of_a_disabled_client_does_not_let_it_in(self):
        ClientFactory(client_id="api", resource=True)
        revoke(OfClient("api", disable=True))

        said = run("secret", "api")

        assert "disabled" in said.err
        refused = authenticated("api", said.out.strip(), at=timezone.now())
        assert refused == Refused(Cause.CLIENT_DISABLED)

    def test_of_nobody(self):
        with pytest.raises(CommandError, match="no such client"):
            run("secret", "api")


class TestRetireSecret:
    def test_refuses_it_and_no_other(self):
        client = ClientFactory(client_id="api", resource=True)
        old, new = secret_of(client), secret_of(client)

        said = run("retire-secret", "api", old[-4:])

        assert said.out == f"Retired the secret …{old[-4:]} of api.\n"
        assert said.err == ""
        assert (lets_in("api", old), lets_in("api", new)) == (False, True)

    def test_says_when_none_is_left(self):
        old = secret_of(ClientFactory(client_id="api", resource=True))

        assert "none left" in run("retire-secret", "api", old[-4:]).err

    def test_twice_is_once(self):
        old = secret_of(ClientFactory(client_id="api", resource=True))
        run("retire-secret", "api", old[-4:])

        assert "retired before" in run("retire-secret", "api", old[-4:]).out
        assert TokenEvent.objects.filter(kind=EventKind.SECRET_RETIRED).count() == 1

    def test_a_live_one_before_one_that_was_retired(self):
        client = ClientFactory(client_id="api", resource=True)
        for _ in range(2):
            secret_of(client)
            ClientSecret.objects.update(tail="same")
            run("retire-secret", "api", "same")

        assert not ClientSecret.objects.filter(revoked_at=None).exists()

    def test_two_that_end_alike_are_not_guessed_at(self):
        client = ClientFactory(client_id="api", resource=True)
        secret_of(client)
        secret_of(client)
        ClientSecret.objects.update(tail="same")

        with pytest.raises(CommandError, match="Two of its secrets end so"):
            run("retire-secret", "api", "same")

    def test_of_another_client_is_none_of_its(self):
        ClientFactory(client_id="web")
        other = secret_of(ClientFactory(client_id="api", resource=True))

        with pytest.raises(CommandError, match="no secret that ends so"):
            run("retire-secret", "web", other[-4:])

        assert lets_in("api", other)


class TestList:
    def test_is_a_table_with_a_line_for_each_client(self):
        secret = secret_of(ClientFactory(client_id="api", resource=True))
        ClientFactory(client_id="web")
        revoke(OfClient("web", disable=True))

        head, api, web = run("list").out.splitlines()

        assert head.split() == ["client_id", "kind", "policy", "first_party", "state", "secrets"]
        assert api.split() == ["api", "resource", "(default)", "no", "enabled", f"…{secret[-4:]}"]
        assert web.split()[:5] == ["web", "web", "browser", "yes", "disabled"]
        assert web.endswith("-")

    def test_shows_no_secret_that_was_retired_or_has_ended(self, clock):
        client = ClientFactory(client_id="api", resource=True)
        retired = secret_of(client)
        run("retire-secret", "api", retired[-4:])
        run("secret", "api", "--days", "1")
        clock.shift(timedelta(days=1))

        assert run("list").out.splitlines()[1].endswith("-")

    def test_for_programs_is_json(self):
        secret = secret_of(ClientFactory(client_id="api", resource=True, audiences=["https://a.test"]))

        (listed,) = json.loads(run("list", "--json").out)

        assert listed["client_id"] == "api"
        assert listed["audiences"] == ["https://a.test"]
        assert [each["tail"] for each in listed["secrets"]] == [secret[-4:]]
        assert listed["secrets"][0]["created_at"].endswith("+00:00")

    def test_is_bounded_and_says_so(self, monkeypatch):
        monkeypatch.setattr(command, "SHOWN", 2)
        ClientFactory.create_batch(3)

        said = run("list")

        assert len(said.out.splitlines()) == 3
        assert said.err.startswith("1 more")

    def test_costs_three_statements_however_many(self, django_assert_num_queries):
        for client in ClientFactory.create_batch(5, resource=True):
            secret_of(client)

        with django_assert_num_queries(3):
            run("list")

    def test_is_empty_before_the_first(self):
        assert run("list").out.split() == ["client_id", "kind", "policy", "first_party", "state", "secrets"]
        assert json.loads(run("list", "--json").out) == []
