"""What QEMU must know and may do, in files of libvirt and AppArmor.

Where the certificates for data are: libvirtd reads that when it starts. That QEMU may open this host's own exports:
that is read at each start of a guest.
"""

from pathlib import Path

from agent.drivers.compute_libvirt.own_block import OwnBlock

CLIENT_FILES = ("ca-cert.pem", "client-cert.pem", "client-key.pem")  # QEMU's names.
# Where Debian's AppArmor profile lets QEMU read certificates.
CONFINED_PKI_DIR = Path("/etc/pki/qemu")
APPARMOR_PROFILES = Path("/sys/kernel/security/apparmor/profiles")
# What Debian's profile for QEMU includes.
APPARMOR_RULES = Path("/etc/apparmor.d/local/abstractions/libvirt-qemu")


def ensure(qemu_conf: Path, pki_dir: Path) -> bool:
    """Have libvirt's settings. Returns whether they changed, so that libvirtd needs a restart."""
    return _settings(qemu_conf, pki_dir).ensure(mode=0o600)


def ensure_rules(sockets: Path, rules: Path = APPARMOR_RULES) -> None:
    """Have AppArmor's rule, where it confines QEMU; `sockets` is a pattern of paths."""
    if APPARMOR_PROFILES.exists() and rules.parent.is_dir():
        OwnBlock(rules, "", f"{sockets} rw,").ensure(mode=0o644)


def problems(qemu_conf: Path, pki_dir: Path, libvirtd_pid_file: Path) -> list[str]:
    """Why guests couldn't reach their disks, for people; empty when all is well."""
    found = [
        f"{pki_dir / name} is missing; join the host again" for name in CLIENT_FILES if not (pki_dir / name).exists()
    ]
    if APPARMOR_PROFILES.exists() and pki_dir != CONFINED_PKI_DIR:
        found.append(f"AppArmor keeps QEMU from {pki_dir}; the certificates belong into {CONFINED_PKI_DIR}")
    if not _settings(qemu_conf, pki_dir).is_there():
        found.append(f"{qemu_conf} lacks Stead's settings; run the installation again")
    elif libvirtd_pid_file.exists() and libvirtd_pid_file.stat().st_mtime < qemu_conf.stat().st_mtime:
        found.append(f"libvirtd runs since before {qemu_conf} changed; restart it (guests keep running)")
    return found


def _settings(qemu_conf: Path, pki_dir: Path) -> OwnBlock:
    note = "; libvirtd must be restarted after a change"
    return OwnBlock(qemu_conf, note, f'nbd_tls_x509_cert_dir = "{pki_dir}"')
