"""The demo's story as data: `story` tells it over HTTP, `guide` prints it as curl lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

from project.demo import data, vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of the story and the answer that it must get."""

    title: str
    path: str
    #: Where the path is, if not at the site.
    at: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    #: The earlier answer whose refresh token goes into the form, by the name it was kept under.
    refresh_of: str = ""
    #: The earlier answer whose refresh token is handed back.
    hands_back: str = ""
    #: The earlier answer whose access token is shown.
    access_of: str = ""
    #: The name that this answer is kept under.
    keeps: str = ""
    status: int
    error: str = ""
    reauthenticate: bool = False
    #: Seconds to let pass before it.
    wait: float = 0
    #: Seconds within which the answer must have become this one.
    within: float = 0


def steps(*, grace: float, bound: float) -> list[Step]:
    """The story of one login: a lost answer that harms nobody, and a theft that is found.

    Args:
        grace: Seconds of the client's grace window.
        bound: Seconds within which every process refuses what was revoked.
    """
    username = data.USERS[0]
    client = {"client_id": data.CLIENTS[0].client_id}
    refresh, orders = "/auth/token/refresh/", "/api/orders/"
    return [
        Step(title="Without a token the orders stay closed", path=orders, status=401),
        Step(
            title="Log in",
            path="/auth/login/",
            form={**client, "username": username, "password": vault.password(username)},
            keeps="LOGIN",
            status=200,
        ),
        Step(title="Read the orders with the access token", path=orders, access_of="LOGIN", status=200),
        Step(
            title="Refresh; let us say that this answer is lost on its way, and a thief has it",
            path=refresh,
            form=client,
            refresh_of="LOGIN",
            keeps="STOLEN",
            status=200,
        ),
        Step(
            title="The client never saw it and sends its old token again, after the grace window:"
            " still logged in, with an answer of its own",
            path=refresh,
            form=client,
            refresh_of="LOGIN",
            keeps="SIBLING",
            status=200,
            wait=grace + 0.5,
        ),
        Step(title="The orders open with it", path=orders, access_of="SIBLING", status=200),
        Step(
            title="The client goes on with its own answer, which is now the one that counts",
            path=refresh,
            form=client,
            refresh_of="SIBLING",
            keeps="NEXT",
            status=200,
        ),
        Step(title="The newest access token opens the orders", path=orders, access_of="NEXT", status=200),
        Step(
            title="The thief uses the lost answer: two holders, so this is theft and the session ends",
            path=refresh,
            form=client,
            refresh_of="STOLEN",
            status=400,
            error="invalid_grant",
            reauthenticate=True,
        ),
        Step(
            title="The session's newest refresh token is refused too: the owner logs in anew",
            path=refresh,
            form=client,
            refresh_of="NEXT",
            status=400,
            error="invalid_grant",
            reauthenticate=True,
        ),
        Step(
            title=f"Its access token is refused, at most {bound:g} s after the theft was found",
            path=orders,
            access_of="NEXT",
            status=401,
            error="invalid_token",
            within=bound,
        ),
        *elsewhere(bound=bound, at=settings.ORDERS_URL),
    ]


def elsewhere(*, bound: float, at: str) -> list[Step]:
    """The story of a token at the service that validates by itself, without the site's database.

    Args:
        bound: Seconds within which it refuses what was revoked.
        at: Where it is reached.
    """
    client, username = {"client_id": data.CLIENTS[0].client_id}, data.USERS[1]
    login = {**client, "username": username, "password": vault.password(username)}
    path = "/orders/"
    return [
        Step(
            title="Elsewhere: the orders service is closed without a token too", status=401, path=path, at=at
        ),
        Step(title="Log in for this site alone", path="/auth/login/", form=login, keeps="HERE", status=200),
        Step(
            title="The orders service refuses that token: it is not meant for it",
            access_of="HERE",
            status=401,
            error="invalid_token",
            path=path,
            at=at,
        ),
        Step(
            title="Log in for the orders service",
            path="/auth/login/",
            form={**login, "audience": data.ORDERS_AUDIENCE},
            keeps="THERE",
            status=200,
        ),
        Step(title="It opens, and asks nobody for it", access_of="THERE", status=200, path=path, at=at),
        Step(
            title="Log out at the site: it knows at once",
            path="/auth/token/revoke/",
            form=client,
            hands_back="THERE",
            status=200,
        ),
        Step(
            title=f"The orders service refuses the token, at most {bound:g} s later",
            access_of="THERE",
            status=401,
            error="invalid_token",
            within=bound,
            path=path,
            at=at,
        ),
    ]
