"""RFC 9068: what an access token says, and how a resource server reads it."""

import pytest

from tests.factories import ClientFactory
from tests.http import TOKEN, Http
from tests.standards.forgery import INVALID_TOKEN, ME, forged, header_of, is_accepted, payload_of
from tokenauth.models import TokenFamily
from tokenauth.tokens import keys
from tokenauth.tokens.encoding import from_base64url, to_base64url

pytestmark = pytest.mark.django_db

ISSUER = "https://issuer.test"
SHOP, STOCK = "https://shop.test", "https://stock.test"


@pytest.fixture
def token(http: Http, ada, web) -> str:
    issued: str = http.log_in(ada, web)["access_token"]
    return issued


@pytest.mark.standard("9068-01")
def test_the_header_says_what_it_is(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    issued = [tokens["access_token"], http.refresh(tokens, web).json()["access_token"]]

    assert {(header["typ"], header["alg"]) for header in map(header_of, issued)} == {("at+jwt", "ES256")}


@pytest.mark.standard("9068-02")
def test_a_token_has_every_claim_that_is_required(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    refreshed = http.refresh(tokens, web).json()

    for body in (tokens, refreshed):
        claims = payload_of(body["access_token"])
        assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(claims)
        assert (claims["iss"], claims["aud"]) == (ISSUER, ISSUER)
        assert (claims["sub"], claims["client_id"]) == (str(ada.pk), "web")
        assert claims["exp"] - claims["iat"] == 300


@pytest.mark.standard("9068-02")
@pytest.mark.standard("9068-07")
@pytest.mark.parametrize("name", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_a_token_without_one_of_them_is_refused(http: Http, token, name):
    assert not is_accepted(http, forged(token, **{name: ...}))


@pytest.mark.standard("9068-04")
@pytest.mark.parametrize(
    "issuer",
    [ISSUER + "/", ISSUER[:-1], ISSUER + ".evil.test", ISSUER.upper(), "http://issuer.test", " " + ISSUER],
)
def test_the_issuer_is_compared_to_the_letter(http: Http, token, issuer):
    assert not is_accepted(http, forged(token, iss=issuer))


@pytest.mark.standard("9068-06")
@pytest.mark.standard("ASVS-12")
def test_only_the_sites_own_keys_count(http: Http, token):
    attackers = keys.access_key(keys.new_access_secret("ES256"))
    unsigned, _, signature = token.rpartition(".")
    theirs = to_base64url(attackers.sign(unsigned.encode()))
    turned = bytes([from_base64url(signature.encode())[0] ^ 1]) + from_base64url(signature.encode())[1:]

    assert is_accepted(http, token)
    assert not is_accepted(http, f"{unsigned}.{theirs}")
    assert not is_accepted(http, f"{unsigned}.{to_base64url(turned)}")
    assert not is_accepted(http, f"{unsigned}.")


@pytest.mark.standard("9068-07")
@pytest.mark.standard("6750-11")
def test_whatever_is_wrong_is_one_answer(clock, http: Http, token):
    expired = forged(token, exp=1)
    wrong = [expired, forged(token, aud="x"), forged(token, iss="x"), token[:-4] + "AAAA", "garbage", "a.b.c"]

    answers = [http.get(ME, bearer=shown) for shown in wrong]

    assert {(answer.status_code, answer["WWW-Authenticate"]) for answer in answers} == {(401, INVALID_TOKEN)}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.standard("9068-08")
def test_a_site_may_sign_by_rs256(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": "RS256"}

    token = http.log_in(ada, web)["access_token"]

    assert header_of(token)["alg"] == "RS256"
    assert is_accepted(http, token)


@pytest.mark.standard("9068-09")
@pytest.mark.standard("NIST-07")
@pytest.mark.standard("ASVS-11")
def test_a_refresh_is_no_authentication(clock, http: Http, ada, web):
    tokens = http.log_in(ada, web)
    TokenFamily.objects.update(acr="urn:test:silver", amr="pwd")
    clock.shift(1_000)

    first, second = (
        payload_of(tokens["access_token"]),
        payload_of(http.refresh(tokens, web).json()["access_token"]),
    )

    assert second["auth_time"] == first["auth_time"] == second["iat"] - 1_000
    assert (second["acr"], second["amr"]) == ("urn:test:silver", ["pwd"])


@pytest.mark.standard("9068-10")
@pytest.mark.parametrize("asked", ["orders:read", None])
def test_the_scope_stands_in_the_token(http: Http, ada, web, asked):
    body = http.log_in(ada, web, **({"scope": asked} if asked else {}))

    assert payload_of(body["access_token"])["scope"] == body["scope"] == (asked or "orders:read orders:write")


@pytest.mark.standard("9068-11")
@pytest.mark.standard("8707-03")
def test_the_audience_is_the_resource_that_was_asked_for(http: Http, ada):
    app = ClientFactory(client_id="app", audiences=[SHOP, STOCK])
    tokens = http.log_in(ada, app, audience=[SHOP, STOCK])
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": tokens["refresh_token"]}

    narrowed = http.form(TOKEN, {**form, "resource": STOCK}).json()

    assert payload_of(tokens["access_token"])["aud"] == [SHOP, STOCK]
    assert payload_of(narrowed["access_token"])["aud"] == STOCK


@pytest.mark.standard("9068-12")
def test_a_token_tells_nothing_of_the_person(http: Http, ada, web):
    ada.first_name, ada.last_name = "Augusta", "King"
    ada.save()

    claims = str(payload_of(http.log_in(ada, web, device={"id": "d", "name": "Pixel"})["access_token"]))

    assert not [told for told in (ada.username, ada.email, "Augusta", "King", "Pixel") if told in claims]
