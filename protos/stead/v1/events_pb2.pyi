import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import addresses_pb2 as _addresses_pb2
from stead.v1 import images_pb2 as _images_pb2
from stead.v1 import instances_pb2 as _instances_pb2
from stead.v1 import key_pairs_pb2 as _key_pairs_pb2
from stead.v1 import network_acls_pb2 as _network_acls_pb2
from stead.v1 import options_pb2 as _options_pb2
from stead.v1 import prefix_lists_pb2 as _prefix_lists_pb2
from stead.v1 import security_groups_pb2 as _security_groups_pb2
from stead.v1 import volumes_pb2 as _volumes_pb2
from stead.v1 import vpcs_pb2 as _vpcs_pb2
from stead.v1 import dhcp_options_pb2 as _dhcp_options_pb2
from stead.v1 import internet_gateways_pb2 as _internet_gateways_pb2
from stead.v1 import nat_gateways_pb2 as _nat_gateways_pb2
from stead.v1 import route_tables_pb2 as _route_tables_pb2
from stead.v1 import subnets_pb2 as _subnets_pb2
from stead.v1 import vpc_peering_connections_pb2 as _vpc_peering_connections_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchRequest(_message.Message):
    __slots__ = ("after_revision", "kinds", "with_contents")
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    WITH_CONTENTS_FIELD_NUMBER: _ClassVar[int]
    after_revision: int
    kinds: _containers.RepeatedScalarFieldContainer[str]
    with_contents: bool
    def __init__(self, after_revision: _Optional[int] = ..., kinds: _Optional[_Iterable[str]] = ..., with_contents: _Optional[bool] = ...) -> None: ...

class WatchEvent(_message.Message):
    __slots__ = ("revision", "changes", "resync", "bookmark", "commit_time", "token_id", "request_id")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    RESYNC_FIELD_NUMBER: _ClassVar[int]
    BOOKMARK_FIELD_NUMBER: _ClassVar[int]
    COMMIT_TIME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    revision: int
    changes: _containers.RepeatedCompositeFieldContainer[ResourceChange]
    resync: bool
    bookmark: bool
    commit_time: _timestamp_pb2.Timestamp
    token_id: str
    request_id: str
    def __init__(self, revision: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[ResourceChange, _Mapping]]] = ..., resync: _Optional[bool] = ..., bookmark: _Optional[bool] = ..., commit_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., token_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResourceChange(_message.Message):
    __slots__ = ("kind", "id", "deleted", "instance", "volume", "attachment", "network_interface", "address", "image", "key_pair", "vpc", "subnet", "internet_gateway", "route_table", "security_group", "security_group_rule", "prefix_list", "dhcp_options", "network_acl", "nat_gateway", "vpc_peering_connection")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    KEY_PAIR_FIELD_NUMBER: _ClassVar[int]
    VPC_FIELD_NUMBER: _ClassVar[int]
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    INTERNET_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_RULE_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_FIELD_NUMBER: _ClassVar[int]
    DHCP_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    VPC_PEERING_CONNECTION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    deleted: bool
    instance: _instances_pb2.Instance
    volume: _volumes_pb2.Volume
    attachment: _volumes_pb2.VolumeAttachment
    network_interface: _instances_pb2.NetworkInterface
    address: _addresses_pb2.Address
    image: _images_pb2.Image
    key_pair: _key_pairs_pb2.KeyPair
    vpc: _vpcs_pb2.Vpc
    subnet: _subnets_pb2.Subnet
    internet_gateway: _internet_gateways_pb2.InternetGateway
    route_table: _route_tables_pb2.RouteTable
    security_group: _security_groups_pb2.SecurityGroup
    security_group_rule: _security_groups_pb2.SecurityGroupRule
    prefix_list: _prefix_lists_pb2.ManagedPrefixList
    dhcp_options: _dhcp_options_pb2.DhcpOptions
    network_acl: _network_acls_pb2.NetworkAcl
    nat_gateway: _nat_gateways_pb2.NatGateway
    vpc_peering_connection: _vpc_peering_connections_pb2.VpcPeeringConnection
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ..., deleted: _Optional[bool] = ..., instance: _Optional[_Union[_instances_pb2.Instance, _Mapping]] = ..., volume: _Optional[_Union[_volumes_pb2.Volume, _Mapping]] = ..., attachment: _Optional[_Union[_volumes_pb2.VolumeAttachment, _Mapping]] = ..., network_interface: _Optional[_Union[_instances_pb2.NetworkInterface, _Mapping]] = ..., address: _Optional[_Union[_addresses_pb2.Address, _Mapping]] = ..., image: _Optional[_Union[_images_pb2.Image, _Mapping]] = ..., key_pair: _Optional[_Union[_key_pairs_pb2.KeyPair, _Mapping]] = ..., vpc: _Optional[_Union[_vpcs_pb2.Vpc, _Mapping]] = ..., subnet: _Optional[_Union[_subnets_pb2.Subnet, _Mapping]] = ..., internet_gateway: _Optional[_Union[_internet_gateways_pb2.InternetGateway, _Mapping]] = ..., route_table: _Optional[_Union[_route_tables_pb2.RouteTable, _Mapping]] = ..., security_group: _Optional[_Union[_security_groups_pb2.SecurityGroup, _Mapping]] = ..., security_group_rule: _Optional[_Union[_security_groups_pb2.SecurityGroupRule, _Mapping]] = ..., prefix_list: _Optional[_Union[_prefix_lists_pb2.ManagedPrefixList, _Mapping]] = ..., dhcp_options: _Optional[_Union[_dhcp_options_pb2.DhcpOptions, _Mapping]] = ..., network_acl: _Optional[_Union[_network_acls_pb2.NetworkAcl, _Mapping]] = ..., nat_gateway: _Optional[_Union[_nat_gateways_pb2.NatGateway, _Mapping]] = ..., vpc_peering_connection: _Optional[_Union[_vpc_peering_connections_pb2.VpcPeeringConnection, _Mapping]] = ...) -> None: ...
