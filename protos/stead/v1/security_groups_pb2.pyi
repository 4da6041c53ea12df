from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SecurityGroup(_message.Message):
    __slots__ = ("group_id", "group_name", "description", "vpc_id", "rules", "tags", "status", "status_detail", "owner_id", "generation", "late_hosts")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    LATE_HOSTS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    group_name: str
    description: str
    vpc_id: str
    rules: _containers.RepeatedCompositeFieldContainer[SecurityGroupRule]
    tags: _containers.ScalarMap[str, str]
    status: str
    status_detail: str
    owner_id: str
    generation: int
    late_hosts: _containers.RepeatedCompositeFieldContainer[LateHost]
    def __init__(self, group_id: _Optional[str] = ..., group_name: _Optional[str] = ..., description: _Optional[str] = ..., vpc_id: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[SecurityGroupRule, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ..., status: _Optional[str] = ..., status_detail: _Optional[str] = ..., owner_id: _Optional[str] = ..., generation: _Optional[int] = ..., late_hosts: _Optional[_Iterable[_Union[LateHost, _Mapping]]] = ...) -> None: ...

class LateHost(_message.Message):
    __slots__ = ("host_id", "generation")
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    host_id: str
    generation: int
    def __init__(self, host_id: _Optional[str] = ..., generation: _Optional[int] = ...) -> None: ...

class SecurityGroupRule(_message.Message):
    __slots__ = ("rule_id", "is_egress", "permission", "group_id", "tags", "status", "status_detail")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    IS_EGRESS_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DETAIL_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    is_egress: bool
    permission: IpPermission
    group_id: str
    tags: _containers.ScalarMap[str, str]
    status: str
    status_detail: str
    def __init__(self, rule_id: _Optional[str] = ..., is_egress: _Optional[bool] = ..., permission: _Optional[_Union[IpPermission, _Mapping]] = ..., group_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., status: _Optional[str] = ..., status_detail: _Optional[str] = ...) -> None: ...

class IpPermission(_message.Message):
    __slots__ = ("ip_protocol", "from_port", "to_port", "cidr_ipv4", "group_id", "prefix_list_id", "cidr_ipv6", "description")
    IP_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    CIDR_IPV4_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_IPV6_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ip_protocol: str
    from_port: int
    to_port: int
    cidr_ipv4: str
    group_id: str
    prefix_list_id: str
    cidr_ipv6: str
    description: str
    def __init__(self, ip_protocol: _Optional[str] = ..., from_port: _Optional[int] = ..., to_port: _Optional[int] = ..., cidr_ipv4: _Optional[str] = ..., group_id: _Optional[str] = ..., prefix_list_id: _Optional[str] = ..., cidr_ipv6: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class CreateSecurityGroupRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_name", "description", "vpc_id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_name: str
    description: str
    vpc_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_name: _Optional[str] = ..., description: _Optional[str] = ..., vpc_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateSecurityGroupResponse(_message.Message):
    __slots__ = ("security_group",)
    SECURITY_GROUP_FIELD_NUMBER: _ClassVar[int]
    security_group: SecurityGroup
    def __init__(self, security_group: _Optional[_Union[SecurityGroup, _Mapping]] = ...) -> None: ...

class DeleteSecurityGroupRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ...) -> None: ...

class DeleteSecurityGroupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeSecurityGroupsRequest(_message.Message):
    __slots__ = ("group_ids", "filters", "page_size", "page_token")
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, group_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeSecurityGroupsResponse(_message.Message):
    __slots__ = ("security_groups", "next_page_token", "revision")
    SECURITY_GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    security_groups: _containers.RepeatedCompositeFieldContainer[SecurityGroup]
    next_page_token: str
    revision: int
    def __init__(self, security_groups: _Optional[_Iterable[_Union[SecurityGroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class AuthorizeSecurityGroupIngressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "permissions", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AuthorizeSecurityGroupIngressResponse(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[SecurityGroupRule]
    def __init__(self, rules: _Optional[_Iterable[_Union[SecurityGroupRule, _Mapping]]] = ...) -> None: ...

class AuthorizeSecurityGroupEgressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "permissions", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AuthorizeSecurityGroupEgressResponse(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[SecurityGroupRule]
    def __init__(self, rules: _Optional[_Iterable[_Union[SecurityGroupRule, _Mapping]]] = ...) -> None: ...

class RevokeSecurityGroupIngressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "permissions", "rule_ids", "drop_established")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RULE_IDS_FIELD_NUMBER: _ClassVar[int]
    DROP_ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    rule_ids: _containers.RepeatedScalarFieldContainer[str]
    drop_established: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., rule_ids: _Optional[_Iterable[str]] = ..., drop_established: _Optional[bool] = ...) -> None: ...

class RevokeSecurityGroupIngressResponse(_message.Message):
    __slots__ = ("unknown_permissions", "revoked_rule_ids")
    UNKNOWN_PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_RULE_IDS_FIELD_NUMBER: _ClassVar[int]
    unknown_permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    revoked_rule_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, unknown_permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., revoked_rule_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RevokeSecurityGroupEgressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "permissions", "rule_ids", "drop_established")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RULE_IDS_FIELD_NUMBER: _ClassVar[int]
    DROP_ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    rule_ids: _containers.RepeatedScalarFieldContainer[str]
    drop_established: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., rule_ids: _Optional[_Iterable[str]] = ..., drop_established: _Optional[bool] = ...) -> None: ...

class RevokeSecurityGroupEgressResponse(_message.Message):
    __slots__ = ("unknown_permissions", "revoked_rule_ids")
    UNKNOWN_PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_RULE_IDS_FIELD_NUMBER: _ClassVar[int]
    unknown_permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    revoked_rule_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, unknown_permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., revoked_rule_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DescribeSecurityGroupRulesRequest(_message.Message):
    __slots__ = ("rule_ids", "filters", "page_size", "page_token")
    RULE_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rule_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, rule_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeSecurityGroupRulesResponse(_message.Message):
    __slots__ = ("rules", "next_page_token", "revision")
    RULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[SecurityGroupRule]
    next_page_token: str
    revision: int
    def __init__(self, rules: _Optional[_Iterable[_Union[SecurityGroupRule, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class SecurityGroupRuleUpdate(_message.Message):
    __slots__ = ("rule_id", "permission")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    permission: IpPermission
    def __init__(self, rule_id: _Optional[str] = ..., permission: _Optional[_Union[IpPermission, _Mapping]] = ...) -> None: ...

class ModifySecurityGroupRulesRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "rules", "drop_established")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    DROP_ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    rules: _containers.RepeatedCompositeFieldContainer[SecurityGroupRuleUpdate]
    drop_established: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[SecurityGroupRuleUpdate, _Mapping]]] = ..., drop_established: _Optional[bool] = ...) -> None: ...

class ModifySecurityGroupRulesResponse(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[SecurityGroupRule]
    def __init__(self, rules: _Optional[_Iterable[_Union[SecurityGroupRule, _Mapping]]] = ...) -> None: ...

class SecurityGroupRuleDescription(_message.Message):
    __slots__ = ("rule_id", "description")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    description: str
    def __init__(self, rule_id: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class UpdateSecurityGroupRuleDescriptionsIngressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "permissions", "rule_descriptions")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RULE_DESCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    rule_descriptions: _containers.RepeatedCompositeFieldContainer[SecurityGroupRuleDescription]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., rule_descriptions: _Optional[_Iterable[_Union[SecurityGroupRuleDescription, _Mapping]]] = ...) -> None: ...

class UpdateSecurityGroupRuleDescriptionsIngressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateSecurityGroupRuleDescriptionsEgressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "group_id", "permissions", "rule_descriptions")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    RULE_DESCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    group_id: str
    permissions: _containers.RepeatedCompositeFieldContainer[IpPermission]
    rule_descriptions: _containers.RepeatedCompositeFieldContainer[SecurityGroupRuleDescription]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., group_id: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[IpPermission, _Mapping]]] = ..., rule_descriptions: _Optional[_Iterable[_Union[SecurityGroupRuleDescription, _Mapping]]] = ...) -> None: ...

class UpdateSecurityGroupRuleDescriptionsEgressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
