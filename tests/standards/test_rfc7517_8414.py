"""RFC 7517, RFC 7638 and RFC 8414: the keys and the metadata that anyone may read."""

import base64
import hashlib
import json
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from tests.http import Http
from tests.standards.forgery import header_of, is_accepted, payload_of
from tokenauth.flows import keys, revoke
from tokenauth.models.key import KeyPurpose
from tokenauth.revocation.subjects import OfKey
from tokenauth.tokens.jwks import public_set
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db

JWKS = "/auth/jwks/"
METADATA = "/.well-known/oauth-authorization-server"
#: RFC 7518 6 and RFC 8037 2: what only the owner of a key has.
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
ENDPOINTS = ["token_endpoint", "revocation_endpoint", "introspection_endpoint"]


def served(http: Http) -> list[dict[str, str]]:
    found: list[dict[str, str]] = http.get(JWKS).json()["keys"]
    return found


def kids_of(http: Http) -> set[str]:
    return {key["kid"] for key in served(http)}


def let_the_next_one_sign() -> None:
    keys.rotate(KeyPurpose.ACCESS, at=timezone.now(), now=True)


# --- keys ---------------------------------------------------------------------------------------------


@pytest.mark.standard("7517-01")
@pytest.mark.parametrize("path", [JWKS, "/auth/jwks", "/.well-known/jwks.json"])
def test_the_keys_are_public(http: Http, path):
    answer = http.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert isinstance(answer.json()["keys"], list)
    assert answer.json()["keys"]


@pytest.mark.standard("7517-02")
@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_no_private_member_is_served(http: Http, settings, alg):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": alg}
    for purpose in KeyPurpose:
        KEYRING.signing() if purpose is KeyPurpose.ACCESS else KEYRING.active(purpose)

    for key in served(http):
        assert key["alg"] == alg
        assert key["kty"] in {"EC", "OKP", "RSA"}
        assert not PRIVATE & set(key)


@pytest.mark.standard("7517-03")
def test_the_key_of_every_living_token_is_served_once(http: Http, ada, web):
    tokens = [http.log_in(ada, web)]
    let_the_next_one_sign()
    tokens.append(http.log_in(ada, web))
    let_the_next_one_sign()

    kids = [key["kid"] for key in served(http)]

    assert {header_of(body["access_token"])["kid"] for body in tokens} <= set(kids)
    assert len(kids) == len(set(kids))


@pytest.mark.standard("7517-04")
def test_each_key_says_what_it_is_for(http: Http):
    for key in served(http):
        assert (key["use"], key["alg"]) == ("sig", "ES256")
        assert "key_ops" not in key


@pytest.mark.standard("7517-05")
def test_a_key_is_announced_before_it_signs_and_served_until_its_last_token_ended(
    clock, http: Http, ada, web
):
    old = http.log_in(ada, web)["access_token"]
    announced = kids_of(http)
    let_the_next_one_sign()
    new = http.log_in(ada, web)["access_token"]
    meanwhile = kids_of(http), is_accepted(http, old)
    clock.shift(86_400)
    keys.retire_spent(timezone.now())

    assert header_of(new)["kid"] in announced
    assert meanwhile == (meanwhile[0] | {header_of(old)["kid"], header_of(new)["kid"]}, True)
    assert header_of(old)["kid"] not in kids_of(http)
    assert header_of(new)["kid"] in kids_of(http)


@pytest.mark.standard("7517-06")
def test_a_killed_key_is_served_no_more_and_its_tokens_fail(http: Http, ada, web):
    token = http.log_in(ada, web)["access_token"]

    revoke(OfKey(header_of(token)["kid"]))

    assert header_of(token)["kid"] not in kids_of(http)
    assert not is_accepted(http, token)


@pytest.mark.standard("7517-07")
def test_the_keys_may_be_cached_for_a_while(http: Http):
    answer = http.get(JWKS)
    head = http.browser.head(JWKS, secure=True)

    assert answer["Cache-Control"] == "public, max-age=300"
    assert http.get(JWKS, If_None_Match=answer["ETag"]).status_code == 304
    assert (head.status_code, head["ETag"], head.content) == (200, answer["ETag"], b"")


@pytest.mark.standard("7638-01")
@pytest.mark.standard("7638-02")
@pytest.mark.parametrize(
    ("alg", "required"), [("ES256", "crv kty x y"), ("EdDSA", "crv kty x"), ("RS256", "e kty n")]
)
def test_a_kid_is_the_thumbprint(http: Http, settings, alg, required):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": alg}

    for key in served(http):
        members = {name: key[name] for name in required.split()}
        digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
        assert key["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_what_is_served_is_what_the_keyring_holds(http: Http):
    assert {key["kid"] for key in public_set(KEYRING.current())["keys"]} <= kids_of(http)


# --- metadata -----------------------------------------------------------------------------------------


@pytest.mark.standard("8414-02")
def test_the_issuer_is_the_one_in_the_tokens(http: Http, ada, web):
    issuer = http.get(METADATA).json()["issuer"]
    parts = urlsplit(issuer)

    assert issuer == payload_of(http.log_in(ada, web)["access_token"])["iss"] == "https://issuer.test"
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")


@pytest.mark.standard("8414-03")
def test_the_metadata_is_json_without_empty_members(http: Http):
    answer = http.get(METADATA)

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert all(value not in ([], "", None, {}) for value in answer.json().values())
    # there is no authorization endpoint, and an empty array is left out
    assert "response_types_supported" not in answer.json()


@pytest.mark.standard("8414-04")
def test_every_endpoint_of_the_metadata_answers(http: Http):
    body = http.get(METADATA).json()
    urls = {name: urlsplit(body[name]) for name in [*ENDPOINTS, "jwks_uri"]}

    assert {(url.scheme, url.netloc) for url in urls.values()} == {("https", "issuer.test")}
    assert served(http) == http.get(urls["jwks_uri"].path).json()["keys"]
    for name in ENDPOINTS:
        answer = http.form(urls[name].path, {"client_id": "nobody", "token": "x"})
        assert (answer.status_code, answer.json()["error"]) in {
            (400, "invalid_request"),
            (401, "invalid_client"),
        }


@pytest.mark.standard("8414-05")
def test_the_endpoints_take_the_client_authentication_that_is_named(http: Http, ada, web, backend, server):
    body = http.get(METADATA).json()
    in_body, by_basic, public = (
        http.form(urlsplit(body["revocation_endpoint"]).path, {"token": "x", **sent}, **headers).status_code
        for sent, headers in ((backend.in_body, {}), ({}, backend.basic), ({"client_id": "web"}, {}))
    )
    asked = urlsplit(body["introspection_endpoint"]).path

    assert (in_body, by_basic, public) == (200, 200, 200)
    assert http.form(asked, {"token": "x", **server.in_body}).status_code == 200
    assert http.form(asked, {"token": "x"}, **server.basic).status_code == 200
    both = ["client_secret_basic", "client_secret_post"]
    assert body["token_endpoint_auth_methods_supported"] == [*both, "none"]
    assert body["revocation_endpoint_auth_methods_supported"] == [*both, "none"]
    assert body["introspection_endpoint_auth_methods_supported"] == both
    assert not [
        name for name, value in body.items() if name.endswith("alg_values_supported") and "none" in value
    ]


@pytest.mark.standard("8414-06")
@pytest.mark.parametrize(
    "name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "X-Original-Host"]
)
def test_the_metadata_follows_no_header(http: Http, name):
    plain = http.get(METADATA)

    assert http.get(METADATA, **{name: "evil.test"}).content == plain.content


@pytest.mark.standard("8414-07")
def test_what_is_not_supported_is_not_named(http: Http):
    """Neither DPoP, nor certificates, nor global revocation: the members stand here once the code does."""
    named = set(http.get(METADATA).json())

    assert not named & {
        "dpop_signing_alg_values_supported",
        "tls_client_certificate_bound_access_tokens",
        "global_token_revocation_endpoint",
    }
