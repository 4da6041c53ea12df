"""NAT gateways."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned


@dataclass(frozen=True, slots=True)
class NatGateway:
    """Behind an elastic address, in its subnet by an interface of its own; its VPC's internet gateway's host has it.

    `created_revision` made it, and `is_ready` says that a host has answered that one and has it. One that is deleted
    stays on record: until `ending_host_id` was seen without it, in its report that answers `ending_revision`, and from
    `deleted_at` on for a while.
    """

    id: str
    project_id: str
    vpc_id: str
    subnet_id: str
    zone: str
    interface_id: str
    private_ip: str
    allocation_id: str
    public_ip: str
    created_revision: int
    created_at: datetime
    tags: Mapping[str, str]
    is_ready: bool = False
    is_deleted: bool = False
    ending_host_id: str = ""
    ending_revision: int = 0
    deleted_at: datetime | None = None


class NatGateways(Owned[NatGateway]):
    kind = Kind(
        "nat-gateway",
        Prefix.NAT_GATEWAY,
        "NatGateway",
        "DescribeNatGateways",
        word="NAT gateway",
        joint="",
        is_public=True,
        part_of="vpc_id",
    )
    row_type = NatGateway
    stored_as = "nat_gateways"
    filters = {
        "nat-gateway-id": lambda row: row.id,
        "subnet-id": lambda row: row.subnet_id,
        "vpc-id": lambda row: row.vpc_id,
    }

    def __init__(self) -> None:
        super().__init__()
        # Until no host has it: what has its interface is this one, and nobody else's.
        self.interface = self.unique(lambda row: None if row.deleted_at else row.interface_id)
        # Of those that are not deleted.
        self.vpc = self.index(lambda row: None if row.is_deleted else row.vpc_id)
        self.live = self.counter(lambda row: ((row.project_id, row.zone),), lambda row: 0 if row.is_deleted else 1, 0)
        self.pending = self.index(lambda row: None if row.is_ready or row.is_deleted else row.vpc_id)
        self.ending = self.index(lambda row: row.ending_host_id or None)
        self.ended = self.index(lambda row: True if row.deleted_at else None)
