"""What is changed of an export while it is open, through its storage daemon's monitor: qemu-storage-daemon-qmp-ref(7).

A monitor answers one connection at a time, so each call has one of its own and leaves.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.drivers.base import Transient
from agent.drivers.volume_nbd.storage_daemon import CLIENTS, LIMITS, NODE, export, hosts_of, rules, throttle
from agent.model import ExportSpec

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

# It answers in milliseconds. Lower: a busy host's daemons count as hung. Higher: who asks a hung one waits for longer.
ANSWER_DEADLINE_S = 5.0


async def settle(monitor: Path, spec: ExportSpec, size_bytes: int) -> bool:
    """Have the daemon admit, limit and serve what the spec says, at this size. Safe to repeat, wherever it broke off.

    False where it admits hosts that it no longer shall: a connection of theirs ends with the daemon alone. A new size
    cuts all connections, which are free to come back at once. Raises Transient when it does not answer.
    """
    async with _connected(monitor, spec) as daemon:
        if not set(hosts_of(await _get(daemon, CLIENTS, "rules"))) <= set(spec.client_host_ids):
            return False
        await _set(daemon, CLIENTS, "rules", rules(spec))
        await _set(daemon, LIMITS, "limits", throttle(spec.limits))
        await _serve(daemon, spec, size_bytes)
    return True


async def _serve(daemon: "QMPClient", spec: ExportSpec, size_bytes: int) -> None:
    """An export has the size that its node had when it was added, and no node grows under an export."""
    exports = await _ask(daemon, "query-block-exports")
    grows = await _node_bytes(daemon) < size_bytes
    if exports and grows:
        with daemon.listener("BLOCK_EXPORT_DELETED") as deleted:  # Once the requests in flight have ended.
            await _ask(daemon, "block-export-del", id=exports[0]["id"], mode="hard")
            await deleted.get()
    if grows:
        await _ask(daemon, "block_resize", **{"node-name": NODE, "size": size_bytes})
    if grows or not exports:
        await _ask(daemon, "block-export-add", **export(spec))


async def _node_bytes(daemon: "QMPClient") -> int:
    nodes = await _ask(daemon, "query-named-block-nodes", flat=True)
    return next(int(node["image"]["virtual-size"]) for node in nodes if node["node-name"] == NODE)


async def _get(daemon: "QMPClient", name: str, what: str) -> Any:
    return await _ask(daemon, "qom-get", path=f"/objects/{name}", property=what)


async def _set(daemon: "QMPClient", name: str, what: str, value: object) -> None:
    await _ask(daemon, "qom-set", path=f"/objects/{name}", property=what, value=value)


async def _ask(daemon: "QMPClient", command: str, **arguments: object) -> Any:
    return await daemon.execute(command, arguments)


@asynccontextmanager
async def _connected(monitor: Path, spec: ExportSpec) -> AsyncIterator["QMPClient"]:
    from qemu.qmp import QMPClient, QMPError  # 70 ms of an agent's start, for what is rare.

    daemon = QMPClient(spec.export_name)
    try:
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            await daemon.connect(str(monitor))
            yield daemon
    except (QMPError, TimeoutError) as error:
        reason = str(error) or f"no answer in {ANSWER_DEADLINE_S:g} s"
        raise Transient(f"the storage daemon of {spec.volume_id} can't be changed by {monitor}: {reason}") from error
    finally:
        with suppress(QMPError, OSError, EOFError):  # Raised once more, where the daemon has ended.
            await daemon.disconnect()
