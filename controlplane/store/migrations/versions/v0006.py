"""Which security groups' rules are not yet on all hosts; those of before count as if they were."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    pending = sa.Column("pending_revision", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("security_groups", pending)
