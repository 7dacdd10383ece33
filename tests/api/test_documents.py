"""What anyone may read: keys and metadata; what resource servers may ask: introspection."""

import base64

import pytest

from tests.factories import ClientFactory, secret_of
from tests.http import INTROSPECT, REVOKE, Http
from tests.sessions import claims_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/auth/jwks/", "/.well-known/jwks.json"])
def test_the_keys_are_public_and_cacheable(http: Http, ada, web, path):
    tokens = http.log_in(ada, web)

    answer = http.get(path)

    keys = answer.json()["keys"]
    assert claims_of(tokens["access_token"]).kid in {key["kid"] for key in keys}
    assert all(key["use"] == "sig" and not {"d", "k"} & set(key) for key in keys)
    assert answer["Cache-Control"] == "public, max-age=300"
    assert http.get(path, If_None_Match=answer["ETag"]).status_code == 304


def test_the_metadata_follows_the_issuer_and_no_host_header(http: Http):
    body = http.get("/.well-known/oauth-authorization-server", Host="evil.test").json()

    assert body["issuer"] == "https://issuer.test"
    assert body["token_endpoint"] == "https://issuer.test/auth/token/"
    assert body["grant_types_supported"] == ["refresh_token"]
    assert "response_types_supported" not in body


@pytest.mark.parametrize("weakened", ["W/{}", '"x", W/{}', '{}, W/"y"', "*"])
def test_an_etag_is_compared_weakly(http: Http, weakened):
    """RFC 9110 13.1.2"""
    etag = http.get("/auth/jwks/")["ETag"]

    answer = http.get("/auth/jwks/", If_None_Match=weakened.format(etag))

    assert (answer.status_code, answer.content) == (304, b"")
    assert http.get("/auth/jwks/", If_None_Match='W/"another"').status_code == 200


METADATA = "/.well-known/oauth-authorization-server"


@pytest.mark.standard("8414-01")
@pytest.mark.parametrize(
    ("issuer", "path", "status"),
    [
        ("https://issuer.test", "", 200),
        ("https://issuer.test", "/", 200),
        ("https://issuer.test", "/tenant", 404),
        ("https://issuer.test/tenant", "/tenant", 200),
        ("https://issuer.test/tenant", "/tenant/", 200),
        ("https://issuer.test/tenant/", "/tenant", 200),
        ("https://issuer.test/a/b", "/a/b", 200),
        ("https://issuer.test/a/b", "/a", 404),
        ("https://issuer.test/tenant", "", 404),
        ("https://issuer.test/tenant", "/Tenant", 404),
    ],
)
def test_the_metadata_answers_for_the_issuers_path_alone(http: Http, settings, issuer, path, status):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ISSUER": issuer}

    answer = http.get(METADATA + path)

    assert answer.status_code == status
    assert answer.json().get("issuer") == (issuer if status == 200 else None)


@pytest.fixture
def orders(db):
    client = ClientFactory(client_id="orders-api", resource=True, audiences=["https://orders.test"])
    credentials = base64.b64encode(f"orders-api:{secret_of(client)}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def tokens_for(http: Http, ada, audience: str):
    app = ClientFactory(client_id=f"app-{audience[8:]}", audiences=[audience])
    return http.log_in(ada, app, audience=audience), app


def test_a_resource_server_sees_tokens_for_itself(http: Http, ada, orders):
    tokens, app = tokens_for(http, ada, "https://orders.test")

    body = http.form(INTROSPECT, {"token": tokens["access_token"]}, **orders).json()

    assert body["active"] is True
    assert (body["sub"], body["client_id"], body["aud"]) == (
        str(ada.pk),
        app.client_id,
        "https://orders.test",
    )
    assert body["token_type"] == "Bearer"
    assert "ep" not in body


def test_all_others_are_just_inactive(http: Http, ada, orders):
    elsewhere, _ = tokens_for(http, ada, "https://other.test")
    revoked, app = tokens_for(http, ada, "https://orders.test")
    http.form(REVOKE, {"token": revoked["refresh_token"], "client_id": app.client_id})
    shown = [elsewhere["access_token"], revoked["access_token"], revoked["refresh_token"], "garbage", "é"]

    bodies = [http.form(INTROSPECT, {"token": token}, **orders).json() for token in shown]

    assert bodies == [{"active": False}] * len(shown)


def test_a_deactivated_users_token_is_inactive(http: Http, ada, orders):
    tokens, _ = tokens_for(http, ada, "https://orders.test")
    ada.is_active = False
    ada.save()

    assert http.form(INTROSPECT, {"token": tokens["access_token"]}, **orders).json() == {"active": False}


def test_only_an_authenticated_resource_server_may_ask(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    backend = ClientFactory(client_id="backend", confidential=True)
    secret = secret_of(backend)

    public = http.form(INTROSPECT, {"token": tokens["access_token"], "client_id": "web"})
    confidential = http.form(
        INTROSPECT, {"token": tokens["access_token"], "client_id": "backend", "client_secret": secret}
    )
    nobody = http.form(INTROSPECT, {"token": tokens["access_token"]})

    assert (public.status_code, confidential.status_code) == (401, 401)
    assert nobody.status_code in (400, 401)
    assert "active" not in public.json()
