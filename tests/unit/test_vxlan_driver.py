"""The network driver's own part, where nothing on the host is needed."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, patch

import pytest

from agent.drivers.base import HostContext, Transient
from agent.drivers.network_vxlan import router
from agent.drivers.network_vxlan.driver import VxlanNetworkDriver, forget
from agent.drivers.network_vxlan.places import Place
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import conntrack, namespaces
from agent.host.entries import MAIN_TABLE
from agent.model import PeeringSpec, RouteSpec, RouteTableSpec
from agent.objects import ObjectKind, ObjectRef
from tests.networks import view_of
from tests.unit.test_agent.host import PORT, VPC


async def test_a_host_that_encrypts_no_more_drops_the_device_when_no_vpc_can_use_it(tmp_path: Path) -> None:
    driver = VxlanNetworkDriver(
        VxlanSettings(), HostContext("host-1", "10.0.0.1", tmp_path, tmp_path, tmp_path, Mock())
    )
    driver._tunnel = tunnel = Mock()
    here = frozenset({"stead-vpc-1"})
    with patch.object(namespaces, "restore", return_value=[]), patch.object(namespaces, "names", return_value=here):
        assert await driver.list() == {"vpc-1"}
        assert not tunnel.abandon.called, "its VXLAN may still go by it"
        driver._known["vpc-1"] = vpc = Place()
        await driver.list()
        assert not tunnel.abandon.called
        vpc.view = Mock()
        await driver.list()
        tunnel.abandon.assert_called_once_with()


@pytest.mark.parametrize("is_whole", [True, False])
async def test_after_a_failure_no_port_brings_the_rules_of_before_back(tmp_path: Path, is_whole: bool) -> None:
    driver = VxlanNetworkDriver(
        VxlanSettings(), HostContext("host-1", "10.0.0.1", tmp_path, tmp_path, tmp_path, Mock())
    )
    view = view_of(VPC)
    driver._known["vpc-1"] = vpc = Place()
    vpc.view = view
    changed = None if is_whole else frozenset({ObjectRef(ObjectKind.ENDPOINT, "eni-2")})
    with (
        patch.multiple(
            driver,
            _mtu=Mock(),
            _carrier=Mock(return_value=("uplink", "10.0.0.1")),
            _underlay=Mock(admit=Mock(return_value=())),
        ),
        patch.multiple(namespaces, exists=Mock(return_value=True), ensure=Mock(return_value=False)),
        patch.object(namespaces, "call", side_effect=OSError("half-way")) as call,
        patch.object(router, "ensure_vxlan", return_value=False),
    ):
        with pytest.raises(Transient, match="half-way"):
            await driver.ensure(view, changed)
        call.reset_mock()
        with pytest.raises(Transient, match="ensure its VPC first"):
            await driver.plug(PORT)
        assert not call.called


@pytest.mark.parametrize(("gateway", "is_there"), [(2, True), (1, False), (0, False)])
def test_what_leads_out_by_another_host_is_in_the_tables_that_say_so(gateway: int, is_there: bool) -> None:
    """By a gateway on this host, its own driver leads."""
    tables = (RouteTableSpec(3, (RouteSpec("0.0.0.0/0", leads_out=True), RouteSpec("192.0.2.0/24", leads_out=False))),)
    spec = replace(VPC, host_number=1, gateway_host_number=gateway, route_tables=tables)
    ways = [route for route in router.forwarding(spec, ()).routes if route.table != MAIN_TABLE]
    assert {(route.destination, route.table) for route in ways if not route.device} == {("192.0.2.0/24", 1003)}
    out = {(route.destination, route.table) for route in ways if route.device}
    assert out == ({("0.0.0.0/0", 1000), ("0.0.0.0/0", 1003)} if is_there else set())
    assert all(route.destination != "0.0.0.0/0" for route in router.forwarding(spec, ()).routes - set(ways))


@pytest.mark.parametrize(("addresses", "asked"), [(["172.31.0.5"], ["stead-vpc-1", "stead-vpc-2"]), ([], [])])
def test_what_is_forgotten_is_forgotten_by_peers_that_are_here(addresses: list[str], asked: list[str]) -> None:
    peerings = (PeeringSpec("pcx-1", "vpc-2", "10.2.0.0/16"), PeeringSpec("pcx-2", "vpc-3", "10.3.0.0/16"))
    here = ("stead-vpc-1", "stead-vpc-2")
    with (
        patch.object(namespaces, "exists", side_effect=lambda name: name in here),
        patch.object(namespaces, "call") as call,
    ):
        forget(replace(VPC, peerings=peerings), addresses)
    assert [each.args for each in call.call_args_list] == [(name, conntrack.forget, addresses) for name in asked]
