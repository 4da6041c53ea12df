"""The few lines of libvirt's qemu.conf that are ours: where QEMU finds the data plane's certificates.

libvirtd reads them when it starts. Owns the marked block, and nothing else in that file.
"""

from pathlib import Path

BEGIN = "# BEGIN stead: kept by stead-agent; libvirtd must be restarted after a change\n"
END = "# END stead\n"
CLIENT_FILES = ("ca-cert.pem", "client-cert.pem", "client-key.pem")  # QEMU's names.
# Where Debian's AppArmor profile lets QEMU read certificates.
CONFINED_PKI_DIR = Path("/etc/pki/qemu")
APPARMOR_PROFILES = Path("/sys/kernel/security/apparmor/profiles")


def ensure(qemu_conf: Path, pki_dir: Path) -> bool:
    """Put our block at the end of the file, once. Returns whether it changed, so that libvirtd needs a restart."""
    text = qemu_conf.read_text() if qemu_conf.exists() else ""
    wanted = _without_block(text) + _block(pki_dir)
    if wanted == text:
        return False
    temporary = qemu_conf.with_name(qemu_conf.name + ".stead")
    temporary.write_text(wanted)
    temporary.chmod(0o600)
    temporary.rename(qemu_conf)
    return True


def problems(qemu_conf: Path, pki_dir: Path, libvirtd_pid_file: Path) -> list[str]:
    """Why guests couldn't reach their disks, for people; empty when all is well."""
    found = [
        f"{pki_dir / name} is missing; join the host again" for name in CLIENT_FILES if not (pki_dir / name).exists()
    ]
    if APPARMOR_PROFILES.exists() and pki_dir != CONFINED_PKI_DIR:
        found.append(f"AppArmor keeps QEMU from {pki_dir}; the certificates belong into {CONFINED_PKI_DIR}")
    if not qemu_conf.exists() or _block(pki_dir) not in qemu_conf.read_text():
        found.append(f"{qemu_conf} lacks Stead's settings; run the installation again")
    elif libvirtd_pid_file.exists() and libvirtd_pid_file.stat().st_mtime < qemu_conf.stat().st_mtime:
        found.append(f"libvirtd runs since before {qemu_conf} changed; restart it (guests keep running)")
    return found


def _block(pki_dir: Path) -> str:
    return f'{BEGIN}nbd_tls_x509_cert_dir = "{pki_dir}"\n{END}'


def _without_block(text: str) -> str:
    before, begin, rest = text.partition(BEGIN)
    if not begin:
        return text if not text or text.endswith("\n") else text + "\n"
    return before + rest.partition(END)[2]
