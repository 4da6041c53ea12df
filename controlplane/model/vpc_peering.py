"""Peerings of two VPCs, which may be of two projects.

pending-acceptance --its accepter accepts--> active --either deletes--> deleted
                   --its accepter rejects--> rejected, its requester deletes--> deleted, a week passes--> expired
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned


class PeeringStatus(Enum):
    """EC2's codes."""

    PENDING = "pending-acceptance"
    ACTIVE = "active"
    REJECTED = "rejected"
    DELETED = "deleted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class VpcPeeringConnection:
    """Belongs to the project that asked for it, with `vpc_id`; another one may have `peer_vpc_id`. Both see it.

    `message` says more of the status. One that is over stays on record from `ended_at` on for a while.
    """

    id: str
    project_id: str
    vpc_id: str
    cidr_block: str
    peer_project_id: str
    peer_vpc_id: str
    peer_cidr_block: str
    status: PeeringStatus
    message: str
    expires_at: datetime
    created_at: datetime
    tags: Mapping[str, str]
    ended_at: datetime | None = None

    @property
    def accepter_cidr_block(self) -> str:
        """What is shown of it: nothing to who is not a peer, as in EC2."""
        return self.peer_cidr_block if self.status is PeeringStatus.ACTIVE else ""

    @property
    def vpc_ids(self) -> tuple[str, ...]:
        """Both; no VPC peers with itself, and an index takes a key once."""
        return tuple(dict.fromkeys((self.vpc_id, self.peer_vpc_id)))

    def other_than(self, vpc_id: str) -> tuple[str, str]:
        """Id and network of the other VPC."""
        peer = self.peer_vpc_id, self.peer_cidr_block
        return peer if vpc_id == self.vpc_id else (self.vpc_id, self.cidr_block)


class VpcPeeringConnections(Owned[VpcPeeringConnection]):
    kind = Kind(
        "vpc-peering-connection",
        Prefix.VPC_PEERING_CONNECTION,
        "InvalidVpcPeeringConnectionID",
        "DescribeVpcPeeringConnections",
        word="VPC peering connection",
        is_public=True,
        part_of="peer_project_id",
    )
    row_type = VpcPeeringConnection
    stored_as = "vpc_peering_connections"
    filters = {
        "vpc-peering-connection-id": lambda row: row.id,
        "requester-vpc-info.vpc-id": lambda row: row.vpc_id,
        "requester-vpc-info.owner-id": lambda row: row.project_id,
        "requester-vpc-info.cidr-block": lambda row: row.cidr_block,
        "accepter-vpc-info.vpc-id": lambda row: row.peer_vpc_id,
        "accepter-vpc-info.owner-id": lambda row: row.peer_project_id,
        "accepter-vpc-info.cidr-block": lambda row: row.accepter_cidr_block,
        "status-code": lambda row: row.status.value,
        "status-message": lambda row: row.message,
    }

    def __init__(self) -> None:
        super().__init__()
        self.peer_project = self.index(lambda row: row.peer_project_id)
        self.live = self.index_each(lambda row: () if row.ended_at else row.vpc_ids)
        self.active = self.index_each(lambda row: row.vpc_ids if row.status is PeeringStatus.ACTIVE else ())
        self.held = self.index_each(_holders)
        self.pending = self.index(lambda row: True if row.status is PeeringStatus.PENDING else None)
        self.ended = self.index(lambda row: True if row.ended_at else None)

    def of_project(self, project_id: str) -> list[VpcPeeringConnection]:
        """Those that it asked for, or was asked for."""
        rows = (*self.project.of(project_id), *self.peer_project.of(project_id))
        return list({row.id: row for row in rows}.values())

    def peers(self, vpc_id: str) -> list[str]:
        """The VPCs with which one has an active peering."""
        return [row.other_than(vpc_id)[0] for row in self.active.of(vpc_id)]


def _holders(row: VpcPeeringConnection) -> tuple[str, ...]:
    """The VPCs that count it: one that was merely asked does not."""
    if row.status is PeeringStatus.PENDING:
        return (row.vpc_id,)
    return row.vpc_ids if row.status is PeeringStatus.ACTIVE else ()
