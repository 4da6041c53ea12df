"""Identity documents are signed by the control plane, and by none that is older than that."""

from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.enroll import JoinToken, join
from agent.identity import IdentityStore
from agent.imds.identities import Identity
from agent.signing import Signing

from .cloud import Cloud, OldCloud, running_cloud


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path, tmp_path / "pki")


async def test_identities_are_signed(store: IdentityStore) -> None:
    async with running_cloud(Cloud) as cloud:
        await join(JoinToken.parse(cloud.token()), "metal", "192.0.2.1", store)
        assert await Signing(store)(["i-1", "i-2"]) == [Identity(id, 3, "{}", "s", "p") for id in ("i-1", "i-2")]


async def test_an_older_control_plane_signs_nothing(store: IdentityStore) -> None:
    async with running_cloud(OldCloud) as cloud:
        await join(JoinToken.parse(cloud.token()), "metal", "192.0.2.1", store)
        with pytest.raises(Transient, match="UNIMPLEMENTED"):
            await Signing(store)(["i-1"])
    with pytest.raises(Transient, match="cannot have identities signed"):
        await Signing(store)(["i-1"])


async def test_a_host_whose_files_cannot_be_read_asks_again(store: IdentityStore) -> None:
    with pytest.raises(Transient, match="no host here"):
        await Signing(store)(["i-1"])
    for name in ("control.pem", "ca.pem"):
        (store.directory / name).mkdir(parents=True)
    (store.directory / "host.json").touch()
    with pytest.raises(Transient, match="Is a directory"):
        await Signing(store)(["i-1"])
