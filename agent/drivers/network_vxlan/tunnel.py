"""WireGuard between hosts, for VXLAN to travel in: one device on each host, for all VPCs.

    stx... ── VXLAN ── 169.254.<number> ── stead-wg ══ underlay, UDP 51820 ══ stead-wg ── 169.254.<number> ── ...

Owns the device, its key and its peers. A host's address inside follows from its number, and what comes from a peer must
have that address. The kernel's WireGuard is used where there is one, else the program `wireguard-go`.
"""

import base64
import errno
import re
import shutil
import subprocess
import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agent.drivers.base import Transient
from agent.drivers.network_vxlan import names
from agent.files import write_durably
from agent.host.netlink import Netlink, NetlinkError, Route, open_netlink, sync
from agent.model import PeerSpec, VpcSpec

DEVICE = "stead-wg"
PORT = 51820
COMMAND_TIMEOUT_S = 10.0  # `wg` takes milliseconds; longer means a hung kernel, and the engine must get to know.

_NO_WIREGUARD = (
    "`encryption` is wireguard and the kernel has none (`modprobe wireguard` shows why), nor is there wireguard-go: "
    "use a kernel with CONFIG_WIREGUARD, install wireguard-go, or set `encryption` to none on all hosts"
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another host: its public key, its address on the underlay, and that inside."""

    key: str
    underlay_address: str
    address: str


class Tunnel:
    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._lock = threading.Lock()
        self.problems: tuple[str, ...] = ()  # Why the host can't encrypt, as was seen last.
        self._peers: dict[str, frozenset[Peer]] = {}  # By VPC. "": of VPCs of which this agent has not heard yet.

    def key(self) -> str:
        """The public key; the private one is made if there is none yet, and never leaves the host."""
        with self._lock:
            return public(self._private_key())

    def converge(self, spec: VpcSpec, mtu: int, vpc_ids: Collection[str]) -> list[str]:
        """Let the VPC's peers in, each at its own address. Returns what was otherwise.

        `vpc_ids` are those that are here. Raises Transient where the host can't, and then nothing may be sent.
        """
        with self._lock, open_netlink() as netlink:
            is_new = self._ensure_device(netlink)
            wanted = self._wanted(spec, vpc_ids)
            changed = _bring_up(netlink, names.transit_address(spec.host_number), mtu, wanted)
            text = config(self._private_key(), wanted)
            if sections(_wg("showconf", DEVICE)) != sections(text):
                _wg("syncconf", DEVICE, "/dev/stdin", stdin=text)
                changed.append(f"peers of {DEVICE}")
            return [f"device {DEVICE}"] if is_new else changed

    def dismiss(self, vpc_id: str, is_used: bool) -> None:
        """Its peers that no other VPC has go with the next pass; the device, when there is no VPC left.

        One that comes up meanwhile has its peers here before its namespace.
        """
        with self._lock, open_netlink() as netlink:
            self._peers.pop(vpc_id, None)
            if not is_used and not self._peers.keys() - {""}:
                netlink.delete_link(DEVICE)

    def abandon(self) -> None:
        """The host does not encrypt; the key stays, should it do so again."""
        with open_netlink() as netlink:
            netlink.delete_link(DEVICE)

    def _ensure_device(self, netlink: Netlink) -> bool:
        """Returns whether it is new."""
        is_new = netlink.link(DEVICE) is None
        try:
            if shutil.which("wg") is None:
                raise Transient("`encryption` is wireguard and there is no `wg`: install wireguard-tools")
            if is_new:
                _add_device(netlink)
        except Transient as error:
            self.problems = (str(error),)
            raise
        self.problems = ()
        return is_new

    def _wanted(self, spec: VpcSpec, vpc_ids: Collection[str]) -> frozenset[Peer]:
        """An agent that has just started keeps other VPCs' peers, until it has heard of all that are here."""
        if not self._peers:
            self._peers[""] = parse(_wg("showconf", DEVICE))
        self._peers[spec.vpc_id] = frozenset(map(_peer, spec.peers))
        if self._peers.keys() >= set(vpc_ids):
            self._peers[""] = frozenset()
        told = frozenset[Peer]().union(*(peers for vpc_id, peers in self._peers.items() if vpc_id))
        known = {peer.key for peer in told} | {peer.address for peer in told}
        return told | {peer for peer in self._peers.get("", ()) if not {peer.key, peer.address} & known}

    def _private_key(self) -> str:
        if not self._key_file.exists():
            made = X25519PrivateKey.generate().private_bytes_raw()
            write_durably(self._key_file, base64.b64encode(made), mode=0o600)
        return self._key_file.read_text().strip()


def public(private_key: str) -> str:
    raw, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    key = X25519PrivateKey.from_private_bytes(base64.b64decode(private_key))
    return base64.b64encode(key.public_key().public_bytes(raw, form)).decode()


def meet(spec: VpcSpec, is_encrypted: bool) -> tuple[VpcSpec, tuple[str, ...]]:
    """The spec with those peers alone that do as this host does, and what to tell of the others. Pure.

    So nothing is ever sent in plain text to a host that encrypts, or from one.
    """
    met = tuple(peer for peer in spec.peers if bool(peer.wireguard_key) == is_encrypted)
    others = (peer for peer in spec.peers if peer not in met)
    does = "does not encrypt and this host does" if is_encrypted else "encrypts and this host does not"
    hint = "nothing is sent there until `encryption` in [drivers.vxlan] is the same on all hosts"
    return replace(spec, peers=met), tuple(f"host {peer.underlay_address} {does}: {hint}" for peer in others)


def inside(spec: VpcSpec) -> VpcSpec:
    """The spec as VXLAN has it in the tunnel. Pure."""
    peers = (replace(peer, underlay_address=names.transit_address(peer.host_number)) for peer in spec.peers)
    return replace(spec, peers=tuple(peers))


def config(private_key: str, peers: Collection[Peer]) -> str:
    """As `wg syncconf` takes it, see wg(8). Pure."""
    parts = [f"[Interface]\nListenPort = {PORT}\nPrivateKey = {private_key}\n"]
    for peer in sorted(peers, key=lambda peer: peer.address):
        place = f"AllowedIPs = {peer.address}/32\nEndpoint = {peer.underlay_address}:{PORT}\n"
        parts.append(f"[Peer]\nPublicKey = {peer.key}\n{place}")
    return "\n".join(parts)


def sections(text: str) -> frozenset[frozenset[str]]:
    """What a configuration says, in whatever order."""
    return frozenset(frozenset(section.split("\n")) - {""} for section in text.split("["))


def parse(text: str) -> frozenset[Peer]:
    """The peers in a configuration of ours; what is none is left out."""
    pattern = rf"PublicKey = (\S+)\nAllowedIPs = ([\d.]+)/32\nEndpoint = ([\d.]+):{PORT}\n"
    return frozenset(Peer(key, underlay, address) for key, address, underlay in re.findall(pattern, text))


def _peer(spec: PeerSpec) -> Peer:
    if re.fullmatch(r"[A-Za-z0-9+/]{43}=", spec.wireguard_key) is None:
        raise ValueError(f"{spec.wireguard_key!r} of host {spec.underlay_address} is no WireGuard key")
    return Peer(spec.wireguard_key, spec.underlay_address, names.transit_address(spec.host_number))


def _add_device(netlink: Netlink) -> None:
    try:
        netlink.add_wireguard(DEVICE)
    except NetlinkError as error:
        if error.code != errno.EOPNOTSUPP:
            raise
        if shutil.which("wireguard-go") is None:
            raise Transient(_NO_WIREGUARD) from error
        _start_program()


def _start_program() -> None:
    """It goes on by itself, and ends with its device. It keeps its outputs open, so they are no pipes."""
    try:
        argv, null = ("wireguard-go", DEVICE), subprocess.DEVNULL
        subprocess.run(argv, stdout=null, stderr=null, check=True, timeout=COMMAND_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise OSError(f"{error}; `LOG_LEVEL=verbose wireguard-go -f {DEVICE}` tells why") from error


def _bring_up(netlink: Netlink, address: str, mtu: int, peers: Collection[Peer]) -> list[str]:
    changed = []
    link = next(link for link in netlink.links() if link.name == DEVICE)
    if (link.is_up, link.mtu) != (True, mtu):
        netlink.set_link(DEVICE, mtu=mtu, state="up")
        changed.append(f"device {DEVICE}")
    if netlink.addresses(DEVICE) != {(address, 32)}:
        netlink.put_addresses(DEVICE, [(address, 32)])
        changed.append(f"address of {DEVICE}")
    now = frozenset(route for route in netlink.routes() if route.device == DEVICE)
    wanted = frozenset(Route(f"{peer.address}/32", DEVICE) for peer in peers)
    return changed + sync(now, wanted, netlink.put_routes, netlink.delete_routes)


def _wg(*args: str, stdin: str = "") -> str:
    return _run("wg", *args, stdin=stdin)


def _run(*argv: str, stdin: str = "") -> str:
    try:
        done = subprocess.run(argv, input=stdin, check=True, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        raise OSError(f"`{' '.join(argv)}` failed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"`{' '.join(argv)}` still ran after {COMMAND_TIMEOUT_S} s") from error
    return done.stdout
