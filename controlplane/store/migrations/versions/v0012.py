"""When the rules of a security group last changed; of those of before it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("security_groups", sa.Column("generation", sa.BigInteger(), nullable=False, server_default="0"))
