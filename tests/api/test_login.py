"""POST login/"""

import pytest

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import LOGIN, Http
from tests.sessions import claims_of
from tokenauth.models import Device, TokenFamily

pytestmark = pytest.mark.django_db


def credentials(**changes):
    return {"username": "ada", "password": PASSWORD, "client_id": "web", **changes}


def test_a_login_answers_a_pair_and_where_it_lives(http: Http, ada, web, clock):
    body = http.post(LOGIN, credentials()).json()

    family = TokenFamily.objects.get()
    assert body["token_type"] == "Bearer"
    assert (body["expires_in"], body["refresh_expires_in"]) == (300, 7 * 86_400)
    assert body["scope"] == "orders:read orders:write"
    assert (body["session_id"], body["device_id"]) == (str(family.id), str(family.device_id))
    assert claims_of(body["access_token"]).sub == str(ada.pk)


def test_a_form_says_the_same_as_json(http: Http, ada, web):
    answer = http.form(LOGIN, credentials(device_id="phone-1", device_name="Pixel", device_platform="ios"))

    assert answer.status_code == 200
    assert (Device.objects.get().installation, Device.objects.get().name) == ("phone-1", "Pixel")


def test_no_answer_with_a_token_may_be_cached(http: Http, ada, web):
    answer = http.post(LOGIN, credentials())

    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Pragma"] == "no-cache"
    assert answer["Vary"] == "Authorization"


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"username": "nobody"},
        {"username": "sleeper"},
        {"username": "passwordless"},
    ],
    ids=["wrong password", "unknown user", "inactive user", "no usable password"],
)
def test_every_failed_login_is_one_answer(http: Http, ada, web, wrong):
    UserFactory(username="sleeper", is_active=False)
    UserFactory(username="passwordless", password=None)

    answer = http.post(LOGIN, credentials(**wrong))

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_grant",
        "error_description": "The credentials or the token are not valid.",
    }
    assert not TokenFamily.objects.exists()


def test_a_client_that_is_not_first_party_may_not_log_users_in(http: Http, ada):
    ClientFactory(client_id="third", first_party=False)

    answer = http.post(LOGIN, credentials(client_id="third"))

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_a_confidential_client_needs_its_secret(http: Http, ada):
    secret = secret_of(ClientFactory(client_id="backend", confidential=True))

    without = http.post(LOGIN, credentials(client_id="backend"))
    wrong = http.post(LOGIN, credentials(client_id="backend", client_secret="tks_wrong"))
    right = http.post(LOGIN, credentials(client_id="backend", client_secret=secret))

    assert [answer.status_code for answer in (without, wrong, right)] == [401, 401, 200]
    assert without.json() == wrong.json()


def test_an_unknown_client_answers_as_a_wrong_secret_does(http: Http, ada):
    ClientFactory(client_id="backend", confidential=True)

    unknown = http.post(LOGIN, credentials(client_id="nobody", client_secret="tks_wrong"))
    wrong = http.post(LOGIN, credentials(client_id="backend", client_secret="tks_wrong"))

    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


def test_scope_and_audience_stay_within_the_client(http: Http, ada):
    ClientFactory(client_id="web", audiences=["https://orders.test"])

    narrow = http.post(LOGIN, credentials(scope="orders:read", audience=["https://orders.test"]))
    wide = http.post(LOGIN, credentials(scope="orders:read admin"))
    elsewhere = http.post(LOGIN, credentials(audience="https://other.test"))

    claims = claims_of(narrow.json()["access_token"])
    assert (claims.scope, claims.aud) == ("orders:read", ("https://orders.test",))
    assert wide.json()["error"] == "invalid_scope"
    assert elsewhere.json()["error"] == "invalid_target"


def test_a_login_that_names_no_audience_gets_the_sites_own(http: Http, ada, web):
    body = http.post(LOGIN, credentials()).json()

    assert claims_of(body["access_token"]).aud == ("https://issuer.test",)


def test_a_second_login_of_a_device_replaces_the_first(http: Http, ada, web):
    first = http.log_in(ada, web, device={"id": "laptop"})
    second = http.log_in(ada, web, device={"id": "laptop"})

    assert first["device_id"] == second["device_id"]
    assert http.refresh(first, web).status_code == 400
    assert http.refresh(second, web).status_code == 200
    assert TokenFamily.objects.get(pk=first["session_id"]).cause == "replaced"


def test_the_oldest_session_beyond_the_cap_ends(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 2}
    bodies = [http.log_in(ada, web) for _ in range(3)]

    assert [http.refresh(body, web).status_code for body in bodies] == [400, 200, 200]
    assert TokenFamily.objects.get(pk=bodies[0]["session_id"]).cause == "capped"


def test_an_accounts_logins_are_limited_whatever_its_spelling(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_account": "2/minute"}}
    for spelling in ("ada", "ADA"):
        http.post(LOGIN, credentials(username=spelling, password="wrong"))

    answer = http.post(LOGIN, credentials())

    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert 1 <= int(answer["Retry-After"]) <= 60


def test_too_many_failures_lock_the_account_but_not_its_known_device(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_failures": 3, "login_account": None}}
    http.log_in(ada, web, device={"id": "laptop"})
    for _ in range(3):
        http.post(LOGIN, credentials(password="wrong"))

    stranger = http.post(LOGIN, credentials())
    owner = http.post(LOGIN, credentials(device={"id": "laptop"}))

    assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_grant")
    assert owner.status_code == 200


def test_a_process_that_hashes_enough_answers_503(http: Http, ada, web, settings, monkeypatch):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "HASHES_AT_ONCE": 0}

    answer = http.post(LOGIN, credentials())

    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"


def test_plain_http_is_refused(client, ada, web):
    answer = client.post(LOGIN, credentials(), content_type="application/json")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/auth/login", "/auth/login/"])
def test_a_path_answers_alike_with_and_without_its_slash(http: Http, ada, web, path):
    assert http.post(path, credentials()).status_code == 200


def test_a_password_is_taken_exactly_as_sent_and_the_name_as_django_does(http: Http, web):
    UserFactory(username="ﬁona".replace("ﬁ", "fi"), password="  space  ")

    answer = http.post(LOGIN, credentials(username="ﬁona", password="  space  "))

    assert answer.status_code == 200
