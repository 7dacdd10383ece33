"""Leave room on each page for the new version of a rotated row (PostgreSQL's HOT updates)."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

FILLFACTOR = 85


def leave_room(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE tokenauth_tokenfamily SET (fillfactor = {FILLFACTOR})")


class Migration(migrations.Migration):
    dependencies = [("tokenauth", "0001_initial")]

    operations = [migrations.RunPython(leave_room, migrations.RunPython.noop, elidable=False)]
