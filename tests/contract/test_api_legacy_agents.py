"""Agents of the version before, which speak `stead.v1`."""

from typing import Any

import grpc
import pytest

from controlplane.reconcile.legacy import render_all
from stead.agent.v1 import session_pb2
from stead.v1 import agent_pb2 as pb
from tests.contract.agents import Machine, Stream, agent_channel, certificate_request, join_secret, joined
from tests.contract.control_plane import ControlPlane, refused, rpcs, until
from tests.unit.region import NAME

RPCS = rpcs([pb])


class LegacyStream(Stream):
    rpc = RPCS["Session"]

    def hello(self, **said: Any) -> None:
        told = {"agent_version": "1.0", "boot_id": "b", "roles": ["HOST_ROLE_COMPUTE"], "contract_version": 1}
        capacity = pb.Capacity.FromString(self.capacity.SerializeToString())
        self.send(hello=pb.Hello(capacity=capacity, **{**told, **said}))


async def test_its_machine_joins_and_renews_its_certificates(cloud: ControlPlane) -> None:
    machine, rpc = Machine(), RPCS["Join"]
    asked = pb.JoinRequest.FromString(machine.join_request(await join_secret(cloud)).SerializeToString())
    reply = await cloud.start(rpc, asked, secret="")
    machine.admit(session_pb2.JoinResponse.FromString(reply.SerializeToString()))
    rpc, renewal = RPCS["RenewCertificates"], pb.RenewCertificatesRequest(control_csr=certificate_request().csr)
    renewed = await cloud.start(rpc, renewal, secret="", channel=agent_channel(cloud, machine.control))
    assert renewed.certificates.ca_certificate == cloud.authority.certificate


async def test_it_is_told_specs_and_its_reports_count(cloud: ControlPlane) -> None:
    machine = await joined(cloud)
    stream = LegacyStream(cloud, machine)
    stream.hello()
    update = (await stream.next()).update
    assert (update.snapshot, list(update.put)) == (True, [])
    assert cloud.sessions.is_sealed(machine.host_id, update.region, update.incarnation, update.revision, update.seal)
    await until(lambda: cloud.journal.state.hosts[machine.host_id].vcpus == 64)
    stream.send(report=pb.Report(revision=update.revision, full=True))
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    told: dict[str, Any] = {}
    while "instance" not in told:
        update = (await stream.next()).update
        assert not update.snapshot
        told |= {str(row.WhichOneof("spec")): row for row in update.put}
        stream.send(report=pb.Report(revision=update.revision))
    shall_have = render_all(cloud.journal.state, machine.host_id, NAME)
    assert told == {kind.value: pb.Resource(**{kind.value: spec}) for (kind, _), spec in shall_have.items()}
    ref = pb.ResourceRef(kind=pb.RESOURCE_KIND_INSTANCE, id=made.instance_id)
    running = pb.ObservedInstance(running=True, generation=1, has_run=True)
    observed = [pb.Observed(ref=ref, converged=True, instance=running)]
    stream.send(report=pb.Report(revision=update.revision, observed=observed))
    await until(lambda: cloud.journal.state.instances[made.instance_id].ran_generation == 1)
    await cloud.ask("TerminateInstances", instance_ids=[made.instance_id])
    while not (removed := (await stream.next()).update.remove):
        pass
    assert ref in removed


async def test_one_that_is_older_still_is_refused_and_shown(cloud: ControlPlane) -> None:
    """It would take a deleted volume for one that shall be, and report that all is well."""
    stream = LegacyStream(cloud, await joined(cloud))
    stream.hello(contract_version=0, agent_version="0.0.9")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.next()
    error = refused(caught.value)
    assert (error.code, error.status) == ("UnsupportedAgent", grpc.StatusCode.FAILED_PRECONDITION)
    assert "version 0.0.9, is too old" in str(error)
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert (host.status, host.agent_version) == ("never-connected", "0.0.9")
    assert "upgrade it" in host.problems[0]
