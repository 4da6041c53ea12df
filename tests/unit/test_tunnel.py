"""What WireGuard between hosts is told, and whom it leaves out."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock, Mock

import pytest

from agent.drivers.base import Transient
from agent.drivers.network_vxlan import tunnel
from agent.drivers.network_vxlan.tunnel import Peer, Tunnel
from agent.host.netlink import NetlinkError
from agent.model import PeerSpec, VpcSpec

GOLDEN = Path(__file__).parents[1] / "golden"
PRIVATE = "gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEA="
KEY, OTHER = "A" * 43 + "=", "B" * 43 + "="
PEERS = (PeerSpec(2, "10.0.0.2", ("172.31.0.6",), ("eni-2",), KEY), PeerSpec(300, "10.0.0.3", (), (), OTHER))
SPEC = VpcSpec("vpc-1", 7, "172.31.0.0/16", (), (), PEERS, 1, 0, (), ())
INSIDE = {Peer(KEY, "10.0.0.2", "169.254.0.2"), Peer(OTHER, "10.0.0.3", "169.254.1.44")}


def test_a_configuration_is_as_it_was_reviewed() -> None:
    assert tunnel.config(PRIVATE, INSIDE) == (GOLDEN / "wireguard.conf").read_text()


def test_what_is_read_back_is_what_was_said_in_whatever_order() -> None:
    text = tunnel.config(PRIVATE, INSIDE)
    assert tunnel.parse(text) == INSIDE
    interface, first, second = text.split("\n\n")
    assert tunnel.sections("\n\n".join((second + "\n", interface, first)) + "\n") == tunnel.sections(text)
    assert tunnel.sections(text.replace("10.0.0.2", "10.0.0.9")) != tunnel.sections(text)


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_peers_that_do_otherwise_are_left_out_and_told(is_encrypted: bool) -> None:
    spec = replace(SPEC, peers=(PEERS[0], replace(PEERS[1], wireguard_key="")))
    met, told = tunnel.meet(spec, is_encrypted)
    assert met.peers == (spec.peers[0 if is_encrypted else 1],)
    (problem,) = told
    assert ("10.0.0.3 does not encrypt" if is_encrypted else "10.0.0.2 encrypts") in problem


def test_inside_peers_have_addresses_that_follow_from_their_numbers() -> None:
    assert [peer.underlay_address for peer in tunnel.inside(SPEC).peers] == ["169.254.0.2", "169.254.1.44"]


@pytest.mark.parametrize("key", ["", "A" * 44, f"{KEY}\n[Peer]", f"{KEY}\nAllowedIPs = 0.0.0.0/0"])
def test_what_is_no_key_reaches_no_configuration(key: str) -> None:
    with pytest.raises(ValueError, match="no WireGuard key"):
        tunnel._peer(replace(PEERS[0], wireguard_key=key))


def test_a_new_agent_keeps_peers_until_it_has_heard_of_every_vpc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_wg", lambda *args: tunnel.config(PRIVATE, INSIDE))
    made, here = Tunnel(tmp_path / "wireguard.key"), {"vpc-1", "vpc-2"}
    first, second = (replace(SPEC, vpc_id=vpc_id, peers=PEERS[:1]) for vpc_id in sorted(here))
    assert made._wanted(first, here) == INSIDE
    assert made._wanted(second, here) == {Peer(KEY, "10.0.0.2", "169.254.0.2")}


def test_the_device_goes_with_the_last_vpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netlink, made = MagicMock(), Tunnel(tmp_path / "wireguard.key")
    monkeypatch.setattr(tunnel, "open_netlink", lambda: netlink)
    monkeypatch.setattr(tunnel, "_wg", lambda *args: "")
    delete = netlink.__enter__.return_value.delete_link
    made._wanted(replace(SPEC, vpc_id="vpc-2"), ())
    made.dismiss("vpc-1", is_used=False)
    assert not delete.called
    made.dismiss("vpc-2", is_used=False)
    delete.assert_called_once_with(tunnel.DEVICE)


def test_a_kernel_without_wireguard_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = Mock()
    netlink.add_wireguard.side_effect = NetlinkError(errno.EOPNOTSUPP)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Transient, match="install wireguard-go, or set `encryption` to none on all hosts"):
        tunnel._add_device(netlink)


def test_the_private_key_is_made_once_and_is_roots_alone(tmp_path: Path) -> None:
    """As `wg genkey` and `wg pubkey` have it."""
    file = tmp_path / "wireguard.key"
    key = Tunnel(file).key()
    assert Tunnel(file).key() == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert key not in file.read_text()
    alice = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
    assert tunnel.public(alice) == "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
