"""The public keys as other services fetch them."""

import json

import jwt
import pytest
from django.db import transaction
from django.utils import timezone

from tests.tokens.world import ISSUER, claims
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.tokens import access, jwks, records
from tokenauth.tokens.keyring import KEYRING, Keys
from tokenauth.tokens.keys import thumbprint

pytestmark = pytest.mark.django_db
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture(params=["ES256", "EdDSA", "RS256"])
def served(request, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": request.param}
    KEYRING.signing()
    KEYRING.active(KeyPurpose.REFRESH)
    return jwks.public_set(KEYRING.current())["keys"]


@pytest.mark.standard("7517-02")
def test_no_private_member_and_no_symmetric_key_is_in_it(served):
    for key in served:
        assert not PRIVATE & key.keys()
        assert key["kty"] in {"EC", "OKP", "RSA"}


@pytest.mark.standard("7638-01")
def test_kid_is_the_thumbprint(served):
    for key in served:
        assert key["kid"] == thumbprint(key)


@pytest.mark.standard("7517-04")
def test_each_key_says_what_it_is_for(served):
    for key in served:
        assert key["use"] == "sig"
        assert key["alg"] == KEYRING.signing().alg
        assert "key_ops" not in key


@pytest.mark.standard("7517-03")
def test_kids_are_distinct(served):
    assert len({key["kid"] for key in served}) == len(served)


@pytest.mark.standard("7517-05")
def test_the_next_key_is_announced_and_the_one_in_use_stands_first(served):
    kids = {record.state: record.kid for record in KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS)}

    assert [key["kid"] for key in served] == [kids[KeyState.ACTIVE], kids[KeyState.NEXT]]


def test_a_library_verifies_our_tokens_with_it(served):
    issued = access.signed(claims(exp=2_000_000_000, iat=1_700_000_000), KEYRING.signing())
    kid = jwt.get_unverified_header(issued)["kid"]
    fetched = jwt.PyJWKSet.from_dict(json.loads(json.dumps({"keys": served})))

    read = jwt.decode(
        issued, fetched[kid].key, algorithms=[KEYRING.signing().alg], audience=ISSUER, issuer=ISSUER
    )

    assert read["sub"] == "42"


@pytest.mark.standard("7517-05")
def test_a_former_key_is_served_until_it_ended(served):
    with transaction.atomic():
        former = records.make(KeyPurpose.ACCESS, KeyState.RETIRING, at=timezone.now())
        KEYRING.changed()
    assert former.kid in {key["kid"] for key in jwks.public_set(KEYRING.current())["keys"]}

    with transaction.atomic():
        records.end(former, KeyState.KILLED, at=timezone.now())
        former.save()
        KEYRING.changed()

    assert former.kid not in {key["kid"] for key in jwks.public_set(KEYRING.current())["keys"]}


def test_the_same_keys_make_the_same_document(served):
    KEYRING.forget()

    assert json.dumps(jwks.public_set(KEYRING.current())["keys"]) == json.dumps(served)


def test_no_keys_make_an_empty_set():
    assert jwks.public_set(Keys()) == {"keys": []}
