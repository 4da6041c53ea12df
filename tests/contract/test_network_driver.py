"""What every network and every gateway driver must do, fake or real: see `agent/drivers/base.py`."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.drivers.base import Transient
from agent.model import PortState
from tests.contract import real_drivers
from tests.contract.drivers import GATEWAY, INTERFACE_IDS, PORT, VPC, on_fakes_and
from tests.contract.real_drivers import Maker
from tests.networks import view_of


@on_fakes_and(real_drivers.network, pytest.mark.host)
class TestNetwork:
    @pytest.fixture
    async def make(self, host: Maker) -> AsyncIterator[Maker]:
        yield host
        for interface_id in await host.network().list_ports():
            await host.network().unplug(interface_id)
        await host.network().remove(VPC.vpc_id)

    async def test_ensure_and_remove_may_be_repeated(self, make: Maker) -> None:
        for _ in range(2):
            await make.network().ensure(view_of(VPC))
        assert await make.network().list() == {VPC.vpc_id}
        for _ in range(2):
            await make.network().remove(VPC.vpc_id)
        assert await make.network().list() == frozenset()

    async def test_a_tap_is_made_and_deleted_any_number_of_times(self, make: Maker) -> None:
        for _ in range(2):
            await make.network().create_tap(PORT)
        assert await make.network().list_ports() == {PORT.interface_id: PortState.CREATED}
        assert await make.network().look_ports(INTERFACE_IDS) == {PORT.interface_id: PortState.CREATED}
        for _ in range(2):
            await make.network().unplug(PORT.interface_id)
        assert await make.network().list_ports() == {}
        assert await make.network().look_ports(INTERFACE_IDS) == {}

    async def test_a_tap_is_plugged_and_stays_so(self, make: Maker) -> None:
        await make.network().create_tap(PORT)
        network = make.network()
        await network.ensure(view_of(VPC))
        for _ in range(2):
            await network.plug(PORT)
        await make.network().create_tap(PORT)
        await make.network().ensure(view_of(VPC))
        for looking in (network, make.network()):
            assert await looking.list_ports() == {PORT.interface_id: PortState.PLUGGED}
            assert await looking.look_ports(INTERFACE_IDS) == {PORT.interface_id: PortState.PLUGGED}
            assert await looking.look_ports(INTERFACE_IDS[1:]) == {}
        await make.network().unplug(PORT.interface_id)
        assert await make.network().list_ports() == {}

    async def test_no_tap_is_plugged_before_its_rules_stand(self, make: Maker) -> None:
        await make.network().create_tap(PORT)
        with pytest.raises(Transient, match=PORT.interface_id):
            await make.network().plug(PORT)
        await make.network().ensure(view_of(replace(VPC, ports=())))
        with pytest.raises(Transient, match=PORT.interface_id):
            await make.network().plug(PORT)

    async def test_without_a_tap_nothing_is_plugged(self, make: Maker) -> None:
        await make.network().ensure(view_of(VPC))
        with pytest.raises(Transient, match=PORT.interface_id):
            await make.network().plug(PORT)

    async def test_probe(self, make: Maker) -> None:
        assert (await make.network().probe()).problems == ()

    def test_names(self, make: Maker) -> None:
        name = make.network().tap_name("eni-" + "0123456789abcdef0")
        assert len(name) <= 15
        assert name == make.network().tap_name("eni-" + "0123456789abcdef0")
        assert name != make.network().tap_name("eni-" + "0123456789abcdef1")


@on_fakes_and(real_drivers.network, pytest.mark.host)
class TestGateway:
    @pytest.fixture
    async def make(self, host: Maker) -> AsyncIterator[Maker]:
        yield host
        await host.gateway().remove(VPC.vpc_id)
        await host.network().remove(VPC.vpc_id)

    async def test_ensure_and_remove_may_be_repeated(self, make: Maker) -> None:
        await make.network().ensure(view_of(VPC))
        for mappings in (GATEWAY.mappings, GATEWAY.mappings, ()):
            await make.gateway().ensure(replace(GATEWAY, mappings=mappings))
        assert await make.gateway().list() == {VPC.vpc_id}
        for _ in range(2):
            await make.gateway().remove(VPC.vpc_id)
        assert await make.gateway().list() == frozenset()

    async def test_it_waits_for_its_vpc(self, make: Maker) -> None:
        with pytest.raises(Transient, match=VPC.vpc_id):
            await make.gateway().ensure(GATEWAY)

    async def test_probe(self, make: Maker) -> None:
        assert (await make.gateway().probe()).problems == ()
