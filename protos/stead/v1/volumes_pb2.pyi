import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Volume(_message.Message):
    __slots__ = ("volume_id", "size_gib", "state", "state_detail", "zone_name", "host_id", "volume_type", "image_id", "attachments", "create_time", "tags", "status", "status_since", "last_seen_time")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_GIB_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_DETAIL_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    VOLUME_TYPE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_SINCE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    size_gib: int
    state: str
    state_detail: str
    zone_name: str
    host_id: str
    volume_type: str
    image_id: str
    attachments: _containers.RepeatedCompositeFieldContainer[VolumeAttachment]
    create_time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    status: str
    status_since: _timestamp_pb2.Timestamp
    last_seen_time: _timestamp_pb2.Timestamp
    def __init__(self, volume_id: _Optional[str] = ..., size_gib: _Optional[int] = ..., state: _Optional[str] = ..., state_detail: _Optional[str] = ..., zone_name: _Optional[str] = ..., host_id: _Optional[str] = ..., volume_type: _Optional[str] = ..., image_id: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[VolumeAttachment, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., status: _Optional[str] = ..., status_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VolumeAttachment(_message.Message):
    __slots__ = ("volume_id", "instance_id", "device_name", "state", "delete_on_termination", "attach_time", "state_detail")
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DELETE_ON_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    ATTACH_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_DETAIL_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    instance_id: str
    device_name: str
    state: str
    delete_on_termination: bool
    attach_time: _timestamp_pb2.Timestamp
    state_detail: str
    def __init__(self, volume_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., device_name: _Optional[str] = ..., state: _Optional[str] = ..., delete_on_termination: _Optional[bool] = ..., attach_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_detail: _Optional[str] = ...) -> None: ...

class CreateVolumeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "zone_name", "size_gib", "volume_type", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_GIB_FIELD_NUMBER: _ClassVar[int]
    VOLUME_TYPE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    zone_name: str
    size_gib: int
    volume_type: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., zone_name: _Optional[str] = ..., size_gib: _Optional[int] = ..., volume_type: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateVolumeResponse(_message.Message):
    __slots__ = ("volume",)
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    volume: Volume
    def __init__(self, volume: _Optional[_Union[Volume, _Mapping]] = ...) -> None: ...

class AttachVolumeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "volume_id", "instance_id", "device_name")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    volume_id: str
    instance_id: str
    device_name: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., volume_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., device_name: _Optional[str] = ...) -> None: ...

class AttachVolumeResponse(_message.Message):
    __slots__ = ("attachment",)
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    attachment: VolumeAttachment
    def __init__(self, attachment: _Optional[_Union[VolumeAttachment, _Mapping]] = ...) -> None: ...

class DetachVolumeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "volume_id", "instance_id", "force")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    volume_id: str
    instance_id: str
    force: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., volume_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class DetachVolumeResponse(_message.Message):
    __slots__ = ("attachment",)
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    attachment: VolumeAttachment
    def __init__(self, attachment: _Optional[_Union[VolumeAttachment, _Mapping]] = ...) -> None: ...

class DeleteVolumeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "volume_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    volume_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., volume_id: _Optional[str] = ...) -> None: ...

class DeleteVolumeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RecycledVolume(_message.Message):
    __slots__ = ("volume_id", "size_gib", "zone_name", "volume_type", "image_id", "create_time", "recycle_bin_enter_time")
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_GIB_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    VOLUME_TYPE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RECYCLE_BIN_ENTER_TIME_FIELD_NUMBER: _ClassVar[int]
    volume_id: str
    size_gib: int
    zone_name: str
    volume_type: str
    image_id: str
    create_time: _timestamp_pb2.Timestamp
    recycle_bin_enter_time: _timestamp_pb2.Timestamp
    def __init__(self, volume_id: _Optional[str] = ..., size_gib: _Optional[int] = ..., zone_name: _Optional[str] = ..., volume_type: _Optional[str] = ..., image_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recycle_bin_enter_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListVolumesInRecycleBinRequest(_message.Message):
    __slots__ = ("volume_ids", "filters", "page_size", "page_token")
    VOLUME_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    volume_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, volume_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVolumesInRecycleBinResponse(_message.Message):
    __slots__ = ("volumes", "next_page_token", "revision")
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    volumes: _containers.RepeatedCompositeFieldContainer[RecycledVolume]
    next_page_token: str
    revision: int
    def __init__(self, volumes: _Optional[_Iterable[_Union[RecycledVolume, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class RestoreVolumeFromRecycleBinRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "volume_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    volume_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., volume_id: _Optional[str] = ...) -> None: ...

class RestoreVolumeFromRecycleBinResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeVolumesRequest(_message.Message):
    __slots__ = ("volume_ids", "filters", "page_size", "page_token")
    VOLUME_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    volume_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, volume_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeVolumesResponse(_message.Message):
    __slots__ = ("volumes", "next_page_token", "revision")
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    volumes: _containers.RepeatedCompositeFieldContainer[Volume]
    next_page_token: str
    revision: int
    def __init__(self, volumes: _Optional[_Iterable[_Union[Volume, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...
