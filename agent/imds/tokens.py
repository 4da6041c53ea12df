"""Session tokens: an expiry and a seal over it and the instance. Nothing is stored but the key of the seal.

So a guest's tokens outlive a restart of the agent, are worth nothing to another instance, and cost no memory.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from pathlib import Path

from agent.files import write_durably

KEY_BYTES = 32
_EXPIRY = struct.Struct(">Q")  # Seconds since the epoch.


def load_key(path: Path) -> bytes:
    """The key kept at `path`, made on first use."""
    if not path.exists():
        write_durably(path, secrets.token_bytes(KEY_BYTES))  # An empty key after a power cut would let anyone forge.
    return path.read_bytes()


def mint(key: bytes, instance_id: str, expires_at: int) -> str:
    """A token for this instance, good until `expires_at`."""
    expiry = _EXPIRY.pack(expires_at)
    return base64.urlsafe_b64encode(expiry + _seal(key, instance_id, expiry)).decode()


def expiry_of(key: bytes, instance_id: str, token: str) -> int | None:
    """When the token runs out; None for one that was never this instance's."""
    try:
        opened = base64.urlsafe_b64decode(token.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return None
    expiry, seal = opened[: _EXPIRY.size], opened[_EXPIRY.size :]
    if not hmac.compare_digest(seal, _seal(key, instance_id, expiry)):
        return None
    return int(_EXPIRY.unpack(expiry)[0])


def _seal(key: bytes, instance_id: str, expiry: bytes) -> bytes:
    return hmac.digest(key, expiry + instance_id.encode(), hashlib.sha256)
