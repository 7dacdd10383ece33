"""Guarantee 9: a refresh token shown in another name than its own is refused (DESIGN 6, PROTOCOL 1)."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.http import INTROSPECT, REFRESH, REVOKE, TOKEN, Http
from tests.sessions import BACKEND, Session, known, log_in
from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.flows import pair
from tokenauth.flows.asked import LoginAsked
from tokenauth.flows.issue import issue
from tokenauth.flows.outcomes import Issued, Rotated
from tokenauth.flows.revoke import revoke
from tokenauth.flows.seen import before_authentication
from tokenauth.models import TokenFamily
from tokenauth.models.family import Transport
from tokenauth.models.key import KeyPurpose
from tokenauth.revocation.subjects import OfDevice
from tokenauth.tokens import refresh
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db

SHOP, STOCK = "https://shop.test", "https://stock.test"


@pytest.fixture
def http() -> Http:
    return Http(Browser())


def row(session: Session) -> dict[str, Any]:
    return TokenFamily.objects.filter(pk=session.family_id).values().get()


# --- another client -----------------------------------------------------------------------------------


@pytest.mark.parametrize("traits", [{}, {"mobile": True}, {"exact": True}, {"confidential": True}], ids=str)
def test_another_client_is_refused_and_consumes_nothing(traits):
    session, other = log_in(), ClientFactory(**traits)
    before = row(session)

    outcome = session.show(session.pair.refresh_token, client=known(other), key="a-key-of-another-1")

    assert outcome == Refused(Cause.BINDING, session.family_id)
    assert row(session) == before
    assert session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Rotated)


@pytest.mark.parametrize("age", ["current", "parent", "old"])
def test_another_client_can_end_nobodys_session_by_an_old_token(age):
    session, other = log_in(), ClientFactory()
    shown = {"old": session.pair.refresh_token}
    session.refresh()
    shown["parent"] = session.pair.refresh_token
    session.refresh()
    shown["current"] = session.pair.refresh_token

    outcome = session.show(shown[age], client=known(other))

    assert outcome == Refused(Cause.BINDING, session.family_id)
    assert session.family.revoked_at is None


@pytest.mark.parametrize("path", [REFRESH, TOKEN])
def test_a_confidential_client_with_its_own_secret_gets_no_others_session(http: Http, path):
    session, other = log_in(), ClientFactory(confidential=True)
    sent = {
        "grant_type": "refresh_token",
        "refresh_token": session.pair.refresh_token,
        "client_id": other.client_id,
        "client_secret": secret_of(other),
    }

    answer = http.form(path, sent)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert isinstance(session.show(session.pair.refresh_token), Rotated)


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_another_client_hands_nothing_back(http: Http, kind):
    session, other = log_in(), ClientFactory()

    answer = http.form(REVOKE, {"token": getattr(session.pair, kind), "client_id": other.client_id})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Rotated)


# --- another device -----------------------------------------------------------------------------------


def an_unknown_device(session: Session) -> str:
    return "an-installation-of-nobody"


def an_unknown_public_id(session: Session) -> str:
    return str(uuid.uuid4())


def another_device_of_his(session: Session) -> str:
    return str(log_in(session.user, session.client, device="tablet").pair.device_id)


def its_installation(session: Session) -> str:
    log_in(session.user, session.client, device="tablet")
    return "tablet"


def anothers_device(session: Session) -> str:
    return str(log_in(UserFactory(), session.client, device="phone").pair.device_id)


def his_device_of_another_client(session: Session) -> str:
    return str(log_in(session.user, ClientFactory(), device="phone").pair.device_id)


@pytest.mark.parametrize(
    "device",
    [
        an_unknown_device,
        an_unknown_public_id,
        another_device_of_his,
        its_installation,
        anothers_device,
        his_device_of_another_client,
    ],
    ids=lambda device: device.__name__,
)
def test_another_device_is_refused_and_the_session_ends(device):
    """The token is where it does not belong: a copy."""
    session = log_in(device="phone")
    named = device(session)

    outcome = session.show(session.pair.refresh_token, device_id=named)

    assert outcome == Refused(Cause.BINDING, session.family_id)
    assert session.family.revoked_at is not None
    assert not session.accepts()


@pytest.mark.parametrize("spelling", ["PHONE", "phone ", "phon", "phone\x00"])
def test_a_device_has_one_spelling(spelling):
    session = log_in(device="phone")

    assert session.show(session.pair.refresh_token, device_id=spelling).cause is Cause.BINDING


def test_a_lost_devices_token_is_refused_on_the_device_that_took_its_id():
    session = log_in(device="phone")
    revoke(OfDevice(session.pair.device_id, lost=True))
    again = log_in(session.user, session.client, device="phone")

    outcome = session.show(session.pair.refresh_token, device_id=str(again.pair.device_id))

    assert isinstance(outcome, Refused)
    assert again.pair.device_id != session.pair.device_id
    assert isinstance(again.show(again.pair.refresh_token, device_id="phone"), Rotated)


def test_where_the_policy_requires_a_device_a_token_alone_is_refused(settings):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "POLICIES": {"bound": {"base": "mobile", "device": "required"}},
    }
    session = log_in(client=ClientFactory(policy="bound"), device="phone")

    alone = session.show(session.pair.refresh_token)

    assert alone == Refused(Cause.BINDING, session.family_id)
    assert isinstance(session.show(session.pair.refresh_token, device_id="phone"), Rotated)


# --- another transport --------------------------------------------------------------------------------


def log_in_by(transport: Transport) -> Session:
    user, client = UserFactory(), ClientFactory()
    seen = before_authentication(client_pk=client.pk, username=user.get_username(), device_id=None)
    asked = LoginAsked(client=known(client), transport=transport)
    outcome = issue(user, asked=asked, backend=BACKEND, seen=seen)
    assert isinstance(outcome, Issued), outcome
    return Session(user, client, outcome.pair)


@pytest.mark.parametrize("own", Transport, ids=lambda own: own.name.lower())
def test_a_token_of_one_transport_is_refused_by_the_other(own):
    session = log_in_by(own)
    (other,) = set(Transport) - {own}
    before = row(session)

    outcome = session.show(session.pair.refresh_token, transport=other)

    assert outcome == Refused(Cause.BINDING, session.family_id)
    assert row(session) == before
    assert isinstance(session.show(session.pair.refresh_token, transport=own), Rotated)


def test_a_cookies_token_is_refused_in_a_body(http: Http):
    session = log_in_by(Transport.COOKIE)

    answer = http.refresh({"refresh_token": session.pair.refresh_token}, session.client)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


# --- another audience ---------------------------------------------------------------------------------


def test_another_audience_is_refused_and_consumes_nothing():
    session = log_in(client=ClientFactory(audiences=[SHOP, STOCK]), audience=(SHOP,))
    before = row(session)

    outcome = session.show(session.pair.refresh_token, audience=(STOCK,))

    assert outcome == Refused(Cause.AUDIENCE, session.family_id)
    assert row(session) == before


def test_an_access_token_is_nothing_to_another_audience(http: Http):
    session = log_in(client=ClientFactory(audiences=[SHOP, STOCK]), audience=(SHOP,))
    stock = ClientFactory(resource=True, audiences=[STOCK])
    sent = {
        "token": session.pair.access_token,
        "client_id": stock.client_id,
        "client_secret": secret_of(stock),
    }

    assert http.get("/api/me/", bearer=session.pair.access_token).status_code == 401
    assert http.form(INTROSPECT, sent).json() == {"active": False}


# --- a proof key --------------------------------------------------------------------------------------


def bound_to_a_key(session: Session) -> str:
    """A family that is bound to a proof key, and its token: nobody proves a key yet."""
    TokenFamily.objects.filter(pk=session.family_id).update(jkt="N" * 43)
    family = session.family
    return refresh.made(
        pair.identity_of(family),
        KEYRING.active(KeyPurpose.REFRESH),
        issuer=conf.current().ISSUER,
        generation=family.generation,
        branch=0,
        iat=int(family.rotated_at.timestamp()),
        exp=int((family.rotated_at + timedelta(days=1)).timestamp()),
    )


def test_with_a_proof_key_the_token_alone_is_worthless():
    session = log_in()
    token = bound_to_a_key(session)

    outcome = session.show(token)

    assert outcome == Refused(Cause.PROOF, session.family_id)
    assert session.family.generation == 0


def test_a_policy_that_requires_a_proof_lets_no_token_through_without_one(settings):
    session = log_in()
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"browser": {"proof": "required"}}}

    assert session.show(session.pair.refresh_token) == Refused(Cause.PROOF, session.family_id)


# --- whoever can write to the table -------------------------------------------------------------------


def to_another_client(session: Session) -> dict[str, Any]:
    return {"client_id": ClientFactory().pk}


def to_another_device(session: Session) -> dict[str, Any]:
    others = log_in(UserFactory(), session.client, device="phone")
    return {"device_id": others.pair.device_id, "live_device": None}


def to_another_user(session: Session) -> dict[str, Any]:
    return {"user_key": str(UserFactory().pk)}


def to_another_transport(session: Session) -> dict[str, Any]:
    return {"transport": Transport.COOKIE}


def to_another_audience(session: Session) -> dict[str, Any]:
    return {"audience": STOCK}


def to_a_key(session: Session) -> dict[str, Any]:
    return {"jkt": "N" * 43}


@pytest.mark.parametrize(
    "moved",
    [
        to_another_client,
        to_another_device,
        to_another_user,
        to_another_transport,
        to_another_audience,
        to_a_key,
    ],
    ids=lambda moved: moved.__name__,
)
def test_a_row_that_was_moved_makes_nobodys_token_anothers(moved):
    session = log_in()
    changes = moved(session)
    TokenFamily.objects.filter(pk=session.family_id).update(**changes)
    client = TokenFamily.objects.select_related("client").get(pk=session.family_id).client

    outcome = session.show(
        session.pair.refresh_token, client=known(client), transport=changes.get("transport", Transport.BODY)
    )

    assert outcome == Refused(Cause.JTI, session.family_id)
