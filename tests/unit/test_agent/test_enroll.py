"""Joining: once, with the right token, and again where a crash came between."""

import base64
import json
import shutil
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.enroll import JoinToken, join
from agent.identity import IdentityError, IdentityStore

from .cloud import Ca, Cloud

ADDRESS = "192.0.2.1"


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "state", tmp_path / "pki")


async def test_a_machine_becomes_a_host(cloud: Cloud, store: IdentityStore, tmp_path: Path) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    identity = store.load()
    assert identity.host.host_id == "host-1"
    assert identity.host.roles == ("compute", "storage", "gateway")
    assert identity.host.underlay_address == ADDRESS
    assert cloud.joins[0].host_name == "rack-1"
    assert cloud.joins[0].underlay_address == ADDRESS
    check_data_plane(cloud, tmp_path / "pki", tmp_path / "state/server-pki")
    assert {path.name for path in store.directory.iterdir()} == {"host.json", "control.pem", "ca.pem"}
    assert stat.S_IMODE((store.directory / "control.pem").stat().st_mode) == 0o600


def check_data_plane(cloud: Cloud, client: Path, server: Path) -> None:
    """The client's files are where QEMU finds them; the server's are root's alone."""
    keys = []
    for side, folder in (("server", server), ("client", client)):
        certificate = x509.load_pem_x509_certificate((folder / f"{side}-cert.pem").read_bytes())
        keys.append(load_pem_private_key((folder / f"{side}-key.pem").read_bytes(), None).public_key())
        assert certificate.public_key() == keys[-1]
        assert (folder / "ca-cert.pem").read_bytes() == cloud.data_ca.pem
    assert keys[0] != keys[1]
    assert {path.name for path in client.iterdir()} == {"ca-cert.pem", "client-cert.pem", "client-key.pem"}
    assert not (client / "client-key.pem").stat().st_mode & stat.S_IRWXO
    assert stat.S_IMODE(server.stat().st_mode) == 0o700
    assert stat.S_IMODE((server / "server-key.pem").stat().st_mode) == 0o600


async def test_a_host_does_not_join_twice(cloud: Cloud, store: IdentityStore) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    with pytest.raises(IdentityError, match=r"host-1 already.*delete"):
        await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    assert len(cloud.joins) == 1


async def test_what_is_deleted_of_a_host_that_is_known_is_put_back(cloud: Cloud, store: IdentityStore) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    known = store.load()
    shutil.rmtree(store.directory)
    assert store.load() == known
    store.keep()
    assert IdentityStore(store.directory.parent, store.directory.parents[1] / "pki").load() == known
    assert ["this host's identity" in problem for problem in store.problems()] == [True]


@pytest.mark.parametrize("name", ["host.json", "control.pem", "ca.pem"])
async def test_a_host_of_which_something_is_missing_says_what_to_do(
    cloud: Cloud, store: IdentityStore, tmp_path: Path, name: str
) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    (store.directory / name).unlink()
    with pytest.raises(IdentityError, match=rf"{name} missing in .*stead host rejoin"):
        IdentityStore(tmp_path / "state", tmp_path / "pki").load()


@pytest.mark.parametrize("name", ["pki/client-key.pem", "pki/ca-cert.pem", "state/server-pki/server-cert.pem"])
async def test_certificates_for_data_that_are_gone_are_missed(
    cloud: Cloud, store: IdentityStore, tmp_path: Path, name: str
) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    store.keep()
    (tmp_path / name).unlink()
    with pytest.raises(IdentityError, match="asks for new ones"):
        store.keep()


async def test_after_a_crash_the_same_request_is_made(
    cloud: Cloud, store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(store, "save", crash)
        with pytest.raises(OSError, match="power cut"):
            await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    assert not store.is_joined()
    await join(JoinToken.parse(cloud.token()), "rack-1", ADDRESS, store)
    assert cloud.joins[0] == cloud.joins[1]


async def test_a_refusal_is_passed_on(cloud: Cloud, store: IdentityStore) -> None:
    with pytest.raises(IdentityError, match="this token was used already"):
        await join(JoinToken.parse(cloud.token(secret="old")), "rack-1", ADDRESS, store)
    assert not store.is_joined()


async def test_a_foreign_control_plane_is_not_trusted(cloud: Cloud, store: IdentityStore) -> None:
    token = json.loads(base64.urlsafe_b64decode(cloud.token().removeprefix("stead-join-") + "=="))
    forged = JoinToken(token["endpoint"], Ca().pem.decode(), token["secret"], ())
    with pytest.raises(IdentityError, match="did not let this machine join"):
        await join(forged, "rack-1", ADDRESS, store)
    assert cloud.joins == []


@pytest.mark.parametrize("text", ["", "stead-join-", "stead-join-e30", "stead-join-%%%", "hello", "stead-join-W10"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(IdentityError, match="no join token"):
        JoinToken.parse(text)


def test_a_machine_that_has_not_joined_is_told_to(store: IdentityStore) -> None:
    with pytest.raises(IdentityError, match="stead-agent join"):
        store.load()
