"""Anything malformed is a 4xx with a clear error object, and a token that cannot be one is just not valid."""

import base64
import json
from urllib.parse import quote

import pytest
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http
from tokenauth.models import Device

pytestmark = pytest.mark.django_db

INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "The credentials or the token are not valid.",
    "reauthenticate": True,
}


@pytest.fixture
def http() -> Http:
    return Http(Browser(raise_request_exception=False))


def login(**changes):
    return {"username": "ada", "password": PASSWORD, "client_id": "web", **changes}


def sent(http: Http, method: str, path: str, body: bytes | str, content_type: str, bearer: str = ""):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return http.browser.generic(method, path, body, content_type, secure=True, headers=headers)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def is_invalid_request(answer) -> bool:
    return (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("around", ["{}\n", "\r\n\t {}", " {} "])
def test_whitespace_around_json_is_json(http: Http, ada, web, around):
    """RFC 8259 2"""
    body = around.replace("{}", json.dumps(login(), indent=2))

    assert sent(http, "POST", LOGIN, body, "application/json").status_code == 200


@pytest.mark.parametrize("around", ["\x0b{}", "{}\x00", "\u00a0{}", "{}x", "\ufeff{}"])
def test_nothing_else_may_stand_around_it(http: Http, ada, web, around):
    body = around.replace("{}", json.dumps(login()))

    assert is_invalid_request(sent(http, "POST", LOGIN, body.encode(), "application/json"))


@pytest.mark.parametrize("depth", [100, 400, 700, 900, 960, 990, 20_000])
@pytest.mark.parametrize("tail", ["", ',"x":"\\u0041"'])
@pytest.mark.parametrize("nest", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_no_depth_of_nesting_is_a_500(http: Http, web, nest, tail, depth):
    opening, closing = nest
    body = '{"a":' + opening * depth + "1" + closing * depth + tail + "}"

    assert is_invalid_request(sent(http, "POST", LOGIN, body, "application/json"))


class _ReadsThePost:
    """A middleware of the site's that reads the form before we do."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.POST  # noqa: B018
        return self.get_response(request)


@pytest.mark.parametrize("path", [LOGIN, REFRESH, TOKEN, REVOKE, INTROSPECT])
def test_a_multipart_form_that_a_middleware_read_is_415(http: Http, settings, path):
    settings.MIDDLEWARE = [f"{__name__}._ReadsThePost", *settings.MIDDLEWARE]

    answer = http.browser.post(path, {"a": "1"}, secure=True)

    assert (answer.status_code, answer.json()["error"]) == (415, "invalid_request")


def test_json_and_forms_that_a_middleware_read_still_log_in(http: Http, ada, web, settings):
    settings.MIDDLEWARE = [f"{__name__}._ReadsThePost", *settings.MIDDLEWARE]

    assert http.post(LOGIN, login()).status_code == 200
    assert http.form(LOGIN, login()).status_code == 200


NO_TOKENS = ["%00", "aa.bb%00.cc", "a" * 20_000, "%ed%a0%80", "%ff", "tkr_%00", "%F0%9F%94%91", "-"]
NAMES = ["nul", "nul inside", "long", "surrogate", "no utf-8", "nul behind our prefix", "emoji", "dash"]


@pytest.mark.parametrize("token", NO_TOKENS, ids=NAMES)
def test_what_can_be_no_token_is_just_not_valid(http: Http, web, token):
    """RFC 7662 2.2, RFC 7009 2.2, RFC 6749 5.2"""
    resource = ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
    server = {"Authorization": basic("res", secret_of(resource))}

    introspected = http.form(INTROSPECT, f"token={token}", **server)
    revoked = http.form(REVOKE, f"client_id=web&token={token}")
    refreshed = http.form(REFRESH, f"client_id=web&refresh_token={token}")
    by_oauth = http.form(TOKEN, f"grant_type=refresh_token&client_id=web&refresh_token={token}")

    assert (introspected.status_code, introspected.json()) == (200, {"active": False})
    assert revoked.status_code == 200
    assert (refreshed.status_code, refreshed.json()) == (400, INVALID_GRANT)
    assert (by_oauth.status_code, by_oauth.json()) == (400, INVALID_GRANT)


def test_a_challenge_that_can_be_none_is_just_not_valid(http: Http, web):
    body = {"challenge": "tkc_\x00", "method": "totp", "response": "1", "client_id": "web"}

    assert http.post(f"{LOGIN}continue/", body).json() == INVALID_GRANT


@pytest.mark.parametrize("escape", ["%ff", "%ed%a0%80", "%c0%80", "%80abc"])
@pytest.mark.parametrize("name", ["username", "password", "device_name", "scope"])
def test_escapes_that_are_no_utf8_are_refused(http: Http, web, name, escape):
    UserFactory(username="ada", password="\ufffd\ufffd\ufffd")
    fields = {"username": "ada", "password": quote("\ufffd\ufffd\ufffd"), "client_id": "web", name: escape}

    answer = http.form(LOGIN, "&".join(f"{key}={value}" for key, value in fields.items()))

    assert is_invalid_request(answer)


def test_an_unknown_parameter_may_hold_what_it_likes(http: Http, ada, web):
    answer = http.form(LOGIN, f"username=ada&password={quote(PASSWORD)}&client_id=web&x=%ff&y=%00")

    assert answer.status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "multipart/form-data"])
def test_an_empty_body_says_nothing_whatever_its_type(http: Http, ada, web, content_type):
    tokens = http.log_in(ada, web)
    bearer = tokens["access_token"]

    others = sent(http, "POST", f"{SESSIONS}revoke-others/", "", content_type, bearer)
    bearer = http.refresh(tokens, web).json()["access_token"]
    own = sent(http, "DELETE", f"{SESSIONS}{tokens['session_id']}/", "", content_type, bearer)

    assert (others.status_code, own.status_code) == (200, 204)


@pytest.mark.parametrize("charset", ["base64", "hex", "undefined", "idna", "rot13", "utf-16"])
@pytest.mark.parametrize("media", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_no_charset_of_a_request_is_a_500(http: Http, ada, web, media, charset):
    bearer = http.log_in(ada, web)["access_token"]
    content_type = f"{media}; charset={charset}"

    answers = [
        sent(http, "GET", f"{SESSIONS}?cursor=%ff", "", content_type, bearer),
        sent(http, "GET", DEVICES, "", content_type, bearer),
        sent(http, "POST", LOGIN, "x=1", content_type),
    ]

    assert [answer.status_code for answer in answers] in ([400, 200, 400], [400, 200, 415])


def _cursor(text: str) -> str:
    return quote(base64.b64encode(text.encode("latin-1")).decode())


CURSORS = [
    *map(
        _cursor, ["p=garbage", "p=2020-01-01", "p=0001-01-01T00:00:00+23:00", "p=9999-12-31T23:59:59-23:00"]
    ),
    *map(_cursor, ["p=\x00", "o=-1", "o=" + "9" * 30, "r=1&p=x", "p=2020-13-45", "\xff\xfe", "p=1&p=2"]),
    *("garbage", "%", "%C3%A9", "%00", "a" * 5000, "====", "%ff", "00000000-0000-7000-8000-00000000000G"),
    "00000000-0000-7000-8000-00000000000A",
]


@pytest.mark.parametrize("cursor", CURSORS, ids=range(len(CURSORS)))
@pytest.mark.parametrize("path", [SESSIONS, DEVICES])
def test_a_cursor_that_is_none_of_ours_is_a_flat_400(http: Http, ada, web, path, cursor):
    bearer = http.log_in(ada, web)["access_token"]

    assert is_invalid_request(http.get(f"{path}?cursor={cursor}", bearer=bearer))


def test_devices_come_in_pages_too(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 60}
    bearer = [http.log_in(ada, web) for _ in range(51)][-1]["access_token"]

    first = http.get(DEVICES, bearer=bearer).json()
    second = http.get(first["next"], bearer=bearer).json()

    seen = [entry["id"] for page in (first, second) for entry in page["results"]]
    assert (len(first["results"]), len(second["results"]), second["next"]) == (50, 1, None)
    assert seen == [str(pk) for pk in Device.objects.order_by("-pk").values_list("pk", flat=True)]


def test_an_id_in_another_spelling_is_as_unknown_as_none(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    bearer, own, device = tokens["access_token"], tokens["session_id"], tokens["device_id"]
    unknown = http.delete(f"{SESSIONS}00000000-0000-7000-8000-000000000000/", bearer=bearer)

    answers = [
        http.delete(f"{SESSIONS}xyz/", bearer=bearer),
        http.delete(f"{SESSIONS}{own.upper()}/", bearer=bearer),
        http.delete(f"{SESSIONS}{own.replace('-', '')}/", bearer=bearer),
        http.delete(f"{SESSIONS}%7B{own}%7D/", bearer=bearer),
        http.patch(f"{DEVICES}1/", {"name": "x"}, bearer=bearer),
        http.patch(f"{DEVICES}{device.upper()}/", {"name": "x"}, bearer=bearer),
        http.post(f"{DEVICES}xyz/revoke/", {}, bearer=bearer),
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(404, unknown.content)}
    assert unknown.json()["error"] == "not_found"


def test_a_line_feed_ends_no_path(http: Http, ada, web):
    assert http.post("/auth/login/%0A", login()).status_code == 404
    assert http.post("/auth/login%0A", login()).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"), [({}, 200), ({"reason": "lost"}, 200), ({"reason": ""}, 200), ({"reason": "x"}, 400)]
)
def test_a_device_is_written_off_for_one_reason(http: Http, ada, web, body, status):
    tokens = http.log_in(ada, web)
    path = f"{DEVICES}{tokens['device_id']}/revoke/"

    assert http.post(path, body, bearer=tokens["access_token"]).status_code == status
    assert Device.objects.filter(lost_at=None).exists() == (status == 400)


def test_an_empty_device_counts_as_absent(http: Http, ada, web):
    assert http.post(LOGIN, login(device="")).status_code == 200
    assert is_invalid_request(http.post(LOGIN, login(device="x")))


def test_in_a_form_only_resource_may_be_repeated(http: Http, ada):
    app = ClientFactory(client_id="app", audiences=["https://a.test", "https://b.test"])
    both = {"audience": ["https://a.test", "https://b.test"], "client_id": "app"}
    tokens = http.log_in(ada, app, audience=["https://a.test", "https://b.test"])

    logged_in = http.form(LOGIN, {**login(), **both})
    refreshed = http.form(REFRESH, {"refresh_token": tokens["refresh_token"], **both})
    listed = http.post(REFRESH, {"refresh_token": tokens["refresh_token"], **both})

    assert is_invalid_request(logged_in)
    assert is_invalid_request(refreshed)
    assert listed.status_code == 200
