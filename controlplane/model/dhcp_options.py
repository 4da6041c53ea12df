"""Sets of DHCP options: what guests of the VPCs that have one are told. A set never changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned

DEFAULT_ID = "default"  # In place of a set's id: the region's own options.
PROVIDED_DNS = "AmazonProvidedDNS"  # EC2's word for the VPC's own resolver, which stock tools send.


@dataclass(frozen=True, slots=True)
class DhcpOptions:
    """The options are named as EC2's keys, with underscores. What is empty was not given."""

    id: str
    project_id: str
    domain_name: str
    domain_name_servers: tuple[str, ...]
    ntp_servers: tuple[str, ...]
    netbios_name_servers: tuple[str, ...]
    netbios_node_type: str
    created_at: datetime
    tags: Mapping[str, str]

    @property
    def configurations(self) -> Mapping[str, tuple[str, ...]]:
        """The values by key, of what was given."""
        values = {
            "domain-name": (self.domain_name,) if self.domain_name else (),
            "domain-name-servers": self.domain_name_servers,
            "ntp-servers": self.ntp_servers,
            "netbios-name-servers": self.netbios_name_servers,
            "netbios-node-type": (self.netbios_node_type,) if self.netbios_node_type else (),
        }
        return {key: given for key, given in values.items() if given}


class DhcpOptionsSets(Owned[DhcpOptions]):
    kind = Kind(
        "dhcp-options",
        Prefix.DHCP_OPTIONS,
        "InvalidDhcpOptionID",
        "DescribeDhcpOptions",
        word="DHCP option set",
        is_public=True,
    )
    row_type = DhcpOptions
    stored_as = "dhcp_options"
    filters = {
        "dhcp-options-id": lambda row: row.id,
        "key": lambda row: list(row.configurations),
        "value": lambda row: [value for values in row.configurations.values() for value in values],
        "owner-id": lambda row: row.project_id,
    }
