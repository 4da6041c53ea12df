"""Who may call a method: the option `role` of its .proto, and nobody where there is none."""

from functools import cache
from typing import Any

from google.protobuf.descriptor_pool import Default

from controlplane.model.project import Role
from stead.v1 import common_pb2 as pb
from stead.v1 import options_pb2

# The roles that a token may have. Protobuf counts from the strongest, the model from the weakest.
OF_TOKENS: dict[int, Role] = {pb.ROLE_ADMIN: Role.ADMIN, pb.ROLE_MEMBER: Role.MEMBER, pb.ROLE_READER: Role.READER}


@cache
def role_needed(method: str) -> int:
    """The option of `/package.Service/Method`, a method that is served; ROLE_UNSPECIFIED where it has none."""
    options: Any = Default().FindMethodByName(method.strip("/").replace("/", ".")).GetOptions()
    return int(options.Extensions[options_pb2.role])
