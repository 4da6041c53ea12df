"""Signed identity documents of this host's instances: asked of the control plane once for each start, and kept.

The control plane makes a document and signs it, for the host that has the instance alone. While it is away, guests
whose start was not signed yet have a document without a signature.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from agent.drivers.base import DriverError
from agent.files import write_durably
from agent.host.threads import Threads
from agent.model import InstanceSpec

log = structlog.get_logger()

AT_ONCE = 100  # Of a call: see SignIdentitiesRequest in session.proto.
# Until the control plane is asked again that did not answer. Shorter: a fleet that it can't serve asks all the time.
AGAIN_S = 10.0
DISK_DEADLINE_S = 30.0  # Shorter: a busy disk counts as hung. Longer: guests wait for signatures on one that is.


@dataclass(frozen=True, slots=True)
class Identity:
    """Fields as in `Identity` of session.proto."""

    instance_id: str
    generation: int
    document: str
    signature: str
    pkcs7: str


# Raises DriverError where there is no answer.
Sign = Callable[[Sequence[str]], Awaitable[Sequence[Identity]]]


class Identities:
    """`is_here` says whether an instance is this host's; of others nothing is kept for long."""

    def __init__(self, sign: Sign, path: Path, is_here: Callable[[str], bool]) -> None:
        self._sign = sign
        self._path = path
        self._is_here = is_here
        self._disk = Threads("the disk of identities", workers=1, deadline_s=DISK_DEADLINE_S)
        self._known = _load(path)
        self._wanted: dict[str, int] = {}
        self._is_wanted = asyncio.Event()

    def of(self, spec: InstanceSpec) -> Identity | None:
        """Of an instance's latest start. None where it has to be asked for, which is done then."""
        known = self._known.get(spec.instance_id)
        if known is not None and known.generation == spec.generation:
            return known
        self._wanted[spec.instance_id] = spec.generation
        self._is_wanted.set()
        return None

    async def come(self) -> list[str]:
        """Ask for what is wanted. Returns the instances of which there is one now; waits until there is any."""
        while True:
            await self._is_wanted.wait()
            asked = dict(list(self._wanted.items())[:AT_ONCE])
            try:
                signed = await self._sign(list(asked))
            except DriverError as error:
                log.debug("no identities are signed", error=str(error))
                await asyncio.sleep(AGAIN_S)
                continue
            for instance_id, generation in asked.items():
                if self._wanted.get(instance_id) == generation:  # It may have been started again meanwhile.
                    del self._wanted[instance_id]
            if not self._wanted:
                self._is_wanted.clear()
            await self._keep(signed)
            if found := [each.instance_id for each in signed if asked.get(each.instance_id) == each.generation]:
                return found

    async def _keep(self, signed: Sequence[Identity]) -> None:
        known = {**self._known, **{each.instance_id: each for each in signed}}
        self._known = {id: each for id, each in known.items() if self._is_here(id)}
        data = json.dumps([asdict(each) for each in self._known.values()]).encode()
        try:
            await self._disk.run("identities", write_durably, self._path, data)
        except (DriverError, OSError) as error:  # They are asked for again by the next agent.
            log.warning("cannot keep signed identities", path=str(self._path), error=str(error))


def _load(path: Path) -> dict[str, Identity]:
    """What can't be read is asked for again."""
    try:
        return {each["instance_id"]: Identity(**each) for each in json.loads(path.read_bytes())}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
