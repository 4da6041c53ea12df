"""Network interfaces that come and go under a running guest, because its spec says so."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import devices
from agent.converge.settings import EngineSettings
from agent.drivers.compute_libvirt import LibvirtComputeDriver
from agent.drivers.fake import FakeWorld
from agent.model import InstanceSpec, InterfaceSpec, PortState
from tests.contract.real_drivers import Taps
from tests.integration.compute_libvirt.guests import INSTANCE_ID, says
from tests.unit.test_agent.host import PORT, VPC, Host, until

NIC = InterfaceSpec("eni-1", "vpc-1", "02:00:00:00:00:01", "172.31.0.5")
SECOND = InterfaceSpec("eni-9", "vpc-1", "02:00:00:00:00:09", "172.31.0.9")
CARD = b"[1af4:1041]"  # A network card of virtio's, as the guest's kernel names it when it finds one.


@pytest.fixture
async def host(tmp_path: Path, driver: LibvirtComputeDriver) -> AsyncIterator[Host]:
    """An agent's engine with real guests and taps; the rest is pretended."""
    host = Host(tmp_path)
    network = Taps(host.drivers, host.context)
    host.make_drivers = lambda: replace(Host.make_drivers(host), compute=driver, network=network)  # type: ignore[method-assign]
    yield host
    await driver.remove(INSTANCE_ID)
    for interface_id in await network.list_ports():
        await network.unplug(interface_id)
    FakeWorld.forget(tmp_path)


async def test_an_interface_comes_and_goes_with_the_spec(
    host: Host, driver: LibvirtComputeDriver, spec: InstanceSpec
) -> None:
    one = replace(spec, interfaces=(NIC,))
    async with host.agent(EngineSettings(full_pass_s=2.0)):
        await _converge(host, driver, one)
        await says(driver, b"udhcpc: started")
        at_boot = (await driver.console_tail(INSTANCE_ID, 65536)).count(CARD)
        await _converge(host, driver, replace(spec, interfaces=(NIC, SECOND)))
        await says(driver, CARD, at_boot + 1)
        assert host.world.ports["eni-9"] is PortState.PLUGGED
        await _converge(host, driver, one)
        await until(lambda: set(host.world.ports) == {"eni-1"}, host.describe)
        await _converge(host, driver, replace(spec, interfaces=(NIC, SECOND)))
        await says(driver, CARD, at_boot + 2)


async def _converge(host: Host, driver: LibvirtComputeDriver, spec: InstanceSpec) -> None:
    def port(nic: InterfaceSpec) -> Any:
        return replace(PORT, interface_id=nic.interface_id, mac_address=nic.mac_address, private_ip=nic.private_ip)

    ports = tuple(replace(port(nic), instance_id=INSTANCE_ID) for nic in spec.interfaces)
    await host.want(replace(VPC, ports=ports), spec)
    await until(host.is_settled, host.describe, deadline_s=180.0)
    domain = await driver.look(INSTANCE_ID)
    assert domain is not None
    assert domain.devices == devices.digests(spec)
