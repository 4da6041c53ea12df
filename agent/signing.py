"""Has the control plane sign identity documents of this host's instances: the `Sign` of `agent.imds.identities`."""

from collections.abc import Sequence

import grpc

from agent.channel import agents, open_channel
from agent.drivers.base import Transient
from agent.host.threads import Threads
from agent.identity import IdentityError, IdentityStore
from agent.imds.identities import Identity
from stead.agent.v1 import session_pb2 as pb

# Shorter: a busy control plane is asked twice. Longer: one that hangs is asked again late.
_DEADLINE_S = 30.0
_DISK_DEADLINE_S = 30.0  # Shorter: a busy disk counts as hung. Longer: who waits for a signature on one that is, waits.


class Signing:
    def __init__(self, identities: IdentityStore) -> None:
        self._identities = identities
        self._files = Threads("the disk of this host's identity", workers=1, deadline_s=_DISK_DEADLINE_S)

    async def __call__(self, instance_ids: Sequence[str]) -> Sequence[Identity]:
        """A connection for each call: there is one for each start, or fewer."""
        asked = pb.SignIdentitiesRequest(instance_ids=instance_ids)
        try:
            identity = await self._files.run("identity", self._identities.load)
            async with open_channel(identity) as channel:
                reply = await agents(channel).SignIdentities(asked, timeout=_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            raise Transient(f"cannot have identities signed: {error.details()} ({error.code().name})") from error
        except (IdentityError, OSError, ValueError) as error:  # The files of this host's own.
            raise Transient(f"cannot have identities signed: {error}") from error
        return [
            Identity(each.instance_id, each.generation, each.document.decode(), each.signature, each.pkcs7)
            for each in reply.identities
        ]
