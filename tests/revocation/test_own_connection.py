"""The mirror's own connection is in the schema that the request's is in, where a tenant is one."""

import pytest
from django.db import connection

from tokenauth.revocation import own_connection

pytestmark = [pytest.mark.postgres, pytest.mark.direct, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def in_another_schema():
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = tenant_7, public")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET search_path")


def path_of_an_own_connection() -> str:
    own = own_connection.opened("default", patience=5)
    try:
        with own.cursor() as cursor:
            cursor.execute("SHOW search_path")
            return cursor.fetchone()[0]
    finally:
        own.close()


def test_a_tenants_schema_is_taken_over(settings, in_another_schema):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "NAMESPACE": lambda: "tenant_7"}

    assert path_of_an_own_connection() == "tenant_7, public"


def test_without_tenants_it_is_the_databases_usual_one(in_another_schema):
    assert "tenant_7" not in path_of_an_own_connection()
