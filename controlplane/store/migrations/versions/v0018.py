"""Peerings of VPCs."""

from controlplane.store.migrations.versions.v0001 import _create_table

revision = "0018"
down_revision = "0017"

_COLUMNS = (
    "project_id text, vpc_id text, cidr_block text, peer_project_id text, peer_vpc_id text, peer_cidr_block text, "
    "status text, message text, expires_at time, created_at time, tags text, ended_at time?"
)


def upgrade() -> None:
    _create_table("vpc_peering_connections", _COLUMNS.split(", "), [["id"]])
