import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import dropped_packets_pb2 as _dropped_packets_pb2
from stead.v1 import effective_rules_pb2 as _effective_rules_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Instance(_message.Message):
    __slots__ = ("instance_id", "reservation_id", "launch_index", "image_id", "instance_type", "state", "state_reason", "status", "status_detail", "zone_name", "host_id", "vpc_id", "subnet_id", "private_ip_address", "public_ip_address", "key_name", "security_groups", "network_interfaces", "block_devices", "root_device_name", "launch_time", "instance_initiated_shutdown_behavior", "disable_api_termination", "tags", "status_since", "last_seen_time", "is_status_permanent", "is_reboot_pending", "architecture", "boot_mode", "metadata_options", "private_dns_name", "public_dns_name")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_INDEX_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUPS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACES_FIELD_NUMBER: _ClassVar[int]
    BLOCK_DEVICES_FIELD_NUMBER: _ClassVar[int]
    ROOT_DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_TIME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_INITIATED_SHUTDOWN_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    DISABLE_API_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATUS_SINCE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    IS_STATUS_PERMANENT_FIELD_NUMBER: _ClassVar[int]
    IS_REBOOT_PENDING_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    BOOT_MODE_FIELD_NUMBER: _ClassVar[int]
    METADATA_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_DNS_NAME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_DNS_NAME_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    reservation_id: str
    launch_index: int
    image_id: str
    instance_type: str
    state: InstanceState
    state_reason: StateReason
    status: str
    status_detail: str
    zone_name: str
    host_id: str
    vpc_id: str
    subnet_id: str
    private_ip_address: str
    public_ip_address: str
    key_name: str
    security_groups: _containers.RepeatedCompositeFieldContainer[GroupIdentifier]
    network_interfaces: _containers.RepeatedCompositeFieldContainer[NetworkInterface]
    block_devices: _containers.RepeatedCompositeFieldContainer[InstanceBlockDevice]
    root_device_name: str
    launch_time: _timestamp_pb2.Timestamp
    instance_initiated_shutdown_behavior: str
    disable_api_termination: bool
    tags: _containers.ScalarMap[str, str]
    status_since: _timestamp_pb2.Timestamp
    last_seen_time: _timestamp_pb2.Timestamp
    is_status_permanent: bool
    is_reboot_pending: bool
    architecture: str
    boot_mode: str
    metadata_options: InstanceMetadataOptions
    private_dns_name: str
    public_dns_name: str
    def __init__(self, instance_id: _Optional[str] = ..., reservation_id: _Optional[str] = ..., launch_index: _Optional[int] = ..., image_id: _Optional[str] = ..., instance_type: _Optional[str] = ..., state: _Optional[_Union[InstanceState, _Mapping]] = ..., state_reason: _Optional[_Union[StateReason, _Mapping]] = ..., status: _Optional[str] = ..., status_detail: _Optional[str] = ..., zone_name: _Optional[str] = ..., host_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., subnet_id: _Optional[str] = ..., private_ip_address: _Optional[str] = ..., public_ip_address: _Optional[str] = ..., key_name: _Optional[str] = ..., security_groups: _Optional[_Iterable[_Union[GroupIdentifier, _Mapping]]] = ..., network_interfaces: _Optional[_Iterable[_Union[NetworkInterface, _Mapping]]] = ..., block_devices: _Optional[_Iterable[_Union[InstanceBlockDevice, _Mapping]]] = ..., root_device_name: _Optional[str] = ..., launch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance_initiated_shutdown_behavior: _Optional[str] = ..., disable_api_termination: _Optional[bool] = ..., tags: _Optional[_Mapping[str, str]] = ..., status_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_status_permanent: _Optional[bool] = ..., is_reboot_pending: _Optional[bool] = ..., architecture: _Optional[str] = ..., boot_mode: _Optional[str] = ..., metadata_options: _Optional[_Union[InstanceMetadataOptions, _Mapping]] = ..., private_dns_name: _Optional[str] = ..., public_dns_name: _Optional[str] = ...) -> None: ...

class InstanceMetadataOptions(_message.Message):
    __slots__ = ("http_tokens", "http_endpoint", "http_put_response_hop_limit", "instance_metadata_tags")
    HTTP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    HTTP_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PUT_RESPONSE_HOP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_METADATA_TAGS_FIELD_NUMBER: _ClassVar[int]
    http_tokens: str
    http_endpoint: str
    http_put_response_hop_limit: int
    instance_metadata_tags: str
    def __init__(self, http_tokens: _Optional[str] = ..., http_endpoint: _Optional[str] = ..., http_put_response_hop_limit: _Optional[int] = ..., instance_metadata_tags: _Optional[str] = ...) -> None: ...

class InstanceMetadataOptionsRequest(_message.Message):
    __slots__ = ("http_tokens", "http_endpoint", "http_put_response_hop_limit", "instance_metadata_tags")
    HTTP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    HTTP_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PUT_RESPONSE_HOP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_METADATA_TAGS_FIELD_NUMBER: _ClassVar[int]
    http_tokens: str
    http_endpoint: str
    http_put_response_hop_limit: int
    instance_metadata_tags: str
    def __init__(self, http_tokens: _Optional[str] = ..., http_endpoint: _Optional[str] = ..., http_put_response_hop_limit: _Optional[int] = ..., instance_metadata_tags: _Optional[str] = ...) -> None: ...

class InstanceState(_message.Message):
    __slots__ = ("code", "name")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    code: int
    name: str
    def __init__(self, code: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class StateReason(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class GroupIdentifier(_message.Message):
    __slots__ = ("group_id", "group_name")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    group_name: str
    def __init__(self, group_id: _Optional[str] = ..., group_name: _Optional[str] = ...) -> None: ...

class NetworkInterface(_message.Message):
    __slots__ = ("network_interface_id", "device_index", "mac_address", "private_ip_address", "subnet_id", "groups", "status", "attachment", "private_ip_addresses", "source_dest_check", "description", "vpc_id", "zone_name", "owner_id", "create_time", "tags", "interface_type", "nat_gateway_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INDEX_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_DEST_CHECK_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    network_interface_id: str
    device_index: int
    mac_address: str
    private_ip_address: str
    subnet_id: str
    groups: _containers.RepeatedCompositeFieldContainer[GroupIdentifier]
    status: str
    attachment: NetworkInterfaceAttachment
    private_ip_addresses: _containers.RepeatedCompositeFieldContainer[NetworkInterfacePrivateIpAddress]
    source_dest_check: bool
    description: str
    vpc_id: str
    zone_name: str
    owner_id: str
    create_time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    interface_type: str
    nat_gateway_id: str
    def __init__(self, network_interface_id: _Optional[str] = ..., device_index: _Optional[int] = ..., mac_address: _Optional[str] = ..., private_ip_address: _Optional[str] = ..., subnet_id: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[GroupIdentifier, _Mapping]]] = ..., status: _Optional[str] = ..., attachment: _Optional[_Union[NetworkInterfaceAttachment, _Mapping]] = ..., private_ip_addresses: _Optional[_Iterable[_Union[NetworkInterfacePrivateIpAddress, _Mapping]]] = ..., source_dest_check: _Optional[bool] = ..., description: _Optional[str] = ..., vpc_id: _Optional[str] = ..., zone_name: _Optional[str] = ..., owner_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., interface_type: _Optional[str] = ..., nat_gateway_id: _Optional[str] = ...) -> None: ...

class NetworkInterfaceAttachment(_message.Message):
    __slots__ = ("attachment_id", "instance_id", "device_index", "status", "status_detail", "attach_time", "delete_on_termination")
    ATTACHMENT_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    ATTACH_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETE_ON_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    attachment_id: str
    instance_id: str
    device_index: int
    status: str
    status_detail: str
    attach_time: _timestamp_pb2.Timestamp
    delete_on_termination: bool
    def __init__(self, attachment_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., device_index: _Optional[int] = ..., status: _Optional[str] = ..., status_detail: _Optional[str] = ..., attach_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delete_on_termination: _Optional[bool] = ...) -> None: ...

class NetworkInterfacePrivateIpAddress(_message.Message):
    __slots__ = ("private_ip_address", "primary", "public_ip", "allocation_id", "association_id")
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    private_ip_address: str
    primary: bool
    public_ip: str
    allocation_id: str
    association_id: str
    def __init__(self, private_ip_address: _Optional[str] = ..., primary: _Optional[bool] = ..., public_ip: _Optional[str] = ..., allocation_id: _Optional[str] = ..., association_id: _Optional[str] = ...) -> None: ...

class InstanceBlockDevice(_message.Message):
    __slots__ = ("device_name", "volume_id", "status", "delete_on_termination", "status_detail")
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DELETE_ON_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    device_name: str
    volume_id: str
    status: str
    delete_on_termination: bool
    status_detail: str
    def __init__(self, device_name: _Optional[str] = ..., volume_id: _Optional[str] = ..., status: _Optional[str] = ..., delete_on_termination: _Optional[bool] = ..., status_detail: _Optional[str] = ...) -> None: ...

class BlockDeviceMapping(_message.Message):
    __slots__ = ("device_name", "volume_size_gib", "delete_on_termination")
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    VOLUME_SIZE_GIB_FIELD_NUMBER: _ClassVar[int]
    DELETE_ON_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    device_name: str
    volume_size_gib: int
    delete_on_termination: bool
    def __init__(self, device_name: _Optional[str] = ..., volume_size_gib: _Optional[int] = ..., delete_on_termination: _Optional[bool] = ...) -> None: ...

class RunInstancesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "image_id", "instance_type", "min_count", "max_count", "key_name", "subnet_id", "zone_name", "security_group_ids", "associate_public_ip_address", "private_ip_address", "user_data", "block_device_mappings", "instance_initiated_shutdown_behavior", "disable_api_termination", "tags", "metadata_options", "network_interfaces")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    MIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATE_PUBLIC_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_DATA_FIELD_NUMBER: _ClassVar[int]
    BLOCK_DEVICE_MAPPINGS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_INITIATED_SHUTDOWN_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    DISABLE_API_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACES_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    image_id: str
    instance_type: str
    min_count: int
    max_count: int
    key_name: str
    subnet_id: str
    zone_name: str
    security_group_ids: _containers.RepeatedScalarFieldContainer[str]
    associate_public_ip_address: bool
    private_ip_address: str
    user_data: bytes
    block_device_mappings: _containers.RepeatedCompositeFieldContainer[BlockDeviceMapping]
    instance_initiated_shutdown_behavior: str
    disable_api_termination: bool
    tags: _containers.ScalarMap[str, str]
    metadata_options: InstanceMetadataOptionsRequest
    network_interfaces: _containers.RepeatedCompositeFieldContainer[InstanceNetworkInterfaceSpecification]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., image_id: _Optional[str] = ..., instance_type: _Optional[str] = ..., min_count: _Optional[int] = ..., max_count: _Optional[int] = ..., key_name: _Optional[str] = ..., subnet_id: _Optional[str] = ..., zone_name: _Optional[str] = ..., security_group_ids: _Optional[_Iterable[str]] = ..., associate_public_ip_address: _Optional[bool] = ..., private_ip_address: _Optional[str] = ..., user_data: _Optional[bytes] = ..., block_device_mappings: _Optional[_Iterable[_Union[BlockDeviceMapping, _Mapping]]] = ..., instance_initiated_shutdown_behavior: _Optional[str] = ..., disable_api_termination: _Optional[bool] = ..., tags: _Optional[_Mapping[str, str]] = ..., metadata_options: _Optional[_Union[InstanceMetadataOptionsRequest, _Mapping]] = ..., network_interfaces: _Optional[_Iterable[_Union[InstanceNetworkInterfaceSpecification, _Mapping]]] = ...) -> None: ...

class InstanceNetworkInterfaceSpecification(_message.Message):
    __slots__ = ("device_index", "network_interface_id", "subnet_id", "description", "security_group_ids", "private_ip_address", "secondary_private_ip_addresses", "secondary_private_ip_address_count", "delete_on_termination", "associate_public_ip_address")
    DEVICE_INDEX_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_PRIVATE_IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_PRIVATE_IP_ADDRESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    DELETE_ON_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATE_PUBLIC_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    device_index: int
    network_interface_id: str
    subnet_id: str
    description: str
    security_group_ids: _containers.RepeatedScalarFieldContainer[str]
    private_ip_address: str
    secondary_private_ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    secondary_private_ip_address_count: int
    delete_on_termination: bool
    associate_public_ip_address: bool
    def __init__(self, device_index: _Optional[int] = ..., network_interface_id: _Optional[str] = ..., subnet_id: _Optional[str] = ..., description: _Optional[str] = ..., security_group_ids: _Optional[_Iterable[str]] = ..., private_ip_address: _Optional[str] = ..., secondary_private_ip_addresses: _Optional[_Iterable[str]] = ..., secondary_private_ip_address_count: _Optional[int] = ..., delete_on_termination: _Optional[bool] = ..., associate_public_ip_address: _Optional[bool] = ...) -> None: ...

class RunInstancesResponse(_message.Message):
    __slots__ = ("reservation_id", "instances")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    def __init__(self, reservation_id: _Optional[str] = ..., instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ...) -> None: ...

class DescribeInstancesRequest(_message.Message):
    __slots__ = ("instance_ids", "filters", "page_size", "page_token")
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, instance_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeInstancesResponse(_message.Message):
    __slots__ = ("instances", "next_page_token", "revision")
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    next_page_token: str
    revision: int
    def __init__(self, instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class InstanceStateChange(_message.Message):
    __slots__ = ("instance_id", "previous_state", "current_state")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_STATE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_STATE_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    previous_state: InstanceState
    current_state: InstanceState
    def __init__(self, instance_id: _Optional[str] = ..., previous_state: _Optional[_Union[InstanceState, _Mapping]] = ..., current_state: _Optional[_Union[InstanceState, _Mapping]] = ...) -> None: ...

class StartInstancesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_ids")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class StartInstancesResponse(_message.Message):
    __slots__ = ("starting_instances",)
    STARTING_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    starting_instances: _containers.RepeatedCompositeFieldContainer[InstanceStateChange]
    def __init__(self, starting_instances: _Optional[_Iterable[_Union[InstanceStateChange, _Mapping]]] = ...) -> None: ...

class StopInstancesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_ids", "force")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    force: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_ids: _Optional[_Iterable[str]] = ..., force: _Optional[bool] = ...) -> None: ...

class StopInstancesResponse(_message.Message):
    __slots__ = ("stopping_instances",)
    STOPPING_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    stopping_instances: _containers.RepeatedCompositeFieldContainer[InstanceStateChange]
    def __init__(self, stopping_instances: _Optional[_Iterable[_Union[InstanceStateChange, _Mapping]]] = ...) -> None: ...

class RebootInstancesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_ids")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RebootInstancesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TerminateInstancesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_ids")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TerminateInstancesResponse(_message.Message):
    __slots__ = ("terminating_instances",)
    TERMINATING_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    terminating_instances: _containers.RepeatedCompositeFieldContainer[InstanceStateChange]
    def __init__(self, terminating_instances: _Optional[_Iterable[_Union[InstanceStateChange, _Mapping]]] = ...) -> None: ...

class ModifyInstanceAttributeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_id", "disable_api_termination", "instance_initiated_shutdown_behavior", "associate_public_ip_address", "instance_type", "user_data", "security_group_ids", "block_device_mappings", "drop_established")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    DISABLE_API_TERMINATION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_INITIATED_SHUTDOWN_BEHAVIOR_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATE_PUBLIC_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    USER_DATA_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_DEVICE_MAPPINGS_FIELD_NUMBER: _ClassVar[int]
    DROP_ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_id: str
    disable_api_termination: bool
    instance_initiated_shutdown_behavior: str
    associate_public_ip_address: bool
    instance_type: str
    user_data: bytes
    security_group_ids: _containers.RepeatedScalarFieldContainer[str]
    block_device_mappings: _containers.RepeatedCompositeFieldContainer[BlockDeviceMapping]
    drop_established: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_id: _Optional[str] = ..., disable_api_termination: _Optional[bool] = ..., instance_initiated_shutdown_behavior: _Optional[str] = ..., associate_public_ip_address: _Optional[bool] = ..., instance_type: _Optional[str] = ..., user_data: _Optional[bytes] = ..., security_group_ids: _Optional[_Iterable[str]] = ..., block_device_mappings: _Optional[_Iterable[_Union[BlockDeviceMapping, _Mapping]]] = ..., drop_established: _Optional[bool] = ...) -> None: ...

class ModifyInstanceAttributeResponse(_message.Message):
    __slots__ = ("instance",)
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    instance: Instance
    def __init__(self, instance: _Optional[_Union[Instance, _Mapping]] = ...) -> None: ...

class ModifyInstanceMetadataOptionsRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_id", "http_tokens", "http_endpoint", "http_put_response_hop_limit", "instance_metadata_tags")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    HTTP_TOKENS_FIELD_NUMBER: _ClassVar[int]
    HTTP_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PUT_RESPONSE_HOP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_METADATA_TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_id: str
    http_tokens: str
    http_endpoint: str
    http_put_response_hop_limit: int
    instance_metadata_tags: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_id: _Optional[str] = ..., http_tokens: _Optional[str] = ..., http_endpoint: _Optional[str] = ..., http_put_response_hop_limit: _Optional[int] = ..., instance_metadata_tags: _Optional[str] = ...) -> None: ...

class ModifyInstanceMetadataOptionsResponse(_message.Message):
    __slots__ = ("instance_id", "instance_metadata_options")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_METADATA_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    instance_metadata_options: InstanceMetadataOptions
    def __init__(self, instance_id: _Optional[str] = ..., instance_metadata_options: _Optional[_Union[InstanceMetadataOptions, _Mapping]] = ...) -> None: ...

class GetConsoleOutputRequest(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class GetConsoleOutputResponse(_message.Message):
    __slots__ = ("instance_id", "output")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    output: bytes
    def __init__(self, instance_id: _Optional[str] = ..., output: _Optional[bytes] = ...) -> None: ...
