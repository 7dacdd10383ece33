"""F23: a site's own tests: a transaction that never commits, and a clock that jumps."""

import unittest
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.test import Client as Browser
from django.test import TestCase
from django.utils import timezone

from tests.factories import ClientFactory, UserFactory
from tests.http import REVOKE, Http

ME = "/api/me/"


class LoggingOut(TestCase):
    """A plain TestCase as a site writes it: with `MIRROR: "each-check"` in its test settings."""

    def setUp(self) -> None:
        self.http = Http(Browser())
        self.client_of_ours = ClientFactory(client_id="web")
        self.tokens = self.http.log_in(UserFactory(), self.client_of_ours)

    def me(self) -> int:
        return int(self.http.get(ME, bearer=self.tokens["access_token"]).status_code)

    def test_the_call_after_the_logout_is_refused(self) -> None:
        assert self.me() == 200

        self.http.form(REVOKE, {"token": self.tokens["refresh_token"], "client_id": "web"})

        assert self.me() == 401

    def test_a_month_later_the_token_has_expired(self) -> None:
        with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
            assert self.me() == 401

    def test_a_month_later_the_refresh_token_has_expired_too(self) -> None:
        with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
            answer = self.http.refresh(self.tokens, self.client_of_ours)

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_a_clock_that_was_moved_back_again_finds_everything_as_it_was(self) -> None:
        with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
            self.me()

        assert self.me() == 200


@pytest.mark.django_db
def test_unittests_own_runner_finds_the_same():
    cases = unittest.defaultTestLoader.loadTestsFromTestCase(LoggingOut)

    outcome = unittest.TextTestRunner(stream=StringIO()).run(cases)

    assert outcome.testsRun == 4
    assert outcome.wasSuccessful()
