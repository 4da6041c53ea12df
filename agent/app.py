"""The command line, and the composition root: the only place that builds the agent's objects and owns its tasks."""

import asyncio
import ipaddress
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
import uvloop

from agent import __version__, config, logs, once
from agent.config import Config, kinds_of
from agent.converge.desired import Desired
from agent.converge.engine import Engine
from agent.converge.instances import PowerOffs
from agent.converge.resources import MetadataServer
from agent.downloads import Downloads
from agent.drivers import registry
from agent.drivers.base import DriverError, HostContext, Presence
from agent.drivers.registry import Drivers
from agent.enroll import JoinToken
from agent.enroll import join as enroll
from agent.guests import shut_down
from agent.identity import Host, Identity, IdentityError, IdentityStore
from agent.images import Images
from agent.ledger import Ledger, LedgerError
from agent.legacy_wire import upgraded
from agent.messages import Role
from agent.model import InstanceSpec
from agent.session import Session
from agent.settings import SettingsError
from agent.signing import Signing
from agent.simulate import UNDERLAY, Fleet
from agent.simulate import run as run_fleet

log = structlog.get_logger()
cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Makes this machine a host of your cloud.")

InstancesIn = Callable[[str], Mapping[str, InstanceSpec]]
_FLEET = Path("stead-fleet")
ConfigPath = Annotated[Path | None, typer.Option("--config", help=f"TOML file. Default: {config.DEFAULT_PATH}.")]


async def serve(settings: Config, stop: asyncio.Event, control_plane: Presence | None = None) -> None:
    """Be the agent of the host that joined with this `state_dir`, until told to stop. Whatever runs stays as it is.

    `control_plane` tells meanwhile whether there is a session. Raises IdentityError, SettingsError or LedgerError when
    it can't begin. Nothing that fails later ends it.
    """
    identities = IdentityStore(settings.agent.state_dir, settings.agent.pki_dir)
    identity = identities.load()
    context = _context(settings, identity, identities, control_plane)
    drivers = _drivers(settings, identity, context)
    host = identity.host
    ledger = Ledger(
        settings.agent.state_dir / "ledger.sqlite",
        host.host_id,
        upgrade=lambda resources: upgraded(resources, host.host_id, host.underlay_address),
    )
    try:
        contents = ledger.load()
        desired = Desired(host.host_id, contents.revision, contents.scopes)
        metadata = _metadata_server(settings, desired, Signing(identities))
        await _prepare(drivers)
        power_offs = PowerOffs(ledger, contents.guest_off)
        engine = Engine(drivers, desired, power_offs, metadata, settings.converge)
        roles = _roles(settings, identity)
        session = Session(
            *(identities, roles, drivers, ledger, engine, settings.session),
            authority=contents.authority,
            control_plane=context.control_plane,
        )
        log.info("agent started", host=identity.host.host_id, version=__version__)
        await _run_until(stop, engine, session)
    finally:
        ledger.close()


async def _prepare(drivers: Drivers) -> None:
    """What can't be put in order shows as a problem of the host: its other roles don't need it."""
    try:
        await drivers.prepare()
    except DriverError as error:
        log.warning("the host is not in order", error=str(error))


def _drivers(settings: Config, identity: Identity, context: HostContext) -> Drivers:
    """Those that the roles of a joined machine need."""
    kinds = kinds_of(_roles(settings, identity))
    return registry.load(kinds, settings.driver_names(), settings.driver_tables, context)


async def _run_until(stop: asyncio.Event, engine: Engine, session: Session) -> None:
    async with asyncio.TaskGroup() as tasks:
        loops = [tasks.create_task(engine.run()), tasks.create_task(session.run())]
        await stop.wait()
        log.info("agent stops; guests, volumes and networks stay as they are")
        for loop in loops:
            loop.cancel()


def _metadata_server(settings: Config, desired: Desired, signing: Signing) -> MetadataServer | None:
    if not settings.agent.metadata_service:
        return None
    from agent.imds import Identities  # Not needed, and not loaded, for a simulated host.
    from agent.imds import MetadataServer as Imds

    agent = settings.agent
    signed = Identities(signing, agent.state_dir / "identities.json", desired.has_instance)
    return Imds(desired.instances_in, signed, agent.state_dir, agent.run_dir, agent.metadata_user)


def _roles(settings: Config, identity: Identity) -> tuple[Role, ...]:
    roles = settings.agent.roles or tuple(Role(name) for name in identity.host.roles)
    if not roles:
        raise SettingsError("this host has no role: set `roles` in [agent], e.g. roles = ['compute', 'storage']")
    return roles


def _context(
    settings: Config, identity: Identity, identities: IdentityStore, control_plane: Presence | None = None
) -> HostContext:
    settings.agent.run_dir.mkdir(parents=True, exist_ok=True)
    return HostContext(
        host_id=identity.host.host_id,
        underlay_address=identity.host.underlay_address,
        state_dir=settings.agent.state_dir,
        run_dir=settings.agent.run_dir,
        pki_dir=settings.agent.pki_dir,
        images=Images(Downloads(identities)),
        control_plane=control_plane or Presence(),
    )


async def _until_signalled(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """`run` is to end when the event is set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(stop)


@cli.command(cls=once.Command)
def run(
    config_path: ConfigPath = None,
    check_config: Annotated[bool, typer.Option("--check-config", help="Check the configuration and exit.")] = False,
) -> None:
    """Serve as this host's agent."""
    settings = _read_config(config_path)
    if check_config:
        with _telling(config_path):
            _check(settings)
        return
    logs.set_up(settings.agent.log_level, settings.agent.log_format)
    with _telling(config_path):
        uvloop.run(_until_signalled(partial(serve, settings)))


@cli.command(cls=once.Command)
def stop_guests(config_path: ConfigPath = None) -> None:
    """Shut this host's guests down, as before the machine goes down; the agent must have been stopped."""
    settings = _read_config(config_path)
    logs.set_up(settings.agent.log_level, settings.agent.log_format)
    with _telling(config_path):
        left = asyncio.run(_stop_guests(settings))
    if left:
        _fail(f"still on after {settings.agent.guests_stop_s:g} s: {', '.join(left)}")


async def _stop_guests(settings: Config) -> tuple[str, ...]:
    identities = IdentityStore(settings.agent.state_dir, settings.agent.pki_dir)
    identity = identities.load()
    compute = _drivers(settings, identity, _context(settings, identity, identities)).compute
    return await shut_down(compute, settings.agent.guests_stop_s) if compute is not None else ()


@cli.command(cls=once.Command)
def join(
    token: Annotated[str, typer.Argument(help="From `stead host token`.")],
    underlay: Annotated[str, typer.Option(help="IPv4 address at which other hosts reach this one.")],
    name: Annotated[str, typer.Option(help="Name of this machine. Default: its host name.")] = "",
    config_path: ConfigPath = None,
) -> None:
    """Make this machine a host, with a token from the control plane."""
    settings = _read_config(config_path)
    store = IdentityStore(settings.agent.state_dir, settings.agent.pki_dir)
    try:
        address = str(ipaddress.IPv4Address(underlay))
    except ipaddress.AddressValueError:
        _fail(f"--underlay {underlay!r} is no IPv4 address: give the one at which other hosts reach this machine")
    with _telling(config_path):
        host = asyncio.run(_join(settings, JoinToken.parse(token), name or os.uname().nodename, address, store))
    typer.echo(f"This machine is {host.host_id} now. Start `stead-agent run` to put it to work.")


async def _join(settings: Config, token: JoinToken, name: str, address: str, store: IdentityStore) -> Host:
    """Become a host, and put the machine in order for what it is to do."""
    host = await enroll(token, name, address, store)
    identity = store.load()
    await _drivers(settings, identity, _context(settings, identity, store)).prepare()
    return host


@cli.command(cls=once.Command)
def simulate(
    hosts: Annotated[int, typer.Option(min=1, help="How many.")],
    tokens: Annotated[
        typer.FileText | None,
        typer.Option(help="File of join tokens, line N for host N; - is standard input. Who has joined needs none."),
    ] = None,
    state_dir: Annotated[
        Path, typer.Option(help="Where the fleet lives. Run with it again, it is the same fleet.")
    ] = _FLEET,
    underlay: Annotated[
        str, typer.Option(help="Network that the hosts have their addresses in. Nothing is sent to these.")
    ] = str(UNDERLAY),
    vcpus: Annotated[int | None, typer.Option(min=0, help="Of each host. Default: 64.")] = None,
    memory_mib: Annotated[int | None, typer.Option(min=0, help="Of each host. Default: 262144.")] = None,
    storage_gib: Annotated[int | None, typer.Option(min=0, help="Of each host. Default: 10000.")] = None,
    config_path: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file, of which the tables session, converge and drivers.fake count."),
    ] = None,
) -> None:
    """Be many hosts with fake drivers, for load tests of a control plane."""
    settings = _read_config(config_path) if config_path else Config()
    settings = _with_capacity(settings, vcpus=vcpus, memory_mib=memory_mib, storage_gib=storage_gib)
    logs.set_up("warning", settings.agent.log_format)
    try:
        fleet = Fleet(state_dir, hosts, _network(underlay), tokens.read().split() if tokens else (), settings)
        uvloop.run(_until_signalled(lambda stop: run_fleet(fleet, serve, stop, typer.echo)))
    except (IdentityError, SettingsError, LedgerError) as error:
        _fail(error)


def _with_capacity(settings: Config, **said: int | None) -> Config:
    """What was said wins over the file."""
    known = {key: value for key, value in said.items() if value is not None}
    return replace(settings, driver_tables={"fake": {**settings.driver_tables.get("fake", {}), **known}})


def _network(text: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as error:
        raise SettingsError(f"--underlay {text!r} is no IPv4 network: {error}") from error


def _check(settings: Config) -> None:
    kinds = kinds_of(settings.agent.roles or tuple(Role))
    registry.check(kinds, settings.driver_names(), settings.driver_tables)
    typer.echo("The configuration is all right.")


def _read_config(path: Path | None) -> Config:
    try:
        return config.read(path)
    except SettingsError as error:
        _fail(error)


@contextmanager
def _telling(config_path: Path | None) -> Iterator[None]:
    """Ends with what can't go on and why; of a setting also in which file."""
    try:
        yield
    except SettingsError as error:
        _fail(f"{config_path or config.DEFAULT_PATH}: {error}")
    except (IdentityError, LedgerError, DriverError) as error:
        _fail(error)


def _fail(error: object) -> NoReturn:
    print(f"stead-agent: {error}", file=sys.stderr)
    raise typer.Exit(1)


def main() -> None:
    cli()
