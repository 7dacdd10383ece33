"""F04: the same phone logs in again and again without logging out (OWASP ASVS 5.0 7.2.4)."""

from typing import Any

import pytest

from tests.factories import PASSWORD
from tests.http import LOGIN, SESSIONS, Http
from tests.sessions import log_in
from tokenauth.audit import trail
from tokenauth.models import RevocationOrder, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db

ME = "/api/me/"


def five_logins(http: Http, user: Any, client: Any) -> list[dict[str, Any]]:
    return [http.log_in(user, client, device={"id": "phone", "name": "Pixel"}) for _ in range(5)]


def sessions(http: Http, tokens: dict[str, Any]) -> list[dict[str, Any]]:
    return list(http.get(SESSIONS, bearer=tokens["access_token"]).json()["results"])


def test_there_is_one_entry_for_that_device(http: Http, ada, web):
    laptop = http.log_in(ada, web, device={"id": "laptop"})
    *_, last = five_logins(http, ada, web)

    listed = sessions(http, last)

    assert [entry["id"] for entry in listed] == [last["session_id"], laptop["session_id"]]
    assert len({entry["device"]["id"] for entry in listed}) == 2


def test_the_earlier_logins_ended_as_replaced_and_nothing_of_them_is_accepted(http: Http, ada, web):
    *earlier, last = five_logins(http, ada, web)

    for tokens in earlier:
        answer = http.refresh(tokens, web)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
        assert TokenFamily.objects.get(pk=tokens["session_id"]).cause == "replaced"
    assert http.get(ME, bearer=last["access_token"]).status_code == 200
    assert http.refresh(last, web).status_code == 200


def test_none_of_it_counts_as_theft(http: Http, ada, web):
    first, *_ = five_logins(http, ada, web)

    http.refresh(first, web)

    ended = TokenEvent.objects.exclude(kind=EventKind.ISSUED)
    assert [(event.kind, event.cause) for event in ended] == [(EventKind.ENDED, "replaced")] * 4


def test_other_devices_clients_and_users_are_untouched(http: Http, ada, web):
    others = [log_in(ada, device="phone"), log_in(client=web, device="phone"), log_in(ada, web, device="pad")]
    nameless = log_in(ada, web)

    five_logins(http, ada, web)

    assert all(session.accepts() and session.refresh() for session in [*others, nameless])


def test_the_earlier_one_ends_in_the_transaction_of_the_new_login(http: Http, ada, web, monkeypatch):
    first = http.log_in(ada, web, device={"id": "phone"})
    save = trail.save

    def fails_at_the_last_write(event: TokenEvent, **more: Any) -> None:
        save(event, **more)
        if event.kind == EventKind.ISSUED:
            raise ZeroDivisionError

    monkeypatch.setattr(trail, "save", fails_at_the_last_write)
    body = {"username": "ada", "password": PASSWORD, "client_id": "web", "device": {"id": "phone"}}
    with pytest.raises(ZeroDivisionError):
        http.post(LOGIN, body)

    assert TokenFamily.objects.get().revoked_at is None
    assert not RevocationOrder.objects.exists()
    assert http.get(ME, bearer=first["access_token"]).status_code == 200
    assert http.refresh(first, web).status_code == 200


def test_a_policy_may_allow_several(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"browser": {"same_device": "allow"}}}

    logins = five_logins(http, ada, web)

    assert len(sessions(http, logins[-1])) == 5
    assert all(http.refresh(tokens, web).status_code == 200 for tokens in logins)
