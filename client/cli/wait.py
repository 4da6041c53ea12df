"""`--wait`: looks until something has happened, and says meanwhile what it waits for.

The revision log tells when to look again. It is a hint only: a slow poll backs it, so that nothing hangs where it ends.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from client.cli.render import plain, print_note
from client.errors import SteadError
from stead.v1.common_pb2 import Filter
from stead.v1.events_pb2 import WatchRequest
from stead.v1.instances_pb2 import DescribeInstancesRequest, Instance
from stead.v1.volumes_pb2 import DescribeVolumesRequest, Volume

if TYPE_CHECKING:
    from client.connection import Stead

# Without hints: shorter asks a busy control plane for nothing, longer lets people wait for nothing.
POLL_S = 2.0
# With hints: changes that come closer together than this are looked at together.
GATHER_S = 0.1
# Causes that last as long are noted. Shorter: noise about what passes. Longer: people wait without knowing why.
LASTING_S = 5.0
# As many values as a request's filters may have.
FILTER_VALUES = 200

# States from which the wanted one can't be reached any more; the same as in EC2's waiters.
DEAD_ENDS = {
    "running": {"stopping", "stopped", "shutting-down", "terminated"},
    "stopped": {"pending", "shutting-down", "terminated"},
    "terminated": {"pending", "stopping"},
}


@dataclass(frozen=True, slots=True)
class Late:
    """What has not happened yet, and what is said to stand in the way."""

    what: str
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.cause})" if self.cause else self.what


async def wait_until(stead: "Stead", look: Callable[[], Awaitable[Late | None]], timeout_s: float) -> None:
    """Calls `look` at least once, and until nothing is late. Notes a cause that lasts: most pass by themselves.

    Raises SteadError `WaitTimeout` after `timeout_s`, and whatever `look` raises.
    """
    with Console(stderr=True).status("Waiting") as spinner:
        late = await look()
        if not late:
            return
        first_seen_s: dict[str, float] = {"": math.inf}
        try:
            async with asyncio.timeout(timeout_s), _changes(stead) as changed:
                while late:
                    spinner.update(plain(str(late)))
                    _note_lasting(late, first_seen_s)
                    changed.clear()
                    await asyncio.sleep(GATHER_S)
                    await _at_most(changed.wait(), POLL_S)
                    late = await look()
        except TimeoutError as error:
            raise SteadError("WaitTimeout", f"After {timeout_s:g} s: {late}. It goes on.") from error


def _note_lasting(late: Late, first_seen_s: dict[str, float]) -> None:
    """Says once what is in the way, when it still, or again, is so after a while; each try may clear it."""
    now_s = time.monotonic()
    if now_s - first_seen_s.setdefault(late.cause, now_s) >= LASTING_S:
        first_seen_s[late.cause] = math.inf
        print_note(f"{late.what}: {late.cause}")


@asynccontextmanager
async def _changes(stead: "Stead") -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever something in the project changes."""
    changed = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            follower = tasks.create_task(_follow(stead, changed))
            yield changed
            follower.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # The follower raises nothing, so there is one: the body's.


async def _follow(stead: "Stead", changed: asyncio.Event) -> None:
    try:
        async for _ in stead.events.Watch(WatchRequest()):
            changed.set()
    except SteadError:
        return  # Polling goes on, and reports what is wrong if it fails too.


async def _at_most(event: Awaitable[object], timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event
    except TimeoutError:
        return


async def wait_for_instances(stead: "Stead", ids: Sequence[str], goal: str, timeout_s: float) -> dict[str, Instance]:
    """Waits until all are in the state `goal`; returns them by id. One that can't get there any more: `WaitFailed`.

    Asks by filter, since an id that is not known any more would be an error: what is gone is terminated.
    """
    found: dict[str, Instance] = {}

    async def look() -> Late | None:
        found.clear()
        for start in range(0, len(ids), FILTER_VALUES):
            some = Filter(name="instance-id", values=ids[start : start + FILTER_VALUES])
            request = DescribeInstancesRequest(filters=[some])
            reply = await stead.all_pages(stead.instances.DescribeInstances, request)
            found.update({instance.instance_id: instance for instance in reply.instances})
        late = [id for id in ids if _state(found.get(id)) != goal]
        for id in late:
            _refuse_dead_end(id, found.get(id), goal)
        return _describe_late(late, found, goal, len(ids)) if late else None

    await wait_until(stead, look, timeout_s)
    return found


def _state(instance: Instance | None) -> str:
    return instance.state.name if instance else "terminated"


def _refuse_dead_end(instance_id: str, instance: Instance | None, goal: str) -> None:
    state = _state(instance)
    if state in DEAD_ENDS[goal]:
        message = f"{instance_id} is {state} and will not be {goal}."
        if instance and instance.state_reason.code:
            message += f" {instance.state_reason.code}: {instance.state_reason.message}"
        raise SteadError("WaitFailed", message)
    if instance and instance.is_status_permanent:
        raise SteadError("WaitFailed", f"{instance_id} is {state}, and stays so: {instance.status_detail}")


def _describe_late(late: Sequence[str], found: dict[str, Instance], goal: str, total: int) -> Late:
    """E.g. "i-... is pending, 1 of 3 running", with the first one that has a cause."""
    first = next((id for id in late if id in found and found[id].status_detail), late[0])
    text = f"{first} is {_state(found.get(first))}"
    if total > 1:
        text += f", {total - len(late)} of {total} {goal}"
    return Late(text, found[first].status_detail if first in found else "")


async def wait_for_volume(
    stead: "Stead", volume_id: str, is_done: Callable[[Volume | None], bool], timeout_s: float
) -> Volume | None:
    """Waits until `is_done` likes the volume, which is None when it is gone. In state "error": `WaitFailed`."""
    found: Volume | None = None

    async def look() -> Late | None:
        nonlocal found
        request = DescribeVolumesRequest(filters=[Filter(name="volume-id", values=[volume_id])])
        reply = await stead.all_pages(stead.volumes.DescribeVolumes, request)
        found = next(iter(reply.volumes), None)
        if is_done(found):
            return None
        if found is None or found.state == "error":
            reason = f"is in error: {found.state_detail}" if found else "was deleted meanwhile."
            raise SteadError("WaitFailed", f"{volume_id} {reason}")
        states = [found.state, *(bond.state for bond in found.attachments)]
        causes = [found.state_detail, *(bond.state_detail for bond in found.attachments)]
        return Late(f"{volume_id} is {' and '.join(states)}", "; ".join(filter(None, causes)))

    await wait_until(stead, look, timeout_s)
    return found
