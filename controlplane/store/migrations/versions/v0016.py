"""Network ACLs: each VPC has a default one, which lets everything by and guards all subnets that there are."""

import json

import sqlalchemy as sa
from alembic import op

from controlplane.store.migrations.versions.v0001 import _create_table

revision = "0016"
down_revision = "0015"

_COLUMNS = (
    "project_id text, vpc_id text, is_default boolean, entries text, created_at time, tags text, "
    "pending_revision integer, generation integer"
)
_SUBNETS = sa.table("subnets", *map(sa.column, ("id", "vpc_id", "network_acl_id", "network_acl_association_id")))
# In the order of lists: what goes out, and what comes in.
_ENTRIES = [
    {
        "rule_number": number,
        "is_egress": is_egress,
        "protocol": "-1",
        "is_allowed": number == 100,
        "cidr_block": "0.0.0.0/0",
        "ipv6_cidr_block": "",
        "from_port": -1,
        "to_port": -1,
    }
    for is_egress in (True, False)
    for number in (100, 32767)
]


def upgrade() -> None:
    """Ids follow from those of VPCs and subnets."""
    _create_table("network_acls", _COLUMNS.split(", "), [["id"]])
    copied = sa.text(
        "INSERT INTO network_acls (id, project_id, vpc_id, is_default, entries, created_at, tags,"
        " pending_revision, generation) SELECT 'acl-' || substr(id, 5), project_id, id, true, :entries,"
        " created_at, '{}', 0, 0 FROM vpcs ORDER BY position"
    )
    op.execute(copied.bindparams(entries=json.dumps(_ENTRIES, separators=(",", ":"))))
    for name in ("network_acl_id", "network_acl_association_id"):
        op.add_column("subnets", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    acl_id = sa.literal("acl-").concat(sa.func.substr(_SUBNETS.c.vpc_id, len("vpc-") + 1))
    association_id = sa.literal("aclassoc-").concat(sa.func.substr(_SUBNETS.c.id, len("subnet-") + 1))
    op.execute(sa.update(_SUBNETS).values(network_acl_id=acl_id, network_acl_association_id=association_id))
