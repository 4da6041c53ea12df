from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ObjectKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBJECT_KIND_UNSPECIFIED: _ClassVar[ObjectKind]
    OBJECT_KIND_HOST: _ClassVar[ObjectKind]
    OBJECT_KIND_VPC: _ClassVar[ObjectKind]
    OBJECT_KIND_SUBNET: _ClassVar[ObjectKind]
    OBJECT_KIND_ROUTE_TABLE: _ClassVar[ObjectKind]
    OBJECT_KIND_SECURITY_GROUP: _ClassVar[ObjectKind]
    OBJECT_KIND_INTERNET_GATEWAY: _ClassVar[ObjectKind]
    OBJECT_KIND_ENDPOINT: _ClassVar[ObjectKind]
    OBJECT_KIND_ADDRESS: _ClassVar[ObjectKind]
    OBJECT_KIND_VOLUME: _ClassVar[ObjectKind]
    OBJECT_KIND_ATTACHMENT: _ClassVar[ObjectKind]
    OBJECT_KIND_INSTANCE: _ClassVar[ObjectKind]
    OBJECT_KIND_NAT_GATEWAY: _ClassVar[ObjectKind]
    OBJECT_KIND_NETWORK_ACL: _ClassVar[ObjectKind]
OBJECT_KIND_UNSPECIFIED: ObjectKind
OBJECT_KIND_HOST: ObjectKind
OBJECT_KIND_VPC: ObjectKind
OBJECT_KIND_SUBNET: ObjectKind
OBJECT_KIND_ROUTE_TABLE: ObjectKind
OBJECT_KIND_SECURITY_GROUP: ObjectKind
OBJECT_KIND_INTERNET_GATEWAY: ObjectKind
OBJECT_KIND_ENDPOINT: ObjectKind
OBJECT_KIND_ADDRESS: ObjectKind
OBJECT_KIND_VOLUME: ObjectKind
OBJECT_KIND_ATTACHMENT: ObjectKind
OBJECT_KIND_INSTANCE: ObjectKind
OBJECT_KIND_NAT_GATEWAY: ObjectKind
OBJECT_KIND_NETWORK_ACL: ObjectKind

class Object(_message.Message):
    __slots__ = ("host", "vpc", "subnet", "route_table", "security_group", "internet_gateway", "endpoint", "address", "volume", "attachment", "instance", "nat_gateway", "network_acl")
    HOST_FIELD_NUMBER: _ClassVar[int]
    VPC_FIELD_NUMBER: _ClassVar[int]
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_FIELD_NUMBER: _ClassVar[int]
    INTERNET_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_FIELD_NUMBER: _ClassVar[int]
    host: Host
    vpc: Vpc
    subnet: Subnet
    route_table: RouteTable
    security_group: SecurityGroup
    internet_gateway: InternetGateway
    endpoint: Endpoint
    address: Address
    volume: Volume
    attachment: Attachment
    instance: Instance
    nat_gateway: NatGateway
    network_acl: NetworkAcl
    def __init__(self, host: _Optional[_Union[Host, _Mapping]] = ..., vpc: _Optional[_Union[Vpc, _Mapping]] = ..., subnet: _Optional[_Union[Subnet, _Mapping]] = ..., route_table: _Optional[_Union[RouteTable, _Mapping]] = ..., security_group: _Optional[_Union[SecurityGroup, _Mapping]] = ..., internet_gateway: _Optional[_Union[InternetGateway, _Mapping]] = ..., endpoint: _Optional[_Union[Endpoint, _Mapping]] = ..., address: _Optional[_Union[Address, _Mapping]] = ..., volume: _Optional[_Union[Volume, _Mapping]] = ..., attachment: _Optional[_Union[Attachment, _Mapping]] = ..., instance: _Optional[_Union[Instance, _Mapping]] = ..., nat_gateway: _Optional[_Union[NatGateway, _Mapping]] = ..., network_acl: _Optional[_Union[NetworkAcl, _Mapping]] = ...) -> None: ...

class ObjectRef(_message.Message):
    __slots__ = ("kind", "id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    kind: ObjectKind
    id: str
    def __init__(self, kind: _Optional[_Union[ObjectKind, str]] = ..., id: _Optional[str] = ...) -> None: ...

class Host(_message.Message):
    __slots__ = ("id", "number", "underlay_address", "wireguard_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    UNDERLAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WIREGUARD_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    number: int
    underlay_address: str
    wireguard_key: str
    def __init__(self, id: _Optional[str] = ..., number: _Optional[int] = ..., underlay_address: _Optional[str] = ..., wireguard_key: _Optional[str] = ...) -> None: ...

class Vpc(_message.Message):
    __slots__ = ("id", "vni", "cidr_block", "domain", "dns_is_off", "dhcp_options", "public_domain", "peerings")
    ID_FIELD_NUMBER: _ClassVar[int]
    VNI_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    DNS_IS_OFF_FIELD_NUMBER: _ClassVar[int]
    DHCP_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    PEERINGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    vni: int
    cidr_block: str
    domain: str
    dns_is_off: bool
    dhcp_options: DhcpOptions
    public_domain: str
    peerings: _containers.RepeatedCompositeFieldContainer[Peering]
    def __init__(self, id: _Optional[str] = ..., vni: _Optional[int] = ..., cidr_block: _Optional[str] = ..., domain: _Optional[str] = ..., dns_is_off: _Optional[bool] = ..., dhcp_options: _Optional[_Union[DhcpOptions, _Mapping]] = ..., public_domain: _Optional[str] = ..., peerings: _Optional[_Iterable[_Union[Peering, _Mapping]]] = ...) -> None: ...

class Peering(_message.Message):
    __slots__ = ("id", "vpc_id", "cidr_block")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    cidr_block: str
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ...) -> None: ...

class DhcpOptions(_message.Message):
    __slots__ = ("domain_name", "domain_name_servers", "ntp_servers", "netbios_name_servers", "netbios_node_type")
    DOMAIN_NAME_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_NAME_SERVERS_FIELD_NUMBER: _ClassVar[int]
    NTP_SERVERS_FIELD_NUMBER: _ClassVar[int]
    NETBIOS_NAME_SERVERS_FIELD_NUMBER: _ClassVar[int]
    NETBIOS_NODE_TYPE_FIELD_NUMBER: _ClassVar[int]
    domain_name: str
    domain_name_servers: _containers.RepeatedScalarFieldContainer[str]
    ntp_servers: _containers.RepeatedScalarFieldContainer[str]
    netbios_name_servers: _containers.RepeatedScalarFieldContainer[str]
    netbios_node_type: str
    def __init__(self, domain_name: _Optional[str] = ..., domain_name_servers: _Optional[_Iterable[str]] = ..., ntp_servers: _Optional[_Iterable[str]] = ..., netbios_name_servers: _Optional[_Iterable[str]] = ..., netbios_node_type: _Optional[str] = ...) -> None: ...

class Subnet(_message.Message):
    __slots__ = ("id", "vpc_id", "cidr_block", "route_table_id", "network_acl_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    cidr_block: str
    route_table_id: str
    network_acl_id: str
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ..., route_table_id: _Optional[str] = ..., network_acl_id: _Optional[str] = ...) -> None: ...

class RouteTable(_message.Message):
    __slots__ = ("id", "vpc_id", "is_main", "routes", "number")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    IS_MAIN_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    is_main: bool
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    number: int
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., is_main: _Optional[bool] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ..., number: _Optional[int] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("cidr_block", "target")
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    cidr_block: str
    target: str
    def __init__(self, cidr_block: _Optional[str] = ..., target: _Optional[str] = ...) -> None: ...

class SecurityGroup(_message.Message):
    __slots__ = ("id", "vpc_id", "name", "rules", "drop_revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    DROP_REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    name: str
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    drop_revision: int
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., name: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ..., drop_revision: _Optional[int] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("is_egress", "ip_protocol", "from_port", "to_port", "cidr_ipv4", "group_id")
    IS_EGRESS_FIELD_NUMBER: _ClassVar[int]
    IP_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    CIDR_IPV4_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    is_egress: bool
    ip_protocol: str
    from_port: int
    to_port: int
    cidr_ipv4: str
    group_id: str
    def __init__(self, is_egress: _Optional[bool] = ..., ip_protocol: _Optional[str] = ..., from_port: _Optional[int] = ..., to_port: _Optional[int] = ..., cidr_ipv4: _Optional[str] = ..., group_id: _Optional[str] = ...) -> None: ...

class NetworkAcl(_message.Message):
    __slots__ = ("id", "vpc_id", "entries")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    entries: _containers.RepeatedCompositeFieldContainer[NetworkAclEntry]
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[NetworkAclEntry, _Mapping]]] = ...) -> None: ...

class NetworkAclEntry(_message.Message):
    __slots__ = ("rule", "is_allowed")
    RULE_FIELD_NUMBER: _ClassVar[int]
    IS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    rule: Rule
    is_allowed: bool
    def __init__(self, rule: _Optional[_Union[Rule, _Mapping]] = ..., is_allowed: _Optional[bool] = ...) -> None: ...

class InternetGateway(_message.Message):
    __slots__ = ("id", "vpc_id", "host_id", "epoch")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    host_id: str
    epoch: int
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., host_id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class NatGateway(_message.Message):
    __slots__ = ("id", "vpc_id", "subnet_id", "private_ip", "public_ip")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    subnet_id: str
    private_ip: str
    public_ip: str
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., subnet_id: _Optional[str] = ..., private_ip: _Optional[str] = ..., public_ip: _Optional[str] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("id", "vpc_id", "subnet_id", "host_id", "instance_id", "device_index", "mac_address", "private_ip", "group_ids", "secondary_private_ips", "is_detaching", "is_unchecked", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INDEX_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_PRIVATE_IPS_FIELD_NUMBER: _ClassVar[int]
    IS_DETACHING_FIELD_NUMBER: _ClassVar[int]
    IS_UNCHECKED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    subnet_id: str
    host_id: str
    instance_id: str
    device_index: int
    mac_address: str
    private_ip: str
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    secondary_private_ips: _containers.RepeatedScalarFieldContainer[str]
    is_detaching: bool
    is_unchecked: bool
    name: str
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., subnet_id: _Optional[str] = ..., host_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., device_index: _Optional[int] = ..., mac_address: _Optional[str] = ..., private_ip: _Optional[str] = ..., group_ids: _Optional[_Iterable[str]] = ..., secondary_private_ips: _Optional[_Iterable[str]] = ..., is_detaching: _Optional[bool] = ..., is_unchecked: _Optional[bool] = ..., name: _Optional[str] = ...) -> None: ...

class Address(_message.Message):
    __slots__ = ("id", "vpc_id", "endpoint_id", "public_ip", "private_ip")
    ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    id: str
    vpc_id: str
    endpoint_id: str
    public_ip: str
    private_ip: str
    def __init__(self, id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., endpoint_id: _Optional[str] = ..., public_ip: _Optional[str] = ..., private_ip: _Optional[str] = ...) -> None: ...

class Volume(_message.Message):
    __slots__ = ("id", "size_bytes", "image", "is_ready", "deleted", "pool")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IS_READY_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    id: str
    size_bytes: int
    image: ImageSource
    is_ready: bool
    deleted: bool
    pool: str
    def __init__(self, id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., image: _Optional[_Union[ImageSource, _Mapping]] = ..., is_ready: _Optional[bool] = ..., deleted: _Optional[bool] = ..., pool: _Optional[str] = ...) -> None: ...

class ImageSource(_message.Message):
    __slots__ = ("image_id", "format", "size_bytes", "sha256")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    format: str
    size_bytes: int
    sha256: str
    def __init__(self, image_id: _Optional[str] = ..., format: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class Attachment(_message.Message):
    __slots__ = ("id", "volume_id", "instance_id", "epoch", "storage_host_id", "client_host_id", "port", "device_name", "attached", "limits", "read_only")
    ID_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STORAGE_HOST_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_HOST_ID_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    id: str
    volume_id: str
    instance_id: str
    epoch: int
    storage_host_id: str
    client_host_id: str
    port: int
    device_name: str
    attached: bool
    limits: Limits
    read_only: bool
    def __init__(self, id: _Optional[str] = ..., volume_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., epoch: _Optional[int] = ..., storage_host_id: _Optional[str] = ..., client_host_id: _Optional[str] = ..., port: _Optional[int] = ..., device_name: _Optional[str] = ..., attached: _Optional[bool] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., read_only: _Optional[bool] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("iops", "bytes_per_s")
    IOPS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_S_FIELD_NUMBER: _ClassVar[int]
    iops: int
    bytes_per_s: int
    def __init__(self, iops: _Optional[int] = ..., bytes_per_s: _Optional[int] = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("id", "generation", "power_on", "reboot_count", "stop_timeout_s", "vcpus", "memory_mib", "image_id", "instance_type", "zone_name", "region_name", "key_name", "public_key", "user_data", "reservation_id", "launch_index", "machine_type", "firmware", "architecture", "cpu_model", "owner_id", "metadata_without_token", "metadata_is_off", "metadata_hop_limit", "tags")
    ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    POWER_ON_FIELD_NUMBER: _ClassVar[int]
    REBOOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    STOP_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    USER_DATA_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_INDEX_FIELD_NUMBER: _ClassVar[int]
    MACHINE_TYPE_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    CPU_MODEL_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_WITHOUT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METADATA_IS_OFF_FIELD_NUMBER: _ClassVar[int]
    METADATA_HOP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    generation: int
    power_on: bool
    reboot_count: int
    stop_timeout_s: int
    vcpus: int
    memory_mib: int
    image_id: str
    instance_type: str
    zone_name: str
    region_name: str
    key_name: str
    public_key: str
    user_data: bytes
    reservation_id: str
    launch_index: int
    machine_type: str
    firmware: str
    architecture: str
    cpu_model: str
    owner_id: str
    metadata_without_token: bool
    metadata_is_off: bool
    metadata_hop_limit: int
    tags: _containers.RepeatedCompositeFieldContainer[Tag]
    def __init__(self, id: _Optional[str] = ..., generation: _Optional[int] = ..., power_on: _Optional[bool] = ..., reboot_count: _Optional[int] = ..., stop_timeout_s: _Optional[int] = ..., vcpus: _Optional[int] = ..., memory_mib: _Optional[int] = ..., image_id: _Optional[str] = ..., instance_type: _Optional[str] = ..., zone_name: _Optional[str] = ..., region_name: _Optional[str] = ..., key_name: _Optional[str] = ..., public_key: _Optional[str] = ..., user_data: _Optional[bytes] = ..., reservation_id: _Optional[str] = ..., launch_index: _Optional[int] = ..., machine_type: _Optional[str] = ..., firmware: _Optional[str] = ..., architecture: _Optional[str] = ..., cpu_model: _Optional[str] = ..., owner_id: _Optional[str] = ..., metadata_without_token: _Optional[bool] = ..., metadata_is_off: _Optional[bool] = ..., metadata_hop_limit: _Optional[int] = ..., tags: _Optional[_Iterable[_Union[Tag, _Mapping]]] = ...) -> None: ...

class Tag(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
