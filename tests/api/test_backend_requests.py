"""What authentication backends and receivers see of a request, and what they can do to its answer."""

from typing import Any

import pytest
from django.contrib.auth.signals import user_login_failed
from django.http import HttpResponse
from django.test import RequestFactory

from tests.http import LOGIN, Http
from tokenauth.api.backend_requests import for_backends

FORM = {"username": "ada", "password": "p", "client_id": "web", "client_secret": "s", "challenge": "c"}


def test_a_form_is_shown_without_its_secrets():
    request = RequestFactory().post("/", FORM)

    shown = for_backends(request)

    assert shown.POST.dict() == {"username": "ada", "client_id": "web"}
    assert request.POST.dict() == FORM
    with pytest.raises(AttributeError):
        shown.POST["username"] = "eve"


def test_everything_else_is_the_requests_own():
    request = RequestFactory().post("/path/?next=1", FORM, headers={"X-Forwarded-For": "192.0.2.1"})
    request.session = object()

    shown = for_backends(request)

    assert shown.session is request.session
    assert (shown.path, shown.GET["next"]) == ("/path/", "1")
    assert shown.headers["X-Forwarded-For"] == "192.0.2.1"
    assert shown.META is request.META


def test_a_form_with_more_fields_than_the_site_takes_is_shown_empty(settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2

    assert not for_backends(RequestFactory().post("/", FORM)).POST


def replaced_where_marked(get_response: Any) -> Any:
    """What django-axes' middleware does."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        return HttpResponse("Locked.", status=429) if hasattr(request, "is_locked") else response

    return middleware


@pytest.mark.django_db
def test_a_mark_on_the_request_does_not_change_our_answer(http: Http, ada, web, settings):
    def mark(sender: Any, request: Any, **kwargs: Any) -> None:
        request.is_locked = True

    settings.MIDDLEWARE = [f"{__name__}.replaced_where_marked", *settings.MIDDLEWARE]
    user_login_failed.connect(mark)
    try:
        answer = http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})
    finally:
        user_login_failed.disconnect(mark)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
