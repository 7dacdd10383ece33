"""sessions/ and devices/: one's own things by one's own token."""

import uuid

import pytest

from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.http import DEVICES, SESSIONS, Http
from tokenauth.models import Device, TokenFamily

pytestmark = pytest.mark.django_db


def test_the_list_shows_own_living_sessions_and_marks_the_current(http: Http, ada, web):
    http.log_in(UserFactory(), web)
    gone = http.log_in(ada, web, device={"id": "laptop"})
    current = http.log_in(ada, web, device={"id": "laptop", "name": "Ada's laptop"})
    other = http.log_in(ada, web)

    body = http.get(SESSIONS, bearer=current["access_token"]).json()

    listed = {entry["id"]: entry for entry in body["results"]}
    assert set(listed) == {current["session_id"], other["session_id"]}
    assert gone["session_id"] not in listed
    assert [entry["current"] for entry in body["results"]] == [False, True]
    assert listed[current["session_id"]]["client"] == {"id": "web", "name": "Web"}
    assert body["next"] is None


def test_the_list_comes_in_pages(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 60, "LIMITS": {"login_account": None}}
    tokens = [http.log_in(ada, web) for _ in range(51)][-1]

    first = http.get(SESSIONS, bearer=tokens["access_token"]).json()
    second = http.get(first["next"], bearer=tokens["access_token"]).json()

    seen = {entry["id"] for page in (first, second) for entry in page["results"]}
    assert (len(first["results"]), len(second["results"]), len(seen)) == (50, 1, 51)


def test_ending_ones_own_session_needs_no_recent_login(http: Http, ada, web, clock):
    tokens = http.log_in(ada, web)
    clock.shift(3_600)
    tokens = http.refresh(tokens, web).json()

    answer = http.delete(f"{SESSIONS}{tokens['session_id']}/", bearer=tokens["access_token"])

    assert answer.status_code == 204
    assert http.get(SESSIONS, bearer=tokens["access_token"]).status_code == 401


def test_ending_another_session_needs_a_recent_login_or_the_password(http: Http, ada, web, clock):
    other = http.log_in(ada, web)
    tokens = http.log_in(ada, web)
    clock.shift(3_600)
    tokens = http.refresh(tokens, web).json()
    path = f"{SESSIONS}{other['session_id']}/"

    refused = http.delete(path, bearer=tokens["access_token"])
    wrong = http.post(f"{SESSIONS}revoke-all/", {"password": "wrong"}, bearer=tokens["access_token"])
    right = http.post(f"{SESSIONS}revoke-all/", {"password": PASSWORD}, bearer=tokens["access_token"])

    assert (refused.status_code, refused.json()["error"]) == (401, "insufficient_user_authentication")
    assert 'max_age="900"' in refused["WWW-Authenticate"]
    assert wrong.status_code == 401
    assert (right.status_code, right.json()) == (200, {"ended": 2})


def test_another_users_session_is_as_unknown_as_none(http: Http, ada, web):
    theirs = http.log_in(UserFactory(), web)
    tokens = http.log_in(ada, web)

    answers = [
        http.delete(f"{SESSIONS}{id_}/", bearer=tokens["access_token"])
        for id_ in (theirs["session_id"], uuid.uuid4())
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert http.refresh(theirs, web).status_code == 200


def test_revoking_the_others_keeps_ones_own(http: Http, ada, web):
    other = http.log_in(ada, web)
    tokens = http.log_in(ada, web)

    answer = http.post(f"{SESSIONS}revoke-others/", bearer=tokens["access_token"])

    assert answer.json() == {"ended": 1}
    assert http.refresh(other, web).status_code == 400
    assert http.get(SESSIONS, bearer=tokens["access_token"]).status_code == 401
    fresh = http.refresh(tokens, web).json()
    assert http.get(SESSIONS, bearer=fresh["access_token"]).status_code == 200


def test_without_a_token_the_challenge_names_no_error(http: Http, web):
    answer = http.get(SESSIONS)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_token_for_another_audience_is_refused(http: Http, ada):
    app = ClientFactory(client_id="app", audiences=["https://orders.test"])
    tokens = http.log_in(ada, app, audience="https://orders.test")

    assert http.get(SESSIONS, bearer=tokens["access_token"]).status_code == 401


def test_devices_are_listed_named_and_lost(http: Http, ada, web):
    http.log_in(UserFactory(), web)
    phone = http.log_in(ada, web, device={"id": "phone", "name": "Phone"})
    tokens = http.log_in(ada, web, device={"id": "laptop"})
    path = f"{DEVICES}{phone['device_id']}/"

    renamed = http.patch(path, {"name": "Old phone 📱"}, bearer=tokens["access_token"])
    lost = http.post(f"{path}revoke/", {"reason": "lost"}, bearer=tokens["access_token"])
    listed = http.get(DEVICES, bearer=tokens["access_token"]).json()["results"]

    assert renamed.json()["name"] == "Old phone 📱"
    assert lost.json() == {"ended": 1}
    assert [(d["current"], d["lost"]) for d in listed] == [(True, False), (False, True)]
    assert http.refresh(phone, web).status_code == 400


def test_a_lost_devices_id_makes_a_new_device(http: Http, ada, web):
    phone = http.log_in(ada, web, device={"id": "phone"})
    http.post(f"{DEVICES}{phone['device_id']}/revoke/", bearer=phone["access_token"])

    again = http.log_in(ada, web, device={"id": "phone"})

    assert again["device_id"] != phone["device_id"]
    assert Device.objects.filter(lost_at=None).get().installation == "phone"


def test_another_users_device_is_unknown(http: Http, ada, web):
    theirs = http.log_in(UserFactory(), web)
    tokens = http.log_in(ada, web)
    path = f"{DEVICES}{theirs['device_id']}/"

    assert http.patch(path, {"name": "x"}, bearer=tokens["access_token"]).status_code == 404
    assert http.post(f"{path}revoke/", bearer=tokens["access_token"]).status_code == 404
    assert TokenFamily.objects.get(pk=theirs["session_id"]).revoked_at is None
