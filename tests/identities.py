"""Signed identity documents, as docs/api.md says how to verify them."""

import subprocess
from pathlib import Path

from controlplane import ca


def verified(directory: Path, authority: ca.Credentials, pkcs7: str) -> bytes:
    """The document in it. Raises where it is not of this authority."""
    (directory / "ca.pem").write_bytes(authority.certificate)
    (directory / "rsa2048").write_text(f"-----BEGIN PKCS7-----\n{pkcs7}\n-----END PKCS7-----\n")
    command = ["openssl", "smime", "-verify", "-in", "rsa2048", "-inform", "PEM", "-CAfile", "ca.pem"]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True).stdout
