"""Brings a database's schema up to date, and refuses one that this code does not know."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from controlplane.store.errors import SchemaMismatch


def migrate(connection: Connection) -> None:
    """Carry out the migrations that are missing, in the connection's transaction."""
    config = _config()
    _refuse_newer(connection, ScriptDirectory.from_config(config))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def check_schema(connection: Connection) -> None:
    """Raises SchemaMismatch unless the schema is exactly this code's."""
    scripts = ScriptDirectory.from_config(_config())
    _refuse_newer(connection, scripts)
    current, head = _current(connection), scripts.get_current_head()
    if current is None:
        raise SchemaMismatch("the database is empty; run `stead-controlplane init`")
    if current != head:
        raise SchemaMismatch(f"the database has schema {current}, this version needs {head}; migrate it first")


def _refuse_newer(connection: Connection, scripts: ScriptDirectory) -> None:
    current = _current(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaMismatch(
            f"the database has schema {current}, which this version does not know (its latest is"
            f" {scripts.get_current_head()}); run the newer stead-controlplane that migrated it, or restore a backup"
        )


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("controlplane.store") / "migrations").replace("%", "%%"))
    return config
