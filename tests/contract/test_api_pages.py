"""A long page is made in steps between which others have their turn, and nothing that happens meanwhile is lost."""

import pytest

from controlplane.api.caller import Edge
from controlplane.model.state import Change
from tests.contract.control_plane import ControlPlane


async def test_others_have_their_turn_while_a_page_is_made(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone when its turn comes is left out; a watcher from the reply's revision on is told of it."""
    await cloud.add_host()
    monkeypatch.setattr(Edge, "per_step", 2)
    made = [(await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id for _ in range(7)]
    before, deleted = cloud.revision, made[-1]
    shown = Edge._as_now

    def overtaken(*arguments: object) -> list[object]:
        if deleted in cloud.journal.state.volumes:
            change = Change()
            change.delete(cloud.journal.state.volumes[deleted])
            cloud.journal.apply(change)
        return shown(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Edge, "_as_now", overtaken)
    reply = await cloud.ask("DescribeVolumes")
    assert [row.volume_id for row in reply.volumes] == made[:-1]
    assert reply.revision == before < cloud.revision
