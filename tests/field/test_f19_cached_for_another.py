"""F19: a cache in front of the views serves one user's list to another, or a success after revocation."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as site
from django.urls import URLPattern, include, path
from django.utils.cache import has_vary_header
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers

from tests import urls as tests_urls
from tests import views
from tests.factories import ClientFactory, UserFactory, secret_of
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http
from tokenauth.api import urls as ours
from tokenauth.flows import revoke
from tokenauth.models import users
from tokenauth.revocation.subjects import OfUser

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

ME = "/api/me/"
TEN_MINUTES = cache_page(600)


def cached(patterns: list[Any]) -> list[URLPattern]:
    """The same URLs, each view behind `cache_page`."""
    return [URLPattern(each.pattern, TEN_MINUTES(each.callback), {}, each.name) for each in patterns]


class Public(views.Me):
    """A view of the site's that anyone may read, and that says so."""

    authentication_classes = ()
    permission_classes = ()
    answers = 0

    def get(self, request: Any) -> Any:
        Public.answers += 1
        return views.Response({"answers": Public.answers})


PUBLIC = vary_on_headers("Accept")(Public.as_view())

urlpatterns = [
    path("auth/", include((cached(ours.urlpatterns), "tokenauth"))),
    path("api/me/", TEN_MINUTES(views.Me.as_view())),
    path("api/public/", TEN_MINUTES(PUBLIC)),
]
#: The same URLs with no cache of their own.
PLAIN = (*tests_urls.urlpatterns, path("api/public/", PUBLIC))


@pytest.fixture(params=["cache_page", "middleware", "both"])
def caching(request, settings) -> None:
    """A site that caches by decorator, by middleware, or by both."""
    if request.param != "cache_page":
        settings.MIDDLEWARE = [
            "django.middleware.cache.UpdateCacheMiddleware",
            *site.MIDDLEWARE,
            "django.middleware.cache.FetchFromCacheMiddleware",
        ]
    if request.param == "middleware":
        settings.ROOT_URLCONF = PLAIN


CACHING = pytest.mark.usefixtures("caching")


@pytest.fixture
def bob(db) -> Any:
    return UserFactory(username="bob")


Pair = dict[str, Any]


@pytest.fixture
def both(http: Http, ada, bob, web) -> tuple[Pair, Pair]:
    return tuple(http.log_in(user, web, device={"name": f"{user}'s phone"}) for user in (ada, bob))


@CACHING
def test_the_site_does_cache(http: Http):
    first, second = http.get("/api/public/"), http.get("/api/public/")

    assert first.content == second.content


@CACHING
@pytest.mark.parametrize("path", [SESSIONS, DEVICES, ME])
def test_nobody_is_served_what_was_another_users(http: Http, both, path):
    bodies = [http.get(path, bearer=tokens["access_token"]).json() for tokens in (*both, *both)]

    assert bodies[0] == bodies[2]
    assert bodies[1] == bodies[3]
    assert bodies[0] != bodies[1]


@CACHING
@pytest.mark.parametrize("path", [SESSIONS, DEVICES, ME])
def test_no_success_is_served_after_revocation(http: Http, ada, both, path):
    adas, bobs = (tokens["access_token"] for tokens in both)
    for token in (adas, bobs):
        assert http.get(path, bearer=token).status_code == 200

    revoke(OfUser(users.key_of(ada)))

    assert http.get(path, bearer=adas).status_code == 401
    assert http.get(path, bearer=bobs).status_code == 200
    assert http.get(path).status_code == 401


@CACHING
@pytest.mark.parametrize("path", [SESSIONS, DEVICES, ME])
def test_no_refusal_is_served_to_whom_it_does_not_concern(http: Http, both, path):
    assert http.get(path).status_code == 401
    assert http.get(path, bearer="garbage").status_code == 401

    assert http.get(path, bearer=both[0]["access_token"]).status_code == 200


@CACHING
def test_introspection_is_answered_anew_each_time(http: Http, ada, both):
    resource = ClientFactory(client_id="orders", resource=True, audiences=["https://issuer.test"])
    server = {"client_id": "orders", "client_secret": secret_of(resource)}

    def subjects() -> list[str | None]:
        forms = [{"token": tokens["access_token"], **server} for tokens in both]
        return [http.form(INTROSPECT, form).json().get("sub") for form in forms]

    assert subjects() == [tokens_subject(http, tokens) for tokens in both]

    revoke(OfUser(users.key_of(ada)))

    assert subjects() == [None, tokens_subject(http, both[1])]


def tokens_subject(http: Http, tokens: Pair) -> str:
    return str(http.get(ME, bearer=tokens["access_token"]).json()["user"])


Call = Callable[[Http, Pair], Any]


def asks(method: str, path: str, **more: Any) -> Call:
    def ask(http: Http, tokens: Pair) -> Any:
        return getattr(http, method)(path.format(**tokens), bearer=tokens["access_token"], **more)

    return ask


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (asks("get", SESSIONS), 200),
        (asks("get", DEVICES), 200),
        (asks("get", f"{SESSIONS}?cursor=x"), 400),
        (asks("patch", f"{DEVICES}{{device_id}}/", body={"name": "Pixel"}), 200),
        (asks("patch", f"{DEVICES}nobodys/", body={"name": "Pixel"}), 404),
        (asks("delete", f"{SESSIONS}nobodys/"), 404),
        (asks("delete", f"{SESSIONS}{{session_id}}/"), 204),
        (asks("delete", SESSIONS), 405),
        (lambda http, tokens: http.get(SESSIONS), 401),
        (lambda http, tokens: http.get(DEVICES, bearer="garbage"), 401),
        (lambda http, tokens: http.post(LOGIN, {}), 400),
        (
            lambda http, tokens: http.post(LOGIN, {"client_id": "nobody", "username": "a", "password": "b"}),
            401,
        ),
        (lambda http, tokens: http.post(REFRESH, {"refresh_token": "x", "client_id": "web"}), 400),
        (lambda http, tokens: http.post(TOKEN), 415),
        (lambda http, tokens: http.get(TOKEN), 405),
        (lambda http, tokens: http.form(REVOKE, {"token": "x", "client_id": "web"}), 200),
        (lambda http, tokens: http.form(INTROSPECT, {"token": "x", "client_id": "web"}), 401),
    ],
)
def test_every_answer_that_depends_on_a_credential_says_that_it_may_not_be_stored(
    http: Http, both, call: Call, status
):
    answer = call(http, both[0])

    assert answer.status_code == status
    assert answer["Cache-Control"] == "private, no-store"
    assert has_vary_header(answer, "Authorization")
