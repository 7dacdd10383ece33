"""The cookbook's JavaScript in a real Chromium: two tabs over one store, against a real server."""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS
from tests.docs.site import USUAL, Site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
]

RECIPE = DOCS / "cookbook/javascript"
SERVES_THE_RECIPE = f"""
from django.views.static import serve

urlpatterns += [path("<path:path>", serve, {{"document_root": {str(RECIPE)!r}}})]
"""
#: Milliseconds after which every process obeys a revocation.
BOUND = 1_100
REFRESH = "**/auth/token/refresh/"
WITHOUT_LOCKS = "globalThis.session = new Session({base: '/auth/', clientId: 'web', locks: null})"


@pytest.fixture(scope="module")
def site(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The tutorial's site on several processes, which serves the recipe's own files beside its API."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("tabs") / "shop")
    made = Site(folder, package="shop")
    with (made.folder / "shop/urls.py").open("a") as urls:
        urls.write(SERVES_THE_RECIPE)
    server = (
        f"{sys.executable} -m gunicorn shop.wsgi --bind {USUAL} --workers 2 --threads 4 --log-level warning"
    )
    with made.serving(f"{server} --no-control-socket"):
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page with the recipe's own session, and what it sent and was answered."""

    page: Any
    sent: list[Any] = field(default_factory=list)

    def tell(self, script: str) -> Any:
        """Run a line of JavaScript and wait for what it returns."""
        return self.page.evaluate(script)

    def start(self, call: str) -> None:
        """Begin a call and do not wait."""
        self.page.evaluate(
            "() => { globalThis.outcome = " + call + ".then(() => 'done', e => e.name); return null }"
        )

    def outcome(self) -> str:
        return str(self.page.evaluate("globalThis.outcome"))

    def orders(self) -> Any:
        return self.tell("session.fetch('/orders/').then(answer => answer.status)")


@pytest.fixture
def tabs(site: Site, chromium: Any) -> Iterator[tuple[Tab, Tab]]:
    """Two tabs of one browser in which ada has logged in by the recipe's form."""
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    first, second = (_opened(context, site) for _ in range(2))
    first.page.fill("[name=username]", "ada")
    first.page.fill("[name=password]", "s3cret-enough")
    first.page.click("text=Log in")
    first.page.wait_for_function("document.getElementById('said').textContent == 'Logged in.'")
    yield first, second
    context.close()


def _opened(context: Any, site: Site) -> Tab:
    tab = Tab(context.new_page())
    tab.page.goto(f"http://127.0.0.1:{site.port}/page.html")
    tab.page.on("request", lambda request: tab.sent.append(request) if "refresh" in request.url else None)
    return tab


def keys(*of: Tab) -> set[str]:
    return {request.headers["idempotency-key"] for tab in of for request in tab.sent}


def tokens(*of: Tab) -> set[str]:
    return {request.post_data for tab in of for request in tab.sent}


def test_a_tab_finds_the_session_that_another_made(tabs: tuple[Tab, Tab]):
    first, second = tabs

    second.page.click("text=Orders")

    second.page.wait_for_function("document.getElementById('said').textContent.includes('ada')")
    assert first.orders() == 200


def test_two_tabs_that_refresh_at_once_send_one_request(tabs: tuple[Tab, Tab]):
    held = holding_back(tabs)
    for tab in tabs:
        tab.start("session.refresh()")
        tab.tell("session.isLoggedIn()")  # behind its own look at the store
    let_go(held, tabs, of=1)

    assert [tab.outcome() for tab in tabs] == ["done", "done"]
    assert sum(len(tab.sent) for tab in tabs) == 1
    assert_both_go_on(tabs)


def test_without_locks_they_send_the_same_twice_and_get_the_same(tabs: tuple[Tab, Tab]):
    held = holding_back(tabs)
    for tab in tabs:
        tab.tell(WITHOUT_LOCKS)
        tab.start("session.refresh()")
    let_go(held, tabs, of=2)

    assert [tab.outcome() for tab in tabs] == ["done", "done"]
    assert sum(len(tab.sent) for tab in tabs) == 2
    assert len(tokens(*tabs)) == len(keys(*tabs)) == 1
    assert_both_go_on(tabs)


def test_a_lost_answer_is_asked_for_again_with_the_same_key(tabs: tuple[Tab, Tab]):
    first, _ = tabs
    lost: list[int] = []

    def lose_the_first(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)  # the server has answered, and nobody hears it
            route.abort()

    first.page.route(REFRESH, lose_the_first)
    first.start("session.refresh()")

    assert first.outcome() == "done"
    assert lost == [200]
    assert (len(first.sent), len(keys(first)), len(tokens(first))) == (2, 1, 1)
    assert_both_go_on(tabs)


def test_a_tab_that_dies_before_it_could_save_leaves_the_key_to_the_next(tabs: tuple[Tab, Tab]):
    first, second = tabs
    first.page.route(REFRESH, lambda route: (route.fetch(), route.abort()))
    first.start("session.refresh()")
    first.page.wait_for_event("requestfailed")
    first.page.close()

    assert second.tell("session.refresh().then(() => 'done')") == "done"
    assert keys(first) == keys(second)
    assert tokens(first) == tokens(second)
    assert second.orders() == 200


def test_an_answer_that_comes_late_overwrites_no_newer_token(tabs: tuple[Tab, Tab]):
    first, second = tabs
    held_back: list[Any] = []
    for tab in tabs:
        tab.tell(WITHOUT_LOCKS)
    first.page.route(REFRESH, lambda route: held_back.append((route, route.fetch())))
    first.start("session.refresh()")
    while not held_back:
        first.page.wait_for_timeout(20)

    second.tell("session.refresh()")  # the same answer
    for _ in range(2):  # and further ones: the late answer is an old token by now
        second.tell("session.refresh()")
    for route, answer in held_back:
        route.fulfill(response=answer)

    assert first.outcome() == "done"
    first.page.unroute(REFRESH)
    assert_both_go_on(tabs)


def test_an_access_token_that_was_revoked_is_refreshed_once_and_unseen(tabs: tuple[Tab, Tab]):
    first, _ = tabs
    first.tell("session.fetch('/auth/sessions/revoke-others/', {method: 'POST'}).then(a => a.status)")
    first.page.wait_for_timeout(BOUND)

    assert first.orders() == 200
    assert len(first.sent) == 1


def test_a_session_that_ended_is_over_in_both_tabs(tabs: tuple[Tab, Tab], site: Site):
    first, second = tabs
    site.run([site.python, "manage.py", "shell", "-c", _REVOKE_EVERYTHING])
    first.page.wait_for_timeout(BOUND)

    assert first.tell("session.fetch('/orders/').catch(e => e.name)") == "LoggedOut"
    assert second.tell("session.isLoggedIn()") is False
    assert first.tell("session.login('ada', 's3cret-enough')") is None
    assert second.orders() == 200


def test_logging_out_ends_the_session_here_and_at_the_server(tabs: tuple[Tab, Tab], site: Site):
    first, second = tabs
    access = second.tell("session.refresh().then(held => held.access)")

    first.page.click("text=Log out")
    first.page.wait_for_function("document.getElementById('said').textContent == 'Logged out.'")

    assert second.tell("session.fetch('/orders/').catch(e => e.name)") == "LoggedOut"
    first.page.wait_for_timeout(BOUND)
    assert site.call("GET", "/orders/", Authorization=f"Bearer {access}")[0] == 401


def test_the_store_shows_no_refresh_token(tabs: tuple[Tab, Tab]):
    record = str(tabs[0].tell(_RAW_RECORD))

    assert re.search(r"access|stamp", record)
    assert "tkr_" not in record


def holding_back(tabs: tuple[Tab, Tab]) -> list[Any]:
    """Collect the refreshes of both tabs before they leave the browser."""
    held: list[Any] = []
    for tab in tabs:
        tab.page.route(REFRESH, lambda route: held.append(route))
    return held


def let_go(held: list[Any], tabs: tuple[Tab, Tab], *, of: int) -> None:
    """Wait for so many and let them go on at once; what follows is not held."""
    while len(held) < of:
        tabs[0].page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    for tab in tabs:
        tab.page.unroute(REFRESH)


def assert_both_go_on(tabs: tuple[Tab, Tab]) -> None:
    """Both are logged in, and a further refresh of each is taken: nobody was taken for a thief."""
    for tab in tabs:
        assert tab.tell("session.refresh().then(() => 'done', e => e.name)") == "done"
        assert tab.orders() == 200


_REVOKE_EVERYTHING = (
    "from tokenauth.flows import revoke; from tokenauth.revocation.subjects import Everything;"
    " revoke(Everything())"
)
_RAW_RECORD = """() => new Promise((resolve) => {
    const opening = indexedDB.open("tokenauth");
    opening.onsuccess = () => {
        const asking = opening.result.transaction("records").objectStore("records").getAll();
        asking.onsuccess = () => resolve(asking.result.map((record) => JSON.stringify(record, (name, value) =>
            value instanceof ArrayBuffer ? String.fromCharCode(...new Uint8Array(value)) : value)).join());
    };
})"""
