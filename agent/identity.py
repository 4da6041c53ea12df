"""Who this host is: its id, where its control plane listens, its keys and certificates.

Owns `state_dir/identity` and the data-plane files in `pki_dir`. Keys are made here and never leave the host.
`host.json` is written last: it is what makes a machine a host.
"""

import grp
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.files import write_durably

# QEMU's names. One certificate serves both sides: a host exports volumes to others and uses those of others.
_DATA_PLANE = {"certificate": ("server-cert.pem", "client-cert.pem"), "key": ("server-key.pem", "client-key.pem")}
_QEMU_GROUP = "libvirt-qemu"


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
        self._pki_dir = pki_dir

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

    def save(self, identity: Identity, data_key: bytes, data_certificate: bytes) -> None:
        """For `join`: everything, the proof of being a host last."""
        self._save_data_plane(identity.ca_certificate, data_key, data_certificate)
        self.save_control(identity.control, identity.ca_certificate)
        write_durably(self.directory / "host.json", json.dumps(asdict(identity.host), indent=2).encode())

    def save_control(self, control: ControlPair, ca_certificate: bytes) -> None:
        write_durably(self.directory / "ca.pem", ca_certificate)
        write_durably(self.directory / "control.pem", control.key + control.certificate)

    def _save_data_plane(self, ca_certificate: bytes, key: bytes, certificate: bytes) -> None:
        group = _existing_group(_QEMU_GROUP)
        write_durably(self._pki_dir / "ca-cert.pem", ca_certificate, 0o644)
        for name in _DATA_PLANE["certificate"]:
            write_durably(self._pki_dir / name, certificate, 0o644)
        for name in _DATA_PLANE["key"]:
            write_durably(self._pki_dir / name, key, 0o640 if group else 0o600, group)


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


def _existing_group(name: str) -> str | None:
    try:
        return grp.getgrnam(name).gr_name
    except KeyError:
        return None
