"""A libvirt host of its own for tests: private mount and PID namespaces with a virtlogd and a libvirtd.

Ending the namespaces' init ends everything in them, so nothing is left on the machine whatever a test did.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# PID 1 of a namespace adopts daemons and must reap them, else libvirt waits for zombies.
_INIT = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(flush=True); signal.pause()"

_SETUP = """
set -e
mount -t tmpfs tmpfs /run
for directory in /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt; do
    mkdir -p "$1$directory"
    mount --bind "$1$directory" "$directory"
done
mkdir -p /var/lib/libvirt/qemu /etc/libvirt/qemu
# A node that libvirt-qemu may open: otherwise libvirt probes QEMU anew, for a minute, at every start.
[ ! -e /dev/kvm ] || { mknod -m 666 /run/kvm c 10 232; mount --bind /run/kvm /dev/kvm; }
"""


class LibvirtHost:
    """The running host. Paths inside it are reachable from outside under `root`."""

    def __init__(self, pid: int, directory: Path) -> None:
        self.pid = pid
        self.directory = directory
        self.root = Path(f"/proc/{pid}/root")
        self.uri = f"qemu:///system?socket={self.root}/run/libvirt/libvirt-sock"

    def run(self, *argv: str) -> str:
        """Run a command inside to its end."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--"]
        return subprocess.run([*enter, *argv], check=True, capture_output=True, text=True, timeout=90).stdout

    def start_libvirtd(self) -> None:
        (self.root / "run/libvirtd.pid").unlink(missing_ok=True)
        self.run("libvirtd", "--daemon")
        wait_for(lambda: (self.root / "run/libvirt/libvirt-sock").is_socket(), "libvirtd's socket")
        self.run("virsh", "-c", "qemu:///system", "list")

    def stop_libvirtd(self) -> None:
        pid = int((self.root / "run/libvirtd.pid").read_text())
        self.run("kill", str(pid))
        wait_for(lambda: not (self.root / f"proc/{pid}").exists(), "libvirtd's end")

    def libvirtd_pid(self) -> int:
        """As seen from outside."""
        return next(
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if _cmdline(process).startswith("libvirtd") and _mounts(process) == _mounts(Path(f"/proc/{self.pid}"))
        )

    def qemu_pid(self, name: str) -> int:
        """As seen from outside."""
        return next(
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if f"guest={name}," in _cmdline(process) and _cmdline(process).startswith("/usr/bin/qemu")
        )


@contextlib.contextmanager
def libvirt_host(directory: Path, qemu_conf: str) -> Iterator[LibvirtHost]:
    """Bring one up in `directory`, with `qemu_conf` in its configuration; take it down at the end."""
    directory.mkdir()
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    init = subprocess.Popen([*unshare, sys.executable, "-c", _INIT], stdout=subprocess.PIPE)
    try:
        assert init.stdout
        assert init.stdout.readline()
        host = LibvirtHost(_child_of(init.pid), directory)
        host.run("sh", "-c", _SETUP, "sh", str(directory))
        (directory / "etc/libvirt/qemu.conf").write_text(qemu_conf)
        (directory / "etc/libvirt/libvirtd.conf").write_text('auth_unix_rw = "none"\n')
        shutil.chown(directory / "var/lib/libvirt/qemu", "libvirt-qemu", "libvirt-qemu")
        host.run("virtlogd", "--daemon")
        host.start_libvirtd()
        yield host
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(init.pid, signal.SIGKILL)
        init.wait()


def make_pki(directory: Path) -> Path:
    """A throwaway CA with a server's and a client's certificate for 127.0.0.1, under QEMU's names."""
    directory.mkdir()
    ca = ["-CA", "ca-cert.pem", "-CAkey", "ca-key.pem"]
    _openssl(directory, "ca", "/CN=test-ca", [])
    _openssl(directory, "server", "/O=stead/CN=host-storage", [*ca, "-addext", "subjectAltName=IP:127.0.0.1"])
    _openssl(directory, "client", "/O=stead/CN=host-1", ca)
    for key in directory.iterdir():
        key.chmod(0o644)
    return directory


def _openssl(directory: Path, name: str, subject: str, options: list[str]) -> None:
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-keyout", f"{name}-key.pem", "-out", f"{name}-cert.pem"]
    basic = ["-addext", "basicConstraints=critical,CA:FALSE"] if options else []
    argv += [*files, "-subj", subject, *options, *basic]
    subprocess.run(argv, check=True, capture_output=True, cwd=directory)


class NbdServer:
    """One export with mutual TLS on 127.0.0.1; may be ended and started again on its port."""

    def __init__(self, image: Path, export_name: str, port: int, pki: Path, *, read_only: bool = False) -> None:
        self._port = port
        faulty = "driver=blkdebug,node-name=full,image=disk"
        faulty += ",inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.errno=28"
        self._argv = ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=disk,filename={image},discard=unmap"]
        self._argv += ["--blockdev", faulty]
        self._argv += ["--object", f"tls-creds-x509,id=tls,endpoint=server,dir={pki},verify-peer=on"]
        self._export = f"type=nbd,id=export,name={export_name},writable={'off' if read_only else 'on'},node-name="
        self.start()

    def restart(self, *, is_full: bool) -> None:
        self.stop()
        self.start(is_full=is_full)

    def start(self, *, is_full: bool = False) -> None:
        """`is_full`: every write fails for want of space."""
        # QEMU's own sockets lack TCP_NODELAY: a guest would take half a minute to load its kernel.
        with socket.create_server(("127.0.0.1", self._port)) as listening:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = f"addr.type=fd,addr.str={listening.fileno()},tls-creds=tls"
            argv = [*self._argv, "--nbd-server", server, "--export", self._export + ("full" if is_full else "disk")]
            self._process = subprocess.Popen(argv, pass_fds=[listening.fileno()])

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = 30.0) -> None:
    """Poll until `condition()` holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {deadline_s} s"
        time.sleep(0.02)


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _mounts(process: Path) -> str:
    return os.readlink(process / "ns/mnt")


def _cmdline(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
