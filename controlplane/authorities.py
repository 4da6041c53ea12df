"""The files of the region's two authorities, made once: hosts trust what was signed with these, and with no others.

So none is ever made anew in place of one that is lost, and what somebody deletes is put back while the control plane
has it in memory.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controlplane.ca import Credentials

_MODES = {".pem": 0o644, ".key": 0o600}


class AuthorityError(Exception):
    """The files are not there, or not those of a region. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """See `controlplane.ca`."""

    control: Credentials
    data: Credentials


class AuthorityFiles:
    """`<directory>/ca.pem`, `ca.key`, `data-ca.pem` and `data-ca.key`; keys are readable by their owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def written_last(self) -> Path:
        """What makes this the directory of a region."""
        return self._directory / "ca.pem"

    def store(self, authorities: Authorities) -> None:
        for name, content in _files(authorities).items():
            _write(self._directory / name, content)

    def load(self) -> Authorities:
        """Raises AuthorityError."""
        names = ("ca.key", "ca.pem", "data-ca.key", "data-ca.pem")
        missing = [name for name in names if not (self._directory / name).exists()]
        if missing:
            raise AuthorityError(
                f"{', '.join(missing)} missing in {self._directory}: put back from a backup, of which any will do, "
                "since they never change; for a new region run `stead-controlplane init`"
            )
        return Authorities(self._pair("ca"), self._pair("data-ca"))

    def _pair(self, name: str) -> Credentials:
        pair = Credentials(*((self._directory / f"{name}.{end}").read_bytes() for end in ("pem", "key")))
        try:
            certificate = x509.load_pem_x509_certificate(pair.certificate)
            belongs = certificate.public_key() == load_pem_private_key(pair.key, password=None).public_key()
        except ValueError:
            belongs = False
        if not belongs:
            raise AuthorityError(
                f"{self._directory}/{name}.key is not the key of {name}.pem: put both back from the same backup"
            )
        return pair

    def keep(self, authorities: Authorities) -> list[str]:
        """Put back what is gone; returns what was, and what somebody has put other content into, which stays."""
        told = []
        for name, content in _files(authorities).items():
            path = self._directory / name
            if not path.exists():
                _write(path, content)
                told.append(f"{path} was gone and is put back")
            elif path.read_bytes() != content:
                told.append(f"{path} is not what this region's hosts trust: put it back from a backup before a restart")
        return told


def _files(authorities: Authorities) -> dict[str, bytes]:
    return {
        "data-ca.key": authorities.data.key,
        "data-ca.pem": authorities.data.certificate,
        "ca.key": authorities.control.key,
        "ca.pem": authorities.control.certificate,
    }


def _write(path: Path, content: bytes) -> None:
    """Replace the file whole, so that a crash leaves the old one or the new one."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODES[path.suffix]), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
