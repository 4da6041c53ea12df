"""Speaks `stead.v1` with a control plane that is one version older, and reads the ledger of an older agent.

What agents say is the same in both, but for the hello; what they are told is what `agent.legacy` makes of it. Each
update becomes a snapshot, once one came, since a resource that changes may take objects away.
"""

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from agent.convert import agent_message, from_wire, object_to_bytes, to_wire
from agent.legacy import Scopes, scopes
from agent.messages import Authority, ConsoleRequest, FromAgent, FromControlPlane, Hello, Update
from agent.model import Ref, Spec
from agent.objects import Put, ScopeChange
from stead.v1 import agent_pb2 as pb

_CONTRACT_VERSION = 1


class OldContract:
    """One session's."""

    def __init__(self, host_id: str, underlay_address: str) -> None:
        self._host = host_id, underlay_address
        self._specs: dict[Ref, Spec] = {}
        self._is_told = False  # All there is; until then what does not come may well be wanted.

    def to_wire(self, value: FromAgent) -> pb.AgentMessage:
        if isinstance(value, Hello):
            return pb.AgentMessage(hello=_hello(value))
        return pb.AgentMessage.FromString(agent_message(value).SerializeToString())

    def from_wire(self, message: pb.ControlMessage) -> FromControlPlane | None:
        """None for a request that this agent does not know."""
        match message.WhichOneof("body"):
            case "update":
                return self._update(message.update)
            case "console_request":
                asked = message.console_request
                return ConsoleRequest(asked.request_id, asked.instance_id, asked.max_bytes)
        return None

    def _update(self, message: pb.Update) -> Update:
        if message.snapshot:
            self._specs.clear()
            self._is_told = True
        for ref in map(from_wire, message.remove):
            self._specs.pop(ref, None)
        self._specs |= {spec.ref: spec for spec in map(from_wire, message.put) if spec is not None}
        return Update(
            Authority(message.region, message.incarnation, message.revision, message.seal),
            scope_changes(scopes(self._specs.values(), *self._host)),
            snapshot=self._is_told,
            released=message.released,
        )


def scope_changes(told: Scopes) -> tuple[ScopeChange, ...]:
    """That make it all there is."""
    return tuple(
        ScopeChange(scope, True, tuple(Put(ref, value, object_to_bytes(value)) for ref, value in rows.items()))
        for scope, rows in told.items()
    )


def upgraded(resources: Iterable[bytes], host_id: str, underlay_address: str) -> tuple[ScopeChange, ...]:
    """An older ledger's resources as objects. Raises ValueError for what is no resource."""
    try:
        specs = [from_wire(pb.Resource.FromString(data)) for data in resources]
    except DecodeError as error:
        raise ValueError(str(error)) from error
    return scope_changes(scopes((spec for spec in specs if spec is not None), host_id, underlay_address))


def _hello(value: Hello) -> pb.Hello:
    known = value.authority or Authority()
    return pb.Hello(
        agent_version=value.agent_version,
        boot_id=value.boot_id,
        capacity=pb.Capacity.FromString(to_wire(value.capacity).SerializeToString()),
        roles=to_wire(value).roles,
        region=known.region,
        incarnation=known.incarnation,
        revision=known.revision,
        seal=known.seal,
        contract_version=_CONTRACT_VERSION,
    )
