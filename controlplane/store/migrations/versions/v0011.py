"""What hosts' agents can do; those of before are asked again when they connect."""

from alembic import op

from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("hosts", _with_default("features list"))
