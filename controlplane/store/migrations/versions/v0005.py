"""Hosts with several pools, and the pool that a volume is in."""

from alembic import op

from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("hosts", _with_default("pools list"))
    op.add_column("volumes", _with_default("pool text"))
