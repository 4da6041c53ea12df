"""One call of an operation, as every transport describes it."""

import time
from dataclasses import dataclass, field
from enum import Enum

from controlplane.gate.credentials import Credential, Principal
from controlplane.gate.limits import InProgress
from controlplane.ids import Prefix, mint
from controlplane.model.project import Role


class Access(Enum):
    """Who may call an operation of which no role decides."""

    ANYONE = "anyone"  # The request itself says why it should be heard.
    HOST = "host"  # Hosts, whom their transport knows by a certificate, and tells apart itself.
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be called, and by whom: `access` is the least role that may.

    `goes_on`: a call is a stream, which ends with what its caller showed. `is_logged`: it is worth a line in the log.
    """

    name: str
    access: Role | Access
    goes_on: bool = False
    is_logged: bool = True


@dataclass(slots=True)
class Invocation:
    """A call, from its arrival to its line in the log. `address` is whence it comes, without a port.

    `principal` is known once the door let it in; None: nobody had to say who they are. `id` is what users know as the
    request's id.
    """

    operation: Operation
    address: str
    credential: Credential | None = None
    principal: Principal | None = None
    id: str = field(default_factory=lambda: mint(Prefix.REQUEST))
    began_s: float = field(default_factory=time.monotonic)
    is_let_in: bool = False  # By what it showed, not because anybody is.
    places: list[tuple[InProgress, str]] = field(default_factory=list)  # What it holds until it is over.
