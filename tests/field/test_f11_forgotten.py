"""F11: a user is deleted, or asks to be forgotten; the trail stays, verifies, and names him nowhere."""

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.urls import reverse
from django.utils import timezone

from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.audit import append_only, erasure, trail, verification
from tokenauth.flows.asked import Origin
from tokenauth.models import AccountState, RevocationOrder, TokenEvent, users
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind

pytestmark = pytest.mark.django_db(transaction=True)

NAME, EMAIL, ADDRESS = "augusta", "augusta@example.test", "203.0.113.77"


@pytest.fixture
def augusta(triggers):
    append_only.install()
    user = UserFactory(username=NAME, email=EMAIL)
    session = log_in(user, device="phone-of-augusta", origin=Origin(address=ADDRESS, agent="her browser"))
    session.refresh()
    return session


def events(user_key: str, count: int) -> None:
    """More of his trail than any page could list."""
    one = trail.entry(EventKind.REVOKED, at=timezone.now(), user_key=user_key, cause="revoked")
    for start in range(0, count, 10_000):
        size = min(10_000, count - start)
        TokenEvent.objects.bulk_create([copy_of(one) for _ in range(size)], batch_size=1_000)


def copy_of(event: TokenEvent) -> TokenEvent:
    names = [field.attname for field in event._meta.concrete_fields]
    return TokenEvent(**{name: getattr(event, name) for name in names})


def where_he_is_named(*words: str) -> set[str]:
    """Every text column of the app, read as an auditor would."""
    found = set()
    for model in apps.get_app_config("tokenauth").get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField | models.GenericIPAddressField):
                for value in model.objects.values_list(field.attname, flat=True):
                    if any(word in str(value) for word in words):
                        found.add(f"{model.__name__}.{field.name}")
    return found


@pytest.mark.parametrize("by", ["code", "admin"])
def test_he_is_deleted_whatever_trail_he_has(augusta, by, admin_client):
    key, user = users.key_of(augusta.user), augusta.user
    events(key, 2_000)
    count = TokenEvent.objects.of_user(key).count()

    if by == "code":
        user.delete()
    else:
        url = reverse("admin:auth_user_delete", args=[user.pk])
        page = admin_client.get(url)
        assert page.content.count(b"<li>") < 60
        assert admin_client.post(url, {"post": "yes"}).status_code == 302

    assert not get_user_model().objects.filter(pk=user.pk).exists()
    assert TokenEvent.objects.of_user(key).count() >= count
    assert list(verification.faults()) == []


def test_his_tokens_are_dead_and_the_revocation_outlives_him(augusta):
    key = users.key_of(augusta.user)
    augusta.user.delete()

    assert augusta.is_dead()
    assert AccountState.objects.get(pk=key).epoch == 1
    assert RevocationOrder.objects.filter(kind=OrderKind.USER, key=key).exists()


def test_once_forgotten_he_is_named_nowhere_and_the_trail_verifies(augusta):
    key = users.key_of(augusta.user)
    assert where_he_is_named(NAME, EMAIL, ADDRESS)

    augusta.user.delete()
    erasure.erase(key)

    assert where_he_is_named(NAME, EMAIL, ADDRESS) == set()
    assert list(verification.faults()) == []


def test_his_trail_is_deleted_by_nobody(augusta):
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE tokenauth_tokenevent SET user_key = ''")


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)  # each MAC of 200,000 is checked
def test_200_000_events_do_not_hold_his_deletion_up(augusta, django_assert_max_num_queries):
    key = users.key_of(augusta.user)
    events(key, 200_000)

    with django_assert_max_num_queries(25):
        augusta.user.delete()

    assert TokenEvent.objects.of_user(key).count() > 200_000
    assert list(verification.faults()) == []
