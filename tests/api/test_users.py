"""`request.user` where it is used: keys for nothing, templates and middlewares, async code."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, connections
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.http import Http
from tests.sessions import log_in
from tokenauth.api.authentication import CACHE, TokenAuthentication
from tokenauth.api.users import TokenUser
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def polled(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "STALENESS_BOUND": 60}


@pytest.mark.parametrize("name", ["pk", "id"])
def test_his_key_costs_nothing_by_either_name(ada, name):
    user = TokenUser(str(ada.pk))

    with CaptureQueriesContext(connection) as queries:
        assert getattr(user, name) == ada.pk

    assert len(queries) == 0


def test_a_key_that_was_set_is_the_users_own(ada):
    user = TokenUser(str(ada.pk))
    user.email = "new@example.test"

    assert (user.id, user.email) == (ada.pk, "new@example.test")


class Page(APIView):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)
    renderer_classes = (BrowsableAPIRenderer,)

    def get(self, request: Request) -> Response:
        return Response({"pk": request.user.pk})


class OpenPage(Page):
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"name": request.user.username})


def request_of(session):
    return RequestFactory().get(
        "/", secure=True, HTTP_AUTHORIZATION=f"Bearer {session.pair.access_token}", HTTP_ACCEPT="text/html"
    )


@pytest.mark.parametrize(("view", "status"), [(Page, 200), (OpenPage, 401)])
def test_a_user_who_is_gone_is_no_500_in_the_browsable_api(polled, view, status):
    session = log_in()
    request = request_of(session)
    view.as_view()(request_of(session)).render()
    get_user_model().objects.filter(pk=session.user.pk)._raw_delete("default")

    answer = view.as_view()(request).render()

    assert answer.status_code == status


class NamesTheUser:
    """A middleware of the site's that logs who asked."""

    seen: list[tuple[str, bool]] = []

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        name = str(request.user)
        self.seen.append((name, request.user.is_authenticated))
        return response


def test_a_user_who_is_gone_is_anonymous_to_a_middleware_after_the_view(
    http: Http, ada, web, settings, polled
):
    settings.MIDDLEWARE = [f"{__name__}.NamesTheUser", *settings.MIDDLEWARE]
    bearer = http.log_in(ada, web)["access_token"]
    http.get("/api/me/", bearer=bearer)
    get_user_model().objects.filter(pk=ada.pk)._raw_delete("default")

    answer = http.get("/api/me/", bearer=bearer)

    assert answer.status_code == 200
    assert NamesTheUser.seen[-2:] == [("ada", True), ("AnonymousUser", False)]


class TestAsyncCode:
    def run(self, session, ask):
        """What an async view gets that uses the authentication class on its event loop."""

        async def view():
            request = Request(request_of(session), authenticators=[TokenAuthentication()])
            try:
                return await ask(request)
            finally:  # what a server does at the end of a request
                await sync_to_async(connections.close_all)()

        return asyncio.run(view())

    @pytest.mark.parametrize("name", ["pk", "id"])
    def test_the_key_needs_no_thread(self, polled, name):
        session = log_in()

        async def ask(request):
            return getattr(request.user, name)

        assert self.run(session, ask) == session.user.pk

    def test_auser_loads_him_off_the_loop(self, polled):
        session = log_in()

        async def ask(request):
            assert request.user.is_authenticated
            user = await request.auser()
            return user.username, request.user.username

        assert self.run(session, ask) == (session.user.username, session.user.username)

    def test_reading_him_unloaded_on_the_loop_is_djangos_own_error(self, polled):
        async def ask(request):
            return request.user.username

        with pytest.raises(SynchronousOnlyOperation):
            self.run(log_in(), ask)

    @pytest.mark.parametrize("way", ["authenticate", "aauthenticate"])
    def test_what_needs_the_database_runs_in_a_thread(self, polled, way, monkeypatch):
        """A process that has just started asks for keys, clients and orders."""
        session = log_in()
        for cache in (CACHE.clear, MIRROR.forget, KEYRING.forget):
            cache()
        threads, poll = [], MIRROR._poll

        def noted():
            threads.append(threading.current_thread())
            poll()

        monkeypatch.setattr(MIRROR, "_poll", noted)

        async def ask(request):
            asked = getattr(TokenAuthentication(), way)(request)
            found = await asked if way == "aauthenticate" else asked
            return found[0].pk

        assert self.run(session, ask) == session.user.pk
        assert threads[-1] is not threading.main_thread()
