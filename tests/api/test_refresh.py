"""POST token/refresh/ and POST token/"""

import base64

import pytest

from tests.factories import ClientFactory, secret_of
from tests.http import REFRESH, TOKEN, Http
from tests.sessions import claims_of
from tokenauth.models import TokenFamily

pytestmark = pytest.mark.django_db

INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "The credentials or the token are not valid.",
    "reauthenticate": True,
}


def test_a_refresh_answers_as_a_login_does(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    body = http.refresh(tokens, web).json()

    assert set(body) == set(tokens)
    assert body["session_id"] == tokens["session_id"]
    assert body["refresh_token"] != tokens["refresh_token"]


def test_whatever_is_wrong_with_a_token_is_one_answer(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    forged = tokens["refresh_token"][:-6] + "AAAAAA"
    shown = ["garbage", "tkr_" + "x" * 100, forged, tokens["access_token"], "tkr_" + "é" * 5]

    answers = [http.post(REFRESH, {"refresh_token": token, "client_id": "web"}) for token in shown]

    assert {answer.status_code for answer in answers} == {400}
    assert all(answer.json() == INVALID_GRANT for answer in answers)
    assert http.refresh(tokens, web).status_code == 200


def test_another_clients_name_is_refused_and_consumes_nothing(http: Http, ada, web):
    other = ClientFactory()
    tokens = http.log_in(ada, web)

    answer = http.refresh(tokens, other)

    assert (answer.status_code, answer.json()) == (400, INVALID_GRANT)
    assert http.refresh(tokens, web).status_code == 200


def test_a_wrong_device_ends_the_session(http: Http, ada, web):
    tokens = http.log_in(ada, web, device={"id": "laptop"})

    answer = http.refresh(tokens, web, device_id="phone")

    assert answer.json() == INVALID_GRANT
    assert TokenFamily.objects.get().cause == "binding"


@pytest.mark.parametrize("sent", ["laptop", None], ids=["installation", "none"])
def test_the_familys_device_is_accepted_by_any_of_its_names(http: Http, ada, web, sent):
    tokens = http.log_in(ada, web, device={"id": "laptop"})
    names = {"device_id": sent} if sent else {"device_id": tokens["device_id"]}

    assert http.refresh(tokens, web, **names).status_code == 200


def test_a_narrower_scope_is_for_one_access_token_only(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    narrow = http.refresh(tokens, web, scope="orders:read").json()
    full = http.refresh(narrow, web).json()

    assert (narrow["scope"], claims_of(narrow["access_token"]).scope) == ("orders:read", "orders:read")
    assert full["scope"] == "orders:read orders:write"


def test_a_wider_scope_is_refused_and_consumes_nothing(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    answer = http.refresh(tokens, web, scope="orders:read admin")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert TokenFamily.objects.get().generation == 0


def test_an_idempotency_key_repeats_the_same_answer_for_ever(http: Http, ada, web, clock):
    tokens = http.log_in(ada, web)
    body = {"refresh_token": tokens["refresh_token"], "client_id": "web"}
    first = http.post(REFRESH, body, Idempotency_Key="k" * 16).json()
    clock.shift(3600)

    again = http.post(REFRESH, body, Idempotency_Key="k" * 16).json()

    assert again["refresh_token"] == first["refresh_token"]


def test_an_exact_family_refuses_a_refresh_without_a_key(http: Http, ada):
    exact = ClientFactory(client_id="exact", exact=True)
    tokens = http.log_in(ada, exact)

    answer = http.refresh(tokens, exact)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert TokenFamily.objects.get().generation == 0


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space in here!!", "nönascii-nönascii"])
def test_a_malformed_idempotency_key_is_refused(http: Http, ada, web, key):
    tokens = http.log_in(ada, web)
    body = {"refresh_token": tokens["refresh_token"], "client_id": "web"}

    answer = http.post(REFRESH, body, Idempotency_Key=key)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


class TestTheOauthTokenEndpoint:
    def test_takes_basic_credentials(self, http: Http, ada):
        backend = ClientFactory(client_id="back end:1", confidential=True)
        secret = secret_of(backend)
        tokens = http.log_in(ada, backend, client_secret=secret)
        basic = base64.b64encode(f"back+end%3A1:{secret}".encode()).decode()

        answer = http.form(
            TOKEN,
            {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
            Authorization=f"Basic {basic}",
        )

        assert answer.status_code == 200

    def test_challenges_a_wrong_basic_secret(self, http: Http):
        ClientFactory(client_id="backend", confidential=True)
        basic = base64.b64encode(b"backend:wrong").decode()

        answer = http.form(
            TOKEN, {"grant_type": "refresh_token", "refresh_token": "x"}, Authorization=f"Basic {basic}"
        )

        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer["WWW-Authenticate"].startswith("Basic ")

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ("refresh_token=x&client_id=web", "invalid_request"),
            ("grant_type=refresh_token&client_id=web", "invalid_request"),
            ("grant_type=refresh_token&refresh_token=&client_id=web", "invalid_request"),
            ("grant_type=password&username=a&password=b&client_id=web", "unsupported_grant_type"),
            ("grant_type=refresh_token&refresh_token=a&refresh_token=b&client_id=web", "invalid_request"),
            ("grant_type=refresh_token&refresh_token=a", "invalid_request"),
        ],
    )
    def test_refuses_what_rfc_6749_refuses(self, http: Http, web, form, error):
        answer = http.form(TOKEN, form)

        assert (answer.status_code, answer.json()["error"]) == (400, error)

    def test_takes_no_json(self, http: Http, web):
        assert http.post(TOKEN, {"grant_type": "refresh_token"}).status_code == 415

    def test_takes_no_get(self, http: Http, web):
        answer = http.get(TOKEN + "?grant_type=refresh_token&refresh_token=x&client_id=web")

        assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")
        assert answer.json()["error"] == "invalid_request"

    def test_takes_several_resources(self, http: Http, ada):
        app = ClientFactory(client_id="app", audiences=["https://a.test", "https://b.test", "https://c.test"])
        tokens = http.log_in(ada, app, audience=["https://a.test", "https://b.test"])
        form = f"grant_type=refresh_token&client_id=app&refresh_token={tokens['refresh_token']}"

        outside = http.form(TOKEN, form + "&resource=https%3A%2F%2Fc.test")
        both = http.form(TOKEN, form + "&resource=https%3A%2F%2Fa.test&resource=https%3A%2F%2Fb.test")

        assert outside.json()["error"] == "invalid_target"
        assert claims_of(both.json()["access_token"]).aud == ("https://a.test", "https://b.test")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"refresh_token": 1}', b'{"a": 1, "a": 2}', b"\xff\xfe", b"{" * 2_000, b"null"],
)
def test_a_malformed_body_is_a_flat_400(client, web, body):
    answer = client.post(REFRESH, body, content_type="application/json", secure=True)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


def test_a_huge_body_is_a_flat_400(http: Http, web):
    answer = http.post(REFRESH, {"refresh_token": "x" * 1_000_000, "client_id": "web"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_stale_bearer_header_changes_nothing(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    body = {"refresh_token": tokens["refresh_token"], "client_id": "web"}

    assert http.post(REFRESH, body, bearer="expired.garbage.token").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_refresh_costs_no_query_before_its_signature_holds(
    http: Http, ada, web, settings, django_assert_num_queries
):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "STALENESS_BOUND": 60}
    tokens = http.log_in(ada, web)
    forged = {"refresh_token": tokens["refresh_token"][:-4] + "AAAA", "client_id": "web"}
    http.post(REFRESH, forged)

    with django_assert_num_queries(0):
        http.post(REFRESH, forged)
        http.post(REFRESH, {"refresh_token": "x", "client_id": "nobody"})
