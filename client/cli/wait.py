"""`--wait`: follows what it waits for until that has happened, and says meanwhile what stands in the way.

It lists once, and then takes what changes from the revision log, which brings what has changed with it.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rich.console import Console
from rich.status import Status

from client.cli.render import plain, print_note
from client.errors import SteadError
from stead.v1.common_pb2 import Filter
from stead.v1.events_pb2 import WatchEvent, WatchRequest
from stead.v1.instances_pb2 import DescribeInstancesRequest, Instance, NetworkInterface
from stead.v1.nat_gateways_pb2 import DescribeNatGatewaysRequest, NatGateway
from stead.v1.network_acls_pb2 import DescribeNetworkAclsRequest, NetworkAcl
from stead.v1.network_interfaces_pb2 import DescribeNetworkInterfacesRequest
from stead.v1.security_groups_pb2 import DescribeSecurityGroupsRequest, SecurityGroup
from stead.v1.volumes_pb2 import DescribeVolumesRequest, Volume

if TYPE_CHECKING:
    from client.connection import Stead

M = TypeVar("M")

# For control planes of before, whose events do not tell that a volume became busy. Shorter: one is asked for nothing.
# Longer: people wait without knowing why.
LOOK_AGAIN_S = 10.0
# After a stream has ended. Shorter: a control plane that starts is asked for nothing. Longer: news come late.
PAUSE_S = 1.0
# Between looks at the clock, for causes that last.
TICK_S = 1.0
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


@dataclass(frozen=True, slots=True)
class Goal(Generic[M]):
    """What is waited for: resources of a kind as in ResourceChange, by id.

    `find` lists those that there are, and tells the revision of that. `judge` is given them, and says what is late; it
    raises SteadError where that can't be any more.
    """

    kind: str
    ids: Sequence[str]
    find: Callable[[], Awaitable[tuple[dict[str, M], int]]]
    judge: Callable[[dict[str, M]], Late | None]


async def wait_until(stead: "Stead", goal: Goal[M], timeout_s: float) -> dict[str, M]:
    """Waits until nothing is late; returns what there is then. Notes a cause that lasts: most pass by themselves.

    Raises SteadError `WaitTimeout` after `timeout_s`, and whatever `goal` raises.
    """
    with Console(stderr=True).status("Waiting") as spinner:
        waiting = _Waiting(stead, goal, spinner)
        await waiting.look()
        try:
            async with asyncio.timeout(timeout_s if waiting.late else None):
                while waiting.late:
                    await waiting.follow()
        except TimeoutError as error:
            raise SteadError("WaitTimeout", f"After {timeout_s:g} s: {waiting.late}. It goes on.") from error
        return waiting.found


class _Waiting(Generic[M]):
    """What is known of what is waited for."""

    def __init__(self, stead: "Stead", goal: Goal[M], spinner: Status) -> None:
        self.found: dict[str, M] = {}
        self.late: Late | None = None
        self._stead = stead
        self._goal = goal
        self._spinner = spinner
        self._revision = 0
        self._first_seen_s: dict[str, float] = {"": math.inf}

    async def look(self) -> None:
        self.found, self._revision = await self._goal.find()
        self._judge()

    async def follow(self) -> None:
        """Until nothing is late any more, or it was time to look again, and that was done."""
        look_at_s = time.monotonic() + LOOK_AGAIN_S
        async with _changes(self._stead, self._goal.kind, self._revision) as changes:
            while self.late and time.monotonic() < look_at_s:
                event = WatchEvent()
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK_S):
                        event = await changes.get()
                if event.resync:
                    break
                self._take(event)
                self._judge()
        if self.late:
            await self.look()

    def _take(self, event: WatchEvent) -> None:
        for change in event.changes:
            if change.id in self._goal.ids and change.deleted:
                self.found.pop(change.id, None)
            elif change.id in self._goal.ids:
                contents: Any = change.WhichOneof("contents")
                self.found[change.id] = getattr(change, contents)

    def _judge(self) -> None:
        self.late = self._goal.judge(self.found)
        if self.late:
            self._spinner.update(plain(str(self.late)))
            _note_lasting(self.late, self._first_seen_s)


def _note_lasting(late: Late, first_seen_s: dict[str, float]) -> None:
    """Says once what is in the way, when it still, or again, is so after a while; each try may clear it."""
    now_s = time.monotonic()
    if now_s - first_seen_s.setdefault(late.cause, now_s) >= LASTING_S:
        first_seen_s[late.cause] = math.inf
        print_note(f"{late.what}: {late.cause}")


@asynccontextmanager
async def _changes(stead: "Stead", kind: str, revision: int) -> AsyncIterator[asyncio.Queue[WatchEvent]]:
    """What happens to the project's resources of a kind after a revision; at the stream's end one with `resync`."""
    changes: asyncio.Queue[WatchEvent] = asyncio.Queue()
    request = WatchRequest(after_revision=revision, kinds=[kind], with_contents=True)
    try:
        async with asyncio.TaskGroup() as tasks:
            follower = tasks.create_task(_follow(stead, request, changes))
            yield changes
            follower.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # The follower raises nothing, so there is one: the body's.


async def _follow(stead: "Stead", request: WatchRequest, changes: asyncio.Queue[WatchEvent]) -> None:
    with suppress(SteadError):  # Who looks again is told of what is wrong, if it still is.
        async for event in stead.events.Watch(request):
            changes.put_nowait(event)
    await asyncio.sleep(PAUSE_S)
    changes.put_nowait(WatchEvent(resync=True))


async def wait_for_instances(
    stead: "Stead", ids: Sequence[str], goal: str, timeout_s: float, is_there: Callable[[Instance], bool] | None = None
) -> dict[str, Instance]:
    """Waits until all are in the state `goal`, and `is_there`; returns them by id. One that can't get there any more:
    `WaitFailed`.

    Asks by filter, since an id that is not known any more would be an error: what is gone is terminated.
    """

    async def find() -> tuple[dict[str, Instance], int]:
        found: dict[str, Instance] = {}
        revisions = []
        for some in _by_id("instance-id", ids):
            request = DescribeInstancesRequest(filters=[some])
            reply = await stead.all_pages(stead.instances.DescribeInstances, request)
            found.update({instance.instance_id: instance for instance in reply.instances})
            revisions.append(reply.revision)
        return found, min(revisions)

    def judge(found: dict[str, Instance]) -> Late | None:
        late = [id for id in ids if _state(found.get(id)) != goal or (is_there and not is_there(found[id]))]
        for id in late:
            _refuse_dead_end(id, found.get(id), goal)
        return _describe_late(late, found, goal, len(ids)) if late else None

    return await wait_until(stead, Goal("instance", ids, find, judge), timeout_s)


def _by_id(name: str, ids: Sequence[str]) -> list[Filter]:
    """For lists, each of as many as may be asked for at once."""
    starts = range(0, len(ids), FILTER_VALUES)
    return [Filter(name=name, values=ids[start : start + FILTER_VALUES]) for start in starts]


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
    if first in found and found[first].is_reboot_pending:
        text += ", not yet rebooted"
    if total > 1:
        text += f", {total - len(late)} of {total} {goal}"
    return Late(text, found[first].status_detail if first in found else "")


async def wait_for_volume(
    stead: "Stead", volume_id: str, is_done: Callable[[Volume | None], bool], timeout_s: float
) -> Volume | None:
    """Waits until `is_done` likes the volume, which is None when it is gone. In state "error": `WaitFailed`."""

    async def find() -> tuple[dict[str, Volume], int]:
        request = DescribeVolumesRequest(filters=[Filter(name="volume-id", values=[volume_id])])
        reply = await stead.all_pages(stead.volumes.DescribeVolumes, request)
        return {volume.volume_id: volume for volume in reply.volumes}, reply.revision

    def judge(found: dict[str, Volume]) -> Late | None:
        volume = found.get(volume_id)
        if is_done(volume):
            return None
        if volume is None or volume.state == "error":
            reason = f"is in error: {volume.state_detail}" if volume else "was deleted meanwhile."
            raise SteadError("WaitFailed", f"{volume_id} {reason}")
        states = [volume.state, *(attachment.state for attachment in volume.attachments)]
        causes = [volume.state_detail, *(attachment.state_detail for attachment in volume.attachments)]
        return Late(f"{volume_id} is {' and '.join(states)}", "; ".join(filter(None, causes)))

    return (await wait_until(stead, Goal("volume", [volume_id], find, judge), timeout_s)).get(volume_id)


async def wait_for_nat_gateway(stead: "Stead", gateway_id: str, goal: str, timeout_s: float) -> NatGateway:
    """Waits until it is in the state `goal`, and returns it. In one from which it can't get there: `WaitFailed`."""

    async def find() -> tuple[dict[str, NatGateway], int]:
        request = DescribeNatGatewaysRequest(filters=[Filter(name="nat-gateway-id", values=[gateway_id])])
        reply = await stead.all_pages(stead.vpcs.DescribeNatGateways, request)
        return {gateway.nat_gateway_id: gateway for gateway in reply.nat_gateways}, reply.revision

    def judge(found: dict[str, NatGateway]) -> Late | None:
        gateway = found.get(gateway_id) or NatGateway(state="deleted")
        if gateway.state == goal:
            return None
        if gateway.state == "failed" or (goal == "available" and gateway.state in ("deleting", "deleted")):
            raise SteadError("WaitFailed", f"{gateway_id} is {gateway.state}. {gateway.failure_message}".rstrip())
        return Late(f"{gateway_id} is {gateway.state}", gateway.state_detail)

    found = await wait_until(stead, Goal("nat-gateway", [gateway_id], find, judge), timeout_s)
    return found.get(gateway_id) or NatGateway(nat_gateway_id=gateway_id, state=goal)


async def wait_for_interface(
    stead: "Stead", interface_id: str, is_done: Callable[[NetworkInterface | None], bool], timeout_s: float
) -> None:
    """Waits until `is_done` likes the network interface, which is None when it is gone."""

    async def find() -> tuple[dict[str, NetworkInterface], int]:
        request = DescribeNetworkInterfacesRequest(filters=[Filter(name="network-interface-id", values=[interface_id])])
        reply = await stead.all_pages(stead.network_interfaces.DescribeNetworkInterfaces, request)
        return {row.network_interface_id: row for row in reply.network_interfaces}, reply.revision

    def judge(found: dict[str, NetworkInterface]) -> Late | None:
        interface = found.get(interface_id)
        if is_done(interface):
            return None
        if interface is None or not interface.attachment.instance_id:
            gone = "was deleted" if interface is None else "was detached"
            raise SteadError("WaitFailed", f"{interface_id} {gone} meanwhile.")
        return Late(f"{interface_id} is {interface.attachment.status}", interface.attachment.status_detail)

    await wait_until(stead, Goal("network-interface", [interface_id], find, judge), timeout_s)


async def wait_for_rules(stead: "Stead", group_ids: Sequence[str], timeout_s: float) -> None:
    """Waits until all hosts have the rules of these security groups, or they are gone. At least one."""

    async def find() -> tuple[dict[str, SecurityGroup], int]:
        found: dict[str, SecurityGroup] = {}
        revisions = []
        for some in _by_id("group-id", group_ids):
            request = DescribeSecurityGroupsRequest(filters=[some])
            reply = await stead.all_pages(stead.security_groups.DescribeSecurityGroups, request)
            found.update({group.group_id: group for group in reply.security_groups})
            revisions.append(reply.revision)
        return found, min(revisions)

    def judge(found: dict[str, SecurityGroup]) -> Late | None:
        late = (group for group in found.values() if group.status == "pending")
        first = next(late, None)
        return Late(f"{first.group_id} is pending", first.status_detail) if first else None

    await wait_until(stead, Goal("security-group", group_ids, find, judge), timeout_s)


async def wait_for_acl(stead: "Stead", acl_id: str, timeout_s: float) -> None:
    """Waits until all hosts have the network ACL as it is, or it is gone."""

    async def find() -> tuple[dict[str, NetworkAcl], int]:
        request = DescribeNetworkAclsRequest(filters=[Filter(name="network-acl-id", values=[acl_id])])
        reply = await stead.all_pages(stead.vpcs.DescribeNetworkAcls, request)
        return {acl.network_acl_id: acl for acl in reply.network_acls}, reply.revision

    def judge(found: dict[str, NetworkAcl]) -> Late | None:
        acl = found.get(acl_id)
        return Late(f"{acl_id} is pending", acl.status_detail) if acl and acl.status == "pending" else None

    await wait_until(stead, Goal("network-acl", [acl_id], find, judge), timeout_s)
