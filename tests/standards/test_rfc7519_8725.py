"""RFC 7515, RFC 7519 and RFC 8725, at a protected view. The whole kind of each attack: tests/tokens/."""

import base64
import json

import pytest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.factories import ClientFactory, UserFactory
from tests.http import REFRESH, Http
from tests.standards.forgery import forged, header_of, is_accepted, payload_of, signed
from tokenauth import conf

pytestmark = pytest.mark.django_db

ISSUER = "https://issuer.test"


@pytest.fixture
def token(http: Http, ada, web) -> str:
    """An access token; signed again by the same key it still counts."""
    issued: str = http.log_in(ada, web)["access_token"]
    assert is_accepted(http, forged(issued))
    return issued


# --- RFC 7519 -----------------------------------------------------------------------------------------


@pytest.mark.standard("7519-01")
@pytest.mark.standard("ASVS-13")
def test_a_token_counts_until_exp_and_the_leeway_and_no_longer(clock, http: Http, ada, web):
    tokens = http.log_in(ada, web)
    clock.shift(tokens["expires_in"] + conf.current().LEEWAY - 1)
    before = is_accepted(http, tokens["access_token"])

    clock.shift(1)

    assert conf.current().LEEWAY <= 60
    assert (before, is_accepted(http, tokens["access_token"])) == (True, False)


@pytest.mark.standard("7519-02")
@pytest.mark.parametrize(("ahead", "counts"), [(0, True), (10, True), (11, False), (3_600, False)])
def test_nbf_in_the_future_is_refused(clock, http: Http, token, ahead, counts):
    assert is_accepted(http, forged(token, nbf=payload_of(token)["iat"] + ahead)) is counts


@pytest.mark.standard("7519-03")
@pytest.mark.standard("8725-08")
@pytest.mark.standard("9068-05")
@pytest.mark.standard("9700-10")
@pytest.mark.parametrize(
    ("audience", "counts"),
    [
        (ISSUER, True),
        ([ISSUER], True),
        (["https://other.test", ISSUER], True),
        ("https://other.test", False),
        (["https://other.test"], False),
        (ISSUER + "/", False),
        (ISSUER.upper(), False),
        ([], False),
        ("", False),
        (None, False),
        (..., False),
    ],
    ids=str,
)
def test_the_audience_is_text_or_list_and_names_this_server(http: Http, token, audience, counts):
    assert is_accepted(http, forged(token, aud=audience)) is counts


@pytest.mark.standard("7519-04")
@pytest.mark.parametrize("name", ["sub", "aud", "exp", "iss", "scope"])
def test_a_claim_that_comes_twice_is_refused(http: Http, token, name):
    payload = payload_of(token)
    twice = json.dumps(payload)[:-1] + f", {json.dumps(name)}: {json.dumps(payload[name])}}}"

    assert not is_accepted(http, signed(twice.encode()))


@pytest.mark.standard("7519-05")
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("text", ['"1800000300"', "true", "null", "NaN", "1e400", "-1", "[]", "1.8e9"])
def test_a_time_that_is_no_whole_number_of_seconds_is_refused(http: Http, token, name, text):
    payload = json.dumps({**payload_of(token), name: "TIME"}).replace('"TIME"', text)

    assert not is_accepted(http, signed(payload.encode()))


@pytest.mark.standard("7519-06")
def test_no_two_tokens_have_one_jti(clock, http: Http, web):
    bodies = [http.log_in(UserFactory(), web) for _ in range(4)]
    for _ in range(6):
        clock.shift(60)
        bodies += [http.refresh(body, web).json() for body in bodies[-4:]]
    narrowed = http.refresh(bodies[-1], web, scope="orders:read").json()
    again = http.refresh(bodies[-1], web, scope="orders:write").json()

    ids = [payload_of(body["access_token"])["jti"] for body in [*bodies, narrowed, again]]

    assert len(ids) == len(set(ids)) == 30
    assert narrowed["refresh_token"] == again["refresh_token"]


# --- RFC 7515 -----------------------------------------------------------------------------------------


@pytest.mark.standard("7515-01")
@pytest.mark.parametrize(
    "critical", [{"crit": ["x"], "x": 1}, {"crit": ["b64"], "b64": True}, {"crit": []}, {"crit": ["exp"]}]
)
def test_a_critical_member_is_refused(http: Http, token, critical):
    assert not is_accepted(http, forged(token, header={**header_of(token), **critical}))


@pytest.mark.standard("7515-02")
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("spoil", ["{}=", "{}==", "{}A", "{}+", "{}/", "A{}", "{}.", "{}~"])
def test_a_segment_is_base64url_without_padding(http: Http, token, place, spoil):
    segments = token.split(".")
    segments[place] = spoil.format(segments[place])

    assert not is_accepted(http, ".".join(segments))


# --- RFC 8725 -----------------------------------------------------------------------------------------


@pytest.mark.standard("8725-01")
@pytest.mark.standard("8725-02")
@pytest.mark.standard("ASVS-12")
@pytest.mark.parametrize("alg", ["es256", "ES384", "RS256", "PS256", "EdDSA", "HS256"])
def test_no_algorithm_but_the_keys_own(http: Http, token, alg):
    assert not is_accepted(http, forged(token, header={**header_of(token), "alg": alg}))


@pytest.mark.standard("8725-03")
@pytest.mark.standard("9068-06")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AA", None], ids=["no signature", "some", "a good one"])
def test_none_is_no_algorithm(http: Http, token, alg, signature):
    unsigned, _, good = forged(token, header={**header_of(token), "alg": alg}).rpartition(".")

    assert not is_accepted(http, f"{unsigned}.{good if signature is None else signature}")


@pytest.mark.standard("8725-04")
def test_neither_encryption_nor_a_token_within_a_token(http: Http, token):
    header, payload, signature = token.split(".")
    jwe = base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A128GCM"}').rstrip(b"=").decode()

    assert not is_accepted(http, f"{jwe}..AAAAAAAAAAAAAAAA.{payload}.{signature}")
    assert not is_accepted(http, f"{header}.{payload}.{signature}.{payload}.{signature}")
    assert not is_accepted(http, signed(token.encode()))
    assert not is_accepted(http, signed(token.encode(), header={**header_of(token), "cty": "JWT"}))


@pytest.mark.standard("8725-06")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_claims_are_utf_8(http: Http, token, encoding):
    text = json.dumps({**payload_of(token), "more": "ü"}, ensure_ascii=False)

    assert is_accepted(http, signed(text.encode()))
    assert not is_accepted(http, signed(text.encode(encoding)))


@pytest.mark.standard("8725-06")
def test_a_lone_surrogate_is_no_text(http: Http, token):
    assert not is_accepted(http, signed(json.dumps({**payload_of(token), "more": "\ud800"}).encode()))


@pytest.mark.standard("8725-07")
@pytest.mark.parametrize("issuer", ["https://other.test", ISSUER + "/", [ISSUER], None, ...], ids=str)
def test_a_key_signs_for_its_own_issuer_alone(http: Http, token, issuer):
    assert not is_accepted(http, forged(token, iss=issuer))


@pytest.mark.standard("8725-07")
@pytest.mark.parametrize("subject", ["", None, 1, [], ...], ids=repr)
def test_a_subject_that_is_none_is_refused(http: Http, token, subject):
    assert not is_accepted(http, forged(token, sub=subject))


class Named(APIView):
    """A site's view that asks who the user is."""

    def get(self, request: Request) -> Response:
        return Response({"name": request.user.get_username()})


@pytest.mark.standard("8725-07")
@pytest.mark.parametrize(
    ("subject", "status"), [("own", 200), ("999999999", 401), ("nobody", 401), ("\x00", 401)]
)
def test_a_subject_that_nobody_has_is_refused(rf, token, ada, subject, status):
    shown = forged(token, sub=str(ada.pk) if subject == "own" else subject)

    answer = Named.as_view()(rf.get("/", secure=True, headers={"Authorization": f"Bearer {shown}"}))

    assert answer.status_code == status


@pytest.mark.standard("8725-09")
@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "", "\x00", None, 1, [], {}, ...], ids=repr)
def test_a_hostile_kid_is_a_key_that_nobody_has(http: Http, token, kid):
    header = {name: value for name, value in {**header_of(token), "kid": kid}.items() if value is not ...}

    assert not is_accepted(http, forged(token, header=header))


@pytest.mark.standard("8725-10")
@pytest.mark.standard("9068-03")
@pytest.mark.parametrize("typ", ["JWT", "AT+JWT", "application/at+jwt", "rt+jwt", "", None], ids=repr)
def test_any_type_but_the_one_we_write_is_refused(http: Http, token, typ):
    """Our issuer writes `at+jwt` alone; other header bytes are nobody's."""
    assert header_of(token)["typ"] == "at+jwt"
    assert not is_accepted(http, forged(token, header={**header_of(token), "typ": typ}))


@pytest.mark.standard("8725-11")
@pytest.mark.standard("ASVS-13")
def test_the_two_kinds_of_token_never_stand_in_for_each_other(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    refresh = tokens["refresh_token"]

    shown = [http.post(REFRESH, {"refresh_token": text, "client_id": "web"}) for text in _as_refresh(tokens)]

    assert not any(is_accepted(http, text) for text in (refresh, refresh.removeprefix("tkr_")))
    assert [(answer.status_code, answer.json()["error"]) for answer in shown] == [(400, "invalid_grant")] * 3
    assert http.refresh(tokens, web).status_code == 200


def _as_refresh(tokens):
    claims = payload_of(tokens["refresh_token"])
    return tokens["access_token"], "tkr_" + tokens["access_token"], "tkr_" + signed(claims)


@pytest.mark.standard("8725-11")
@pytest.mark.parametrize(
    ("typ", "payload"),
    [
        ("JWT", {"sub": "1", "aud": "web", "nonce": "n"}),
        ("dpop+jwt", {"htm": "GET", "htu": ISSUER, "jti": "x"}),
        ("secevent+jwt", {"jti": "x", "events": {}}),
        ("token-introspection+jwt", {"aud": ISSUER, "token_introspection": {"active": True}}),
        ("statuslist+jwt", {"sub": ISSUER, "status_list": {"bits": 1, "lst": "eA"}}),
    ],
)
def test_nor_does_a_token_of_another_standard(http: Http, token, typ, payload):
    times = {name: payload_of(token)[name] for name in ("iss", "iat", "exp")}

    assert not is_accepted(http, signed({**times, **payload}))
    assert not is_accepted(http, forged(token, header={**header_of(token), "typ": typ}))


@pytest.mark.standard("8725-12")
def test_the_json_forms_are_no_token(client, token):
    protected, payload, signature = token.split(".")
    forms = [
        {"protected": protected, "payload": payload, "signature": signature},
        {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]},
    ]

    for form in map(json.dumps, forms):
        answer = client.get("/api/me/", secure=True, headers={"Authorization": f"Bearer {form}"})
        assert answer.status_code in (400, 401)


@pytest.mark.standard("9700-10")
def test_a_token_that_was_issued_for_another_audience_is_refused(http: Http, ada):
    app = ClientFactory(audiences=["https://orders.test"])

    assert not is_accepted(http, http.log_in(ada, app, audience="https://orders.test")["access_token"])
