"""The network driver's own part, where nothing on the host is needed."""

from pathlib import Path
from unittest.mock import Mock, patch

from agent.drivers.base import HostContext
from agent.drivers.network_vxlan.driver import Vpc, VxlanNetworkDriver
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import namespaces


async def test_a_host_that_encrypts_no_more_drops_the_device_when_no_vpc_can_use_it(tmp_path: Path) -> None:
    driver = VxlanNetworkDriver(
        VxlanSettings(), HostContext("host-1", "10.0.0.1", tmp_path, tmp_path, tmp_path, Mock())
    )
    driver._tunnel = tunnel = Mock()
    here = frozenset({"stead-vpc-1"})
    with patch.object(namespaces, "restore", return_value=[]), patch.object(namespaces, "names", return_value=here):
        assert await driver.list() == {"vpc-1"}
        assert not tunnel.abandon.called, "its VXLAN may still go by it"
        driver._vpcs["vpc-1"] = vpc = Vpc()
        await driver.list()
        assert not tunnel.abandon.called
        vpc.view = Mock()
        await driver.list()
        tunnel.abandon.assert_called_once_with()
