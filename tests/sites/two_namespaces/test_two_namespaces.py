"""Two tenants in one process: keys, clients, revocations and tokens of one are none of the other's."""

import threading
import time

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from tests.factories import PASSWORD
from tests.http import LOGIN
from tests.sites.two_namespaces.tenants import tenant
from tokenauth import conf, flows
from tokenauth.models import KeyRecord, MirrorProcess, RevocationOrder, TokenFamily, users
from tokenauth.namespaces import PerNamespace, TooManyNamespaces, carried
from tokenauth.revocation import clock as boot
from tokenauth.revocation import orders, registry
from tokenauth.revocation.process import MIRRORS
from tokenauth.revocation.subjects import Everything, OfClient, OfUser
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "south"])


class TestATokenOfOne:
    def test_opens_nothing_in_the_other_however_often_it_is_shown(self, north, south):
        tokens = north.log_in()

        seen = [(north.opens(tokens), south.opens(tokens)) for _ in range(3)]

        assert seen == [(True, False)] * 3

    def test_is_refreshed_in_its_own_alone(self, north, south):
        tokens = north.log_in()
        south.log_in()

        elsewhere = south.http.refresh(tokens, south.web)
        at_home = north.http.refresh(tokens, north.web)

        assert (elsewhere.status_code, at_home.status_code) == (400, 200)

    def test_names_its_tenant_as_issuer(self, north, south):
        metadata = [
            each.http.get("/.well-known/oauth-authorization-server").json()["issuer"]
            for each in (north, south)
        ]

        assert metadata == ["https://north.example.test", "https://south.example.test"]


def test_each_has_tables_and_keys_of_its_own(north, south):
    north.log_in(), south.log_in()

    kids = []
    for alias in ("default", "south"):
        assert TokenFamily.objects.using(alias).count() == 1
        kids.append(set(KeyRecord.objects.using(alias).values_list("kid", flat=True)))
    assert all(kids)
    assert not kids[0] & kids[1]


class TestARevocationInOne:
    def test_ends_nothing_in_the_other(self, north, south):
        ours, theirs = north.log_in(), south.log_in()
        assert north.opens(ours)
        assert south.opens(theirs)

        with tenant("north"):
            flows.revoke(OfUser(users.key_of(north.ada)))
            flows.revoke(Everything())

        assert (north.opens(ours), south.opens(theirs)) == (False, True)
        assert not RevocationOrder.objects.using("south").exists()

    def test_is_learnt_by_that_tenants_mirror_from_its_own_tables(self, north, south, monkeypatch):
        ours, theirs = north.log_in(), south.log_in()
        assert north.opens(ours)
        assert south.opens(theirs)
        monkeypatch.setattr(orders, "number_after_commit", lambda: None)  # as another process would

        with tenant("south"):
            flows.revoke(OfUser(users.key_of(south.ada)))
        later = boot.now() + 0.6
        monkeypatch.setattr(boot, "now", lambda: later)

        assert (north.opens(ours), south.opens(theirs)) == (True, False)


def test_a_client_disabled_in_one_works_in_the_other(north, south):
    south.log_in()

    with tenant("south"):
        flows.revoke(OfClient("web", disable=True))

    assert north.log_in()
    refused = south.http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "web"})
    assert refused.status_code in (400, 401)


def test_a_host_that_is_no_tenant_is_not_found(north):
    assert north.http.get("/api/me/", host="nobody.example.test").status_code == 404


class TestThreads:
    @pytest.fixture(autouse=True)
    def with_threads(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}

    def test_beside_a_mirror_are_in_its_namespace(self, north, south):
        met, done = {}, threading.Barrier(3, timeout=20)

        def companion(stop):
            met[conf.namespace()] = conf.current().ISSUER
            done.wait()

        MIRRORS.each(lambda mirror: mirror.accompany(companion))
        north.opens(north.log_in()), south.opens(south.log_in())
        done.wait()

        assert met == {name: f"https://{name}.example.test" for name in ("north", "south")}

    def test_a_mirrors_own_goes_after_its_turn_and_comes_again_with_a_request(self, north, monkeypatch):
        monkeypatch.setattr("tokenauth.revocation.process._TURN", 0)
        tokens = north.log_in()
        assert north.opens(tokens)
        with tenant("north"):
            first = MIRRORS.here()._thread
        first.join(20)

        assert not first.is_alive()
        assert north.opens(tokens)


class TestWhatAProcessHolds:
    def test_is_made_once_for_each(self):
        held = PerNamespace(object)
        with tenant("north"):
            north = held.here()
            assert held.here() is north
        with tenant("south"):
            assert held.here() is not north

    def test_is_bounded(self, monkeypatch):
        monkeypatch.setattr("tokenauth.namespaces.MOST", 1)
        held = PerNamespace(object)
        with tenant("north"):
            held.here()

        with tenant("south"), pytest.raises(TooManyNamespaces):
            held.here()

    def test_is_another_one_behind_one_name(self, north, south):
        with tenant("north"):
            north_kids = set(KEYRING.current().access)
        with tenant("south"):
            assert not north_kids & set(KEYRING.current().access)


@pytest.mark.parametrize("name", ["", "North", "a b", "x" * 64, "../etc", None, 7])
def test_what_is_no_name_is_refused(name):
    with override_settings(TOKENAUTH={"NAMESPACE": lambda: name}), pytest.raises(ImproperlyConfigured):
        conf.current()


class TestTheRowOfAProcess:
    @pytest.fixture
    def reporting(self, north):
        """North's thread that says how far this process is; what it is told to end by."""
        assert north.opens(north.log_in())
        stop = threading.Event()
        with tenant("north"):
            reporter = threading.Thread(target=carried(registry.keep_reporting), args=(stop,))
            woken = MIRRORS.here().to_report
        reporter.start()
        until = time.monotonic() + 30
        while not MirrorProcess.objects.using("default").exists():
            assert time.monotonic() < until
            time.sleep(0.01)

        def end() -> None:
            stop.set()
            woken.set()
            reporter.join(30)

        yield end
        end()

    def test_lies_in_its_own_tables_and_goes_with_the_tenants_thread(self, reporting):
        assert not MirrorProcess.objects.using("south").exists()

        reporting()

        assert not MirrorProcess.objects.using("default").exists()

    def test_goes_when_the_process_ends_in_whichever_namespace(self, reporting):
        with tenant("south"):
            registry.take_leave()

        assert not MirrorProcess.objects.using("default").exists()
