"""`stead-controlplane`: the composition root, and the only place that builds concrete objects and the TaskGroup."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import grpc
import structlog
import typer
import uvloop

from controlplane import ca, history, logs, once
from controlplane.api.caller import Edge
from controlplane.api.certificate import ServerCertificate
from controlplane.api.projects import new_secret
from controlplane.api.server import Endpoints, agent_server, user_server
from controlplane.authorities import Authorities, AuthorityError, AuthorityFiles
from controlplane.config import Config, ConfigError, load, port_of
from controlplane.errors import CloudError
from controlplane.history import Changed
from controlplane.ids import mint
from controlplane.journal import Journal
from controlplane.loops import keeping, liveness, memory, sweep
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import projects, regions
from controlplane.service.call import Call
from controlplane.sessions import Sessions
from controlplane.store.errors import StoreError
from controlplane.store.store import Store
from controlplane.uploads import Uploads

cli = typer.Typer(add_completion=False, no_args_is_help=True, help="The control plane of a Stead region.")
ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file; see docs/controlplane.example.toml.")]

# How long calls in flight may take to finish after SIGTERM. Longer: a restart takes as long as its slowest upload.
DRAIN_S = 5


def clock() -> datetime:
    return datetime.now(UTC)


def steady_clock() -> Callable[[], datetime]:
    """One that agrees with `clock` now, and goes on evenly when somebody sets the machine's."""
    began = clock() - timedelta(seconds=time.monotonic())
    return lambda: began + timedelta(seconds=time.monotonic())


def _check_set_up(state: State) -> None:
    if not state.revision:
        raise StoreError(
            "The database is empty, and the region was set up before: restore it from a backup, "
            "then say so with `stead-controlplane restored`."
        )


def open_store(config: Config) -> Store:
    store = Store.open(config.store.url)
    store.migrate()
    store.claim(config.region.name)
    return store


@cli.command(cls=once.Command)
def init(
    config: ConfigOption = None,
    client_config: Annotated[
        Path, typer.Option(help="Where to write the admin's connection and token (mode 600).")
    ] = Path("~/.config/stead/config.toml"),
) -> None:
    """Create the CA, the database, region and zones, a project "default" and an admin token."""
    settings = _load(config)
    directory, client_file = settings.paths.state_dir, client_config.expanduser()
    files = AuthorityFiles(directory)
    for path in (files.written_last, client_file):
        if path.exists():
            _die(f"{path} exists already: this region was set up before. Remove it only to begin anew.")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_trusts_nobody(settings)
    region, now = settings.region.name, clock()
    authorities = Authorities(ca.create(region, now), ca.create_data(region, now))
    secret = new_secret()
    uvloop.run(_populate(settings, secret))
    files.store(authorities)
    _write_private(client_file, _client_toml(settings, authorities.control, secret))
    print(f"Region {settings.region.name} is ready. The admin's token is in {client_file}.")
    print("Start the control plane with `stead-controlplane run`.")


def _check_trusts_nobody(config: Config) -> None:
    """Hosts of an earlier CA would neither trust a new one nor be trusted."""
    with closing(open_store(config)) as store:
        if store.load().hosts:
            _die(
                f"The database has hosts, and their CA is not in {config.paths.state_dir}: put its files back from a "
                "backup. Without one, begin a new region with a database of its own, and let the hosts join that."
            )


async def _populate(config: Config, secret: str) -> None:
    async with _offline(config) as (journal, call):
        if not journal.state.projects:
            project_id = await journal.call(
                lambda state: projects.create(state, call, "default"), lambda state, made: made
            )
        else:
            project_id = next(iter(journal.state.projects)).id
        token = projects.CreateToken(project_id, Role.ADMIN, projects.hash_secret(secret))
        await journal.call(lambda state: projects.create_token(state, call, token), lambda state, _: None)


@asynccontextmanager
async def _offline(config: Config) -> AsyncIterator[tuple[Journal, Call]]:
    """The region, while nobody serves it, for a command on the control plane's own machine."""
    store = open_store(config)
    journal = Journal(store, clock)
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(journal.run())
        call = Call("", Role.ADMIN, clock(), mint, config.policy())
        await journal.call(lambda state: regions.sync(state, call), lambda state, _: None)
        yield journal, call
        writer.cancel()
    store.close()


@cli.command(cls=once.Command)
def restored(config: ConfigOption = None) -> None:
    """Say that the database was put back from a backup, before `run`: hosts then remove nothing until released."""
    settings = _load(config)
    try:
        AuthorityFiles(settings.paths.state_dir).load()
        with closing(open_store(settings)) as store:
            _check_set_up(store.load())
    except (StoreError, AuthorityError) as error:
        _die(str(error))
    uvloop.run(_begin_incarnation(settings))
    print("Hosts will hold what they would remove, each until `stead host release HOST`.")
    print("Start the control plane with `stead-controlplane run`.")


async def _begin_incarnation(config: Config) -> None:
    async with _offline(config) as (journal, call):
        region = config.region.name
        await journal.call(lambda state: (regions.restored(state, call, region), None), lambda state, _: None)


def _client_toml(config: Config, authority: ca.Credentials, secret: str) -> str:
    endpoint = f"{config.api.advertised()[0]}:{port_of(config.api.listen)}"
    return f'endpoint = "{endpoint}"\ntoken = "{secret}"\nca = """\n{authority.certificate.decode()}"""\n'


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


@cli.command(cls=once.Command)
def run(
    config: ConfigOption = None,
    check_config: Annotated[bool, typer.Option("--check-config", help="Read the configuration and stop.")] = False,
) -> None:
    """Serve."""
    settings = _load(config)
    if check_config:
        print("The configuration is valid.")
        return
    logs.set_up(settings.log.level, settings.log.format)
    try:
        uvloop.run(serve(settings))
    except* (StoreError, AuthorityError, CloudError, OSError) as group:
        for error in group.exceptions:
            structlog.get_logger().error("control plane ends", error=str(error))
        sys.exit(1)


async def serve(config: Config) -> None:
    """Until SIGTERM or SIGINT; a loop that dies ends the process."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    files, policy = AuthorityFiles(config.paths.state_dir), config.policy()
    authorities = files.load()
    store = open_store(config)
    with memory.loading():
        journal = Journal(store, clock)
        journal.history.load(_recent_log(store))
    _check_set_up(journal.state)
    steady = steady_clock()
    seal = partial(ca.seal, authorities.control)
    sessions = Sessions(journal, policy.region, config.timing.patience(), clock, seal, steady)
    edge, uploads = Edge(journal, sessions, policy, clock), Uploads(config.paths.state_dir / "images", config.uploads)

    def call() -> Call:
        return Call("", Role.ADMIN, clock(), mint, policy, sessions)

    def unhurried_call() -> Call:
        """A clock that is set forwards by mistake makes nothing old."""
        return replace(call(), now=min(clock(), steady()))

    endpoints = _endpoints(config, authorities)
    servers = [await user_server(edge, uploads, endpoints), agent_server(edge, uploads, endpoints)]
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(journal.run())]
        await journal.call(lambda state: regions.sync(state, call()), lambda state, _: None)
        loops.append(group.create_task(sweep.run(journal, uploads, unhurried_call)))
        loops.append(group.create_task(liveness.run(journal, sessions)))
        loops.append(group.create_task(memory.run(journal)))
        loops.append(group.create_task(keeping.run(files, authorities)))
        for server in servers:
            await server.start()
        structlog.get_logger().info("serving", region=policy.region, api=config.api.listen)
        await stopping.wait()
        await drain(servers, sessions, uploads, journal)
        for loop in loops:
            loop.cancel()
    store.close()


async def drain(servers: Sequence[grpc.aio.Server], sessions: Sessions, uploads: Uploads, journal: Journal) -> None:
    """Take nothing new, end at once what has no end of its own, and let the rest finish."""
    structlog.get_logger().info("draining")
    stopped = asyncio.gather(*(server.stop(DRAIN_S) for server in servers))
    await asyncio.sleep(0)  # They have closed their ports: who is told to come back comes to the next process.
    sessions.close_all()
    uploads.close()
    await journal.close()
    await stopped
    await journal.drain()


def _recent_log(store: Store) -> list[Changed]:
    """What watchers may still ask for after a restart."""
    kept = store.read_recent_log(history.KEPT)
    return [Changed(row.revision, row.kind, row.resource_id, row.project_id, row.at, row.part_of) for row in kept]


def _endpoints(config: Config, authorities: Authorities) -> Endpoints:
    """The server's certificate is new at each start, and later when it is time: clients know the CA alone."""
    names = ["localhost", "127.0.0.1", *config.api.advertised()]
    addresses = [name for name in names if _is_address(name)]
    dns_names = [name for name in names if name not in addresses]
    certificate = ServerCertificate(partial(ca.issue_server, authorities.control, dns_names, addresses), clock)
    host = config.api.advertised()[0]
    return Endpoints(
        listen=config.api.listen,
        agents_listen=config.api.agents_listen,
        advertised=f"{host}:{port_of(config.api.listen)}",
        agents_advertised=f"{host}:{port_of(config.api.agents_listen)}",
        certificate=certificate,
        authorities=authorities,
    )


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


def _load(path: Path | None) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        _die(str(error))
        raise


def _die(message: str) -> None:
    print(f"stead-controlplane: {message}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    cli()
