"""What an operator asks the admin for, page by page, and what each costs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import parse_qsl

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, setup_test_environment
from django.urls import reverse

from tokenauth.models import EventDetail, RevocationOrder, TokenFamily

#: Milliseconds that a page may take.
LIMIT = 200
#: Choices of a filter of which the first and the last speak for the others.
MANY = 20


@dataclass(frozen=True, slots=True)
class Page:
    """One thing an operator asks for; `form` where it is asked by POST."""

    name: str
    path: str
    query: dict[str, str]
    form: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What it cost."""

    page: Page
    milliseconds: list[float]
    queries: int

    @property
    def is_slow(self) -> bool:
        return median(self.milliseconds) > LIMIT

    def __str__(self) -> str:
        slow = " SLOW" if self.is_slow else ""
        return (
            f"{self.page.name:<58}{median(self.milliseconds):>8.1f}{max(self.milliseconds):>8.1f}"
            f"{self.queries:>6}{slow}"
        )


def logged_in() -> Client:
    """A browser of an administrator who may see everything."""
    admin, _made = get_user_model().objects.get_or_create(
        username="root", defaults={"is_staff": True, "is_superuser": True}
    )
    setup_test_environment()  # answers keep what they were drawn from
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(admin)
    return browser


def measure(browser: Client, page: Page, times: int) -> Measured:
    """Ask some times, once before that for what is read only once, and once more for the queries."""

    def ask() -> None:
        if page.form is None:
            answer = browser.get(page.path, page.query)
        else:
            answer = browser.post(page.path, page.form)
        if answer.status_code != 200:
            raise RuntimeError(f"{page.name}: {answer.status_code}")

    ask()
    taken = [seconds_of(ask) * 1000 for _ in range(times)]
    with CaptureQueriesContext(connection) as sent:
        ask()
    return Measured(page, taken, len(sent))


def seconds_of(deed: Callable[[], None]) -> float:
    started = time.perf_counter()
    deed()
    return time.perf_counter() - started


def pages(browser: Client) -> Iterator[Page]:
    """Every list with its filters and searches, every row's page, and what is asked before revoking."""
    for model in apps.get_app_config("tokenauth").get_models():
        if model in admin.site._registry:
            yield from _of_model(model, browser)
    yield from _of_users()
    yield from _before_revoking()


def _of_model(model: Any, browser: Client) -> Iterator[Page]:
    name = model._meta.model_name
    path = reverse(f"admin:tokenauth_{name}_changelist")
    yield Page(name, path, {})
    if model._base_manager.all()[:1001].count() > 1000:
        yield Page(f"{name} page 10", path, {"p": "10"})
        yield Page(f"{name} last page", path, {"p": "20"})
    for parameter, value in _filters(path, browser):
        yield Page(f"{name} {parameter}={value[:24]}", path, {parameter: value})
    if admin.site._registry[model].search_fields:
        for shape, text in _texts().items():
            yield Page(f"{name} search: {shape}", path, {"q": text})
    row = model._base_manager.order_by("-pk").first()
    if row is not None:
        yield Page(f"{name} row", reverse(f"admin:tokenauth_{name}_change", args=[row.pk]), {})


def _filters(path: str, browser: Client) -> Iterator[tuple[str, str]]:
    """What the filters beside a list lead to."""
    changelist = browser.get(path).context["cl"]
    for spec in changelist.filter_specs:
        choices = list(spec.choices(changelist))[1:]
        for choice in choices if len(choices) < MANY else (choices[0], choices[-1]):
            yield from parse_qsl(choice["query_string"].lstrip("?"))


def _texts() -> dict[str, str]:
    """One text of each shape that the search box knows."""
    # from the middle of the month: neither the newest nor the oldest
    family = TokenFamily.objects.exclude(user_key="1000").order_by("-pk")[50_000]
    return {
        "session id": str(family.pk),
        "device id": str(family.device_id),
        "user key": family.user_key,
        "tireless user key": "1000",
        "user name": f"user{family.user_key}",
        "beginning of a name": "user12",
        "e-mail": f"user{family.user_key}@example.test",
        "unknown e-mail": "nobody@example.test",
        "busy client id": "client-00",
        "retired client id": "client-19",
        "address": str(EventDetail.objects.order_by("-pk")[50_000].address),
        "unknown address": "203.0.113.7",
        "revoked key": RevocationOrder.objects.order_by("-pk")[1000].key,
        "actor": "admin:1",
        "unknown text": "nothing is called this",
    }


def _of_users() -> Iterator[Page]:
    for who, pk in (("usual", 1007), ("tireless", 1000)):
        yield Page(f"user: {who}", reverse("admin:auth_user_change", args=[pk]), {})
        yield Page(f"user: {who}, revoke", reverse("admin:auth_user_tokenauth_revoke", args=[pk]), {})
        for kind in ("tokenfamily", "device"):
            path = reverse(f"admin:tokenauth_{kind}_changelist")
            yield Page(f"{kind} of {who} user", path, {"user_key__exact": str(pk)})


def _before_revoking() -> Iterator[Page]:
    for model, registered in admin.site._registry.items():
        if model._meta.app_label != "tokenauth":
            continue
        path = reverse(f"admin:tokenauth_{model._meta.model_name}_changelist")
        rows = [str(pk) for pk in model._base_manager.order_by("-pk").values_list("pk", flat=True)[:50]]
        for action in registered.actions or ():
            if action == "enable_clients":
                continue  # no page before it
            form = {"action": action, "_selected_action": rows}
            yield Page(f"before {action} of {len(rows)}", path, {}, form)
