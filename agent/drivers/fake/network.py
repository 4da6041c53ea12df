"""Pretended VPC routers, taps and gateways."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping

from agent.drivers.base import Changed, Transient
from agent.drivers.fake.world import Verbs
from agent.model import Capacity, Counted, Dropped, GatewaySpec, Kind, PortSpec, PortState
from agent.vpc import VpcView


class FakeNetworkDriver(Verbs):
    kinds = (Kind.VPC,)

    async def probe(self) -> Capacity:
        return Capacity()

    async def list(self) -> frozenset[str]:
        return frozenset(self.world.vpcs)

    async def ensure(self, view: VpcView, changed: Changed = None) -> None:
        async with self.verb("network.ensure", view.vpc.id) as call:
            spec = view.spec
            if self.world.vpcs.get(spec.vpc_id) != spec:
                self.world.vpcs[spec.vpc_id] = spec
                self.world.changes.append(call)

    async def end_connections(self, vpc_id: str) -> None:
        """Nobody has any here."""

    async def remove(self, vpc_id: str) -> None:
        async with self.verb("network.remove", vpc_id) as call:
            spec = self.world.vpcs.get(vpc_id)
            for port in spec.ports if spec else ():
                if self.world.holder(port.interface_id):
                    self.world.violations.append(f"{vpc_id} removed under {port.instance_id}")
            if vpc_id in self.world.gateways:
                self.world.violations.append(f"{vpc_id} removed under its gateway")
            if self.world.vpcs.pop(vpc_id, None):
                self.world.changes.append(call)

    async def list_ports(self) -> Mapping[str, PortState]:
        return dict(self.world.ports)

    async def look_ports(self, interface_ids: Collection[str]) -> Mapping[str, PortState]:
        return {id: self.world.ports[id] for id in interface_ids if id in self.world.ports}

    async def count(self, interface_ids: Collection[str]) -> tuple[Counted, ...]:
        """Nothing passes here."""
        return ()

    async def drops(self, interface_ids: Collection[str], after: int, wait_s: float) -> tuple[int, tuple[Dropped, ...]]:
        """Nothing passes here, nor is it stopped."""
        await asyncio.sleep(wait_s)
        return after, ()

    def tap_name(self, interface_id: str) -> str:
        return "st" + hashlib.sha256(interface_id.encode()).hexdigest()[:13]

    async def create_tap(self, port: PortSpec) -> None:
        async with self.verb("network.create_tap", port.interface_id) as call:
            if port.interface_id not in self.world.ports:
                self.world.ports[port.interface_id] = PortState.CREATED
                self.world.changes.append(call)

    async def is_open(self, interface_id: str) -> bool:
        return self.world.holder(interface_id) is not None

    async def plug(self, port: PortSpec) -> None:
        async with self.verb("network.plug", port.interface_id) as call:
            world = self.world
            if not any(port in vpc.ports for vpc in world.vpcs.values()):
                raise Transient(f"{port.interface_id} has no rules yet")
            if port.interface_id not in world.ports:
                raise Transient(f"{port.interface_id} has no tap")
            if world.ports[port.interface_id] is not PortState.PLUGGED:
                world.ports[port.interface_id] = PortState.PLUGGED
                world.changes.append(call)

    async def unplug(self, interface_id: str) -> None:
        async with self.verb("network.unplug", interface_id) as call:
            holder = self.world.holder(interface_id)
            if holder and self.world.has_port(interface_id):  # Else it is taken by force.
                self.world.violations.append(f"{interface_id} unplugged under {holder}")
            if self.world.ports.pop(interface_id, None):
                self.world.changes.append(call)


class FakeGatewayDriver(Verbs):
    kinds = (Kind.GATEWAY,)

    async def probe(self) -> Capacity:
        return Capacity()

    async def list(self) -> frozenset[str]:
        return frozenset(self.world.gateways)

    async def ensure(self, spec: GatewaySpec, changed: Changed = None) -> None:
        async with self.verb("gateway.ensure", spec.vpc_id) as call:
            if spec.vpc_id not in self.world.vpcs:
                raise Transient(f"gateway of {spec.vpc_id}: the VPC is not on this host yet")
            if self.world.gateways.get(spec.vpc_id) != spec:
                self.world.gateways[spec.vpc_id] = spec
                self.world.changes.append(call)

    async def remove(self, vpc_id: str) -> None:
        async with self.verb("gateway.remove", vpc_id) as call:
            if self.world.gateways.pop(vpc_id, None):
                self.world.changes.append(call)
