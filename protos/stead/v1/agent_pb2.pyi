from stead.v1 import hosts_pb2 as _hosts_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResourceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOURCE_KIND_UNSPECIFIED: _ClassVar[ResourceKind]
    RESOURCE_KIND_VOLUME: _ClassVar[ResourceKind]
    RESOURCE_KIND_EXPORT: _ClassVar[ResourceKind]
    RESOURCE_KIND_VPC: _ClassVar[ResourceKind]
    RESOURCE_KIND_GATEWAY: _ClassVar[ResourceKind]
    RESOURCE_KIND_INSTANCE: _ClassVar[ResourceKind]
RESOURCE_KIND_UNSPECIFIED: ResourceKind
RESOURCE_KIND_VOLUME: ResourceKind
RESOURCE_KIND_EXPORT: ResourceKind
RESOURCE_KIND_VPC: ResourceKind
RESOURCE_KIND_GATEWAY: ResourceKind
RESOURCE_KIND_INSTANCE: ResourceKind

class JoinRequest(_message.Message):
    __slots__ = ("secret", "control_csr", "data_client_csr", "host_name", "underlay_address", "data_server_csr")
    SECRET_FIELD_NUMBER: _ClassVar[int]
    CONTROL_CSR_FIELD_NUMBER: _ClassVar[int]
    DATA_CLIENT_CSR_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    UNDERLAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DATA_SERVER_CSR_FIELD_NUMBER: _ClassVar[int]
    secret: str
    control_csr: bytes
    data_client_csr: bytes
    host_name: str
    underlay_address: str
    data_server_csr: bytes
    def __init__(self, secret: _Optional[str] = ..., control_csr: _Optional[bytes] = ..., data_client_csr: _Optional[bytes] = ..., host_name: _Optional[str] = ..., underlay_address: _Optional[str] = ..., data_server_csr: _Optional[bytes] = ...) -> None: ...

class Certificates(_message.Message):
    __slots__ = ("control_certificate", "data_client_certificate", "ca_certificate", "data_server_certificate", "data_ca_certificate")
    CONTROL_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    DATA_CLIENT_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    CA_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    DATA_SERVER_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    DATA_CA_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    control_certificate: bytes
    data_client_certificate: bytes
    ca_certificate: bytes
    data_server_certificate: bytes
    data_ca_certificate: bytes
    def __init__(self, control_certificate: _Optional[bytes] = ..., data_client_certificate: _Optional[bytes] = ..., ca_certificate: _Optional[bytes] = ..., data_server_certificate: _Optional[bytes] = ..., data_ca_certificate: _Optional[bytes] = ...) -> None: ...

class JoinResponse(_message.Message):
    __slots__ = ("host_id", "agent_endpoint", "certificates")
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    host_id: str
    agent_endpoint: str
    certificates: Certificates
    def __init__(self, host_id: _Optional[str] = ..., agent_endpoint: _Optional[str] = ..., certificates: _Optional[_Union[Certificates, _Mapping]] = ...) -> None: ...

class RenewCertificatesRequest(_message.Message):
    __slots__ = ("control_csr", "data_client_csr", "data_server_csr")
    CONTROL_CSR_FIELD_NUMBER: _ClassVar[int]
    DATA_CLIENT_CSR_FIELD_NUMBER: _ClassVar[int]
    DATA_SERVER_CSR_FIELD_NUMBER: _ClassVar[int]
    control_csr: bytes
    data_client_csr: bytes
    data_server_csr: bytes
    def __init__(self, control_csr: _Optional[bytes] = ..., data_client_csr: _Optional[bytes] = ..., data_server_csr: _Optional[bytes] = ...) -> None: ...

class RenewCertificatesResponse(_message.Message):
    __slots__ = ("certificates",)
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    certificates: Certificates
    def __init__(self, certificates: _Optional[_Union[Certificates, _Mapping]] = ...) -> None: ...

class FetchImageRequest(_message.Message):
    __slots__ = ("image_id",)
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    def __init__(self, image_id: _Optional[str] = ...) -> None: ...

class FetchImageResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class AgentMessage(_message.Message):
    __slots__ = ("hello", "report", "heartbeat", "console_reply")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_REPLY_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    report: Report
    heartbeat: Heartbeat
    console_reply: ConsoleReply
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., report: _Optional[_Union[Report, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., console_reply: _Optional[_Union[ConsoleReply, _Mapping]] = ...) -> None: ...

class ControlMessage(_message.Message):
    __slots__ = ("update", "console_request")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    update: Update
    console_request: ConsoleRequest
    def __init__(self, update: _Optional[_Union[Update, _Mapping]] = ..., console_request: _Optional[_Union[ConsoleRequest, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("agent_version", "boot_id", "capacity", "roles", "region", "incarnation", "revision", "seal", "contract_version")
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    agent_version: str
    boot_id: str
    capacity: Capacity
    roles: _containers.RepeatedScalarFieldContainer[_hosts_pb2.HostRole]
    region: str
    incarnation: str
    revision: int
    seal: bytes
    contract_version: int
    def __init__(self, agent_version: _Optional[str] = ..., boot_id: _Optional[str] = ..., capacity: _Optional[_Union[Capacity, _Mapping]] = ..., roles: _Optional[_Iterable[_Union[_hosts_pb2.HostRole, str]]] = ..., region: _Optional[str] = ..., incarnation: _Optional[str] = ..., revision: _Optional[int] = ..., seal: _Optional[bytes] = ..., contract_version: _Optional[int] = ...) -> None: ...

class Capacity(_message.Message):
    __slots__ = ("vcpus", "memory_mib", "storage_gib", "problems", "wireguard_key")
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    WIREGUARD_KEY_FIELD_NUMBER: _ClassVar[int]
    vcpus: int
    memory_mib: int
    storage_gib: int
    problems: _containers.RepeatedScalarFieldContainer[str]
    wireguard_key: str
    def __init__(self, vcpus: _Optional[int] = ..., memory_mib: _Optional[int] = ..., storage_gib: _Optional[int] = ..., problems: _Optional[_Iterable[str]] = ..., wireguard_key: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("capacity",)
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    capacity: Capacity
    def __init__(self, capacity: _Optional[_Union[Capacity, _Mapping]] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("revision", "snapshot", "put", "remove", "region", "incarnation", "released", "seal")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    revision: int
    snapshot: bool
    put: _containers.RepeatedCompositeFieldContainer[Resource]
    remove: _containers.RepeatedCompositeFieldContainer[ResourceRef]
    region: str
    incarnation: str
    released: bool
    seal: bytes
    def __init__(self, revision: _Optional[int] = ..., snapshot: _Optional[bool] = ..., put: _Optional[_Iterable[_Union[Resource, _Mapping]]] = ..., remove: _Optional[_Iterable[_Union[ResourceRef, _Mapping]]] = ..., region: _Optional[str] = ..., incarnation: _Optional[str] = ..., released: _Optional[bool] = ..., seal: _Optional[bytes] = ...) -> None: ...

class ResourceRef(_message.Message):
    __slots__ = ("kind", "id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    kind: ResourceKind
    id: str
    def __init__(self, kind: _Optional[_Union[ResourceKind, str]] = ..., id: _Optional[str] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("volume", "export", "vpc", "gateway", "instance")
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    VPC_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    volume: VolumeSpec
    export: ExportSpec
    vpc: VpcSpec
    gateway: GatewaySpec
    instance: InstanceSpec
    def __init__(self, volume: _Optional[_Union[VolumeSpec, _Mapping]] = ..., export: _Optional[_Union[ExportSpec, _Mapping]] = ..., vpc: _Optional[_Union[VpcSpec, _Mapping]] = ..., gateway: _Optional[_Union[GatewaySpec, _Mapping]] = ..., instance: _Optional[_Union[InstanceSpec, _Mapping]] = ...) -> None: ...

class VolumeSpec(_message.Message):
    __slots__ = ("volume_id", "size_bytes", "image", "is_ready", "deleted")
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IS_READY_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    size_bytes: int
    image: ImageSource
    is_ready: bool
    deleted: bool
    def __init__(self, volume_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., image: _Optional[_Union[ImageSource, _Mapping]] = ..., is_ready: _Optional[bool] = ..., deleted: _Optional[bool] = ...) -> None: ...

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

class ExportSpec(_message.Message):
    __slots__ = ("export_name", "volume_id", "epoch", "port", "client_host_ids")
    EXPORT_NAME_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_HOST_IDS_FIELD_NUMBER: _ClassVar[int]
    export_name: str
    volume_id: str
    epoch: int
    port: int
    client_host_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, export_name: _Optional[str] = ..., volume_id: _Optional[str] = ..., epoch: _Optional[int] = ..., port: _Optional[int] = ..., client_host_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class VpcSpec(_message.Message):
    __slots__ = ("vpc_id", "vni", "cidr_block", "subnets", "ports", "peers", "host_number", "gateway_host_number", "groups", "group_members", "domain")
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    VNI_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    SUBNETS_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    HOST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_HOST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    GROUP_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    vpc_id: str
    vni: int
    cidr_block: str
    subnets: _containers.RepeatedCompositeFieldContainer[SubnetSpec]
    ports: _containers.RepeatedCompositeFieldContainer[PortSpec]
    peers: _containers.RepeatedCompositeFieldContainer[PeerSpec]
    host_number: int
    gateway_host_number: int
    groups: _containers.RepeatedCompositeFieldContainer[GroupSpec]
    group_members: _containers.RepeatedCompositeFieldContainer[GroupMembers]
    domain: str
    def __init__(self, vpc_id: _Optional[str] = ..., vni: _Optional[int] = ..., cidr_block: _Optional[str] = ..., subnets: _Optional[_Iterable[_Union[SubnetSpec, _Mapping]]] = ..., ports: _Optional[_Iterable[_Union[PortSpec, _Mapping]]] = ..., peers: _Optional[_Iterable[_Union[PeerSpec, _Mapping]]] = ..., host_number: _Optional[int] = ..., gateway_host_number: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[GroupSpec, _Mapping]]] = ..., group_members: _Optional[_Iterable[_Union[GroupMembers, _Mapping]]] = ..., domain: _Optional[str] = ...) -> None: ...

class SubnetSpec(_message.Message):
    __slots__ = ("subnet_id", "cidr_block")
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    subnet_id: str
    cidr_block: str
    def __init__(self, subnet_id: _Optional[str] = ..., cidr_block: _Optional[str] = ...) -> None: ...

class PortSpec(_message.Message):
    __slots__ = ("interface_id", "instance_id", "mac_address", "private_ip", "subnet_id", "group_ids", "host_name")
    INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    interface_id: str
    instance_id: str
    mac_address: str
    private_ip: str
    subnet_id: str
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    host_name: str
    def __init__(self, interface_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., mac_address: _Optional[str] = ..., private_ip: _Optional[str] = ..., subnet_id: _Optional[str] = ..., group_ids: _Optional[_Iterable[str]] = ..., host_name: _Optional[str] = ...) -> None: ...

class PeerSpec(_message.Message):
    __slots__ = ("host_number", "underlay_address", "private_ips", "interface_ids", "wireguard_key")
    HOST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    UNDERLAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IPS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_IDS_FIELD_NUMBER: _ClassVar[int]
    WIREGUARD_KEY_FIELD_NUMBER: _ClassVar[int]
    host_number: int
    underlay_address: str
    private_ips: _containers.RepeatedScalarFieldContainer[str]
    interface_ids: _containers.RepeatedScalarFieldContainer[str]
    wireguard_key: str
    def __init__(self, host_number: _Optional[int] = ..., underlay_address: _Optional[str] = ..., private_ips: _Optional[_Iterable[str]] = ..., interface_ids: _Optional[_Iterable[str]] = ..., wireguard_key: _Optional[str] = ...) -> None: ...

class GroupSpec(_message.Message):
    __slots__ = ("group_id", "rules")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    rules: _containers.RepeatedCompositeFieldContainer[RuleSpec]
    def __init__(self, group_id: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[RuleSpec, _Mapping]]] = ...) -> None: ...

class RuleSpec(_message.Message):
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

class GroupMembers(_message.Message):
    __slots__ = ("group_id", "private_ips")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IPS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    private_ips: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group_id: _Optional[str] = ..., private_ips: _Optional[_Iterable[str]] = ...) -> None: ...

class GatewaySpec(_message.Message):
    __slots__ = ("vpc_id", "epoch", "mappings", "host_addresses")
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MAPPINGS_FIELD_NUMBER: _ClassVar[int]
    HOST_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    vpc_id: str
    epoch: int
    mappings: _containers.RepeatedCompositeFieldContainer[AddressMapping]
    host_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, vpc_id: _Optional[str] = ..., epoch: _Optional[int] = ..., mappings: _Optional[_Iterable[_Union[AddressMapping, _Mapping]]] = ..., host_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class AddressMapping(_message.Message):
    __slots__ = ("public_ip", "private_ip")
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    public_ip: str
    private_ip: str
    def __init__(self, public_ip: _Optional[str] = ..., private_ip: _Optional[str] = ...) -> None: ...

class InstanceSpec(_message.Message):
    __slots__ = ("instance_id", "generation", "power_on", "reboot_count", "stop_timeout_s", "vcpus", "memory_mib", "interfaces", "disks", "metadata")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    POWER_ON_FIELD_NUMBER: _ClassVar[int]
    REBOOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    STOP_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    generation: int
    power_on: bool
    reboot_count: int
    stop_timeout_s: int
    vcpus: int
    memory_mib: int
    interfaces: _containers.RepeatedCompositeFieldContainer[InterfaceSpec]
    disks: _containers.RepeatedCompositeFieldContainer[DiskSpec]
    metadata: InstanceMetadata
    def __init__(self, instance_id: _Optional[str] = ..., generation: _Optional[int] = ..., power_on: _Optional[bool] = ..., reboot_count: _Optional[int] = ..., stop_timeout_s: _Optional[int] = ..., vcpus: _Optional[int] = ..., memory_mib: _Optional[int] = ..., interfaces: _Optional[_Iterable[_Union[InterfaceSpec, _Mapping]]] = ..., disks: _Optional[_Iterable[_Union[DiskSpec, _Mapping]]] = ..., metadata: _Optional[_Union[InstanceMetadata, _Mapping]] = ...) -> None: ...

class InterfaceSpec(_message.Message):
    __slots__ = ("interface_id", "vpc_id", "mac_address", "private_ip")
    INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    interface_id: str
    vpc_id: str
    mac_address: str
    private_ip: str
    def __init__(self, interface_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., mac_address: _Optional[str] = ..., private_ip: _Optional[str] = ...) -> None: ...

class DiskSpec(_message.Message):
    __slots__ = ("volume_id", "export_name", "address", "port", "device_name")
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    EXPORT_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    export_name: str
    address: str
    port: int
    device_name: str
    def __init__(self, volume_id: _Optional[str] = ..., export_name: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., device_name: _Optional[str] = ...) -> None: ...

class InstanceMetadata(_message.Message):
    __slots__ = ("image_id", "instance_type", "zone_name", "region_name", "host_name", "public_ip", "key_name", "public_key", "security_groups", "user_data", "reservation_id", "launch_index", "subnet_id", "subnet_cidr_block")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUPS_FIELD_NUMBER: _ClassVar[int]
    USER_DATA_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_INDEX_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    instance_type: str
    zone_name: str
    region_name: str
    host_name: str
    public_ip: str
    key_name: str
    public_key: str
    security_groups: _containers.RepeatedScalarFieldContainer[str]
    user_data: bytes
    reservation_id: str
    launch_index: int
    subnet_id: str
    subnet_cidr_block: str
    def __init__(self, image_id: _Optional[str] = ..., instance_type: _Optional[str] = ..., zone_name: _Optional[str] = ..., region_name: _Optional[str] = ..., host_name: _Optional[str] = ..., public_ip: _Optional[str] = ..., key_name: _Optional[str] = ..., public_key: _Optional[str] = ..., security_groups: _Optional[_Iterable[str]] = ..., user_data: _Optional[bytes] = ..., reservation_id: _Optional[str] = ..., launch_index: _Optional[int] = ..., subnet_id: _Optional[str] = ..., subnet_cidr_block: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("revision", "full", "observed", "gone", "kinds")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    full: bool
    observed: _containers.RepeatedCompositeFieldContainer[Observed]
    gone: _containers.RepeatedCompositeFieldContainer[ResourceRef]
    kinds: _containers.RepeatedScalarFieldContainer[ResourceKind]
    def __init__(self, revision: _Optional[int] = ..., full: _Optional[bool] = ..., observed: _Optional[_Iterable[_Union[Observed, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[ResourceRef, _Mapping]]] = ..., kinds: _Optional[_Iterable[_Union[ResourceKind, str]]] = ...) -> None: ...

class Observed(_message.Message):
    __slots__ = ("ref", "converged", "error", "permanent", "instance", "since", "file")
    REF_FIELD_NUMBER: _ClassVar[int]
    CONVERGED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    ref: ResourceRef
    converged: bool
    error: str
    permanent: bool
    instance: ObservedInstance
    since: int
    file: VolumeFile
    def __init__(self, ref: _Optional[_Union[ResourceRef, _Mapping]] = ..., converged: _Optional[bool] = ..., error: _Optional[str] = ..., permanent: _Optional[bool] = ..., instance: _Optional[_Union[ObservedInstance, _Mapping]] = ..., since: _Optional[int] = ..., file: _Optional[_Union[VolumeFile, _Mapping]] = ...) -> None: ...

class VolumeFile(_message.Message):
    __slots__ = ("size_bytes", "deleted", "epoch", "changed_at")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    deleted: bool
    epoch: int
    changed_at: int
    def __init__(self, size_bytes: _Optional[int] = ..., deleted: _Optional[bool] = ..., epoch: _Optional[int] = ..., changed_at: _Optional[int] = ...) -> None: ...

class ObservedInstance(_message.Message):
    __slots__ = ("running", "generation", "has_run", "powered_off_by_guest", "reboot_count", "export_names")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HAS_RUN_FIELD_NUMBER: _ClassVar[int]
    POWERED_OFF_BY_GUEST_FIELD_NUMBER: _ClassVar[int]
    REBOOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPORT_NAMES_FIELD_NUMBER: _ClassVar[int]
    running: bool
    generation: int
    has_run: bool
    powered_off_by_guest: bool
    reboot_count: int
    export_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, running: _Optional[bool] = ..., generation: _Optional[int] = ..., has_run: _Optional[bool] = ..., powered_off_by_guest: _Optional[bool] = ..., reboot_count: _Optional[int] = ..., export_names: _Optional[_Iterable[str]] = ...) -> None: ...

class ConsoleRequest(_message.Message):
    __slots__ = ("request_id", "instance_id", "max_bytes")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    instance_id: str
    max_bytes: int
    def __init__(self, request_id: _Optional[int] = ..., instance_id: _Optional[str] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class ConsoleReply(_message.Message):
    __slots__ = ("request_id", "output", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    output: bytes
    error: str
    def __init__(self, request_id: _Optional[int] = ..., output: _Optional[bytes] = ..., error: _Optional[str] = ...) -> None: ...
