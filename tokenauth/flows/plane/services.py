"""How far resource servers elsewhere are, as they say with each question to the feed."""

from dataclasses import dataclass
from datetime import datetime

from tokenauth.flows import feed
from tokenauth.models.client import Client
from tokenauth.tokens.keyring import database

#: Services that are looked up at most.
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Service:
    """One resource server as it last said of itself."""

    client_id: str
    #: Hash of the rules that it keeps, and whether those are the rules of now.
    rules: str
    in_step: bool
    heard_at: datetime
    #: By cause, in the seconds before that.
    refused: dict[str, int]


def services() -> tuple[Service, ...]:
    """Return those that were heard of within a day, by a process that shares `LIMITS_CACHE`. One query."""
    servers = Client.objects.using(database()).filter(kind=Client.Kind.RESOURCE).order_by("client_id")
    said = feed.last_reports(*servers.values_list("client_id", flat=True)[:_MOST])
    return tuple(
        Service(client_id, report.rules, report.in_step, report.at, dict(report.refused))
        for client_id, report in sorted(said.items())
    )
