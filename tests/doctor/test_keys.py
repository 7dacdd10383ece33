"""The stored keys."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tokenauth import conf
from tokenauth.doctor import keys as doctor
from tokenauth.doctor.findings import Level
from tokenauth.flows import keys
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.tokens import records
from tokenauth.tokens.encoding import to_base64url

pytestmark = pytest.mark.django_db
ANOTHER = to_base64url(b"another-key-of-thirty-two-bytes!")


@pytest.fixture
def stored():
    return records.make_missing(*KeyPurpose, at=timezone.now())


def wrong():
    return [finding for finding in doctor.states() if finding.level is not Level.OK]


def test_a_new_site_has_none():
    (found,) = doctor.states()

    assert found.level is Level.OK
    assert "none yet" in found.text


def test_each_purpose_has_a_line(clock, stored):
    clock.shift(timedelta(days=3))

    found = [finding.text for finding in doctor.states()]

    assert wrong() == []
    assert [text.partition(":")[0] for text in found] == list(KeyPurpose)
    assert found[0] == "access: 1 next, 1 active; in use for 3 of 90 days"


def test_a_key_that_does_not_open_is_an_error_with_its_id(stored, settings):
    settings.SECRET_KEY = "a new one that sealed nothing yet"

    found = wrong()

    assert {finding.level for finding in found} == {Level.ERROR}
    assert all(any(record.kid in finding.text for finding in found) for record in stored)
    assert all("checks.md#e010" in finding.mend for finding in found)


def test_one_under_an_older_wrapping_key_is_to_be_rewrapped(stored, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [ANOTHER]}

    assert {finding.level for finding in wrong()} == {Level.WARNING}
    assert len(wrong()) == len(KeyPurpose)

    keys.rewrap()
    assert wrong() == []


def test_a_purpose_that_announces_must_have_a_next_one(stored):
    KeyRecord.objects.get(purpose=KeyPurpose.REFRESH, state=KeyState.NEXT).delete()

    (found,) = wrong()

    assert found.text == "refresh: no next key"
    assert "tokenauth_keys new refresh" in found.mend


def test_a_purpose_whose_active_key_is_gone(stored):
    KeyRecord.objects.get(purpose=KeyPurpose.PLANE, state=KeyState.ACTIVE).delete()
    assert wrong() == []  # as on the first day: the next need makes one

    KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE).delete()
    assert [finding.text for finding in wrong()] == ["access: none is active"]


def test_an_access_key_that_signs_too_long(clock, stored):
    clock.shift(timedelta(seconds=conf.current().KEY_LIFETIME + 3600))
    assert wrong() == []  # the job may be about to come round

    clock.shift(timedelta(hours=2))
    (found,) = wrong()
    assert "KEY_LIFETIME" in found.text

    keys.rotate(KeyPurpose.ACCESS, at=timezone.now())
    assert wrong() == []


def test_a_key_that_ended_need_not_open(stored, settings):
    settings.SECRET_KEY = "a new one that sealed nothing yet"
    for record in sorted(stored, key=lambda record: record.purpose != KeyPurpose.AUDIT):
        keys.kill(record.kid, at=timezone.now())

    assert wrong() == []
