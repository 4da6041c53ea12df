"""Rules of security groups have tags and may be about IPv6; groups remember when connections were to end with rules."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for name, value in (("cidr_ipv6", ""), ("tags", "{}")):
        op.add_column("security_group_rules", sa.Column(name, sa.Text(), nullable=False, server_default=value))
    dropped = sa.Column("drop_revision", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("security_groups", dropped)
