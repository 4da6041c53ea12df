"""Network namespaces under /run/netns: make, delete, list, and run code inside one.

Owns how Stead's namespaces are named. It says nothing about what is in them.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from pyroute2 import netns

from agent.host.ear import at_work
from agent.host.netlink import open_netlink

RUN_DIR = Path("/run/netns")
COMMAND_TIMEOUT_S = 10.0  # `ip netns` takes milliseconds; longer means a hung kernel, and the engine must get to know.

P = ParamSpec("P")
T = TypeVar("T")


def vpc_namespace(vpc_id: str) -> str:
    """The name of a VPC's router on this host."""
    return f"stead-{vpc_id}"


def gateway_namespace(vpc_id: str) -> str:
    """The name of the namespace that does a VPC's NAT."""
    return f"stead-gw-{vpc_id}"


def path(name: str) -> Path:
    """Where the namespace is found; it need not exist."""
    return RUN_DIR / name


def names(prefix: str) -> frozenset[str]:
    """Names of the namespaces that begin with `prefix`, half-made ones included."""
    try:
        return frozenset(name for name in os.listdir(RUN_DIR) if name.startswith(prefix))
    except FileNotFoundError:
        return frozenset()


def exists(name: str) -> bool:
    """Whether the namespace is whole: a crash can leave the plain file that it should have been mounted on."""
    try:
        return path(name).stat().st_dev != RUN_DIR.stat().st_dev
    except FileNotFoundError:
        return False


def identity(name: str) -> int | None:
    """What tells a namespace from all others while it is there; None where the name leads to none.

    An empty name stands for the agent's own.
    """
    if name and not exists(name):
        return None
    try:
        return (path(name) if name else Path("/proc/self/ns/net")).stat().st_ino
    except FileNotFoundError:
        return None


def ensure(name: str, host_id: str) -> bool:
    """Make the namespace, with nothing in it but a loopback that is down. Returns whether it is new.

    The loopback's alias has the namespace's name and its host's, by which `restore` knows it again: a machine that
    plays several hosts has those of all of them.
    """
    if exists(name):
        return False
    remove(name)
    _ip_netns("add", name)
    call(name, _mark, f"{name}@{host_id}")
    return True


def has(name: str, pid: int) -> bool:
    """Whether a process is in the namespace."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino == path(name).stat().st_ino
    except FileNotFoundError:
        return False


def is_own(pid: int) -> bool:
    """Whether a process is in the agent's own namespace, the host's."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino == Path("/proc/self/ns/net").stat().st_ino
    except FileNotFoundError:
        return False


def restore(prefix: str, host_id: str) -> list[str]:
    """Give namespaces that lost their names, as somebody deleted them, their names again. Returns the names.

    One whose name leads to another by now loses its devices. One in which no process is has ended, or soon will.
    """
    names = {name for name, pid in _lost(prefix, f"@{host_id}").items() if _restore(name, pid, f"{name}@{host_id}")}
    return sorted(names)


def remove(name: str) -> None:
    """Take its name away; it ends, with all devices in it, when no process and no socket uses it any more."""
    if path(name).exists():
        _ip_netns("delete", name)


def call(name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function inside the namespace and return what it returns.

    It has a thread of its own that ends with it, so that no failure can leave a shared thread in the wrong place.
    Sockets made in it stay in the namespace; /proc/sys/net is the namespace's own. Raises FileNotFoundError when the
    namespace does not exist. What happens there meanwhile is our doing, as far as `agent.host.monitor` is concerned.
    """
    with at_work(name):
        return _call(path(name), function, *args, **kwargs)


@contextmanager
def opened(name: str) -> Iterator[int]:
    """A file descriptor of the namespace, for moving a device there: our doing, as in `call`."""
    fd = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        with at_work(name):
            yield fd
    finally:
        os.close(fd)


def _call(place: Path, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    def enter_and_call() -> T:
        netns.setns(str(place), flags=0)
        return function(*args, **kwargs)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=place.name) as thread:
        return thread.submit(enter_and_call).result()


def _lost(prefix: str, suffix: str) -> dict[str, int]:
    """A process in each namespace of ours that no name leads to, by the name that it had."""
    known = {entry.stat().st_ino for entry in RUN_DIR.iterdir()} if RUN_DIR.is_dir() else set()
    known.add(Path("/proc/self/ns/net").stat().st_ino)
    found: dict[str, int] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # It ended meanwhile.
            namespace = f"/proc/{pid}/ns/net"
            if (inode := os.stat(namespace).st_ino) not in known:
                known.add(inode)
                found[_call(Path(namespace), _loopback_alias)] = int(pid)
    ours = {alias: pid for alias, pid in found.items() if alias.startswith(prefix) and alias.endswith(suffix)}
    return {alias.removesuffix(suffix): pid for alias, pid in ours.items()}


def _restore(name: str, pid: int, alias: str) -> bool:
    """Whether it had lost its name. What was seen of it, and of the process, may be out of date: one whose name came
    meanwhile is left alone, and so is where another process by this number is.
    """
    with suppress(FileNotFoundError, ProcessLookupError), _held(Path(f"/proc/{pid}/ns/net")) as place:
        if has(name, pid) or _call(place, _loopback_alias) != alias:
            return False
        if exists(name):
            _call(place, _delete_links)
        else:
            remove(name)
            _ip_netns("attach", name, str(pid))
        return True
    return False


@contextmanager
def _held(place: Path) -> Iterator[Path]:
    """The namespace that is there now, whatever the path leads to later."""
    fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def _mark(alias: str) -> None:
    with open_netlink() as netlink:
        netlink.set_link("lo", ifalias=alias)


def _loopback_alias() -> str:
    with open_netlink() as netlink:
        return next(link.alias for link in netlink.links() if link.name == "lo")


def _delete_links() -> None:
    with open_netlink() as netlink:
        for link in netlink.links():
            if link.name != "lo":
                netlink.delete_link(link.name)


def _ip_netns(*args: str) -> None:
    try:
        subprocess.run(["ip", "netns", *args], check=True, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        raise OSError(f"`ip netns {' '.join(args)}` failed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"`ip netns {' '.join(args)}` still ran after {COMMAND_TIMEOUT_S} s") from error
