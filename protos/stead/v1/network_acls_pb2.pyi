from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import security_groups_pb2 as _security_groups_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NetworkAcl(_message.Message):
    __slots__ = ("network_acl_id", "vpc_id", "is_default", "entries", "associations", "tags", "owner_id", "status", "status_detail", "generation", "late_hosts")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    LATE_HOSTS_FIELD_NUMBER: _ClassVar[int]
    network_acl_id: str
    vpc_id: str
    is_default: bool
    entries: _containers.RepeatedCompositeFieldContainer[NetworkAclEntry]
    associations: _containers.RepeatedCompositeFieldContainer[NetworkAclAssociation]
    tags: _containers.ScalarMap[str, str]
    owner_id: str
    status: str
    status_detail: str
    generation: int
    late_hosts: _containers.RepeatedCompositeFieldContainer[_security_groups_pb2.LateHost]
    def __init__(self, network_acl_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., is_default: _Optional[bool] = ..., entries: _Optional[_Iterable[_Union[NetworkAclEntry, _Mapping]]] = ..., associations: _Optional[_Iterable[_Union[NetworkAclAssociation, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ..., owner_id: _Optional[str] = ..., status: _Optional[str] = ..., status_detail: _Optional[str] = ..., generation: _Optional[int] = ..., late_hosts: _Optional[_Iterable[_Union[_security_groups_pb2.LateHost, _Mapping]]] = ...) -> None: ...

class NetworkAclEntry(_message.Message):
    __slots__ = ("rule_number", "protocol", "rule_action", "egress", "cidr_block", "ipv6_cidr_block", "from_port", "to_port", "icmp_type", "icmp_code", "status", "status_detail")
    RULE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RULE_ACTION_FIELD_NUMBER: _ClassVar[int]
    EGRESS_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    IPV6_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    ICMP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ICMP_CODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    rule_number: int
    protocol: str
    rule_action: str
    egress: bool
    cidr_block: str
    ipv6_cidr_block: str
    from_port: int
    to_port: int
    icmp_type: int
    icmp_code: int
    status: str
    status_detail: str
    def __init__(self, rule_number: _Optional[int] = ..., protocol: _Optional[str] = ..., rule_action: _Optional[str] = ..., egress: _Optional[bool] = ..., cidr_block: _Optional[str] = ..., ipv6_cidr_block: _Optional[str] = ..., from_port: _Optional[int] = ..., to_port: _Optional[int] = ..., icmp_type: _Optional[int] = ..., icmp_code: _Optional[int] = ..., status: _Optional[str] = ..., status_detail: _Optional[str] = ...) -> None: ...

class NetworkAclAssociation(_message.Message):
    __slots__ = ("association_id", "network_acl_id", "subnet_id")
    ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    association_id: str
    network_acl_id: str
    subnet_id: str
    def __init__(self, association_id: _Optional[str] = ..., network_acl_id: _Optional[str] = ..., subnet_id: _Optional[str] = ...) -> None: ...

class DescribeNetworkAclsRequest(_message.Message):
    __slots__ = ("network_acl_ids", "filters", "page_size", "page_token")
    NETWORK_ACL_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    network_acl_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, network_acl_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeNetworkAclsResponse(_message.Message):
    __slots__ = ("network_acls", "next_page_token", "revision")
    NETWORK_ACLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    network_acls: _containers.RepeatedCompositeFieldContainer[NetworkAcl]
    next_page_token: str
    revision: int
    def __init__(self, network_acls: _Optional[_Iterable[_Union[NetworkAcl, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class CreateNetworkAclRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateNetworkAclResponse(_message.Message):
    __slots__ = ("network_acl",)
    NETWORK_ACL_FIELD_NUMBER: _ClassVar[int]
    network_acl: NetworkAcl
    def __init__(self, network_acl: _Optional[_Union[NetworkAcl, _Mapping]] = ...) -> None: ...

class DeleteNetworkAclRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_acl_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_acl_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_acl_id: _Optional[str] = ...) -> None: ...

class DeleteNetworkAclResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateNetworkAclEntryRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_acl_id", "rule_number", "protocol", "rule_action", "egress", "cidr_block", "ipv6_cidr_block", "from_port", "to_port", "icmp_type", "icmp_code")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RULE_ACTION_FIELD_NUMBER: _ClassVar[int]
    EGRESS_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    IPV6_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    ICMP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ICMP_CODE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_acl_id: str
    rule_number: int
    protocol: str
    rule_action: str
    egress: bool
    cidr_block: str
    ipv6_cidr_block: str
    from_port: int
    to_port: int
    icmp_type: int
    icmp_code: int
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_acl_id: _Optional[str] = ..., rule_number: _Optional[int] = ..., protocol: _Optional[str] = ..., rule_action: _Optional[str] = ..., egress: _Optional[bool] = ..., cidr_block: _Optional[str] = ..., ipv6_cidr_block: _Optional[str] = ..., from_port: _Optional[int] = ..., to_port: _Optional[int] = ..., icmp_type: _Optional[int] = ..., icmp_code: _Optional[int] = ...) -> None: ...

class CreateNetworkAclEntryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplaceNetworkAclEntryRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_acl_id", "rule_number", "protocol", "rule_action", "egress", "cidr_block", "ipv6_cidr_block", "from_port", "to_port", "icmp_type", "icmp_code")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RULE_ACTION_FIELD_NUMBER: _ClassVar[int]
    EGRESS_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    IPV6_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    ICMP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ICMP_CODE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_acl_id: str
    rule_number: int
    protocol: str
    rule_action: str
    egress: bool
    cidr_block: str
    ipv6_cidr_block: str
    from_port: int
    to_port: int
    icmp_type: int
    icmp_code: int
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_acl_id: _Optional[str] = ..., rule_number: _Optional[int] = ..., protocol: _Optional[str] = ..., rule_action: _Optional[str] = ..., egress: _Optional[bool] = ..., cidr_block: _Optional[str] = ..., ipv6_cidr_block: _Optional[str] = ..., from_port: _Optional[int] = ..., to_port: _Optional[int] = ..., icmp_type: _Optional[int] = ..., icmp_code: _Optional[int] = ...) -> None: ...

class ReplaceNetworkAclEntryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteNetworkAclEntryRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "network_acl_id", "rule_number", "egress")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    EGRESS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    network_acl_id: str
    rule_number: int
    egress: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., network_acl_id: _Optional[str] = ..., rule_number: _Optional[int] = ..., egress: _Optional[bool] = ...) -> None: ...

class DeleteNetworkAclEntryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplaceNetworkAclAssociationRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "association_id", "network_acl_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ACL_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    association_id: str
    network_acl_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., association_id: _Optional[str] = ..., network_acl_id: _Optional[str] = ...) -> None: ...

class ReplaceNetworkAclAssociationResponse(_message.Message):
    __slots__ = ("new_association_id",)
    NEW_ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    new_association_id: str
    def __init__(self, new_association_id: _Optional[str] = ...) -> None: ...
