"""Agents of the version before, which speak `stead.v1`: what differs from `stead.agent.v1`, and no more.

Most messages have the same fields under the same numbers in both, and are read as those of `stead.agent.v1`. This goes
with the version after, and `controlplane.reconcile.legacy` with it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import grpc

from controlplane.api import agents
from controlplane.api.enrollment import Enrollment
from controlplane.api.reports import KINDS
from controlplane.reconcile.legacy import SpecNews
from controlplane.session import ConsoleRequest, CountRequest, DropsRequest, Question, Session, Update
from stead.agent.v1 import session_pb2 as pb
from stead.v1 import agent_pb2 as legacy

_NUMBERS: dict[Any, Any] = {kind: number for number, kind in KINDS.items()}


class LegacyAgents(agents.Agents):
    def _open(self, host_id: str, hello: pb.Hello) -> Session:
        return self._edge.sessions.open_legacy(host_id)

    def _welcome(self, hello: pb.Hello) -> Sequence[bytes]:
        return ()

    def _encoded(self, what: Update | Question) -> Iterator[bytes]:
        if isinstance(what, ConsoleRequest):
            asked = legacy.ConsoleRequest(
                request_id=what.request_id, instance_id=what.instance_id, max_bytes=what.max_bytes
            )
            yield legacy.ControlMessage(console_request=asked).SerializeToString()
        elif not isinstance(what, CountRequest | DropsRequest):  # Of which none is asked.
            yield legacy.ControlMessage(update=_update(what)).SerializeToString()


def _update(what: Update) -> legacy.Update:
    news = cast(SpecNews, what.news)
    return legacy.Update(
        revision=news.revision,
        snapshot=news.is_snapshot,
        put=[legacy.Resource(**{kind.value: spec}) for kind, spec in news.put],
        remove=[legacy.ResourceRef(kind=_NUMBERS[kind], id=resource_id) for kind, resource_id in news.remove],
        region=what.region,
        incarnation=what.incarnation,
        released=what.is_released,
        seal=what.seal,
    )


def from_agent(data: bytes) -> pb.AgentMessage:
    """All but the hello is the same in both. A contract version of 0 is of an agent from before that."""
    message = legacy.AgentMessage.FromString(data)
    if not message.HasField("hello"):
        return pb.AgentMessage.FromString(data)
    said = message.hello
    authority = pb.Authority(region=said.region, incarnation=said.incarnation, revision=said.revision, seal=said.seal)
    hello = pb.Hello(
        protocol=said.contract_version,
        agent_version=said.agent_version,
        boot_id=said.boot_id,
        capacity=pb.Capacity.FromString(said.capacity.SerializeToString()),
        roles=said.roles,
        authority=authority,
    )
    return pb.AgentMessage(hello=hello)


def handler(servicer: LegacyAgents) -> agents.Handler:
    return agents.handler("stead.v1.Agents", servicer, from_agent)


def enrollment(servicer: Enrollment) -> agents.Handler:
    """With the same messages as in `stead.agent.v1`."""
    join = grpc.unary_unary_rpc_method_handler(
        servicer.Join, pb.JoinRequest.FromString, pb.JoinResponse.SerializeToString
    )
    return grpc.method_handlers_generic_handler("stead.v1.Enrollment", {"Join": join})
