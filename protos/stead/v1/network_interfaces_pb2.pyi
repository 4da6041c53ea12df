from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import instances_pb2 as _instances_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateNetworkInterfaceRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "subnet_id", "description", "security_group_ids", "private_ip_address", "secondary_private_ip_addresses", "secondary_private_ip_address_count", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_PRIVATE_IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_PRIVATE_IP_ADDRESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    subnet_id: str
    description: str
    security_group_ids: _containers.RepeatedScalarFieldContainer[str]
    private_ip_address: str
    secondary_private_ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    secondary_private_ip_address_count: int
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., subnet_id: _Optional[str] = ..., description: _Optional[str] = ..., security_group_ids: _Optional[_Iterable[str]] = ..., private_ip_address: _Optional[str] = ..., secondary_private_ip_addresses: _Optional[_Iterable[str]] = ..., secondary_private_ip_address_count: _Optional[int] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateNetworkInterfaceResponse(_message.Message):
    __slots__ = ("network_interface",)
    NETWORK_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    network_interface: _instances_pb2.NetworkInterface
    def __init__(self, network_interface: _Optional[_Union[_instances_pb2.NetworkInterface, _Mapping]] = ...) -> None: ...

class DescribeNetworkInterfacesRequest(_message.Message):
    __slots__ = ("network_interface_ids", "filters", "page_size", "page_token")
    NETWORK_INTERFACE_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    network_interface_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, network_interface_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeNetworkInterfacesResponse(_message.Message):
    __slots__ = ("network_interfaces", "next_page_token", "revision")
    NETWORK_INTERFACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    network_interfaces: _containers.RepeatedCompositeFieldContainer[_instances_pb2.NetworkInterface]
    next_page_token: str
    revision: int
    def __init__(self, network_interfaces: _Optional[_Iterable[_Union[_instances_pb2.NetworkInterface, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ModifyNetworkInterfaceAttributeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_interface_id", "description", "security_group_ids", "source_dest_check", "delete_on_termination", "drop_established")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_DEST_CHECK_FIELD_NUMBER: _ClassVar[int]
    DELETE_ON_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    DROP_ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_interface_id: str
    description: str
    security_group_ids: _containers.RepeatedScalarFieldContainer[str]
    source_dest_check: bool
    delete_on_termination: bool
    drop_established: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_interface_id: _Optional[str] = ..., description: _Optional[str] = ..., security_group_ids: _Optional[_Iterable[str]] = ..., source_dest_check: _Optional[bool] = ..., delete_on_termination: _Optional[bool] = ..., drop_established: _Optional[bool] = ...) -> None: ...

class ModifyNetworkInterfaceAttributeResponse(_message.Message):
    __slots__ = ("network_interface",)
    NETWORK_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    network_interface: _instances_pb2.NetworkInterface
    def __init__(self, network_interface: _Optional[_Union[_instances_pb2.NetworkInterface, _Mapping]] = ...) -> None: ...

class AttachNetworkInterfaceRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_interface_id", "instance_id", "device_index")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INDEX_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_interface_id: str
    instance_id: str
    device_index: int
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_interface_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., device_index: _Optional[int] = ...) -> None: ...

class AttachNetworkInterfaceResponse(_message.Message):
    __slots__ = ("attachment",)
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    attachment: _instances_pb2.NetworkInterfaceAttachment
    def __init__(self, attachment: _Optional[_Union[_instances_pb2.NetworkInterfaceAttachment, _Mapping]] = ...) -> None: ...

class DetachNetworkInterfaceRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "attachment_id", "force")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    attachment_id: str
    force: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., attachment_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class DetachNetworkInterfaceResponse(_message.Message):
    __slots__ = ("attachment",)
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    attachment: _instances_pb2.NetworkInterfaceAttachment
    def __init__(self, attachment: _Optional[_Union[_instances_pb2.NetworkInterfaceAttachment, _Mapping]] = ...) -> None: ...

class DeleteNetworkInterfaceRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_interface_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_interface_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_interface_id: _Optional[str] = ...) -> None: ...

class DeleteNetworkInterfaceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AssignPrivateIpAddressesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_interface_id", "private_ip_addresses", "secondary_private_ip_address_count", "allow_reassignment")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_PRIVATE_IP_ADDRESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    ALLOW_REASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_interface_id: str
    private_ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    secondary_private_ip_address_count: int
    allow_reassignment: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_interface_id: _Optional[str] = ..., private_ip_addresses: _Optional[_Iterable[str]] = ..., secondary_private_ip_address_count: _Optional[int] = ..., allow_reassignment: _Optional[bool] = ...) -> None: ...

class AssignPrivateIpAddressesResponse(_message.Message):
    __slots__ = ("network_interface_id", "assigned_private_ip_addresses")
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_PRIVATE_IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    network_interface_id: str
    assigned_private_ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, network_interface_id: _Optional[str] = ..., assigned_private_ip_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class UnassignPrivateIpAddressesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_interface_id", "private_ip_addresses")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_interface_id: str
    private_ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_interface_id: _Optional[str] = ..., private_ip_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class UnassignPrivateIpAddressesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
