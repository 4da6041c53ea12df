"""Many agents' streams in one process, which read and answer and do little else. They come back when they are cut off,
and where they have ledgers say what they know.

What they have seen is in a file, as JSON: streams that have had a whole snapshot, messages, and their bytes.
"""

import asyncio
import json
import random
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop

from benchmarks.fan import SESSION as BARE
from benchmarks.ledgers import Ledger
from stead.agent.v1 import session_pb2 as pb

SESSION = "/stead.agent.v1.Agents/Session"
_CAPACITY = pb.Capacity(vcpus=1 << 20, memory_mib=1 << 30, storage_gib=1 << 20)
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]  # As agents have.
_ROLES: Any = [1, 2, 3]
_KINDS: Any = [kind for kind in pb.ResourceKind.values() if kind]


@dataclass
class Seen:
    snapshots: int = 0
    messages: int = 0
    message_bytes: int = 0


async def follow(
    endpoint: str, credentials: Any, number: int, seen: Seen, bare_bytes: int | None, *, has_ledger: bool
) -> None:
    """One stream, and the next when it ends. `bare_bytes`: what a bare server sends at first; None: it is none."""
    ledger = Ledger() if has_ledger else None
    while True:
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            async with grpc.aio.secure_channel(endpoint, credentials, options=_OPTIONS) as opened:
                channel: Any = opened
                call = channel.stream_stream(SESSION if bare_bytes is None else BARE)()
                if bare_bytes is None:
                    await _answer(call, number, seen, ledger)
                else:
                    await _answer_bare(call, bare_bytes, seen)
        await asyncio.sleep(random.uniform(0.1, 1.0))


async def _answer_bare(call: Any, left_bytes: int, seen: Seen) -> None:
    await call.write(b"hello")
    answer = pb.AgentMessage(report=pb.Report(revision=1 << 20, kinds=_KINDS)).SerializeToString()
    while left_bytes > 0 and (data := await call.read()):
        left_bytes -= len(data)
    seen.snapshots += left_bytes <= 0
    while data := await call.read():
        seen.messages += 1
        seen.message_bytes += len(data)
        await call.write(answer)


async def _answer(call: Any, number: int, seen: Seen, ledger: Ledger | None) -> None:
    hello = pb.Hello(
        protocol=1,
        features=["packed"],
        agent_version="1",
        boot_id=f"b{number}",
        capacity=_CAPACITY,
        roles=_ROLES,
        known=ledger.known() if ledger else (),
    )
    await call.write(pb.AgentMessage(hello=hello).SerializeToString())
    while data := await call.read():
        update = _head(data)
        if ledger:
            ledger.take(pb.ControlMessage.FromString(data).update)
        seen.messages += 1
        seen.message_bytes += len(data)
        if update.authority.revision and not update.more:
            seen.snapshots += update.snapshot
            report = pb.Report(revision=update.authority.revision, kinds=_KINDS)
            await call.write(pb.AgentMessage(report=report).SerializeToString())


def _head(data: bytes) -> pb.Update:
    """What an update says of the whole: its first part, to which the rest is appended. Real agents read that too, but
    each on a machine of its own.
    """
    length, shift, at = 0, 0, 1
    while True:
        length |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return pb.ControlMessage.FromString(data[: at + length]).update


async def run(given: dict[str, Any], file: Path) -> None:
    """`given`: see `sync.Streams`."""
    seen, how = Seen(), {"bare_bytes": given["bare_bytes"], "has_ledger": given["have_ledgers"]}
    async with asyncio.TaskGroup() as tasks:
        for number, (key, certificate) in enumerate(given["pairs"]):
            credentials = grpc.ssl_channel_credentials(given["ca"].encode(), key.encode(), certificate.encode())
            tasks.create_task(follow(given["endpoint"], credentials, number, seen, **how))
        tasks.create_task(_tell(seen, file))


async def _tell(seen: Seen, file: Path) -> None:
    draft = file.with_suffix(".new")
    while True:
        draft.write_text(json.dumps(asdict(seen)))
        draft.rename(file)
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    here = Path(sys.argv[1])
    uvloop.run(run(json.loads(here.read_text()), here.with_suffix(".seen")))
