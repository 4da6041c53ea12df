"""The agent's part in the metadata service: a process for each VPC, see `service`, and a file of what that tells.

The file's directory is below one that only root may pass, and the process has it as its working directory: user data is
read by the VPC's own process alone. Tokens are sealed with a key of the VPC's, made of the host's, so that they outlive
both processes.
"""

import asyncio
import functools
import hmac
import json
import os
import pwd
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from stat import S_IMODE
from typing import Any

from agent.drivers.base import Transient
from agent.files import write_durably
from agent.host import namespaces
from agent.host.errors import reported
from agent.host.process import Daemon
from agent.host.repairs import Repairs
from agent.host.services import Service, Services
from agent.host.threads import Threads
from agent.imds import service as program
from agent.imds import tree
from agent.imds.identities import Identities, Identity
from agent.model import InstanceSpec, Kind, Ref

KEY_BYTES = 32
_DIRECTORY_MODE, _FILE_MODE = 0o755, 0o640
# To enter a namespace and to listen there, which takes milliseconds. Lower: a busy host counts as stuck. Higher: a hung
# kernel shows up later.
LISTEN_DEADLINE_S = 30.0

InstancesIn = Callable[[str], Mapping[str, InstanceSpec]]
Told = Mapping[str, tuple[InstanceSpec, Identity | None]]


class MetadataServer:
    """Serves the guests of all VPCs of this host. `instances_in(vpc_id)` says who has which address there."""

    def __init__(
        self, instances_in: InstancesIn, identities: Identities, state_dir: Path, run_dir: Path, user: str
    ) -> None:
        self._instances_in = instances_in
        self._identities = identities
        self._key = load_key(state_dir / "imds.key")
        self._directory = run_dir / "metadata"
        self._user = user
        self._services = Services()
        self._repairs = Repairs()
        self._told: dict[str, Told] = {}
        self._changed: asyncio.Queue[str] = asyncio.Queue()
        self._threads = Threads("the metadata service", workers=4, deadline_s=LISTEN_DEADLINE_S)

    def tell(self, vpc_id: str) -> None:
        """Have the guests told what is so by now. Raises Transient."""
        instances = {address: (spec, self._identities.of(spec)) for address, spec in self._instances_in(vpc_id).items()}
        with reported(f"metadata of {vpc_id}"):
            is_told, is_readable = self._told.get(vpc_id) == instances, self._is_readable(vpc_id)
            if is_told and not is_readable:
                self._repairs.note(vpc_id, ["the file that its metadata service reads"])
            if not is_told or not is_readable:
                self._write(vpc_id, self._contents(vpc_id, instances))
                self._told[vpc_id] = instances

    async def ensure(self, vpc_id: str) -> None:
        """Have it listen in the VPC's namespace, which must have ADDRESS. Raises Transient when it can't."""
        service = self._service(vpc_id)
        with reported(f"metadata of {vpc_id}"):
            daemon = await service.adopt()
            if daemon is not None and not _is_in(daemon, service.directory):
                await service.stop()
                daemon = None
            if daemon is None:
                daemon = await self._start(service)
        self._services.watch(service, daemon)

    async def remove(self, vpc_id: str) -> None:
        """Stop it, and so let go of the namespace, and forget what it told."""
        service = self._service(vpc_id)
        self._services.forget(service)
        self._told.pop(vpc_id, None)
        with reported(f"metadata of {vpc_id}"):
            await service.stop()
        shutil.rmtree(service.directory, ignore_errors=True)  # A few small files in /run.

    def problems(self) -> tuple[str, ...]:
        """For people."""
        return (*self._services.problems(), *self._repairs.problems())

    async def events(self) -> AsyncIterator[Ref]:
        """VPCs whose process ended, or of which an instance's identity is signed now."""
        self._services.tell = self._changed.put_nowait
        while True:
            yield Ref(Kind.VPC, await self._changed.get())

    async def run(self) -> None:
        """Have identities signed, for ever."""
        while True:
            signed = set(await self._identities.come())
            for vpc_id, told in self._told.items():
                if any(spec.instance_id in signed for spec, _ in told.values()):
                    self._changed.put_nowait(vpc_id)

    def _service(self, vpc_id: str) -> Service:
        directory = self._directory / vpc_id
        mark = (program.__file__, str(directory))
        return Service("the metadata service", vpc_id, directory, mark, user=self._user)

    async def _start(self, service: Service) -> Daemon:
        listening = await self._threads.run(service.vpc_id, namespaces.call, service.namespace, program.listen)
        with listening:
            return await service.start_program([listening])

    def _contents(self, vpc_id: str, instances: Told) -> str:
        """ASCII: pages have a character for each byte."""
        guests = {address: _guest(*about) for address, about in instances.items()}
        return json.dumps({"key": hmac.digest(self._key, vpc_id.encode(), "sha256").hex(), "guests": guests})

    def _is_readable(self, vpc_id: str) -> bool:
        """As it was written: somebody may have changed that."""
        directory = self._directory / vpc_id
        try:
            file = (directory / program.GUESTS).stat()
        except FileNotFoundError:
            return False
        rights = S_IMODE(directory.stat().st_mode), S_IMODE(file.st_mode), file.st_gid
        return rights == (_DIRECTORY_MODE, _FILE_MODE, self._gid)

    def _write(self, vpc_id: str, contents: str) -> None:
        """In one step. Only root writes it, and the program's user reads it."""
        directory = self._directory / vpc_id
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(_DIRECTORY_MODE)
        self._directory.chmod(0o700)
        draft = directory / f"{program.GUESTS}.new"
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "w") as file:
            os.fchown(file.fileno(), 0, self._gid)
            file.write(contents)
        draft.rename(directory / program.GUESTS)

    @functools.cached_property
    def _gid(self) -> int:
        """Looked up once: where users are looked up may hang."""
        try:
            return pwd.getpwnam(self._user).pw_gid
        except KeyError as error:
            raise Transient(f"there is no user {self._user}: install dnsmasq-base, or set `metadata_user`") from error


def _guest(spec: InstanceSpec, signed: Identity | None) -> dict[str, Any]:
    """The fields of a `service.Guest`, but for the key."""
    told = spec.metadata
    return {
        "instance_id": spec.instance_id,
        "pages": {path: page.decode("latin-1") for path, page in tree.pages(spec, signed).items()},
        "without_token": told.without_token,
        "is_off": told.is_off,
        "hop_limit": told.hop_limit,
    }


def load_key(path: Path) -> bytes:
    """The key kept at `path`, made on first use."""
    if not path.exists():
        write_durably(path, secrets.token_bytes(KEY_BYTES))  # An empty key after a power cut would let anyone forge.
    return path.read_bytes()


def _is_in(daemon: Daemon, directory: Path) -> bool:
    """Whether it sees the files there; not so when the directory was deleted and made anew."""
    try:
        return os.path.samefile(f"/proc/{daemon.pid}/cwd", directory)
    except FileNotFoundError:
        return False
