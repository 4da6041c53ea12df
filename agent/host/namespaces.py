"""Network namespaces under /run/netns: make, delete, list, and run code inside one.

Owns how Stead's namespaces are named. It says nothing about what is in them.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from pyroute2 import netns

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
    if not RUN_DIR.is_dir():
        return frozenset()
    return frozenset(entry.name for entry in RUN_DIR.iterdir() if entry.name.startswith(prefix))


def exists(name: str) -> bool:
    """Whether the namespace is whole: a crash can leave the plain file that it should have been mounted on."""
    try:
        return path(name).stat().st_dev != RUN_DIR.stat().st_dev
    except FileNotFoundError:
        return False


def ensure(name: str) -> bool:
    """Make the namespace, with nothing in it but a loopback that is down. Returns whether it is new."""
    if exists(name):
        return False
    remove(name)
    _ip_netns("add", name)
    return True


def remove(name: str) -> None:
    """Take its name away; it ends, with all devices in it, when no process and no socket uses it any more."""
    if path(name).exists():
        _ip_netns("delete", name)


def call(name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function inside the namespace and return what it returns.

    It has a thread of its own that ends with it, so that no failure can leave a shared thread in the wrong place.
    Sockets made in it stay in the namespace; /proc/sys/net is the namespace's own. Raises FileNotFoundError when the
    namespace does not exist.
    """

    def enter_and_call() -> T:
        netns.setns(str(path(name)), flags=0)
        return function(*args, **kwargs)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as thread:
        return thread.submit(enter_and_call).result()


@contextmanager
def opened(name: str) -> Iterator[int]:
    """A file descriptor of the namespace, for moving a device there."""
    fd = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def set_sysctl(key: str, value: int) -> None:
    """Set `net.<key>` (with slashes) in the calling thread's namespace. No write where it is so already."""
    file = Path("/proc/sys/net") / key
    if key.startswith("ipv6/") and not file.exists():
        return  # A kernel without IPv6.
    if file.read_text().strip() != str(value):
        file.write_text(str(value))


def sysctl(key: str) -> int:
    """A number under `net.` in the calling thread's namespace."""
    return int((Path("/proc/sys/net") / key).read_text())


def _ip_netns(*args: str) -> None:
    try:
        subprocess.run(["ip", "netns", *args], check=True, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        raise OSError(f"`ip netns {' '.join(args)}` failed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"`ip netns {' '.join(args)}` still ran after {COMMAND_TIMEOUT_S} s") from error
