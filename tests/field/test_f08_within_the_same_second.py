"""F08: revoked and logged in again within one second, with clocks that do not agree."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model

from tests.factories import PASSWORD
from tests.http import LOGIN, REVOKE, Http

pytestmark = pytest.mark.django_db(transaction=True)

ME, REVOKE_ALL = "/api/me/", "/auth/sessions/revoke-all/"
NEW_PASSWORD = "a better horse"

#: Seconds by which the servers' clocks differ from the database's: of the one that logs in first, the
#: one that revokes, and the one that logs in again. The database never changes its clock.
SKEWS = [
    (0, 0, 0),
    (5, 5, 5),
    (-5, -5, -5),
    (5, 0, -5),
    (-5, 0, 5),
    (0, 5, -5),
    (0, -5, 5),
    (5, -5, 0),
    (-5, 5, 0),
]


def change_the_password(http: Http, old: dict[str, Any]) -> None:
    user = get_user_model().objects.get(username="ada")
    user.set_password(NEW_PASSWORD)
    user.save()


def log_out_everywhere(http: Http, old: dict[str, Any]) -> None:
    assert http.post(REVOKE_ALL, bearer=old["access_token"]).status_code == 200


def end_the_session(http: Http, old: dict[str, Any]) -> None:
    answer = http.form(REVOKE, {"token": old["refresh_token"], "client_id": "web"})
    assert answer.status_code == 200


@pytest.fixture
def frozen() -> datetime:
    """The one second in which everything happens, by the database's clock."""
    return datetime.now(UTC).replace(microsecond=500_000)


@pytest.mark.parametrize("skews", SKEWS, ids=str)
@pytest.mark.parametrize("device", [None, {"id": "phone"}], ids=["any device", "the same device"])
@pytest.mark.parametrize("revoke", [change_the_password, log_out_everywhere, end_the_session])
def test_the_old_tokens_are_refused_and_the_new_ones_accepted(
    http: Http, ada, web, frozen: datetime, revoke: Callable[..., None], device, skews
):
    first, second, third = (time_machine.travel(frozen.timestamp() + skew, tick=False) for skew in skews)
    with first:
        old = http.log_in(ada, web, **({"device": device} if device else {}))
        assert http.get(ME, bearer=old["access_token"]).status_code == 200
    with second:
        revoke(http, old)

    with third:
        new = log_in_again(http, NEW_PASSWORD if revoke is change_the_password else PASSWORD, device)
        assert http.get(ME, bearer=old["access_token"]).status_code == 401
        assert http.refresh(old, web).status_code == 400
        assert http.get(ME, bearer=new["access_token"]).status_code == 200
        assert http.refresh(new, web).status_code == 200


def log_in_again(http: Http, password: str, device: dict[str, str] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"username": "ada", "password": password, "client_id": "web"}
    answer = http.post(LOGIN, {**body, "device": device} if device else body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())
