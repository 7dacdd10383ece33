"""Indexes of what is rare (PostgreSQL): what every refresh writes is in none of them."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# as TokenEvent.objects.told() and RevocationOrder.objects.told() ask
EVENTS = "tokenauth_tokenevent ({column}, id) WHERE NOT (kind IN (2, 3))"
ORDERS = "tokenauth_revocationorder ({column}, id) WHERE NOT (kind IN (9))"

INDEXES = {
    "tokenauth_event_kind": EVENTS.format(column="kind"),
    "tokenauth_event_client": EVENTS.format(column="client_id"),
    "tokenauth_event_device": EVENTS.format(column="device"),
    "tokenauth_event_actor": EVENTS.format(column="actor") + " AND actor <> ''",
    "tokenauth_order_kind": ORDERS.format(column="kind"),
    "tokenauth_order_key": ORDERS.format(column="key"),
    "tokenauth_order_actor": ORDERS.format(column="actor") + " AND actor <> ''",
}


def make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name, definition in INDEXES.items():
            schema_editor.execute(f"CREATE INDEX {name} ON {definition}")


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("tokenauth", "0002_rotations_stay_hot")]

    operations = [migrations.RunPython(make, drop, elidable=False)]
