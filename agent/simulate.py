"""Many hosts with fake drivers in one process: `stead-agent simulate`, for trying a control plane under load.

But for its drivers each is a real host: it joins with a token, and has certificates, a ledger and a session of its
own. A fleet lives in a directory. Run again, it is the same fleet: its machines come back as after a power cut, with
their volumes, and their guests start anew.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path

import structlog

from agent.config import Config, DriverNames, kinds_of
from agent.drivers import registry
from agent.drivers.base import Presence
from agent.enroll import JoinToken, join
from agent.identity import IdentityError, IdentityStore
from agent.messages import Role
from agent.settings import SettingsError

# More wait for one another at the control plane, where each join is a commit; fewer leave it idle between two.
_JOIN_AT_ONCE = 8
# Of a host: its ledger's three, its connection, those of the moment. Fewer fail under load, more refuse large fleets.
_FILES_PER_HOST = 8
_FILES_OF_ALL = 100
# Longer: one sees nothing happen. Shorter: more lines than anybody reads.
_TELL_EVERY_S = 1.0

# Set aside for benchmarks (RFC 2544): nobody has these.
UNDERLAY = IPv4Network("198.18.0.0/15")

Serve = Callable[[Config, asyncio.Event, Presence], Awaitable[None]]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fleet:
    """`tokens` has those of the hosts 1, 2, ... in this order; a host that has joined needs none."""

    directory: Path
    hosts: int
    underlay: IPv4Network = UNDERLAY
    tokens: Sequence[str] = ()
    settings: Config = field(default_factory=Config)  # Of each host, but for its directories and its drivers' names.

    def machines(self) -> list["Machine"]:
        """Raises SettingsError or IdentityError where the fleet can't be."""
        if self.underlay.num_addresses - 2 < self.hosts:
            raise SettingsError(f"{self.underlay} has no {self.hosts} addresses for hosts: give a wider --underlay")
        settings = _pretending(self.settings)
        registry.check(kinds_of(tuple(Role)), settings.driver_names(), settings.driver_tables)
        machines = [self._machine(number, settings) for number in range(1, self.hosts + 1)]
        lacking = [machine for machine in machines if not machine.has_joined and machine.token is None]
        if lacking:
            raise IdentityError(
                f"{len(lacking)} of {self.hosts} hosts in {self.directory} have not joined and have no token; the first"
                f" is host {lacking[0].number}, whose token is that line of --tokens: see `stead host token --count`"
            )
        return machines

    def _machine(self, number: int, settings: Config) -> "Machine":
        token = self.tokens[number - 1] if number <= len(self.tokens) else None
        return Machine(number, str(self.underlay[number]), token, _at(self.directory / str(number), settings))


class Machine:
    """One simulated host."""

    def __init__(self, number: int, address: str, token: str | None, settings: Config) -> None:
        self.number = number
        self.name = f"sim-{address.replace('.', '-')}"
        self.token = token
        self.control_plane = Presence()
        self.identities = IdentityStore(settings.agent.state_dir, settings.agent.pki_dir)
        self.has_joined = self.identities.is_joined()
        self._address = address
        self._settings = settings

    async def join(self) -> None:
        """What breaks off is finished by the next try with the same token. Raises IdentityError."""
        try:
            await join(JoinToken.parse(self.token or ""), self.name, self._address, self.identities)
        except IdentityError as error:
            raise IdentityError(f"host {self.number}: {error}") from error
        self.has_joined = True

    async def run(self, serve: Serve, stop: asyncio.Event) -> None:
        structlog.contextvars.bind_contextvars(host=self.name)
        await serve(self._settings, stop, self.control_plane)


async def run(fleet: Fleet, serve: Serve, stop: asyncio.Event, say: Say) -> None:
    """Be these hosts until told to stop. The first that can't begin ends all; raises what it raised, and SettingsError.

    `serve` is the agent of one host; `say` is told how far the fleet is.
    """
    _allow_files(fleet.hosts * _FILES_PER_HOST + _FILES_OF_ALL)
    machines = fleet.machines()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_tell(machines, stop, say))
            # All, before the first connects: each host that is connected is told of each that joins.
            await _join([machine for machine in machines if not machine.has_joined], stop)
            for machine in machines if not stop.is_set() else ():
                tasks.create_task(machine.run(serve, stop))
    except ExceptionGroup as errors:
        raise _first(errors) from errors


async def _join(machines: Sequence[Machine], stop: asyncio.Event) -> None:
    left = iter(machines)

    async def one_after_another() -> None:
        for machine in left:
            if stop.is_set():
                return
            await machine.join()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_JOIN_AT_ONCE):
            tasks.create_task(one_after_another())


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _tell(machines: Sequence[Machine], stop: asyncio.Event, say: Say) -> None:
    before, count = "", len(machines)
    while not stop.is_set():
        joined = sum(machine.has_joined for machine in machines)
        connected = sum(machine.control_plane.is_heard for machine in machines)
        now = f"joined {joined} of {count}, connected {connected}"
        if connected == count:
            say(f"all {count} hosts are connected")
            return
        if now != before:
            say(now)
        before = now
        await asyncio.sleep(_TELL_EVERY_S)


def _pretending(settings: Config) -> Config:
    """With fakes of all kinds."""
    # Other processes may pretend to be the rest of the region, and an earlier one made what volumes there are.
    others = {"trust_foreign_exports": True, "keeps_volumes": True}
    return replace(
        settings,
        agent=replace(settings.agent, metadata_service=False),
        drivers=DriverNames(("fake",), "fake", "fake", "fake"),
        driver_tables={"fake": {**others, **settings.driver_tables.get("fake", {})}},
    )


def _at(home: Path, settings: Config) -> Config:
    """Of the host whose directory this is."""
    agent = replace(settings.agent, state_dir=home / "state", run_dir=home / "run", pki_dir=home / "pki")
    return replace(settings, agent=agent)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise SettingsError(f"so many hosts need {count} open files, and `ulimit -Hn` allows {hard}: raise it")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
