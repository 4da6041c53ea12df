"""Hosts: joining once, the agents' endpoint and who may enter it, the session, and silence in the store."""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controlplane import ca
from controlplane.api import agents
from controlplane.gate.limits import Pace
from controlplane.model.instance import ObservedKind
from controlplane.reconcile.concern import ORPHANS_PER_HOST
from controlplane.service import regions
from controlplane.sessions import sealed_text
from stead.v1 import agent_pb2 as pb
from tests.contract.control_plane import AGENT_RPCS, RPCS, ControlPlane, Refused, refused, until
from tests.unit.region import NAME


@dataclass(frozen=True)
class Request:
    """A key, and a certificate request that it signed."""

    key: bytes
    csr: bytes


def certificate_request() -> Request:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Request(pem, csr.public_bytes(Encoding.PEM))


class Machine:
    """One that joins. `control`, `client` and `server` are its keys with their certificates, once it has."""

    def __init__(self, address: str = "10.0.0.1") -> None:
        self.requests = certificate_request(), certificate_request(), certificate_request()
        self.address = address
        self.host_id = ""
        self.control = self.client = self.server = ca.Credentials(b"", b"")

    def join_request(self, secret: str) -> pb.JoinRequest:
        control, client, server = self.requests
        return pb.JoinRequest(
            secret=secret,
            control_csr=control.csr,
            data_client_csr=client.csr,
            data_server_csr=server.csr,
            host_name="metal",
            underlay_address=self.address,
        )

    async def join(self, cloud: ControlPlane, secret: str) -> pb.JoinResponse:
        reply: pb.JoinResponse = await cloud.call("Join", self.join_request(secret), secret="")
        control, client, server = self.requests
        self.host_id = reply.host_id
        self.control = ca.Credentials(reply.certificates.control_certificate, control.key)
        self.client = ca.Credentials(reply.certificates.data_client_certificate, client.key)
        self.server = ca.Credentials(reply.certificates.data_server_certificate, server.key)
        return reply


async def join_secret(cloud: ControlPlane, **fields: Any) -> str:
    reply = await cloud.ask("CreateHostToken", **{"zone_name": "home-1a", "roles": [1, 2, 3], **fields})
    content = json.loads(base64.urlsafe_b64decode(reply.token.removeprefix("stead-join-")))
    assert content["endpoint"] == cloud.endpoints.listen
    assert content["ca"].encode() == cloud.authority.certificate
    return str(content["secret"])


async def joined(cloud: ControlPlane) -> Machine:
    machine = Machine(f"10.0.0.{len(cloud.engine.state.hosts) + 1}")
    await machine.join(cloud, await join_secret(cloud))
    return machine


def agent_channel(cloud: ControlPlane, credentials: ca.Credentials | None) -> grpc.aio.Channel:
    own = (credentials.key, credentials.certificate) if credentials else (None, None)
    tls = grpc.ssl_channel_credentials(cloud.authority.certificate, *own)
    return cloud.channel(cloud.endpoints.agents_listen, tls)


async def test_a_machine_joins_with_a_token(cloud: ControlPlane) -> None:
    machine = Machine()
    reply = await machine.join(cloud, await join_secret(cloud))
    assert ca.host_of(machine.control.certificate) == machine.host_id == reply.host_id
    for certificate in (machine.client.certificate, machine.server.certificate):
        assert ca.host_of(certificate) is None
        issuer = x509.load_pem_x509_certificate(certificate).issuer
        assert issuer == x509.load_pem_x509_certificate(cloud.data_authority.certificate).subject
    assert reply.certificates.data_ca_certificate == cloud.data_authority.certificate
    assert reply.agent_endpoint == cloud.endpoints.agents_listen
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert (host.host_id, host.host_name, list(host.roles)) == (machine.host_id, "metal", [1, 2, 3])


async def test_a_join_is_on_record_once(cloud: ControlPlane) -> None:
    secret, machine = await join_secret(cloud), Machine()
    (token,) = cloud.engine.state.host_tokens
    for _ in range(2):
        await machine.join(cloud, secret)
    latest, earlier = (await cloud.ask("DescribeAuditRecords")).audit_records[:2]
    assert (latest.operation, latest.token_id, latest.request_id[:4]) == ("Join", token.id, "req-")
    assert list(latest.resource_ids[:2]) == [machine.host_id, token.id]
    assert earlier.operation == "CreateHostToken"


async def test_the_same_request_may_be_repeated_and_no_other(cloud: ControlPlane) -> None:
    secret, machine = await join_secret(cloud), Machine()
    first, revision = await machine.join(cloud, secret), cloud.revision
    assert (await machine.join(cloud, secret)).host_id == first.host_id
    with pytest.raises(Refused, match="was used already") as caught:
        await Machine("10.0.0.2").join(cloud, secret)
    assert (caught.value.code, caught.value.status) == ("InvalidHostToken", grpc.StatusCode.PERMISSION_DENIED)
    assert cloud.revision == revision


async def test_two_machines_with_one_token_at_once_are_one_host(cloud: ControlPlane) -> None:
    secret = await join_secret(cloud)
    machines = [Machine(f"10.0.0.{n}") for n in range(1, 6)]
    results = await asyncio.gather(*(machine.join(cloud, secret) for machine in machines), return_exceptions=True)
    assert sum(isinstance(result, Refused) for result in results) == 4
    assert len(cloud.engine.state.hosts) == 1


async def test_expired_foreign_and_user_tokens_are_refused(cloud: ControlPlane) -> None:
    secret = await join_secret(cloud, lifetime_s=60)
    cloud.pass_time(timedelta(seconds=61))
    for wrong, reason in ((secret, "expired"), ("foreign", "no such"), (max(cloud.secrets.values()), "no such")):
        with pytest.raises(Refused, match=f"InvalidHostToken: .*{reason}"):
            await Machine().join(cloud, wrong)
    assert not len(cloud.engine.state.hosts)


async def test_a_bad_certificate_request_uses_no_token_up(cloud: ControlPlane) -> None:
    secret, machine = await join_secret(cloud), Machine()
    for changes in (
        {"control_csr": b"x"},
        {"data_client_csr": b""},
        {"data_server_csr": b""},
        {"underlay_address": "metal"},
    ):
        request = machine.join_request(secret)
        for name, value in changes.items():
            setattr(request, name, value)
        with pytest.raises(Refused, match="InvalidParameterValue"):
            await cloud.call("Join", request, secret="")
    await machine.join(cloud, secret)


async def refused_at_the_door(cloud: ControlPlane, credentials: ca.Credentials | None) -> bool:
    """The TLS handshake fails: nothing of a call gets through."""
    rpc = AGENT_RPCS["RenewCertificates"]
    with pytest.raises(Refused) as caught:
        await cloud.call(rpc.name, rpc.request(), channel=agent_channel(cloud, credentials))
    assert caught.value.detail is None
    return caught.value.status is grpc.StatusCode.UNAVAILABLE


async def test_the_agents_endpoint_wants_a_certificate_of_our_authority(cloud: ControlPlane) -> None:
    foreign, request = ca.create("elsewhere-1", cloud.clock()), certificate_request()
    machine = await joined(cloud)
    forged = ca.sign_control(foreign, request.csr, machine.host_id, cloud.clock())
    assert await refused_at_the_door(cloud, None)
    assert await refused_at_the_door(cloud, ca.Credentials(forged, request.key))
    expired = ca.sign_control(
        cloud.authority, request.csr, machine.host_id, cloud.clock() - timedelta(days=30), timedelta(days=1)
    )
    assert await refused_at_the_door(cloud, ca.Credentials(expired, request.key))


async def test_other_certificates_of_our_authority_do_not_speak_for_a_host(cloud: ControlPlane) -> None:
    machine, request = await joined(cloud), certificate_request()
    unknown = ca.sign_control(cloud.authority, request.csr, "host-" + "0" * 17, cloud.clock())
    channel = agent_channel(cloud, ca.Credentials(unknown, request.key))
    for name in ("RenewCertificates", "FetchImage", "Session"):
        with pytest.raises(Refused) as caught:
            await cloud.call(name, channel=channel)
        assert (caught.value.code, caught.value.status) == ("AuthFailure", grpc.StatusCode.UNAUTHENTICATED)
        assert "is no host of this region" in str(caught.value)
        assert "join it anew" in str(caught.value)
    for credentials in (machine.client, machine.server):
        assert await refused_at_the_door(cloud, credentials)


async def test_the_users_api_is_not_served_to_agents_nor_the_other_way_round(cloud: ControlPlane) -> None:
    channel = agent_channel(cloud, (await joined(cloud)).control)
    with pytest.raises(Refused) as caught:
        await cloud.call("DescribeRegions", channel=channel)
    assert caught.value.status is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(Refused) as caught:
        await cloud.call("RenewCertificates")
    assert caught.value.status is grpc.StatusCode.UNIMPLEMENTED


async def test_certificates_are_renewed_for_the_host_that_asks(cloud: ControlPlane) -> None:
    machine, request = await joined(cloud), certificate_request()
    channel = agent_channel(cloud, machine.control)
    asked = pb.RenewCertificatesRequest(control_csr=request.csr)
    reply = (await cloud.call("RenewCertificates", asked, channel=channel)).certificates
    assert (ca.host_of(reply.control_certificate), reply.data_client_certificate) == (machine.host_id, b"")
    assert reply.ca_certificate == cloud.authority.certificate
    with pytest.raises(Refused, match="InvalidParameterValue"):
        await cloud.call("RenewCertificates", pb.RenewCertificatesRequest(control_csr=b"x"), channel=channel)


async def test_a_host_that_has_no_certificates_for_data_yet_is_given_them(cloud: ControlPlane) -> None:
    """It joined before the authority for data was there."""
    machine, requests = await joined(cloud), [certificate_request() for _ in range(3)]
    control, client, server = (request.csr for request in requests)
    asked = pb.RenewCertificatesRequest(control_csr=control, data_client_csr=client, data_server_csr=server)
    channel = agent_channel(cloud, machine.control)
    reply = (await cloud.call("RenewCertificates", asked, channel=channel)).certificates
    names = x509.load_pem_x509_certificate(reply.data_server_certificate).extensions
    shown = names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.IPAddress)
    assert [str(address) for address in shown] == [machine.address]
    assert reply.data_ca_certificate == cloud.data_authority.certificate


async def test_no_user_trusts_the_server_that_a_join_token_buys(cloud: ControlPlane, tmp_path: Path) -> None:
    """A machine joins with the control plane's own address, and waits there for somebody who has the region's CA."""
    machine = Machine("127.0.0.1")
    await machine.join(cloud, await join_secret(cloud))
    assert await greeted(tmp_path, machine.server, trusting=cloud.data_authority), "what hosts alone trust"
    assert not await greeted(tmp_path, machine.server, trusting=cloud.authority)
    assert not await greeted(tmp_path, machine.control, trusting=cloud.authority)
    assert await greeted(tmp_path, cloud.endpoints.certificate.current(), trusting=cloud.authority)


async def greeted(directory: Path, credentials: ca.Credentials, trusting: ca.Credentials) -> bool:
    """Whether a client that trusts an authority shakes hands with a server at 127.0.0.1 that has these credentials."""
    (directory / "pair.pem").write_bytes(credentials.key + credentials.certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "pair.pem")
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            trust = ssl.create_default_context(cadata=trusting.certificate.decode())
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return True


async def test_the_servers_certificate_is_renewed_while_it_serves(cloud: ControlPlane) -> None:
    ports = [int(endpoint.rpartition(":")[2]) for endpoint in (cloud.endpoints.listen, cloud.endpoints.agents_listen)]
    first = [await shown(port) for port in ports]
    cloud.pass_time(timedelta(days=200))
    assert [await shown(port) for port in ports] == first, "not before a third of its life is left"
    cloud.pass_time(timedelta(days=100))
    second = [await shown(port) for port in ports]
    assert not set(first) & set(second)
    assert [await shown(port) for port in ports] == second, "once"
    assert await refused_at_the_door(cloud, None), "as before"


async def shown(port: int) -> str:
    """The certificate with which a server answers."""
    return await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))


class Stream:
    """An agent's session."""

    def __init__(self, cloud: ControlPlane, machine: Machine) -> None:
        rpc = AGENT_RPCS["Session"]
        self._queue: asyncio.Queue[pb.AgentMessage | None] = asyncio.Queue()
        method = agent_channel(cloud, machine.control).stream_stream(
            rpc.path, rpc.request.SerializeToString, rpc.response.FromString
        )
        self.call: Any = method(self._messages())
        self.capacity = pb.Capacity(vcpus=64, memory_mib=1 << 16, storage_gib=100)

    async def _messages(self) -> AsyncIterator[pb.AgentMessage]:
        while message := await self._queue.get():
            yield message

    def send(self, **body: Any) -> None:
        self._queue.put_nowait(pb.AgentMessage(**body))

    def hello(self, **word: Any) -> None:
        told: dict[str, Any] = {
            "agent_version": "1.0",
            "boot_id": "b",
            "capacity": self.capacity,
            "roles": ["HOST_ROLE_COMPUTE"],
            "contract_version": 1,
        }
        self.send(hello=pb.Hello(**{**told, **word}))

    def heartbeat(self, **capacity: Any) -> None:
        self.send(heartbeat=pb.Heartbeat(capacity=pb.Capacity(**capacity) if capacity else self.capacity))

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            return await self.call.read()


async def connected(cloud: ControlPlane) -> tuple[Machine, Stream]:
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello()
    assert (await stream.next()).update.snapshot
    await until(lambda: cloud.engine.state.hosts[machine.host_id].vcpus == 64)
    await cloud.engine.drain()
    return machine, stream


async def test_a_session_brings_a_snapshot_then_changes_and_takes_reports(cloud: ControlPlane) -> None:
    _, stream = await connected(cloud)
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    kinds: set[str] = set()
    while "instance" not in kinds:
        update = (await stream.next()).update
        assert not update.snapshot
        kinds |= {row.WhichOneof("spec") for row in update.put}
    assert kinds == {"volume", "export", "vpc", "gateway", "instance"}
    ref = pb.ResourceRef(kind=pb.RESOURCE_KIND_INSTANCE, id=made.instance_id)
    running = pb.ObservedInstance(running=True, generation=1, has_run=True)
    observed = [pb.Observed(ref=ref, converged=True, instance=running)]
    stream.send(report=pb.Report(revision=update.revision, observed=observed))
    instances = cloud.engine.state.instances
    await until(lambda: instances[made.instance_id].ran_generation == 1)
    (shown,) = (await cloud.ask("DescribeInstances")).instances
    assert (shown.state.name, shown.status) == ("running", "ok")


def sealed(cloud: ControlPlane, host_id: str, revision: int, incarnation: str) -> dict[str, Any]:
    """What a host says that was sent this by a control plane with our keys."""
    seal = ca.seal(cloud.authority, sealed_text(NAME, incarnation, revision, host_id))
    return {"region": NAME, "incarnation": incarnation, "revision": revision, "seal": seal}


async def test_a_host_that_knows_more_is_released_from_nothing(cloud: ControlPlane) -> None:
    """Its release may be in the backup that the database was restored from."""
    machine, other = await joined(cloud), await joined(cloud)
    await cloud.ask("ReleaseHost", host_id=machine.host_id)
    known = regions.incarnation(cloud.engine.state, NAME)
    updates = []
    for host_id, stream in ((one.host_id, Stream(cloud, one)) for one in (machine, other)):
        stream.hello(**sealed(cloud, host_id, cloud.revision + 100, known))
        updates.append((await stream.next()).update)
    assert {(update.snapshot, update.released) for update in updates} == {(True, False)}
    assert len({update.incarnation for update in updates}) == 1
    assert updates[0].incarnation not in ("", known)


LIES: list[dict[str, Any]] = [{"seal": b""}, {"seal": b"x" * 32}, {"revision": 1 << 62}, {"by": "another host"}]


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_a_host_that_lies_of_a_later_revision_makes_no_other_hold(
    cloud: ControlPlane, lie: dict[str, Any]
) -> None:
    """A seal says which host was sent what: neither one's own nor another's proves more."""
    liar, (other, listening) = await joined(cloud), await connected(cloud)
    known, lie = regions.incarnation(cloud.engine.state, NAME), dict(lie)
    sealed_for = other.host_id if lie.pop("by", "") else liar.host_id
    stream = Stream(cloud, liar)
    stream.hello(**{**sealed(cloud, sealed_for, cloud.revision + 100, known), **lie})
    update = (await stream.next()).update
    assert (update.released, update.incarnation not in ("", known)) == (False, True), "it holds, should it be honest"
    assert regions.incarnation(cloud.engine.state, NAME) == known
    shown = {row.host_id: list(row.problems) for row in (await cloud.ask("DescribeHosts")).hosts}
    assert "has no valid seal" in shown[liar.host_id][0]
    assert shown[other.host_id] == []
    await cloud.ask("ReleaseHost", host_id=liar.host_id)
    released = (await stream.next()).update
    assert (released.snapshot, released.released, released.incarnation) == (True, True, update.incarnation)
    listening.call.cancel()
    listening = Stream(cloud, other)
    listening.hello()
    assert (await listening.next()).update.incarnation == known


async def test_what_is_sent_is_sealed(cloud: ControlPlane) -> None:
    """What an agent shows of it after the database was put back proves it to a process that never sent it."""
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello()
    update = (await stream.next()).update
    told = machine.host_id, update.region, update.incarnation, update.revision
    assert cloud.sessions.is_sealed(*told, update.seal)
    host_id, region, incarnation, revision = told
    others_told: list[tuple[str, str, str, int]] = [
        ("host-2", region, incarnation, revision),
        (host_id, "home-2", incarnation, revision),
        (host_id, region, "inc-2", revision),
        (host_id, region, incarnation, revision + 1),
    ]
    for others in others_told:
        assert not cloud.sessions.is_sealed(*others, update.seal)


async def test_a_host_that_lies_later_makes_nobody_hold(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    known = regions.incarnation(cloud.engine.state, NAME)
    stream = Stream(cloud, machine)
    stream.hello(region=NAME, incarnation=known, revision=1 << 62)
    assert (await stream.next()).update.incarnation == known


async def test_an_agent_that_is_too_old_is_refused_and_shown(cloud: ControlPlane) -> None:
    """It would take a deleted volume for one that shall be, and report that all is well."""
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello(contract_version=0, agent_version="0.0.9")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.next()
    error = refused(caught.value)
    assert (error.code, error.status) == ("UnsupportedAgent", grpc.StatusCode.FAILED_PRECONDITION)
    assert "version 0.0.9, is too old" in str(error)
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert (host.status, host.agent_version) == ("never-connected", "0.0.9")
    assert "upgrade it" in host.problems[0]
    stream = Stream(cloud, machine)
    stream.hello()
    assert (await stream.next()).update.snapshot
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert (host.status, list(host.problems)) == ("connected", [])


async def test_a_session_begins_with_a_hello(cloud: ControlPlane) -> None:
    stream = Stream(cloud, await joined(cloud))
    stream.heartbeat()
    with pytest.raises(grpc.aio.AioRpcError, match="hello"):
        await stream.next()


async def test_heartbeats_write_nothing(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    revision = cloud.revision
    for _ in range(50):
        stream.heartbeat()
    stream.heartbeat(vcpus=65)
    await until(lambda: cloud.engine.state.hosts[machine.host_id].vcpus == 65)
    assert cloud.revision == revision + 1, "only what was new"


async def test_what_no_database_can_keep_does_not_end_the_control_plane(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    huge = 2**64 - 1
    stream.heartbeat(vcpus=2**32 - 1, memory_mib=huge, storage_gib=huge)
    ref = pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id="vol-" + "0" * 17)
    what = pb.ObservedInstance(generation=huge, reboot_count=huge)
    file = pb.VolumeFile(size_bytes=huge, epoch=huge, changed_at=huge)
    stream.send(report=pb.Report(revision=huge, observed=[pb.Observed(ref=ref, instance=what, since=huge, file=file)]))
    await until(lambda: len(cloud.engine.state.observations) == 1)
    assert cloud.engine.state.hosts[machine.host_id].memory_mib == 2**63 - 1
    (orphan,) = (await cloud.ask("DescribeOrphanVolumes")).volumes
    assert (orphan.size_bytes, orphan.change_time.ToDatetime().year) == (2**63 - 1, 9999)
    await cloud.ask("AllocateAddress")


async def test_an_agent_in_wrong_hands_fills_nobodys_memory(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    kinds = (pb.RESOURCE_KIND_INSTANCE, pb.RESOURCE_KIND_EXPORT, pb.RESOURCE_KIND_VPC, pb.RESOURCE_KIND_GATEWAY)
    made_up = [pb.ResourceRef(kind=kind, id=f"x-{n}") for kind in kinds for n in range(100)]
    orphans = [pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id=f"vol-{n:017x}") for n in range(ORPHANS_PER_HOST + 10)]
    rows = [pb.Observed(ref=ref, error="e" * 5000) for ref in made_up + orphans]
    for _ in range(2):
        stream.send(report=pb.Report(revision=1, observed=rows))
    stream.heartbeat(vcpus=65)
    await until(lambda: cloud.engine.state.hosts[machine.host_id].vcpus == 65)
    kept = list(cloud.engine.state.observations)
    assert (len(kept), {row.kind for row in kept}) == (ORPHANS_PER_HOST, {ObservedKind.VOLUME})
    assert {len(row.error) for row in kept} == {1000}
    many = [pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id=f"vol-{n:017x}") for n in range(20_001)]
    stream.send(report=pb.Report(revision=1, gone=many))
    assert await ended(stream)
    assert len(cloud.engine.state.observations) == ORPHANS_PER_HOST


async def test_an_agent_that_says_too_much_is_heard_later(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    (loud, flood), hosts = await connected(cloud), cloud.engine.state.hosts
    monkeypatch.setattr(Pace, "wait_s", lambda _, host_id, cost, now_s: 1e6 if host_id == loud.host_id else 0)
    flood.heartbeat(vcpus=65)
    await until(lambda: hosts[loud.host_id].vcpus == 65)
    flood.heartbeat(vcpus=66)
    other = await joined(cloud)
    stream = Stream(cloud, other)
    stream.hello()
    stream.heartbeat(vcpus=7)
    await until(lambda: hosts[other.host_id].vcpus == 7)
    assert hosts[loud.host_id].vcpus == 65


async def test_a_host_that_calls_too_often_is_heard_later(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each session begins with all that its host shall have, whatever ends it."""
    loud, (other, _) = await joined(cloud), await connected(cloud)
    monkeypatch.setattr(Pace, "wait_s", lambda _, host_id, cost, now_s: 1e6 if host_id == loud.host_id else 0)
    Stream(cloud, loud).hello()
    asked, channel = (
        pb.RenewCertificatesRequest(control_csr=certificate_request().csr),
        agent_channel(cloud, loud.control),
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await cloud.call("RenewCertificates", asked, channel=channel)
    assert loud.host_id not in cloud.sessions
    stream = Stream(cloud, other)
    stream.hello()
    assert (await stream.next()).update.snapshot


async def test_a_session_without_a_hello_ends(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "HELLO_S", 0.1)
    with pytest.raises(grpc.aio.AioRpcError, match="No hello came"):
        await Stream(cloud, await joined(cloud)).next()


async def ended(stream: Stream) -> bool:
    while await stream.next():
        pass
    return True


async def test_a_newer_session_ends_the_older_and_a_console_goes_through_it(cloud: ControlPlane) -> None:
    machine, old = await connected(cloud)
    new = Stream(cloud, machine)
    new.hello()
    assert (await new.next()).update.snapshot
    while message := await old.next():
        assert message.update.revision
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]

    async def answer() -> None:
        while (message := await new.next()).WhichOneof("body") != "console_request":
            pass
        asked = message.console_request
        assert (asked.instance_id, asked.max_bytes) == (made.instance_id, 65536)
        new.send(console_reply=pb.ConsoleReply(request_id=asked.request_id, output=b"login:"))

    reply, _ = await asyncio.gather(cloud.ask("GetConsoleOutput", instance_id=made.instance_id), answer())
    assert (reply.instance_id, reply.output) == (made.instance_id, b"login:")
    new.call.cancel()
    await until(lambda: not cloud.sessions._open)
    with pytest.raises(Refused) as caught:
        await cloud.ask("GetConsoleOutput", instance_id=made.instance_id)
    assert (caught.value.code, caught.value.status) == ("Unavailable", grpc.StatusCode.UNAVAILABLE)


async def test_a_host_fetches_images_of_its_own_volumes_alone(cloud: ControlPlane) -> None:
    machine, _ = await connected(cloud)
    content = bytes(range(256)) * 9000
    image_id, other = await cloud.import_image("a", content=content), await cloud.import_image("b")
    await cloud.ask("RunInstances", image_id=image_id)
    rpc, channel = AGENT_RPCS["FetchImage"], agent_channel(cloud, machine.control)
    digest, size = hashlib.sha256(), 0
    async for reply in cloud.start(rpc, pb.FetchImageRequest(image_id=image_id), secret="", channel=channel):
        assert len(reply.chunk) <= 1 << 20
        digest.update(reply.chunk)
        size += len(reply.chunk)
    assert (size, digest.digest()) == (len(content), hashlib.sha256(content).digest())
    for unknown in (other, "ami-" + "0" * 17, "../ca.key", ""):
        with pytest.raises(Refused, match=r"InvalidAMIID\.NotFound"):
            await cloud.call("FetchImage", pb.FetchImageRequest(image_id=unknown), channel=channel)


async def test_every_method_of_agents_is_known_to_these_tests() -> None:
    assert set(AGENT_RPCS) == {"Join", "RenewCertificates", "Session", "FetchImage"}
    assert not set(AGENT_RPCS) & set(RPCS)
