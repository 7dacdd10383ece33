"""Logging in through the flow itself: what tests of it share."""

from typing import Any

from django.http import HttpRequest

from tests.factories import PASSWORD
from tests.sessions import known
from tokenauth.errors import Refused
from tokenauth.flows.asked import DeviceAsked, LoginAsked, Origin
from tokenauth.flows.challenge import Challenged
from tokenauth.flows.login import Credentials, SecondStep, continue_login, login
from tokenauth.flows.outcomes import Issued
from tokenauth.models import Client


def try_login(
    username: str,
    client: Client,
    *,
    password: str = PASSWORD,
    device: str | None = None,
    address: str | None = None,
    **asked: Any,
) -> Issued | Challenged | Refused:
    """One POST login/, parsed."""
    credentials = Credentials.sent(username, password)
    terms = LoginAsked(
        client=known(client), device=DeviceAsked(id=device), origin=Origin(address=address), **asked
    )
    return login(credentials, asked=terms, request=HttpRequest())


def answer_challenge(challenged: Challenged, client: Client, response: str) -> Issued | Refused:
    """One POST login/continue/, parsed."""
    step = SecondStep(challenged.challenge, challenged.methods[0], response)
    return continue_login(step, client=known(client), origin=Origin(), request=HttpRequest())
