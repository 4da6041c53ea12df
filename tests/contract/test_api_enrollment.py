"""Hosts: joining once, their certificates, the agents' endpoint and who may enter it."""

import asyncio
import hashlib
import json
import ssl
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from controlplane import ca
from stead.agent.v1 import session_pb2 as pb
from tests.contract.agents import Machine, agent_channel, certificate_request, connected, join_secret, joined
from tests.contract.control_plane import AGENT_RPCS, RPCS, ControlPlane, Refused
from tests.identities import verified


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
    (token,) = cloud.journal.state.host_tokens
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
    assert len(cloud.journal.state.hosts) == 1


async def test_expired_foreign_and_user_tokens_are_refused(cloud: ControlPlane) -> None:
    secret = await join_secret(cloud, lifetime_s=60)
    cloud.pass_time(timedelta(seconds=61))
    for wrong, reason in ((secret, "expired"), ("foreign", "no such"), (max(cloud.secrets.values()), "no such")):
        with pytest.raises(Refused, match=f"InvalidHostToken: .*{reason}"):
            await Machine().join(cloud, wrong)
    assert not len(cloud.journal.state.hosts)


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
    for name in ("RenewCertificates", "FetchImage", "SignIdentities", "Session"):
        with pytest.raises(Refused) as caught:
            await cloud.call(name, channel=channel)
        assert (caught.value.code, caught.value.status) == ("AuthFailure", grpc.StatusCode.UNAUTHENTICATED)
        assert f"host-{'0' * 17} is no host of this region" in str(caught.value)
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
    latest = (await cloud.ask("DescribeAuditRecords")).audit_records[0]
    assert (latest.operation, latest.token_id, latest.request_id[:4]) == ("RenewCertificates", machine.host_id, "req-")
    assert list(latest.resource_ids) == [machine.host_id]
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


async def test_a_host_has_identities_of_its_own_instances_signed_alone(cloud: ControlPlane, tmp_path: Path) -> None:
    machine, _ = await connected(cloud)
    image_id = await cloud.import_image("a")
    launched = await cloud.ask("RunInstances", image_id=image_id)
    ours = launched.instances[0].instance_id
    stranger = await joined(cloud)
    asked = pb.SignIdentitiesRequest(instance_ids=[ours, ours, "i-" + "0" * 17, "../ca.key", ""])
    theirs = await cloud.call("SignIdentities", asked, channel=agent_channel(cloud, stranger.control))
    assert not theirs.identities
    reply = await cloud.call("SignIdentities", asked, channel=agent_channel(cloud, machine.control))
    (signed,) = reply.identities
    assert (signed.instance_id, signed.generation) == (ours, 1)
    document = json.loads(signed.document)
    assert (document["instanceId"], document["imageId"], document["region"]) == (ours, image_id, "home-1")
    assert document["accountId"] == cloud.journal.state.instances[ours].project_id
    assert document["privateIp"] == cloud.journal.state.interfaces.primary(ours).private_ip
    assert verified(tmp_path, cloud.authority, signed.pkcs7) == signed.document


async def test_every_method_of_agents_is_known_to_these_tests() -> None:
    assert set(AGENT_RPCS) == {"Join", "RenewCertificates", "Session", "FetchImage", "SignIdentities"}
    assert not set(AGENT_RPCS) & set(RPCS)
