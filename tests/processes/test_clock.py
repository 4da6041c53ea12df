"""Somebody sets a machine's clock by hours, forwards or back: nothing is lost by it, and no host comes or goes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.processes.programs import Clock, Daemon, Failed, Host
from tests.processes.region import Region, until

HOURS, SECOND = timedelta(hours=7), timedelta(seconds=1)
STEPS = pytest.mark.parametrize("step", [HOURS, -HOURS], ids=["forwards", "back"])


async def heartbeats(region: Region, count: int) -> set[str]:
    """The host's statuses that are seen while it is heard of so often."""
    seen: dict[float, str] = {}

    async def is_heard() -> bool:
        row = await region.host()
        seen[row.last_seen_time.ToNanoseconds()] = row.status
        return len(seen) > count

    await until(is_heard, "the host is heard of")
    return set(seen.values())


@pytest_asyncio.fixture
async def region(daemon: Daemon) -> AsyncIterator[Region]:
    async with daemon.channel() as channel:
        yield Region(daemon, channel)


@STEPS
async def test_of_the_control_plane(daemon: Daemon, region: Region, tmp_path: Path, step: timedelta) -> None:
    clock, host, late = Clock(tmp_path / "clock"), Host(tmp_path / "host"), Host(tmp_path / "late", 2)
    async with daemon.running(clock) as process:
        await region.import_image()
        await host.join(await region.token())
        token = await region.token()
        async with host.running():
            await region.wait_for_host()
            first, before = await region.run("first"), await region.host()
            clock.set(step)
            assert await heartbeats(region, 5) == {"connected"}
            moved = (await region.host()).status_since.ToDatetime() - before.status_since.ToDatetime()
            assert abs(moved - step) <= SECOND, "it is shown to be there for as long as before"
            second = await region.run("second")
            assert await region.run("first") == first, "the client token is remembered"
            records = (await region.ask("DescribeAuditRecords")).audit_records
            launched = [row.resource_ids[0] for row in records if row.operation == "RunInstances"]
            assert launched == [second, first], "the latest call is told first"
            if step > timedelta():
                with pytest.raises(Failed, match="expired at"):
                    await late.join(token)
                clock.set(timedelta())
            await late.join(token)
            clock.set(step)
            process.kill()
            await process.wait()
            async with daemon.running(clock):
                await region.wait_for_host()
                for instance_id in (first, second):
                    await region.wait_for_instance(instance_id)
                assert await region.run("second") == second
    assert daemon.log.read_text().count("the machine's clock was set") >= 1


@STEPS
async def test_of_a_host(daemon: Daemon, region: Region, tmp_path: Path, step: timedelta) -> None:
    clock, host = Clock(tmp_path / "clock"), Host(tmp_path / "host")
    async with daemon.running() as process:
        await region.import_image()
        await host.join(await region.token())
        async with host.running(clock):
            await region.wait_for_host()
            first = await region.run("first")
            clock.set(step)
            assert await heartbeats(region, 5) == {"connected"}
            second = await region.run("second")
            process.kill()
            await process.wait()
            async with daemon.running():  # With a certificate that is new by the true time.
                await region.wait_for_host()
                for instance_id in (first, second):
                    await region.wait_for_instance(instance_id)
                await region.run("third")
