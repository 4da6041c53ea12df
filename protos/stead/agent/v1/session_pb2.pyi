from stead.agent.v1 import objects_pb2 as _objects_pb2
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

class SignIdentitiesRequest(_message.Message):
    __slots__ = ("instance_ids",)
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, instance_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class SignIdentitiesResponse(_message.Message):
    __slots__ = ("identities",)
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    def __init__(self, identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ("instance_id", "generation", "document", "signature", "pkcs7")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PKCS7_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    generation: int
    document: bytes
    signature: str
    pkcs7: str
    def __init__(self, instance_id: _Optional[str] = ..., generation: _Optional[int] = ..., document: _Optional[bytes] = ..., signature: _Optional[str] = ..., pkcs7: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("hello", "report", "heartbeat", "console_reply", "count_reply", "drops_reply")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_REPLY_FIELD_NUMBER: _ClassVar[int]
    COUNT_REPLY_FIELD_NUMBER: _ClassVar[int]
    DROPS_REPLY_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    report: Report
    heartbeat: Heartbeat
    console_reply: ConsoleReply
    count_reply: CountReply
    drops_reply: DropsReply
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., report: _Optional[_Union[Report, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., console_reply: _Optional[_Union[ConsoleReply, _Mapping]] = ..., count_reply: _Optional[_Union[CountReply, _Mapping]] = ..., drops_reply: _Optional[_Union[DropsReply, _Mapping]] = ...) -> None: ...

class ControlMessage(_message.Message):
    __slots__ = ("welcome", "update", "console_request", "count_request", "drops_request")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    COUNT_REQUEST_FIELD_NUMBER: _ClassVar[int]
    DROPS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    update: Update
    console_request: ConsoleRequest
    count_request: CountRequest
    drops_request: DropsRequest
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., update: _Optional[_Union[Update, _Mapping]] = ..., console_request: _Optional[_Union[ConsoleRequest, _Mapping]] = ..., count_request: _Optional[_Union[CountRequest, _Mapping]] = ..., drops_request: _Optional[_Union[DropsRequest, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "features", "agent_version", "boot_id", "capacity", "roles", "authority", "known")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    features: _containers.RepeatedScalarFieldContainer[str]
    agent_version: str
    boot_id: str
    capacity: Capacity
    roles: _containers.RepeatedScalarFieldContainer[_hosts_pb2.HostRole]
    authority: Authority
    known: _containers.RepeatedCompositeFieldContainer[KnownScope]
    def __init__(self, protocol: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., agent_version: _Optional[str] = ..., boot_id: _Optional[str] = ..., capacity: _Optional[_Union[Capacity, _Mapping]] = ..., roles: _Optional[_Iterable[_Union[_hosts_pb2.HostRole, str]]] = ..., authority: _Optional[_Union[Authority, _Mapping]] = ..., known: _Optional[_Iterable[_Union[KnownScope, _Mapping]]] = ...) -> None: ...

class KnownScope(_message.Message):
    __slots__ = ("scope", "digest")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    scope: str
    digest: bytes
    def __init__(self, scope: _Optional[str] = ..., digest: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("protocol", "features")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, protocol: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class Authority(_message.Message):
    __slots__ = ("region", "incarnation", "revision", "seal")
    REGION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    region: str
    incarnation: str
    revision: int
    seal: bytes
    def __init__(self, region: _Optional[str] = ..., incarnation: _Optional[str] = ..., revision: _Optional[int] = ..., seal: _Optional[bytes] = ...) -> None: ...

class Capacity(_message.Message):
    __slots__ = ("vcpus", "memory_mib", "storage_gib", "problems", "wireguard_key", "pools", "nat_gateways")
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    WIREGUARD_KEY_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    vcpus: int
    memory_mib: int
    storage_gib: int
    problems: _containers.RepeatedScalarFieldContainer[str]
    wireguard_key: str
    pools: _containers.RepeatedCompositeFieldContainer[Pool]
    nat_gateways: _containers.RepeatedCompositeFieldContainer[NatUse]
    def __init__(self, vcpus: _Optional[int] = ..., memory_mib: _Optional[int] = ..., storage_gib: _Optional[int] = ..., problems: _Optional[_Iterable[str]] = ..., wireguard_key: _Optional[str] = ..., pools: _Optional[_Iterable[_Union[Pool, _Mapping]]] = ..., nat_gateways: _Optional[_Iterable[_Union[NatUse, _Mapping]]] = ...) -> None: ...

class NatUse(_message.Message):
    __slots__ = ("nat_gateway_id", "active_connections", "refused_connections")
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    nat_gateway_id: str
    active_connections: int
    refused_connections: int
    def __init__(self, nat_gateway_id: _Optional[str] = ..., active_connections: _Optional[int] = ..., refused_connections: _Optional[int] = ...) -> None: ...

class Pool(_message.Message):
    __slots__ = ("name", "storage_gib")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_FIELD_NUMBER: _ClassVar[int]
    name: str
    storage_gib: int
    def __init__(self, name: _Optional[str] = ..., storage_gib: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("capacity",)
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    capacity: Capacity
    def __init__(self, capacity: _Optional[_Union[Capacity, _Mapping]] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("authority", "released", "scopes", "left", "snapshot", "more", "packed")
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    authority: Authority
    released: bool
    scopes: _containers.RepeatedCompositeFieldContainer[ScopeChange]
    left: _containers.RepeatedScalarFieldContainer[str]
    snapshot: bool
    more: bool
    packed: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, authority: _Optional[_Union[Authority, _Mapping]] = ..., released: _Optional[bool] = ..., scopes: _Optional[_Iterable[_Union[ScopeChange, _Mapping]]] = ..., left: _Optional[_Iterable[str]] = ..., snapshot: _Optional[bool] = ..., more: _Optional[bool] = ..., packed: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ScopeChange(_message.Message):
    __slots__ = ("scope", "reset", "put", "remove")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    scope: str
    reset: bool
    put: _containers.RepeatedCompositeFieldContainer[_objects_pb2.Object]
    remove: _containers.RepeatedCompositeFieldContainer[_objects_pb2.ObjectRef]
    def __init__(self, scope: _Optional[str] = ..., reset: _Optional[bool] = ..., put: _Optional[_Iterable[_Union[_objects_pb2.Object, _Mapping]]] = ..., remove: _Optional[_Iterable[_Union[_objects_pb2.ObjectRef, _Mapping]]] = ...) -> None: ...

class ResourceRef(_message.Message):
    __slots__ = ("kind", "id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    kind: ResourceKind
    id: str
    def __init__(self, kind: _Optional[_Union[ResourceKind, str]] = ..., id: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("size_bytes", "deleted", "epoch", "changed_at", "pool")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    deleted: bool
    epoch: int
    changed_at: int
    pool: str
    def __init__(self, size_bytes: _Optional[int] = ..., deleted: _Optional[bool] = ..., epoch: _Optional[int] = ..., changed_at: _Optional[int] = ..., pool: _Optional[str] = ...) -> None: ...

class ObservedInstance(_message.Message):
    __slots__ = ("running", "generation", "has_run", "powered_off_by_guest", "reboot_count", "export_names", "interface_ids")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HAS_RUN_FIELD_NUMBER: _ClassVar[int]
    POWERED_OFF_BY_GUEST_FIELD_NUMBER: _ClassVar[int]
    REBOOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPORT_NAMES_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_IDS_FIELD_NUMBER: _ClassVar[int]
    running: bool
    generation: int
    has_run: bool
    powered_off_by_guest: bool
    reboot_count: int
    export_names: _containers.RepeatedScalarFieldContainer[str]
    interface_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, running: _Optional[bool] = ..., generation: _Optional[int] = ..., has_run: _Optional[bool] = ..., powered_off_by_guest: _Optional[bool] = ..., reboot_count: _Optional[int] = ..., export_names: _Optional[_Iterable[str]] = ..., interface_ids: _Optional[_Iterable[str]] = ...) -> None: ...

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

class CountRequest(_message.Message):
    __slots__ = ("request_id", "endpoint_ids")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_IDS_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    endpoint_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request_id: _Optional[int] = ..., endpoint_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CountReply(_message.Message):
    __slots__ = ("request_id", "counted", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    counted: _containers.RepeatedCompositeFieldContainer[Counted]
    error: str
    def __init__(self, request_id: _Optional[int] = ..., counted: _Optional[_Iterable[_Union[Counted, _Mapping]]] = ..., error: _Optional[str] = ...) -> None: ...

class Counted(_message.Message):
    __slots__ = ("guard_id", "rule", "is_allowed", "packets", "bytes")
    GUARD_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    IS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    guard_id: str
    rule: _objects_pb2.Rule
    is_allowed: bool
    packets: int
    bytes: int
    def __init__(self, guard_id: _Optional[str] = ..., rule: _Optional[_Union[_objects_pb2.Rule, _Mapping]] = ..., is_allowed: _Optional[bool] = ..., packets: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class DropsRequest(_message.Message):
    __slots__ = ("request_id", "endpoint_ids", "after", "wait_ms")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_IDS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    endpoint_ids: _containers.RepeatedScalarFieldContainer[str]
    after: int
    wait_ms: int
    def __init__(self, request_id: _Optional[int] = ..., endpoint_ids: _Optional[_Iterable[str]] = ..., after: _Optional[int] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class DropsReply(_message.Message):
    __slots__ = ("request_id", "dropped", "after", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    dropped: _containers.RepeatedCompositeFieldContainer[Dropped]
    after: int
    error: str
    def __init__(self, request_id: _Optional[int] = ..., dropped: _Optional[_Iterable[_Union[Dropped, _Mapping]]] = ..., after: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class Dropped(_message.Message):
    __slots__ = ("number", "at_ms", "interface_id", "guard", "is_egress", "source", "destination", "protocol", "source_port", "destination_port")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    GUARD_FIELD_NUMBER: _ClassVar[int]
    IS_EGRESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_PORT_FIELD_NUMBER: _ClassVar[int]
    number: int
    at_ms: int
    interface_id: str
    guard: str
    is_egress: bool
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    def __init__(self, number: _Optional[int] = ..., at_ms: _Optional[int] = ..., interface_id: _Optional[str] = ..., guard: _Optional[str] = ..., is_egress: _Optional[bool] = ..., source: _Optional[str] = ..., destination: _Optional[str] = ..., protocol: _Optional[int] = ..., source_port: _Optional[int] = ..., destination_port: _Optional[int] = ...) -> None: ...
