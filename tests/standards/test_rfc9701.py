"""RFC 9701: the answer of an introspection, signed for who keeps it as evidence."""

import time
from typing import Any

import jwt
import pytest

from tests.http import INTROSPECT
from tests.standards.forgery import header_of, is_accepted, payload_of

pytestmark = pytest.mark.django_db

SIGNED = "application/token-introspection+jwt"


def ask(http: Any, server: Any, token: str, accept: str = SIGNED) -> Any:
    return http.form(INTROSPECT, {"token": token}, Accept=accept, **server.basic)


@pytest.mark.standard("9701-01")
def test_whoever_asks_for_a_signed_answer_gets_one(http, ada, web, server):
    token = http.log_in(ada, web)["access_token"]

    answer = ask(http, server, token)

    assert (answer.status_code, answer["Content-Type"]) == (200, SIGNED)
    assert answer.content.decode().count(".") == 2


@pytest.mark.standard("9701-01")
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("", "application/json"),
        (f"{SIGNED};q=0", "application/json"),
        (f"{SIGNED};q=x", "application/json"),
        (f"{SIGNED};q=0.5, application/json", "application/json"),
        (f"{SIGNED}, application/json;q=0.9", SIGNED),
        (f"text/html, {SIGNED.upper()}; q=0.1", SIGNED),
        ("x" * 100_000, "application/json"),
    ],
)
def test_nobody_else_does(http, ada, web, server, accept, media_type):
    token = http.log_in(ada, web)["access_token"]

    answer = ask(http, server, token, accept)

    assert (answer.status_code, answer["Content-Type"]) == (200, media_type)
    assert answer["Vary"] == "Authorization, Accept"
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.standard("9701-02", "9701-03")
def test_it_is_signed_with_a_published_key_and_names_issuer_caller_and_time(http, ada, web, server):
    token = http.log_in(ada, web)["access_token"]
    plain = ask(http, server, token, "application/json").json()

    evidence = ask(http, server, token).content.decode()

    header = header_of(evidence)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", "ES256")
    keys = jwt.PyJWKSet.from_dict(http.get("/auth/jwks/").json())
    read = jwt.decode(
        evidence, keys[header["kid"]], algorithms=["ES256"], audience="server", issuer="https://issuer.test"
    )
    assert abs(read["iat"] - time.time()) < 60
    assert read["token_introspection"] == plain


@pytest.mark.standard("9701-04")
def test_it_has_neither_subject_nor_expiry_of_its_own(http, ada, web, server):
    evidence = ask(http, server, http.log_in(ada, web)["access_token"]).content.decode()

    assert set(payload_of(evidence)) == {"iss", "aud", "iat", "token_introspection"}


@pytest.mark.standard("9701-05")
def test_inactive_is_exactly_inactive_there_too(http, server):
    answer = ask(http, server, "garbage")

    assert payload_of(answer.content.decode())["token_introspection"] == {"active": False}


@pytest.mark.standard("9701-06")
def test_it_opens_nothing(http, ada, web, server):
    evidence = ask(http, server, http.log_in(ada, web)["access_token"]).content.decode()

    assert not is_accepted(http, evidence)


@pytest.mark.standard("9701-01")
def test_a_refusal_is_json_whatever_was_asked_for(http, server):
    answer = http.form(INTROSPECT, {"token": "x"}, Accept=SIGNED)

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/json")


@pytest.mark.standard("9701-07")
@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_the_metadata_lists_its_algorithm(http, settings, alg):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": alg}

    body = http.get("/.well-known/oauth-authorization-server").json()

    assert body["introspection_signing_alg_values_supported"] == [alg]
