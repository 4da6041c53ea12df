"""Writes files that must be whole or absent after a crash, and says to whom those for QEMU belong."""

import grp
import os
import shutil
from pathlib import Path

QEMU_GROUP = "libvirt-qemu"


def qemu_group() -> str | None:
    """Of the user that libvirt runs QEMU as; None where libvirt is not installed."""
    try:
        return grp.getgrnam(QEMU_GROUP).gr_name
    except KeyError:
        return None


def write_durably(path: Path, data: bytes, mode: int = 0o600, group: str | None = None) -> None:
    """Replace the file in one step; the data and the name are on disk on return. `group` is the owning group's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, mode)
        if group is not None:
            shutil.chown(temporary, group=group)
        os.fsync(descriptor)
    temporary.rename(path)
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
