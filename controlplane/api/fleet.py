"""Regions, zones, hosts and instance types."""

import base64
import json
import secrets
from collections.abc import Iterable

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.host import Host, HostRole, Pool
from controlplane.model.image import InstanceType
from controlplane.model.state import State
from controlplane.service import capacity, catalogue, describing, host_removal, hosts, orphans, projects, regions
from controlplane.sessions import Sessions
from stead.v1 import hosts_pb2, instance_types_pb2, regions_pb2
from stead.v1.hosts_pb2_grpc import HostsServicer
from stead.v1.instance_types_pb2_grpc import InstanceTypesServicer
from stead.v1.regions_pb2_grpc import RegionsServicer

JOIN_TOKEN_PREFIX = "stead-join-"  # noqa: S105 - not a secret


class Regions(RegionsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def DescribeRegions(
        self, request: regions_pb2.DescribeRegionsRequest, context: Context
    ) -> regions_pb2.DescribeRegionsResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: [describing.NamedPlace(call.policy.region)],
            lambda state: {"region-name": lambda row: row.id},
            lambda state, row, call: regions_pb2.Region(region_name=row.id),
        )
        return regions_pb2.DescribeRegionsResponse(regions=found, **page)

    async def DescribeAvailabilityZones(
        self, request: regions_pb2.DescribeAvailabilityZonesRequest, context: Context
    ) -> regions_pb2.DescribeAvailabilityZonesResponse:
        region = self._edge.policy.region

        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.zones(state, call, request.zone_names),
            lambda state: {
                "zone-name": lambda row: row.id,
                "region-name": lambda row: region,
                "state": lambda row: row.state,
            },
            lambda state, row, call: regions_pb2.AvailabilityZone(
                zone_name=row.id, region_name=region, state=row.state
            ),
        )
        return regions_pb2.DescribeAvailabilityZonesResponse(availability_zones=found, **page)


class Hosts(HostsServicer):
    """`endpoint` and `ca_pem` go into join tokens, so that a token is all that a machine needs."""

    def __init__(self, edge: Edge, endpoint: str, ca_pem: str) -> None:
        self._edge = edge
        self._endpoint = endpoint
        self._ca_pem = ca_pem

    async def CreateHostToken(
        self, request: hosts_pb2.CreateHostTokenRequest, context: Context
    ) -> hosts_pb2.CreateHostTokenResponse:
        secret = secrets.token_urlsafe(32)
        asked = convert.to_request(request, hosts.CreateHostToken, secret_hash=projects.hash_secret(secret))

        def reply(state: State, token_id: str) -> hosts_pb2.CreateHostTokenResponse:
            row = state.host_tokens.get(token_id)
            if row is None:
                return hosts_pb2.CreateHostTokenResponse(host_token_id=token_id)
            return hosts_pb2.CreateHostTokenResponse(
                host_token_id=row.id,
                token=self._join_token(secret, row.roles),
                expire_time=convert.timestamp(row.expires_at),
            )

        made, is_replay = await self._edge.mutate(request, hosts.create_token, asked, reply)
        if is_replay:
            made.token = ""
        return made

    def _join_token(self, secret: str, roles: Iterable[HostRole]) -> str:
        content = {
            "endpoint": self._endpoint,
            "ca": self._ca_pem,
            "secret": secret,
            "roles": [role.name.lower() for role in roles],
        }
        return JOIN_TOKEN_PREFIX + base64.urlsafe_b64encode(json.dumps(content).encode()).decode()

    async def DeclareHostLost(
        self, request: hosts_pb2.DeclareHostLostRequest, context: Context
    ) -> hosts_pb2.DeclareHostLostResponse:
        done, _ = await self._edge.mutate(
            request,
            host_removal.declare_lost,
            request.host_id,
            lambda state, _: hosts_pb2.DeclareHostLostResponse(),
        )
        return done

    async def RemoveHost(self, request: hosts_pb2.RemoveHostRequest, context: Context) -> hosts_pb2.RemoveHostResponse:
        asked = convert.to_request(request, host_removal.RemoveHost)
        done, _ = await self._edge.mutate(
            request,
            host_removal.remove,
            asked,
            lambda state, lost_ids: hosts_pb2.RemoveHostResponse(lost_ids=lost_ids),
        )
        return done

    async def DescribeOrphanVolumes(
        self, request: hosts_pb2.DescribeOrphanVolumesRequest, context: Context
    ) -> hosts_pb2.DescribeOrphanVolumesResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: orphans.select(state, call, request.host_ids),
            lambda state: {"volume-id": lambda row: row.volume_id},
            lambda state, row, call: to_orphan(row),
        )
        return hosts_pb2.DescribeOrphanVolumesResponse(volumes=found, **page)

    async def AdoptOrphanVolume(
        self, request: hosts_pb2.AdoptOrphanVolumeRequest, context: Context
    ) -> hosts_pb2.AdoptOrphanVolumeResponse:
        def reply(state: State, volume_id: str) -> hosts_pb2.AdoptOrphanVolumeResponse:
            row = state.volumes.get(volume_id)
            if row is None:
                return hosts_pb2.AdoptOrphanVolumeResponse(volume_id=volume_id)
            return hosts_pb2.AdoptOrphanVolumeResponse(volume_id=row.id, size_gib=row.size_gib, zone_name=row.zone)

        asked = convert.to_request(request, orphans.AdoptOrphan)
        done, _ = await self._edge.mutate(request, orphans.adopt, asked, reply)
        return done

    async def DeleteOrphanVolume(
        self, request: hosts_pb2.DeleteOrphanVolumeRequest, context: Context
    ) -> hosts_pb2.DeleteOrphanVolumeResponse:
        asked = convert.to_request(request, orphans.DeleteOrphan)
        done, _ = await self._edge.mutate(
            request, orphans.delete, asked, lambda state, _: hosts_pb2.DeleteOrphanVolumeResponse()
        )
        return done

    async def ReleaseHost(
        self, request: hosts_pb2.ReleaseHostRequest, context: Context
    ) -> hosts_pb2.ReleaseHostResponse:
        done, _ = await self._edge.mutate(
            request,
            hosts.release,
            request.host_id,
            lambda state, _: hosts_pb2.ReleaseHostResponse(),
        )
        return done

    async def DescribeHosts(
        self, request: hosts_pb2.DescribeHostsRequest, context: Context
    ) -> hosts_pb2.DescribeHostsResponse:
        sessions = self._edge.sessions

        def status(row: Host) -> str:
            return sessions.presence(row.id).status.value

        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.named(state.hosts, request.host_ids, call),
            lambda state: {**state.hosts.attributes, "status": status},
            lambda state, row, call: to_host(state, sessions, row),
        )
        return hosts_pb2.DescribeHostsResponse(hosts=found, **page)


class InstanceTypes(InstanceTypesServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def DescribeInstanceTypes(
        self, request: instance_types_pb2.DescribeInstanceTypesRequest, context: Context
    ) -> instance_types_pb2.DescribeInstanceTypesResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.sizes(state, request.instance_types),
            lambda state: {
                "instance-type": lambda size: size.row.id,
                "vcpus": lambda size: str(size.row.vcpus),
                "memory-mib": lambda size: str(size.row.memory_mib),
            },
            lambda state, size, call: to_instance_type(size.row),
        )
        return instance_types_pb2.DescribeInstanceTypesResponse(instance_types=found, **page)

    async def CreateInstanceType(
        self, request: instance_types_pb2.CreateInstanceTypeRequest, context: Context
    ) -> instance_types_pb2.CreateInstanceTypeResponse:
        asked = convert.to_request(request.instance_type, catalogue.CreateInstanceType)

        def reply(state: State, name: str) -> instance_types_pb2.CreateInstanceTypeResponse:
            row = state.instance_types.get(name)
            message = to_instance_type(row) if row else request.instance_type
            return instance_types_pb2.CreateInstanceTypeResponse(instance_type=message)

        made, _ = await self._edge.mutate(request, catalogue.create, asked, reply)
        return made

    async def DeleteInstanceType(
        self, request: instance_types_pb2.DeleteInstanceTypeRequest, context: Context
    ) -> instance_types_pb2.DeleteInstanceTypeResponse:
        done, _ = await self._edge.mutate(
            request,
            catalogue.delete,
            request.instance_type,
            lambda state, _: instance_types_pb2.DeleteInstanceTypeResponse(),
        )
        return done


def to_instance_type(row: InstanceType) -> instance_types_pb2.InstanceType:
    return instance_types_pb2.InstanceType(instance_type=row.id, vcpus=row.vcpus, memory_mib=row.memory_mib)


def to_orphan(row: orphans.Orphan) -> hosts_pb2.OrphanVolume:
    message = hosts_pb2.OrphanVolume(host_id=row.host_id, volume_id=row.volume_id)
    if row.file:
        message.size_bytes, message.deleted = row.file.size_bytes, row.file.deleted
        message.change_time.FromSeconds(row.file.changed_at)
    return message


def _pool(state: State, host: Host, pool: Pool) -> hosts_pb2.StoragePool:
    used_gib = pool.storage_gib - capacity.free_gib(state, host, pool)
    return hosts_pb2.StoragePool(name=pool.name, storage_gib=pool.storage_gib, storage_gib_used=used_gib)


def to_host(state: State, sessions: Sessions, row: Host) -> hosts_pb2.Host:
    known, used = sessions.presence(row.id), capacity.used(state, row.id)
    return hosts_pb2.Host(
        host_id=row.id,
        host_name=row.name,
        zone_name=row.zone,
        roles=[hosts_pb2.HostRole.Name(role) for role in row.roles],
        underlay_address=row.underlay_address,
        status=known.status.value,
        status_since=convert.timestamp(known.since),
        status_detail=known.cause,
        last_seen_time=convert.maybe(known.last_seen_at),
        vcpus=row.vcpus,
        vcpus_used=used.vcpus,
        memory_mib=row.memory_mib,
        memory_mib_used=used.memory_mib,
        storage_gib=row.storage_gib,
        storage_gib_used=used.storage_gib,
        pools=[_pool(state, row, pool) for pool in row.pools],
        join_time=convert.timestamp(row.created_at),
        agent_version=row.agent_version,
        problems=(*regions.doubts(row), *row.problems),
    )
