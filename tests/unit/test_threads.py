"""Calls that block, among them some that hang."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event
from unittest.mock import AsyncMock

import pytest

from agent.drivers.base import HostContext, Stuck, Transient
from agent.drivers.compute_libvirt import qemu_conf
from agent.drivers.compute_libvirt.driver import LibvirtComputeDriver
from agent.drivers.compute_libvirt.settings import Settings
from agent.drivers.network_vxlan import dhcp, forwarder
from agent.drivers.volume_nbd import NbdStorageDriver
from agent.drivers.volume_nbd.exports import Exports
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host import namespaces
from agent.host.services import Service, Services
from agent.host.threads import Threads

SOON_S = 0.05
NEVER_S = 60.0


class Disk:
    """Hangs until it is mended."""

    def __init__(self) -> None:
        self.mended = Event()
        self.reads: list[str] = []

    def read(self, name: str) -> str:
        self.reads.append(name)
        assert self.mended.wait(NEVER_S)
        return f"{name}'s data"


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    disk = Disk()
    yield disk
    disk.mended.set()


async def until_idle(threads: Threads) -> None:
    async with asyncio.timeout(30):
        while threads._calls:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_a_call_returns_or_raises_what_the_function_does() -> None:
    threads = Threads("disk", 1, NEVER_S)
    assert await threads.run("a", int, "ff", base=16) == 255
    with pytest.raises(ValueError, match="invalid literal"):
        await threads.run("a", int, "no number")
    with pytest.raises(TimeoutError, match="the function's own"):
        await threads.run("a", _raise, TimeoutError("the function's own"))


async def test_a_hung_call_is_told_of_and_its_key_stays_taken_until_it_comes_back(disk: Disk) -> None:
    threads = Threads("pool", 2, SOON_S)
    with pytest.raises(Stuck, match=r"stuck: pool has not answered within 0.05 s for vol-1"):
        await threads.run("vol-1", disk.read, "vol-1")
    for _ in range(3):
        with pytest.raises(Stuck):
            await threads.run("vol-1", disk.read, "vol-1")
    assert disk.reads == ["vol-1"], "the key's next call must not begin before the last has ended"
    assert await threads.run("vol-2", int, "2") == 2, "another key is not concerned"

    disk.mended.set()
    await until_idle(threads)
    assert await threads.run("vol-1", disk.read, "vol-1") == "vol-1's data"


async def test_calls_for_one_key_follow_one_another(disk: Disk) -> None:
    threads = Threads("pool", 4, NEVER_S)
    calls = [asyncio.create_task(threads.run("vol-1", disk.read, "vol-1")) for _ in range(3)]
    await asyncio.sleep(SOON_S)
    assert disk.reads == ["vol-1"]
    disk.mended.set()
    assert await asyncio.gather(*calls) == ["vol-1's data"] * 3


async def test_without_a_free_thread_a_call_is_refused_and_never_begins(disk: Disk) -> None:
    threads = Threads("pool", 2, SOON_S)
    hung = [asyncio.create_task(threads.run(key, disk.read, key)) for key in ("a", "b")]
    await asyncio.sleep(0)
    with pytest.raises(Stuck, match="for a"):
        await threads.run("c", disk.read, "c")
    assert {type(error) for error in await asyncio.gather(*hung, return_exceptions=True)} == {Stuck}
    disk.mended.set()
    await until_idle(threads)
    assert sorted(disk.reads) == ["a", "b"]


async def test_calls_begin_in_the_order_in_which_they_came_without_those_who_left(disk: Disk) -> None:
    threads = Threads("pool", 1, NEVER_S)
    calls = [asyncio.create_task(threads.run(str(n), disk.read, str(n))) for n in range(6)]
    await asyncio.sleep(SOON_S)
    calls[2].cancel()
    await asyncio.wait([calls[2]])
    disk.mended.set()
    calls[3].cancel()  # As its turn comes, or before.
    await asyncio.gather(*calls, return_exceptions=True)
    assert disk.reads == ["0", "1", "4", "5"]
    assert await asyncio.gather(*(threads.run(str(n), int, str(n)) for n in range(4))) == [0, 1, 2, 3]


async def test_who_is_called_up_and_leaves_gives_his_place_back() -> None:
    threads = Threads("pool", 1, NEVER_S)
    places = threads._places
    await places.take()
    turn = asyncio.create_task(places.take())
    await asyncio.sleep(0)
    places.give_back()
    turn.cancel()
    await asyncio.wait([turn])
    assert await threads.run("a", int, "1") == 1


async def test_other_threads_are_not_delayed(disk: Disk) -> None:
    pool, ledger = Threads("pool", 16, NEVER_S), Threads("ledger", 1, 1.0)
    hung = [asyncio.create_task(pool.run(str(n), disk.read, str(n))) for n in range(40)]
    await asyncio.sleep(SOON_S)
    assert len(disk.reads) == 16
    assert await ledger.run("write", int, "1") == 1
    disk.mended.set()
    await asyncio.gather(*hung)


async def test_a_call_outlives_a_cancelled_caller(disk: Disk) -> None:
    threads = Threads("pool", 1, NEVER_S)
    call = asyncio.create_task(threads.run("vol-1", disk.read, "vol-1"))
    await asyncio.sleep(SOON_S)
    call.cancel()
    await asyncio.wait([call])
    assert call.cancelled()
    next_call = asyncio.create_task(threads.run("vol-1", disk.read, "next"))
    await asyncio.sleep(SOON_S)
    assert disk.reads == ["vol-1"]
    disk.mended.set()
    assert await next_call == "next's data"


def test_a_hung_call_keeps_no_process_from_ending() -> None:
    program = (
        "import asyncio, threading\n"
        "from agent.host.threads import Stuck, Threads\n"
        "async def main():\n"
        "    try: await Threads('pool', 1, 0.05).run('a', threading.Event().wait)\n"
        "    except Stuck: print('stuck')\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "stuck\n"


def test_stuck_may_be_tried_again() -> None:
    assert issubclass(Stuck, Transient)


def _raise(error: Exception) -> None:
    raise error


async def test_no_driver_looks_for_files_or_enters_a_namespace_in_the_loops_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object, **__: object) -> list[str]:
        assert threading.current_thread() is not threading.main_thread()
        raise OSError("elsewhere")

    monkeypatch.setattr(Exports, "_problems", look)
    monkeypatch.setattr(qemu_conf, "problems", look)
    monkeypatch.setattr(namespaces, "call", look)
    monkeypatch.setattr(Service, "adopt", AsyncMock(return_value=None))
    context = HostContext("host-1", "10.0.0.1", tmp_path, tmp_path, tmp_path, AsyncMock())
    for asked in (
        NbdStorageDriver(NbdSettings(), context).probe(),
        LibvirtComputeDriver(Settings(), context).probe(),
        dhcp._ensure_program(dhcp.forwarder_of("vpc-1", tmp_path), forwarder.listen, Services()),
    ):
        with pytest.raises(OSError, match="elsewhere"):
            await asked
