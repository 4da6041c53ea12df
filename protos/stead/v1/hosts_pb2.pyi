import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HostRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_ROLE_UNSPECIFIED: _ClassVar[HostRole]
    HOST_ROLE_COMPUTE: _ClassVar[HostRole]
    HOST_ROLE_STORAGE: _ClassVar[HostRole]
    HOST_ROLE_GATEWAY: _ClassVar[HostRole]
HOST_ROLE_UNSPECIFIED: HostRole
HOST_ROLE_COMPUTE: HostRole
HOST_ROLE_STORAGE: HostRole
HOST_ROLE_GATEWAY: HostRole

class Host(_message.Message):
    __slots__ = ("host_id", "host_name", "zone_name", "roles", "underlay_address", "status", "status_since", "vcpus", "vcpus_used", "memory_mib", "memory_mib_used", "storage_gib", "storage_gib_used", "join_time", "agent_version", "problems", "status_detail", "last_seen_time", "pools")
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    UNDERLAY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_SINCE_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    VCPUS_USED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_USED_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_USED_FIELD_NUMBER: _ClassVar[int]
    JOIN_TIME_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    host_id: str
    host_name: str
    zone_name: str
    roles: _containers.RepeatedScalarFieldContainer[HostRole]
    underlay_address: str
    status: str
    status_since: _timestamp_pb2.Timestamp
    vcpus: int
    vcpus_used: int
    memory_mib: int
    memory_mib_used: int
    storage_gib: int
    storage_gib_used: int
    join_time: _timestamp_pb2.Timestamp
    agent_version: str
    problems: _containers.RepeatedScalarFieldContainer[str]
    status_detail: str
    last_seen_time: _timestamp_pb2.Timestamp
    pools: _containers.RepeatedCompositeFieldContainer[StoragePool]
    def __init__(self, host_id: _Optional[str] = ..., host_name: _Optional[str] = ..., zone_name: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[HostRole, str]]] = ..., underlay_address: _Optional[str] = ..., status: _Optional[str] = ..., status_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., vcpus: _Optional[int] = ..., vcpus_used: _Optional[int] = ..., memory_mib: _Optional[int] = ..., memory_mib_used: _Optional[int] = ..., storage_gib: _Optional[int] = ..., storage_gib_used: _Optional[int] = ..., join_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agent_version: _Optional[str] = ..., problems: _Optional[_Iterable[str]] = ..., status_detail: _Optional[str] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pools: _Optional[_Iterable[_Union[StoragePool, _Mapping]]] = ...) -> None: ...

class StoragePool(_message.Message):
    __slots__ = ("name", "storage_gib", "storage_gib_used")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_FIELD_NUMBER: _ClassVar[int]
    STORAGE_GIB_USED_FIELD_NUMBER: _ClassVar[int]
    name: str
    storage_gib: int
    storage_gib_used: int
    def __init__(self, name: _Optional[str] = ..., storage_gib: _Optional[int] = ..., storage_gib_used: _Optional[int] = ...) -> None: ...

class CreateHostTokenRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "zone_name", "roles", "lifetime_s", "host_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    zone_name: str
    roles: _containers.RepeatedScalarFieldContainer[HostRole]
    lifetime_s: int
    host_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., zone_name: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[HostRole, str]]] = ..., lifetime_s: _Optional[int] = ..., host_id: _Optional[str] = ...) -> None: ...

class CreateHostTokenResponse(_message.Message):
    __slots__ = ("host_token_id", "token", "expire_time")
    HOST_TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    host_token_id: str
    token: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, host_token_id: _Optional[str] = ..., token: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DescribeHostsRequest(_message.Message):
    __slots__ = ("host_ids", "filters", "page_size", "page_token")
    HOST_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    host_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, host_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeHostsResponse(_message.Message):
    __slots__ = ("hosts", "next_page_token", "revision")
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    hosts: _containers.RepeatedCompositeFieldContainer[Host]
    next_page_token: str
    revision: int
    def __init__(self, hosts: _Optional[_Iterable[_Union[Host, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class DeclareHostLostRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "host_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    host_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., host_id: _Optional[str] = ...) -> None: ...

class DeclareHostLostResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveHostRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "host_id", "force")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    host_id: str
    force: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., host_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class RemoveHostResponse(_message.Message):
    __slots__ = ("lost_ids",)
    LOST_IDS_FIELD_NUMBER: _ClassVar[int]
    lost_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lost_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class OrphanVolume(_message.Message):
    __slots__ = ("host_id", "volume_id", "size_bytes", "change_time", "deleted")
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    host_id: str
    volume_id: str
    size_bytes: int
    change_time: _timestamp_pb2.Timestamp
    deleted: bool
    def __init__(self, host_id: _Optional[str] = ..., volume_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deleted: _Optional[bool] = ...) -> None: ...

class DescribeOrphanVolumesRequest(_message.Message):
    __slots__ = ("host_ids", "filters", "page_size", "page_token")
    HOST_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    host_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, host_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeOrphanVolumesResponse(_message.Message):
    __slots__ = ("volumes", "next_page_token", "revision")
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    volumes: _containers.RepeatedCompositeFieldContainer[OrphanVolume]
    next_page_token: str
    revision: int
    def __init__(self, volumes: _Optional[_Iterable[_Union[OrphanVolume, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class AdoptOrphanVolumeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "host_id", "volume_id", "project_id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    host_id: str
    volume_id: str
    project_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., host_id: _Optional[str] = ..., volume_id: _Optional[str] = ..., project_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AdoptOrphanVolumeResponse(_message.Message):
    __slots__ = ("volume_id", "size_gib", "zone_name")
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_GIB_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    size_gib: int
    zone_name: str
    def __init__(self, volume_id: _Optional[str] = ..., size_gib: _Optional[int] = ..., zone_name: _Optional[str] = ...) -> None: ...

class DeleteOrphanVolumeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "host_id", "volume_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    host_id: str
    volume_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., host_id: _Optional[str] = ..., volume_id: _Optional[str] = ...) -> None: ...

class DeleteOrphanVolumeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReleaseHostRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "host_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    host_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., host_id: _Optional[str] = ...) -> None: ...

class ReleaseHostResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
