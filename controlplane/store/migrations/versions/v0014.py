"""Sets of DHCP options, and which VPC has which; those of before have the region's own."""

from alembic import op

from controlplane.store.migrations.versions.v0001 import _create_table
from controlplane.store.migrations.versions.v0002 import _with_default

revision = "0014"
down_revision = "0013"

_DHCP_OPTIONS = (
    "project_id text, domain_name text, domain_name_servers text, ntp_servers text, netbios_name_servers text, "
    "netbios_node_type text, created_at time, tags text"
)


def upgrade() -> None:
    _create_table("dhcp_options", _DHCP_OPTIONS.split(", "), [["id"]])
    op.add_column("vpcs", _with_default("dhcp_options_id text"))
