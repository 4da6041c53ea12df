"""Every mutating call: a dry run changes nothing, a repeated token does no new work and shows no secret twice."""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from controlplane.api.caller import Edge
from controlplane.model.project import Role
from controlplane.service import sweeping
from controlplane.service.projects import hash_secret
from tests.contract.control_plane import RPCS, ControlPlane, Refused, upload
from tests.contract.mutations import REQUESTS, requests

SECRETS = {"CreateToken": "secret", "CreateHostToken": "token", "CreateKeyPair": "key_material"}


def test_there_is_a_request_for_every_mutating_method() -> None:
    mutating = {rpc.name for rpc in RPCS.values() if rpc.is_mutating}
    assert set(REQUESTS) | {"ImportImage"} == mutating


async def test_a_dry_run_checks_and_changes_nothing(cloud: ControlPlane) -> None:
    asked = await requests(cloud)
    revision, files = cloud.revision, sorted(cloud.images.iterdir())
    for name, fields in asked.items():
        with pytest.raises(Refused) as caught:
            await cloud.ask(name, dry_run=True, client_token="t", **fields)
        assert caught.value.code == "DryRunOperation", name
    with pytest.raises(Refused, match="DryRunOperation"):
        await cloud.call("ImportImage", *upload(name="new", dry_run=True))
    with pytest.raises(Refused, match=r"InvalidAMIName\.Duplicate"):
        await cloud.call("ImportImage", *upload(name="a", dry_run=True))
    assert (cloud.revision, sorted(cloud.images.iterdir())) == (revision, files)
    for name in ("CreateVolume", "RunInstances", "TerminateInstances"):
        with pytest.raises(Refused) as caught:
            await cloud.ask(name, dry_run=True)
        assert caught.value.code != "DryRunOperation", f"{name} without parameters would fail"


async def test_a_repeated_token_does_no_new_work(cloud: ControlPlane) -> None:
    for name, fields in (await requests(cloud)).items():
        first = await cloud.ask(name, client_token=name, **fields)
        revision = cloud.revision
        again = await cloud.ask(name, client_token=name, **fields)
        assert cloud.revision == revision, name
        if name in SECRETS:
            assert getattr(first, SECRETS[name])
            first.ClearField(SECRETS[name])
        assert again == first, name
        other: dict[str, Any] = {"zone_name": "home-1b", "size_gib": 2, "secret": fields.get("secret")}
        with pytest.raises(Refused) as caught:
            await cloud.ask("CreateVolume", client_token=name, **other)
        assert caught.value.code == "IdempotentParameterMismatch"


async def test_every_accepted_call_is_in_the_record_once_and_no_refused_one(cloud: ControlPlane) -> None:
    asked = await requests(cloud)
    before = (await cloud.ask("DescribeAuditRecords")).audit_records
    for name, fields in asked.items():
        for dry_run in (True, False):
            with suppress(Refused):
                await cloud.ask(name, client_token=name, dry_run=dry_run, **fields)
        await cloud.ask(name, client_token=name, **fields)
    with pytest.raises(Refused, match="MissingParameter"):
        await cloud.ask("TerminateInstances")
    records = (await cloud.ask("DescribeAuditRecords")).audit_records[: -len(before)]
    assert [row.operation for row in records] == list(asked)[::-1]
    assert len({row.request_id for row in records}) == len(records)
    assert all(row.resource_ids for row in records)
    secrets = {cloud.secrets[Role.ADMIN], asked["CreateDefaultVpc"]["secret"]}
    tokens = [row for row in cloud.journal.state.tokens if row.secret_hash in map(hash_secret, secrets)]
    assert {(row.project_id, row.token_id) for row in records} == {(row.project_id, row.id) for row in tokens}
    await cloud.ask("AllocateAddress")
    assert (await cloud.ask("DescribeAuditRecords")).audit_records[0].operation == "AllocateAddress", "without a token"
    assert not any(re.search(r"-e[0-9]+$", named) for row in records for named in row.resource_ids)


async def test_a_replay_works_when_what_was_made_is_gone(cloud: ControlPlane) -> None:
    made = {}
    asked = await requests(cloud)
    for name, fields in asked.items():
        made[name] = await cloud.ask(name, client_token=name, **fields)
    image_id = await cloud.import_image("short-lived", client_token="image")
    await cloud.ask("DeregisterImage", image_id=image_id)
    await cloud.ask("DeleteInstanceType", instance_type="a.new")
    await cloud.ask("DeleteKeyPair", key_name="new")
    await cloud.ask("DeleteKeyPair", key_name="brought")
    await cloud.ask("DeleteSecurityGroup", group_id=made["CreateSecurityGroup"].security_group.group_id)
    everything = [row.id for row in cloud.journal.state.instances]
    await cloud.ask("TerminateInstances", instance_ids=everything)
    await cloud.converge()
    for volume in [row for row in cloud.journal.state.volumes if not row.recycled_at]:
        await cloud.ask("DeleteVolume", volume_id=volume.id)
    for gateway in list(cloud.journal.state.nat_gateways):
        await cloud.ask("DeleteNatGateway", nat_gateway_id=gateway.id)
    for address in [row for row in cloud.journal.state.addresses if not row.is_released]:
        await cloud.ask("ReleaseAddress", allocation_id=address.id)
    await cloud.converge()
    cloud.pass_time(timedelta(hours=2))
    await cloud.do(sweeping.sweep)
    assert not len(cloud.journal.state.instances)
    assert not len(cloud.journal.state.nat_gateways)
    revision = cloud.revision
    for name, fields in asked.items():
        if name == "RunInstances":
            with pytest.raises(Refused, match="IdempotentInstanceTerminated"):
                await cloud.ask(name, client_token=name, **fields)
        else:
            await cloud.ask(name, client_token=name, **fields)
    again = await cloud.call("ImportImage", *upload(name="short-lived", client_token="image"))
    assert again.image.image_id == image_id
    assert cloud.revision == revision


async def test_one_token_fifty_times_at_once_is_one_instance(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    calls = (cloud.ask("RunInstances", image_id=image_id, client_token="once", max_count=2) for _ in range(50))
    replies = await asyncio.gather(*calls)
    assert len({reply.SerializeToString(deterministic=True) for reply in replies}) == 1
    assert len(cloud.journal.state.instances) == 2


async def test_a_launch_of_many_is_answered_with_all_of_them(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Edge, "per_step", 2)
    await cloud.add_host()
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=5)
    assert [row.launch_index for row in launched.instances] == list(range(5))
    assert cloud.journal.durable_revision == cloud.revision


async def test_the_same_token_after_a_lost_answer_is_one_instance(cloud: ControlPlane) -> None:
    await cloud.add_host()
    rpc, image_id = RPCS["RunInstances"], await cloud.import_image()
    for number in range(20):
        request = rpc.request(image_id=image_id, client_token=f"t{number}")
        call = cloud.start(rpc, request)
        for _ in range(number):  # From "never sent" to "answered".
            await asyncio.sleep(0)
        call.cancel()
        first, second = await cloud.call(rpc.name, request), await cloud.call(rpc.name, request)
        assert first == second
    assert len(cloud.journal.state.instances) == 20


async def test_tokens_of_two_projects_have_nothing_in_common(cloud: ControlPlane) -> None:
    other = await cloud.token(Role.MEMBER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    first = await cloud.ask("AllocateAddress", client_token="t")
    second = await cloud.ask("AllocateAddress", client_token="t", secret=other)
    assert first.address.allocation_id != second.address.allocation_id


async def test_what_was_answered_is_seen_by_the_next_call(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    for _ in range(20):
        made = await cloud.ask("RunInstances", image_id=image_id)
        ids = [row.instance_id for row in made.instances]
        assert [row.instance_id for row in (await cloud.ask("DescribeInstances", instance_ids=ids)).instances] == ids
