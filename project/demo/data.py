"""Who and what the demo has: users, clients, devices and the endpoints that their tokens open."""

from dataclasses import dataclass

from django.conf import settings

ADMIN = "admin"
USERS = ("alice", "bob", "carol", "dave", "erin")

ORDERS_AUDIENCE = "https://orders.example"
#: Client id of the service that validates tokens elsewhere.
ORDERS_API = "orders-api"
SCOPES = ("orders:read", "orders:write")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoClient:
    """A client of the demo; a confidential one gets a secret."""

    client_id: str
    name: str
    kind: str
    policy: str = ""
    first_party: bool = True
    confidential: bool = False
    scopes: tuple[str, ...] = SCOPES

    @property
    def audiences(self) -> list[str]:
        return [ORDERS_AUDIENCE] if self.kind == "resource" else [settings.BASE_URL, ORDERS_AUDIENCE]


CLIENTS = (
    DemoClient(client_id="web", name="Web shop", kind="web", policy="browser"),
    DemoClient(client_id="phone", name="Phone app", kind="native", policy="mobile"),
    DemoClient(
        client_id="backend", name="Partner backend", kind="service", policy="service", confidential=True
    ),
    DemoClient(client_id="exact", name="Phone app, exact", kind="native", policy="exact"),
    DemoClient(
        client_id=ORDERS_API,
        name="Orders service",
        kind="resource",
        first_party=False,
        confidential=True,
        scopes=(),
    ),
)


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """An installation of a client that a user has."""

    username: str
    client_id: str
    installation: str
    name: str
    platform: str


DEVICES = (
    DemoDevice("alice", "phone", "demo-alice-phone", "Alice's phone", "android"),
    DemoDevice("bob", "phone", "demo-bob-phone", "Bob's phone", "ios"),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A protected path and the scope that it needs; empty: any valid token."""

    method: str
    path: str
    scope: str


#: Of the second service, for tokens of ORDERS_AUDIENCE.
ELSEWHERE = (Endpoint("GET", "/orders/", "orders:read"),)


ENDPOINTS = (
    Endpoint("GET", "/api/me/", ""),
    Endpoint("GET", "/api/orders/", "orders:read"),
    Endpoint("POST", "/api/orders/", "orders:write"),
)
