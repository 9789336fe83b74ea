"""The database itself refuses to change what was recorded."""

from typing import Any

from django.db import migrations

_SQLITE = """
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
"""
_POSTGRES = """
CREATE FUNCTION audit_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit record is append-only'; END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_entry_append_only();
"""


def _create(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(_SQLITE if schema_editor.connection.vendor == "sqlite" else _POSTGRES)


def _drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER audit_entry_append_only")
    else:
        schema_editor.execute("DROP FUNCTION audit_entry_append_only CASCADE")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(_create, _drop)]
