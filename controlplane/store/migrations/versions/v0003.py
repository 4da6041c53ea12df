"""Managed prefix lists, and rules that name them."""

from alembic import op

from controlplane.store.migrations.versions.v0001 import _create_table
from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0003"
down_revision = "0002"

_PREFIX_LISTS = (
    "project_id text, name text, max_entries integer, version integer, entries text, created_at time, tags text"
)


def upgrade() -> None:
    _create_table("prefix_lists", _PREFIX_LISTS.split(", "), [["id"]])
    op.add_column("security_group_rules", _with_default("prefix_list_id text"))
