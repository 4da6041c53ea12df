"""Who may call a method: the option `role` of its .proto, and nobody where there is none."""

from functools import cache
from typing import Any

from google.protobuf.descriptor_pool import Default

from controlplane.gate.invocation import Access
from controlplane.model.project import Role
from stead.v1 import common_pb2 as pb
from stead.v1 import options_pb2

# The roles that a token may have. Protobuf counts from the strongest, the model from the weakest.
OF_TOKENS: dict[int, Role] = {pb.ROLE_ADMIN: Role.ADMIN, pb.ROLE_MEMBER: Role.MEMBER, pb.ROLE_READER: Role.READER}
_ACCESS: dict[int, Role | Access] = {**OF_TOKENS, pb.ROLE_HOST: Access.HOST, pb.ROLE_ANYONE: Access.ANYONE}


@cache
def role_needed(method: str) -> Role | Access:
    """The option of `/package.Service/Method`, a method that is served."""
    options: Any = Default().FindMethodByName(method.strip("/").replace("/", ".")).GetOptions()
    return access_of(options.Extensions[options_pb2.role])


def access_of(option: int) -> Role | Access:
    return _ACCESS.get(option, Access.NOBODY)
