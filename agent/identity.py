"""Who this host is: its id, where its control plane listens, its keys and certificates.

Owns `state_dir/identity`, the client's files of the data plane in `pki_dir`, and the server's in a directory that the
user of QEMU can't enter: a guest that broke out of its QEMU must not be able to play the storage server. Keys are made
here and never leave the host. `host.json` is written last: it is what makes a machine a host.
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

    def is_joined(self) -> bool:
        return (self.directory / "host.json").exists()

    def load(self) -> Identity:
        if not self.is_joined():
            raise IdentityError(
                f"no host here ({self.directory}): run `stead-agent join` with a token from the control plane"
            )
        fields = json.loads((self.directory / "host.json").read_text())
        return Identity(
            Host(**{**fields, "roles": tuple(fields["roles"])}),
            _split((self.directory / "control.pem").read_bytes()),
            (self.directory / "ca.pem").read_bytes(),
        )

    def save(self, identity: Identity, data: DataPlane) -> None:
        """For `join`: everything, the proof of being a host last."""
        self.save_data_plane(data)
        self.save_control(identity.control, identity.ca_certificate)
        write_durably(self.directory / "host.json", json.dumps(asdict(identity.host), indent=2).encode())

    def save_control(self, control: ControlPair, ca_certificate: bytes) -> None:
        write_durably(self.directory / "ca.pem", ca_certificate)
        write_durably(self.directory / "control.pem", control.key + control.certificate)

    def has_data_plane(self) -> bool:
        """Not so on a host that joined when one certificate was for both sides, of the authority that users trust."""
        return (self._server_dir / "server-key.pem").exists()

    def save_data_plane(self, data: DataPlane) -> None:
        """Under QEMU's names. The server's key, written last, says that all is there."""
        group = qemu_group()
        write_durably(self._client_dir / "ca-cert.pem", data.ca_certificate, 0o644)
        write_durably(self._client_dir / "client-cert.pem", data.client.certificate, 0o644)
        write_durably(self._client_dir / "client-key.pem", data.client.key, 0o640 if group else 0o600, group)
        for name in ("server-cert.pem", "server-key.pem"):  # Where they were until now.
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
