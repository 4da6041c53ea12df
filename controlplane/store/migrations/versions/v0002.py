"""Columns and tables that release 0.2 adds. New columns in rows that exist are null, zero or empty."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from controlplane.store.migrations.versions.v0001 import _column, _create_table

revision = "0002"
down_revision = "0001"

_COLUMNS = {
    "tokens": "expires_at time?",
    "hosts": (
        "last_seen_at time?, is_away boolean, lost_at time?, is_removed boolean, boot_id text, released_to text, "
        "incarnation text, wireguard_key text"
    ),
    "images": "is_public boolean, launch_permissions list",
    "observations": "since time?, file text?",
    "attachments": "phase_at time?",
    "addresses": "leaving_vpc_id text",
    "volumes": "recycled_at time?",
}
_CALLS = (
    "project_id text, token_id text, request_id text, operation text, request_hash text, result text, "
    "resource_ids text, created_at time"
)
# A list is JSON in a text column. SQLite would keep the text 'false', and a text is true.
_ZERO: dict[str, str | sa.ColumnElement[bool]] = {"text": "", "list": "[]", "boolean": sa.false()}


def upgrade() -> None:
    _create_table("regions", ["incarnation text", "created_at time"], [["id"]])
    for table, columns in _COLUMNS.items():
        for text in columns.split(", "):
            op.add_column(table, _with_default(text))
    _record_calls()


def _record_calls() -> None:
    """A token of before is never carried out again; its repetition is told that the parameters are others."""
    _create_table("calls", _CALLS.split(", "), [["id"]])
    op.execute(
        "INSERT INTO calls (position, id, project_id, token_id, request_id, operation, request_hash, result,"
        " resource_ids, created_at) SELECT position, id, project_id, '', '', operation, request_hash, result, '[]',"
        " created_at FROM client_tokens"
    )
    op.drop_table("client_tokens")


def _with_default(text: str) -> sa.Column[Any]:
    column = _column(text.replace(" list", " text"))
    if not column.nullable:
        column.server_default = sa.DefaultClause(_ZERO[text.split(" ")[1]])
    return column
