from stead.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InternetGateway(_message.Message):
    __slots__ = ("internet_gateway_id", "vpc_id", "tags", "owner_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INTERNET_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    internet_gateway_id: str
    vpc_id: str
    tags: _containers.ScalarMap[str, str]
    owner_id: str
    def __init__(self, internet_gateway_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., owner_id: _Optional[str] = ...) -> None: ...

class DescribeInternetGatewaysRequest(_message.Message):
    __slots__ = ("internet_gateway_ids", "filters", "page_size", "page_token")
    INTERNET_GATEWAY_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    internet_gateway_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, internet_gateway_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeInternetGatewaysResponse(_message.Message):
    __slots__ = ("internet_gateways", "next_page_token", "revision")
    INTERNET_GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    internet_gateways: _containers.RepeatedCompositeFieldContainer[InternetGateway]
    next_page_token: str
    revision: int
    def __init__(self, internet_gateways: _Optional[_Iterable[_Union[InternetGateway, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class CreateInternetGatewayRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateInternetGatewayResponse(_message.Message):
    __slots__ = ("internet_gateway",)
    INTERNET_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    internet_gateway: InternetGateway
    def __init__(self, internet_gateway: _Optional[_Union[InternetGateway, _Mapping]] = ...) -> None: ...

class AttachInternetGatewayRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "internet_gateway_id", "vpc_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INTERNET_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    internet_gateway_id: str
    vpc_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., internet_gateway_id: _Optional[str] = ..., vpc_id: _Optional[str] = ...) -> None: ...

class AttachInternetGatewayResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DetachInternetGatewayRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "internet_gateway_id", "vpc_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INTERNET_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    internet_gateway_id: str
    vpc_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., internet_gateway_id: _Optional[str] = ..., vpc_id: _Optional[str] = ...) -> None: ...

class DetachInternetGatewayResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteInternetGatewayRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "internet_gateway_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INTERNET_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    internet_gateway_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., internet_gateway_id: _Optional[str] = ...) -> None: ...

class DeleteInternetGatewayResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
