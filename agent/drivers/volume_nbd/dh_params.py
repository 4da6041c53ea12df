"""Diffie-Hellman parameters beside the certificates. Without them each start of QEMU's TLS server makes its own: 0.3 s.

They are public and standard, ffdhe2048 of RFC 7919, and hardly ever used: QEMU's peers agree on elliptic curves.
"""

from pathlib import Path

from agent.files import write_durably

FFDHE2048 = b"""\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


def ensure_dh_params(pki_dir: Path) -> None:
    """Put them where QEMU looks for them, also in place of what a power cut left of them. Blocks."""
    path = pki_dir / "dh-params.pem"
    if not path.exists() or path.read_bytes() != FFDHE2048:
        write_durably(path, FFDHE2048, mode=0o644)
