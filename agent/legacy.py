"""The contract before `stead.agent.v1`, in which each resource came whole: what came by it, as objects. Pure.

A control plane that is one version older speaks it, and the ledger of an agent that is one version older has it. It
names no host but for this one: others are called after their underlay addresses here.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest

from agent import objects
from agent.model import ExportSpec, GatewaySpec, InstanceSpec, Spec, VolumeSpec, VpcSpec, parse_export_name
from agent.objects import Object, ObjectRef, ref_of

REGION = "region"

Scopes = dict[str, dict[ObjectRef, Object]]


def scopes(specs: Iterable[Spec], host_id: str, underlay_address: str) -> Scopes:
    """Everything in these resources, which are all that this host has, by scope."""
    told = _Told(specs, host_id, underlay_address)
    found: Scopes = {REGION: {}, host_id: {}}
    for scope, value in told.by_scope():
        found.setdefault(scope, {})[ref_of(value)] = value
    return found


class _Told:
    """All resources of a host."""

    def __init__(self, specs: Iterable[Spec], host_id: str, underlay_address: str) -> None:
        specs = tuple(specs)
        self._host_id = host_id
        self._own_address = underlay_address
        self._volumes = [spec for spec in specs if isinstance(spec, VolumeSpec)]
        self._exports = [spec for spec in specs if isinstance(spec, ExportSpec)]
        self._vpcs = [spec for spec in specs if isinstance(spec, VpcSpec)]
        self._gateways = {spec.vpc_id: spec for spec in specs if isinstance(spec, GatewaySpec)}
        self._instances = [spec for spec in specs if isinstance(spec, InstanceSpec)]

    def by_scope(self) -> Iterator[tuple[str, Object]]:
        """With their scopes. Of two of one name, the later has all that the earlier says."""
        yield from ((REGION, host) for host in self._hosts())
        for spec in self._instances:
            yield from self._around(spec)
        for vpc in self._vpcs:
            yield from ((vpc.vpc_id, value) for value in self._network(vpc))
        values: tuple[Object, ...] = (
            *map(_volume, self._volumes),
            *map(_instance, self._instances),
            *self._attachments(),
        )
        yield from ((self._host_id, value) for value in values)

    def _id_of(self, address: str) -> str:
        return self._host_id if address == self._own_address else f"host-at-{address}"

    def _hosts(self) -> Iterator[objects.Host]:
        """Numbers and keys are known of this host and its peers."""
        addresses = {address for gateway in self._gateways.values() for address in gateway.host_addresses}
        addresses |= {disk.address for spec in self._instances for disk in spec.disks}
        for address in sorted(addresses):
            yield objects.Host(self._id_of(address), 0, address)
        for peer in (peer for vpc in self._vpcs for peer in vpc.peers):
            yield objects.Host(
                self._id_of(peer.underlay_address), peer.host_number, peer.underlay_address, peer.wireguard_key
            )
        for vpc in self._vpcs[:1]:
            yield objects.Host(self._host_id, vpc.host_number, self._own_address)

    def _attachments(self) -> Iterator[objects.Attachment]:
        """Those of exports first: of one that an instance of this host has, the instance knows more."""
        for spec in self._exports:
            yield objects.Attachment(
                id=spec.export_name,
                volume_id=spec.volume_id,
                instance_id="",
                epoch=spec.epoch,
                storage_host_id=self._host_id,
                client_host_id=next(iter(spec.client_host_ids), ""),
                port=spec.port,
                device_name="",
                attached=False,
            )
        for instance, disk in ((spec, disk) for spec in self._instances for disk in spec.disks):
            yield objects.Attachment(
                id=disk.export_name,
                volume_id=disk.volume_id,
                instance_id=instance.instance_id,
                epoch=parse_export_name(disk.export_name)[1],
                storage_host_id=self._id_of(disk.address),
                client_host_id=self._host_id,
                port=disk.port,
                device_name=disk.device_name,
                attached=True,
            )

    def _around(self, spec: InstanceSpec) -> Iterator[tuple[str, Object]]:
        """What an instance tells of its VPCs."""
        for index, nic in enumerate(spec.interfaces):
            subnet_id = spec.metadata.subnet_id if index == 0 else ""
            yield (
                nic.vpc_id,
                objects.Endpoint(
                    nic.interface_id,
                    nic.vpc_id,
                    subnet_id,
                    self._host_id,
                    spec.instance_id,
                    index,
                    nic.mac_address,
                    nic.private_ip,
                    (),
                ),
            )
        for nic in spec.interfaces[:1]:
            if spec.metadata.public_ip:
                yield nic.vpc_id, _address(nic.vpc_id, nic.interface_id, spec.metadata.public_ip)

    def _network(self, vpc: VpcSpec) -> Iterator[Object]:
        yield objects.Vpc(vpc.vpc_id, vpc.vni, vpc.cidr_block, vpc.domain)
        for subnet in vpc.subnets:
            yield objects.Subnet(subnet.subnet_id, vpc.vpc_id, subnet.cidr_block)
        names = self._group_names(vpc)
        for group in vpc.groups:
            name = names.get(group.group_id, "")
            yield objects.SecurityGroup(group.group_id, vpc.vpc_id, name, group.rules, group.drop_revision)
        endpoints = (*self._local(vpc), *self._remote(vpc))
        yield from endpoints
        yield from self._gateway(vpc)
        owners = {endpoint.private_ip: endpoint.id for endpoint in endpoints}
        gateway = self._gateways.get(vpc.vpc_id)
        for mapping in gateway.mappings if gateway else ():
            if mapping.private_ip in owners:
                yield _address(vpc.vpc_id, owners[mapping.private_ip], mapping.public_ip)

    def _local(self, vpc: VpcSpec) -> Iterator[objects.Endpoint]:
        indexes = {nic.interface_id: index for spec in self._instances for index, nic in enumerate(spec.interfaces)}
        for port in vpc.ports:
            yield objects.Endpoint(
                port.interface_id,
                vpc.vpc_id,
                port.subnet_id,
                self._host_id,
                port.instance_id,
                indexes.get(port.interface_id, 0),
                port.mac_address,
                port.private_ip,
                port.group_ids,
            )

    def _remote(self, vpc: VpcSpec) -> Iterator[objects.Endpoint]:
        """Of their groups, those are known that a rule names. Earlier versions still did not tell their ids."""
        group_ids: dict[str, tuple[str, ...]] = {}
        for members in vpc.group_members:
            for ip in members.private_ips:
                group_ids[ip] = (*group_ids.get(ip, ()), members.group_id)
        for peer in vpc.peers:
            host_id = self._id_of(peer.underlay_address)
            for ip, id in zip_longest(peer.private_ips, peer.interface_ids, fillvalue=""):
                yield objects.Endpoint(
                    id or f"eni-at-{ip}", vpc.vpc_id, "", host_id, "", 0, "", ip, group_ids.get(ip, ())
                )

    def _gateway(self, vpc: VpcSpec) -> Iterator[objects.InternetGateway]:
        here = self._gateways.get(vpc.vpc_id)
        hosts = {peer.host_number: self._id_of(peer.underlay_address) for peer in vpc.peers}
        host_id = self._host_id if here else hosts.get(vpc.gateway_host_number, "")
        if host_id:
            yield objects.InternetGateway(f"igw-of-{vpc.vpc_id}", vpc.vpc_id, host_id, here.epoch if here else 0)

    def _group_names(self, vpc: VpcSpec) -> Mapping[str, str]:
        """Instances know them, in the order of their interfaces' groups."""
        told = {spec.instance_id: spec.metadata.security_groups for spec in self._instances}
        return {
            group_id: name
            for port in vpc.ports
            for group_id, name in zip(port.group_ids, told.get(port.instance_id, ()), strict=False)
        }


def _address(vpc_id: str, endpoint_id: str, public_ip: str) -> objects.Address:
    return objects.Address(f"eipalloc-of-{public_ip}", vpc_id, endpoint_id, public_ip)


def _volume(spec: VolumeSpec) -> objects.Volume:
    return objects.Volume(spec.volume_id, spec.size_bytes, spec.image, spec.is_ready, spec.deleted)


def _instance(spec: InstanceSpec) -> objects.Instance:
    told = spec.metadata
    return objects.Instance(
        id=spec.instance_id,
        generation=spec.generation,
        power_on=spec.power_on,
        reboot_count=spec.reboot_count,
        stop_timeout_s=spec.stop_timeout_s,
        vcpus=spec.vcpus,
        memory_mib=spec.memory_mib,
        image_id=told.image_id,
        instance_type=told.instance_type,
        zone_name=told.zone_name,
        region_name=told.region_name,
        key_name=told.key_name,
        public_key=told.public_key,
        user_data=told.user_data,
        reservation_id=told.reservation_id,
        launch_index=told.launch_index,
    )
