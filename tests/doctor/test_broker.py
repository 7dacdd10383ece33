"""Celery's broker, real, refusing, and silent."""

import time

import pytest
from celery import Celery

from tests import silent
from tokenauth.doctor import bounded, broker
from tokenauth.doctor.findings import Level

PASSWORD = "never-to-be-seen"


def of(settings, url):
    settings.CELERY_BROKER_URL = url
    (found,) = broker.answers()
    assert PASSWORD not in f"{found.text}{found.mend}"
    return found


@pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1:5672//", "redis://127.0.0.1:6379/13"])
def test_one_that_answers(settings, url):
    found = of(settings, url)

    assert found.level is Level.OK
    assert found.text == f"{url.partition(':')[0]} answers"


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_one_that_refuses_is_asked_once(settings, scheme):
    url = f"{scheme}://guest:{PASSWORD}@127.0.0.1:{silent.refusing_port()}//"
    began = time.monotonic()

    found = of(settings, url)

    assert found.level is Level.ERROR
    assert "does not answer" in found.text
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_silent_one_is_not_waited_for(settings, scheme):
    with silent.server() as port:
        url = f"{scheme}://guest:{PASSWORD}@127.0.0.1:{port}//"
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            bounded.within(0.3, lambda: of(settings, url))

        assert time.monotonic() - began < 2


def test_a_silent_one_is_given_up_even_where_no_thread_can_be_left_alone(settings):
    with silent.server() as port:
        began = time.monotonic()

        found = of(settings, f"amqp://guest:{PASSWORD}@127.0.0.1:{port}//")

        assert found.level is Level.ERROR
        assert time.monotonic() - began < 8


def test_a_wrong_password_is_an_error_and_is_not_shown(settings):
    found = of(settings, f"amqp://guest:{PASSWORD}@127.0.0.1:5672//")

    assert found.level is Level.ERROR


@pytest.mark.parametrize("url", [f"amqp://guest:{PASSWORD}/x@127.0.0.1:1//", f"nonsense://a:{PASSWORD}@b/"])
def test_an_address_that_is_none_is_not_quoted(settings, url):
    found = of(settings, url)

    assert found.level is Level.ERROR


def test_the_sites_own_application_comes_first(settings, monkeypatch):
    settings.CELERY_BROKER_URL = f"amqp://127.0.0.1:{silent.refusing_port()}//"
    monkeypatch.setattr(broker, "current_app", Celery(broker="memory://", set_as_current=False))

    (found,) = broker.answers()

    assert found.text == "memory answers"


def test_without_a_broker_or_celery_it_says_what_keeps_house(monkeypatch):
    (without_broker,) = broker.answers()
    monkeypatch.setattr(broker, "Celery", None)
    (without_celery,) = broker.answers()

    for found in (without_broker, without_celery):
        assert found.level is Level.OK
        assert "tokenauth_run --all" in found.text
