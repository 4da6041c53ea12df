"""Has the control plane sign identity documents of this host's instances: the `Sign` of `agent.imds.identities`."""

from collections.abc import Sequence

import grpc

from agent.channel import agents, open_channel
from agent.drivers.base import Transient
from agent.identity import IdentityStore
from agent.imds.identities import Identity
from stead.agent.v1 import session_pb2 as pb

# Shorter: a busy control plane is asked twice. Longer: one that hangs is asked again late.
_DEADLINE_S = 30.0


class Signing:
    def __init__(self, identities: IdentityStore) -> None:
        self._identities = identities

    async def __call__(self, instance_ids: Sequence[str]) -> Sequence[Identity]:
        """A connection for each call: there is one for each start, or fewer."""
        asked = pb.SignIdentitiesRequest(instance_ids=instance_ids)
        try:
            async with open_channel(self._identities.load()) as channel:
                reply = await agents(channel).SignIdentities(asked, timeout=_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            raise Transient(f"cannot have identities signed: {error.details()} ({error.code().name})") from error
        return [
            Identity(each.instance_id, each.generation, each.document.decode(), each.signature, each.pkcs7)
            for each in reply.identities
        ]
