"""Of an attachment whether it was noted that its guest does not let go."""

from alembic import op

from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("attachments", _with_default("is_busy boolean"))
