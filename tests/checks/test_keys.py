"""The keys, and the keys that seal them."""

import pytest
from django.utils import timezone

from tests.checks.found import ids
from tokenauth.checks import keys as checks
from tokenauth.flows import keys
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.tokens import records
from tokenauth.tokens.encoding import to_base64url

OURS = ["default"]
ANOTHER = to_base64url(b"another-key-of-thirty-two-bytes!")


@pytest.fixture
def stored(db):
    """The keys of a site that has been used."""
    return records.make_missing(*KeyPurpose, at=timezone.now())


def test_e006_a_key_that_signs_before_it_is_known(tokenauth):
    assert checks.keys_are_announced_in_time() == []

    tokenauth(KEY_LIFETIME=86_400, LONGEST_CLIENT_CACHE=86_400)

    assert ids(checks.keys_are_announced_in_time()) == ["E006"]


def test_e010_is_silent_where_every_key_opens(stored):
    assert checks.stored_keys_open(databases=OURS) == []


def test_e010_secret_key_was_changed_and_the_former_one_not_kept(stored, settings):
    former, settings.SECRET_KEY = settings.SECRET_KEY, "a new one that sealed nothing yet"

    (found,) = checks.stored_keys_open(databases=OURS)

    assert ids([found]) == ["E010"]
    assert "SECRET_KEY_FALLBACKS" in found.hint
    assert all(record.kid in found.msg for record in stored)

    settings.SECRET_KEY_FALLBACKS = [former]
    assert checks.stored_keys_open(databases=OURS) == []


def test_e010_an_encryption_key_left_the_settings(stored, tokenauth, settings):
    tokenauth(ENCRYPTION_KEYS=[ANOTHER])
    keys.rewrap()
    assert checks.stored_keys_open(databases=OURS) == []

    tokenauth(ENCRYPTION_KEYS=[])

    assert ids(checks.stored_keys_open(databases=OURS)) == ["E010"]


def test_e010_a_row_that_somebody_wrote_to(stored):
    written_to = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.NEXT)
    KeyRecord.objects.filter(pk=written_to.pk).update(alg="none")

    (found,) = checks.stored_keys_open(databases=OURS)

    assert ids([found]) == ["E010"]
    assert found.msg == f"Changed in the table since they were sealed: access key {written_to.kid} (next)."


def test_e010_names_a_key_by_its_id_and_shows_nothing_of_it(stored, settings):
    opened = [(record, records.opened_secret(record).raw) for record in stored]
    settings.SECRET_KEY = "a new one that sealed nothing yet"

    (found,) = checks.stored_keys_open(databases=OURS)

    shown = f"{found.msg} {found.hint}"
    for record, secret in opened:
        for raw in (secret, bytes(record.envelope)):
            assert raw.hex() not in shown
            assert to_base64url(raw) not in shown


def test_e010_a_key_that_was_killed_need_not_open(stored, settings):
    settings.SECRET_KEY = "a new one that sealed nothing yet"
    for record in sorted(stored, key=lambda record: record.purpose != KeyPurpose.AUDIT):
        keys.kill(record.kid, at=timezone.now())

    assert checks.stored_keys_open(databases=OURS) == []


def test_e010_asks_no_database_unless_it_may(stored, settings, django_assert_num_queries):
    settings.SECRET_KEY = "a new one that sealed nothing yet"

    with django_assert_num_queries(0):
        assert checks.stored_keys_open() == checks.stored_keys_open(databases=["other"]) == []


@pytest.mark.parametrize("entry", ["short", to_base64url(b"x" * 31), "+" * 43])
def test_e011_an_encryption_key_that_is_none(stored, tokenauth, entry):
    tokenauth(ENCRYPTION_KEYS=[ANOTHER, entry])

    (found,) = checks.encryption_keys_can_seal()

    assert ids([found]) == ["E011"]
    assert "['ENCRYPTION_KEYS'][1]" in found.msg
    assert entry not in f"{found.msg} {found.hint}"
    # one trouble, one finding: what it sealed is for later
    assert checks.stored_keys_open(databases=OURS) == []

    tokenauth(ENCRYPTION_KEYS=[ANOTHER])
    assert checks.encryption_keys_can_seal() == []


def test_w001_keys_that_hang_on_secret_key(tokenauth):
    assert ids(checks.encryption_keys_are_own()) == ["W001"]

    tokenauth(ENCRYPTION_KEYS=[ANOTHER])

    assert checks.encryption_keys_are_own() == []
