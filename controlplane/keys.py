"""SSH key pairs: make one, read a user's public key, and fingerprint both as EC2 does.

Pure: nothing is stored here, and a private key leaves in the return value of `create` alone.

How EC2 computes fingerprints is told by "Verify the fingerprint of your key pair" in its User Guide
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html), which also says that EC2 keeps the base64
padding that `ssh-keygen -l` leaves out. EC2's API reference says otherwise for imported RSA keys (RFC 4716: MD5 of the
SSH encoding), but what EC2 returns is as the guide says (https://github.com/mulgadc/spinifex/pull/570).
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

import asyncssh
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_RSA_BITS = 2048  # EC2's
_RSA_BITS_MIN = 1024  # EC2's smallest for an import
_TEXT_BYTES_MAX = 16 * 1024  # an RSA key of 16,384 bits, the largest that OpenSSH takes, has under 3 KiB


class KeyType(StrEnum):
    """EC2's names of the kinds."""

    ED25519 = "ed25519"
    RSA = "rsa"


_TYPES = {"ssh-ed25519": KeyType.ED25519, "ssh-rsa": KeyType.RSA}
_ALGORITHMS = {key_type: algorithm for algorithm, key_type in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What is kept of a key pair: the key as one OpenSSH line without options or comment, and its fingerprint."""

    key_type: KeyType
    line: str
    fingerprint: str


class InvalidKeyFormat(ValueError):
    """The text is not a public key that can be imported. The message says why and what to give instead."""


def create(key_type: KeyType) -> tuple[str, PublicKey]:
    """A new pair: the private key (OpenSSH format for Ed25519, PKCS#1 PEM for RSA), and what may be stored.

    RSA takes some 0.1 s of CPU: call it in a thread.
    """
    if key_type is KeyType.ED25519:
        key = asyncssh.generate_private_key(_ALGORITHMS[key_type])
        return key.export_private_key("openssh").decode(), _public(key, key_type)
    key = asyncssh.generate_private_key(_ALGORITHMS[key_type], key_size=_RSA_BITS)
    fingerprint = _colons(hashlib.sha1(key.export_private_key("pkcs8-der"), usedforsecurity=False))
    return key.export_private_key("pkcs1-pem").decode(), PublicKey(key_type, _line(key), fingerprint)


def import_public(text: str) -> PublicKey:
    """Read what a user calls a public key: one OpenSSH line, of type Ed25519 or RSA. Its comment is dropped.

    Raises InvalidKeyFormat.
    """
    algorithm, encoded = _split(text)
    if algorithm not in _TYPES:
        raise InvalidKeyFormat(
            f"the public key begins with {algorithm[:40]!r}: expected ssh-ed25519 or ssh-rsa, without options before it"
        )
    try:
        key = asyncssh.import_public_key(f"{algorithm} {encoded}")
    except (asyncssh.KeyImportError, ValueError) as error:
        raise InvalidKeyFormat(f"the public key cannot be read: {error}; give the contents of a .pub file") from error
    if isinstance(key.pyca_key, RSAPublicKey) and key.pyca_key.key_size < _RSA_BITS_MIN:
        raise InvalidKeyFormat(f"the RSA key has {key.pyca_key.key_size} bits: give one of {_RSA_BITS_MIN} or more")
    return _public(key, _TYPES[algorithm])


def _split(text: str) -> tuple[str, str]:
    """Algorithm and base64 of the one line."""
    if "PRIVATE KEY" in text or text.startswith("PuTTY-User-Key-File"):
        raise InvalidKeyFormat("this is a private key: keep it to yourself, and give the public one (the .pub file)")
    if len(text.encode(errors="replace")) > _TEXT_BYTES_MAX:
        raise InvalidKeyFormat(f"the public key is longer than {_TEXT_BYTES_MAX} bytes: give a single key")
    lines = text.strip().splitlines()
    if len(lines) > 1:
        raise InvalidKeyFormat(
            f"the public key has {len(lines)} lines: give a single key in OpenSSH format, on one line"
        )
    fields = text.split()
    if len(fields) < 2:
        raise InvalidKeyFormat(
            "the public key is empty or cut off: expected `ssh-ed25519 AAAA...` or `ssh-rsa AAAA...`"
        )
    return fields[0], fields[1]


def _public(key: asyncssh.SSHKey, key_type: KeyType) -> PublicKey:
    """A key's public half, with the fingerprint that EC2 gives to an imported key, and to Ed25519 of any origin."""
    if key_type is KeyType.ED25519:
        fingerprint = base64.b64encode(hashlib.sha256(key.public_data).digest()).decode()
    else:
        fingerprint = _colons(hashlib.md5(key.export_public_key("pkcs8-der"), usedforsecurity=False))
    return PublicKey(key_type, _line(key), fingerprint)


def _line(key: asyncssh.SSHKey) -> str:
    return key.export_public_key("openssh").decode().strip()


def _colons(digest: "hashlib._Hash") -> str:
    return digest.digest().hex(":")
