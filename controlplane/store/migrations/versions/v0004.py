"""The log has one row for each revision, not one for each row that a revision changed."""

import json
from itertools import groupby

import sqlalchemy as sa
from alembic import op

from controlplane.store.migrations.versions.v0001 import _column

revision = "0004"
down_revision = "0003"

_BEFORE = sa.table(
    "log",
    sa.column("revision"),
    sa.column("ordinal"),
    sa.column("at", sa.DateTime(timezone=True)),
    *map(sa.column, ("kind", "resource_id", "project_id", "deleted")),
)


def upgrade() -> None:
    rows = op.get_bind().execute(sa.select(_BEFORE).order_by(_BEFORE.c.revision, _BEFORE.c.ordinal)).all()
    op.drop_table("log")
    log = op.create_table(
        "log",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        _column("at time"),
        _column("entries text"),
    )
    op.bulk_insert(
        log,
        [
            {"revision": number, "at": at, "entries": _text([tuple(row[3:]) for row in entries])}
            for (number, at), entries in groupby(rows, key=lambda row: (row.revision, row.at))
        ],
    )


def _text(entries: list[tuple[str, str, str, object]]) -> str:
    """SQLite has 0 and 1 for false and true."""
    listed = [(*names, bool(deleted)) for *names, deleted in entries]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
