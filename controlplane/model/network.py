"""What is in VPCs: security groups, interfaces, public addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned
from controlplane.model.value import value


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """`pending_revision`: in which its rules were last changed, until all hosts of its VPC have them; then 0.
    `drop_revision`: in which somebody last wanted that connections end which no rule allows any more; 0: never.
    `generation`: the revision in which its rules, or the groups of an instance that is or was in it, last changed.
    """

    id: str
    project_id: str
    vpc_id: str
    name: str
    description: str
    created_at: datetime
    tags: Mapping[str, str]
    pending_revision: int = 0
    drop_revision: int = 0
    generation: int = 0


class SecurityGroups(Owned[SecurityGroup]):
    kind = Kind(
        "security-group",
        Prefix.SECURITY_GROUP,
        "InvalidGroup",
        "DescribeSecurityGroups",
        is_public=True,
        id_field="group_id",
    )
    row_type = SecurityGroup
    stored_as = "security_groups"
    filters = {
        "group-id": lambda row: row.id,
        "group-name": lambda row: row.name,
        "description": lambda row: row.description,
        "vpc-id": lambda row: row.vpc_id,
        "owner-id": lambda row: row.project_id,
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id)
        self.pending = self.index(lambda row: True if row.pending_revision else None)


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """Exactly one of `cidr_ipv4`, `source_group_id`, `prefix_list_id` and `cidr_ipv6` is set; the others are empty."""

    id: str
    project_id: str
    group_id: str
    is_egress: bool
    ip_protocol: str
    from_port: int
    to_port: int
    cidr_ipv4: str
    source_group_id: str
    description: str
    created_at: datetime
    prefix_list_id: str = ""
    cidr_ipv6: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ipv6(self) -> bool:
        """Whether it is about IPv6 alone, which VPCs do not have yet."""
        return bool(self.cidr_ipv6) or self.ip_protocol == "icmpv6"

    @property
    def permits(self) -> tuple[object, ...]:
        """What two rules of one group may not have in common."""
        return (
            self.is_egress,
            self.ip_protocol,
            self.from_port,
            self.to_port,
            self.cidr_ipv4,
            self.source_group_id,
            self.prefix_list_id,
            self.cidr_ipv6,
        )


class Rules(Owned[SecurityGroupRule]):
    kind = Kind(
        "security-group-rule",
        Prefix.SECURITY_GROUP_RULE,
        "InvalidSecurityGroupRuleId",
        "DescribeSecurityGroupRules",
        is_public=True,
        id_field="rule_id",
        part_of="group_id",
    )
    row_type = SecurityGroupRule
    stored_as = "security_group_rules"
    filters = {
        "security-group-rule-id": lambda row: row.id,
        "group-id": lambda row: row.group_id,
    }

    def __init__(self) -> None:
        super().__init__()
        self.group = self.index(lambda row: row.group_id)
        self.source = self.index(lambda row: row.source_group_id or None)
        self.prefix_list = self.index(lambda row: row.prefix_list_id or None)


@value(frozen=True, slots=True)
class NetworkInterface:
    """`instance_id` is empty, and so is `attachment_id`, while it is attached to none.

    One that is attached stays so as long as any host may still have it, so that its addresses are not given away too
    early. `detach_host_id` is the host that shall let go of it since `detach_revision`, empty while it shall stay;
    `is_forced`: whatever the guest says. `delete_on_termination` is the attachment's.
    """

    id: str
    project_id: str
    vpc_id: str
    subnet_id: str
    instance_id: str
    device_index: int
    mac_address: str
    private_ip: str
    group_ids: tuple[str, ...]
    created_at: datetime
    secondary_ips: tuple[str, ...] = ()
    description: str = ""
    source_dest_check: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    attachment_id: str = ""
    attached_at: datetime | None = None
    delete_on_termination: bool = True
    detach_host_id: str = ""
    detach_revision: int = 0
    is_forced: bool = False

    @property
    def private_ips(self) -> tuple[str, ...]:
        """The primary one first."""
        return (self.private_ip, *self.secondary_ips)

    @property
    def is_detaching(self) -> bool:
        return bool(self.detach_host_id)


class Interfaces(Owned[NetworkInterface]):
    kind = Kind(
        "network-interface",
        Prefix.NETWORK_INTERFACE,
        "InvalidNetworkInterfaceID",
        "DescribeNetworkInterfaces",
        is_public=True,
        part_of="instance_id",
    )
    row_type = NetworkInterface
    stored_as = "network_interfaces"
    unique_fields = (("vpc_id", "private_ip"), ("vpc_id", "mac_address"))
    filters = {
        "network-interface-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        "subnet-id": lambda row: row.subnet_id,
        "mac-address": lambda row: row.mac_address,
        "private-ip-address": lambda row: row.private_ip,
        "addresses.private-ip-address": lambda row: row.private_ips,
        "description": lambda row: row.description,
        "group-id": lambda row: row.group_ids,
        "source-dest-check": lambda row: row.source_dest_check,
        "owner-id": lambda row: row.project_id,
        "attachment.attachment-id": lambda row: row.attachment_id or (),
        "attachment.instance-id": lambda row: row.instance_id or (),
        "attachment.device-index": lambda row: str(row.device_index) if row.instance_id else (),
        "attachment.delete-on-termination": lambda row: row.delete_on_termination if row.instance_id else (),
    }

    def __init__(self) -> None:
        super().__init__()
        self.instance = self.index(lambda row: row.instance_id or None)
        self.vpc = self.index(lambda row: row.vpc_id if row.instance_id else None)  # Those that are attached.
        self.subnet = self.index(lambda row: row.subnet_id)
        self.address = self.unique(lambda row: (row.vpc_id, row.private_ip))
        self.secondary = self.index_each(lambda row: tuple([(row.vpc_id, ip) for ip in row.secondary_ips]))
        self.held = self.counter(lambda row: (row.subnet_id,), lambda row: len(row.private_ips), 0)
        self.group = self.index_each(lambda row: row.group_ids)
        self.attachment = self.unique(lambda row: row.attachment_id or None)
        self.detaching = self.index(lambda row: row.detach_host_id or None)

    def of(self, instance_id: str) -> list[NetworkInterface]:
        """An instance's, the primary one first."""
        rows = self.instance.of(instance_id)
        return sorted(rows, key=lambda row: row.device_index) if len(rows) > 1 else rows

    def primary(self, instance_id: str) -> NetworkInterface:
        """An instance's device 0, which it has as long as it is not terminated."""
        return next(row for row in self.instance.of(instance_id) if row.device_index == 0)

    def holder(self, vpc_id: str, private_ip: str) -> NetworkInterface | None:
        """Which one has this address of a VPC."""
        return self.address.get((vpc_id, private_ip)) or self.secondary.first((vpc_id, private_ip))


@dataclass(frozen=True, slots=True)
class Leaving:
    """A gateway that mapped an address, until its host answers `revision` and is seen without it."""

    host_id: str
    vpc_id: str
    revision: int


@value(frozen=True, slots=True)
class PublicAddress:
    """An address out of the public pool; `id` is its allocation id.

    Elastic ones belong to the project until released; automatic ones to an instance until it stops. `private_ip` is the
    one that it is mapped to, of the interface's, and empty where that is the primary one. One that is released stays on
    record until all gateways that may have carried it are seen to have forgotten it.
    """

    id: str
    project_id: str
    public_ip: str
    is_elastic: bool
    interface_id: str
    association_id: str
    created_at: datetime
    tags: Mapping[str, str]
    is_released: bool = False
    private_ip: str = ""
    leaving: tuple[Leaving, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether users see it as theirs."""
        return self.is_elastic and not self.is_released


class Addresses(Owned[PublicAddress]):
    kind = Kind(
        "address",
        Prefix.ADDRESS_ALLOCATION,
        "InvalidAllocationID",
        "DescribeAddresses",
        is_public=True,
        part_of="interface_id",
        id_field="allocation_id",
    )
    row_type = PublicAddress
    stored_as = "addresses"
    unique_fields = (("public_ip",),)
    filters = {
        "allocation-id": lambda row: row.id,
        "association-id": lambda row: row.association_id or (),
        "public-ip": lambda row: row.public_ip,
        "network-interface-id": lambda row: row.interface_id or (),
    }

    def __init__(self) -> None:
        super().__init__()
        self.public_ip = self.unique(lambda row: row.public_ip)
        self.elastic = self.counter(lambda row: (row.project_id,), lambda row: int(row.is_own), 0)
        self.interface = self.index(lambda row: row.interface_id or None)
        self.association = self.unique(lambda row: row.association_id or None)
        self.leaving = self.index_each(lambda row: tuple(dict.fromkeys(each.host_id for each in row.leaving)))

    def lists(self, row: PublicAddress) -> bool:
        return row.is_own

    def primary(self, interface_id: str) -> PublicAddress | None:
        """That which is mapped to the interface's primary address."""
        return next((row for row in self.interface.of(interface_id) if not row.private_ip), None)
