"""NAT gateways."""

from controlplane.store.migrations.versions.v0001 import _create_table

revision = "0017"
down_revision = "0016"

_NAT_GATEWAYS = (
    "project_id text, vpc_id text, subnet_id text, zone text, interface_id text, private_ip text, allocation_id text, "
    "public_ip text, created_revision integer, created_at time, tags text, is_ready boolean, is_deleted boolean, "
    "ending_host_id text, ending_revision integer, deleted_at time?"
)


def upgrade() -> None:
    _create_table("nat_gateways", _NAT_GATEWAYS.split(", "), [["id"]])
