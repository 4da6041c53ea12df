"""Who this host is: its id, where its control plane listens, its keys and certificates.

Owns `state_dir/identity`, the client's files of the data plane in `pki_dir`, and the server's in a directory that the
user of QEMU can't enter: a guest that broke out of its QEMU must not be able to play the storage server. Keys are made
here and never leave the host. `host.json` is written last: it is what makes a machine a host. What an operator deletes
while an agent runs is put back, since a lost key can't be made anew.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.drivers.base import SERVER_PKI
from agent.files import qemu_group, write_durably
from agent.host.repairs import Repairs

_IDENTITY = ("control.pem", "ca.pem", "host.json")


class IdentityError(Exception):
    """This machine isn't a host, or can't become one; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a host knows of itself since it joined."""

    host_id: str
    agent_endpoint: str
    underlay_address: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its certificate, PEM."""

    key: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class DataPlane:
    """With what a host opens volumes, with what it serves them, and whom it trusts in both."""

    ca_certificate: bytes
    client: Pair
    server: Pair


@dataclass(frozen=True, slots=True)
class ControlPair:
    """Key and certificate of the control stream, PEM. One file, so that a crash can't part them."""

    key: bytes
    certificate: bytes

    def expires_at(self) -> datetime:
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc

    def renewal_at(self) -> datetime:
        """When a third of its life is left: time enough to try for days, and not so early as to do it often."""
        certificate = x509.load_pem_x509_certificate(self.certificate)
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return certificate.not_valid_after_utc - life / 3


@dataclass(frozen=True, slots=True)
class Identity:
    host: Host
    control: ControlPair
    ca_certificate: bytes


class IdentityStore:
    def __init__(self, state_dir: Path, pki_dir: Path) -> None:
        self.directory = state_dir / "identity"
        self._client_dir = pki_dir
        self._server_dir = state_dir / SERVER_PKI
        self._known: dict[str, bytes] = {}  # Contents of the files that make a host, once they were read or written.
        self._repairs = Repairs()

    def is_joined(self) -> bool:
        return not self._missing()

    def _missing(self) -> list[str]:
        return [name for name in _IDENTITY if not (self.directory / name).exists()]

    def load(self) -> Identity:
        """Raises IdentityError."""
        gone = self._missing()
        if not set(gone) <= set(self._known):
            raise IdentityError(
                f"no host here, {', '.join(gone)} missing in {self.directory}: run `stead-agent join` with a token of "
                "`stead host token`; where this machine was a host, with one of `stead host rejoin`"
            )
        self._known |= {name: (self.directory / name).read_bytes() for name in _IDENTITY if name not in gone}
        fields = json.loads(self._known["host.json"])
        host = Host(**{**fields, "roles": tuple(fields["roles"])})
        return Identity(host, _split(self._known["control.pem"]), self._known["ca.pem"])

    def keep(self) -> None:
        """Put back what somebody deleted. Raises IdentityError where that is of the data plane: others do as well."""
        gone = [name for name in self._missing() if name in self._known]
        for name in gone:
            write_durably(self.directory / name, self._known[name])
        self._repairs.note("this host's identity", gone)
        if not self.has_data_plane():
            raise IdentityError("somebody deleted certificates for data: the next session asks for new ones")

    def problems(self) -> tuple[str, ...]:
        return self._repairs.problems()

    def save(self, identity: Identity, data: DataPlane) -> None:
        """For `join`: everything, the proof of being a host last."""
        self.save_data_plane(data)
        self.save_control(identity.control, identity.ca_certificate)
        self._write("host.json", json.dumps(asdict(identity.host), indent=2).encode())

    def save_control(self, control: ControlPair, ca_certificate: bytes) -> None:
        self._write("ca.pem", ca_certificate)
        self._write("control.pem", control.key + control.certificate)

    def _write(self, name: str, content: bytes) -> None:
        write_durably(self.directory / name, content)
        self._known[name] = content

    def has_data_plane(self) -> bool:
        """Whether all of it is there; if not, the control plane gives the host another."""
        sides = (self._client_dir, "client"), (self._server_dir, "server")
        return all(
            (folder / name).exists()
            for folder, side in sides
            for name in ("ca-cert.pem", f"{side}-cert.pem", f"{side}-key.pem")
        )

    def save_data_plane(self, data: DataPlane) -> None:
        """Under QEMU's names. The server's key, written last, says that all is there."""
        group = qemu_group()
        write_durably(self._client_dir / "ca-cert.pem", data.ca_certificate, 0o644)
        write_durably(self._client_dir / "client-cert.pem", data.client.certificate, 0o644)
        write_durably(self._client_dir / "client-key.pem", data.client.key, 0o640 if group else 0o600, group)
        for name in ("server-cert.pem", "server-key.pem"):  # Of an older agent, which had them here.
            (self._client_dir / name).unlink(missing_ok=True)
        self._server_dir.mkdir(parents=True, exist_ok=True)
        self._server_dir.chmod(0o700)
        write_durably(self._server_dir / "ca-cert.pem", data.ca_certificate)
        write_durably(self._server_dir / "server-cert.pem", data.server.certificate)
        write_durably(self._server_dir / "server-key.pem", data.server.key)


@dataclass(frozen=True, slots=True)
class Request:
    """A key, PEM, and the request (PKCS#10, PEM) for a certificate of it."""

    key: bytes
    csr: bytes


def make_request(common_name: str) -> Request:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "stead"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Request(pem, csr.public_bytes(serialization.Encoding.PEM))


def _split(pem: bytes) -> ControlPair:
    head, mark, tail = pem.partition(b"-----BEGIN CERTIFICATE-----")
    return ControlPair(head, mark + tail)
