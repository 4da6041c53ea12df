"""DNS attributes of VPCs; route tables serve subnets by associations, which have ids, the main table's too."""

import sqlalchemy as sa
from alembic import op

from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0010"
down_revision = "0009"

_VPCS = sa.table("vpcs", sa.column("is_default", sa.Boolean()), sa.column("enable_dns_hostnames", sa.Boolean()))
_TABLES = sa.table(
    "route_tables", sa.column("id"), sa.column("is_main", sa.Boolean()), sa.column("main_association_id")
)


def upgrade() -> None:
    for name, value in (("enable_dns_support", sa.true()), ("enable_dns_hostnames", sa.false())):
        op.add_column("vpcs", sa.Column(name, sa.Boolean(), nullable=False, server_default=value))
    op.execute(sa.update(_VPCS).where(_VPCS.c.is_default).values(enable_dns_hostnames=sa.true()))
    for name in ("route_table_id", "association_id"):
        op.add_column("subnets", _with_default(f"{name} text"))
    op.add_column("route_tables", _with_default("main_association_id text"))
    association_id = sa.literal("rtbassoc-").concat(sa.func.substr(_TABLES.c.id, len("rtb-") + 1))
    op.execute(sa.update(_TABLES).where(_TABLES.c.is_main).values(main_association_id=association_id))
    op.drop_column("route_tables", "is_main")
    op.add_column("route_tables", sa.Column("number", sa.BigInteger(), nullable=False, server_default="1"))
