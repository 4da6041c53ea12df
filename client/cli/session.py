"""Turns an asynchronous function into a command: options that all commands share, the connection, errors, exit codes.

gRPC takes longer to import than everything else together, so it is imported here only when a call is about to be made.
"""

import asyncio
import functools
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from google.protobuf.message import Message

from client.cli import once, render
from client.cli.listing import in_commands
from client.cli.options import ClientToken, DryRun
from client.cli.render import Columns, Output
from client.config import load
from client.errors import ConfigError, SteadError

if TYPE_CHECKING:
    from client.connection import Stead

Body = Callable[..., Awaitable[None]]
OutputOption = Annotated[
    Output | None, typer.Option("--output", help="A table for people, or JSON for programs.", show_default=False)
]


@dataclass(frozen=True)
class Settings:
    """What was said before the name of the command."""

    config: Path | None
    output: Output


@dataclass(frozen=True)
class Cli:
    """What a command works with."""

    stead: "Stead"
    output: Output
    # `client_token` and `dry_run`, for the command's mutating request.
    mutation: dict[str, Any]
    # Whether what is listed was to match something.
    is_filtered: bool = False

    @property
    def is_for_people(self) -> bool:
        return self.output is Output.TABLE

    @property
    def may_repeat(self) -> bool:
        """Whether the call may have been made before: with a client token of the caller's own."""
        return bool(self.mutation["client_token"])

    def say(self, reply: Message, text: str) -> None:
        """Says in a line what was done."""
        if self.is_for_people:
            print(render.plain(text))
        else:
            render.print_json(render.to_document(reply))

    def table(self, reply: Message, columns: Columns, rows: Sequence[Any], nothing: str = "") -> None:
        """Lists rows of the reply; `nothing` is said where there are none."""
        if not self.is_for_people:
            render.print_json(render.to_document(reply))
        elif rows:
            render.print_table(columns, rows)
        else:
            render.print_note("Nothing matches the filter." if self.is_filtered else nothing)

    def notes(self, causes: Iterable[tuple[str, str]]) -> None:
        """What is wrong with rows of a table, by id, for people only."""
        for name, cause in causes if self.is_for_people else ():
            if cause:
                render.print_note(f"{name}: {cause}")

    def details(self, reply: Message, items: Sequence[Message]) -> None:
        """Shows all there is to know about a few items of the reply."""
        if not self.is_for_people:
            render.print_json(render.to_document(reply))
        for number, item in enumerate(items if self.is_for_people else ()):
            if number:
                print()
            render.print_details(item)


def command(app: typer.Typer, name: str, *, mutates: bool = False) -> Callable[[Body], Body]:
    """Registers an asynchronous function whose first parameter is a Cli as the command `name`.

    `--output` is added to its options, and `--client-token` and `--dry-run` where it `mutates`.
    """

    def register(body: Body) -> Body:
        @functools.wraps(body)
        def run(ctx: typer.Context, **options: Any) -> None:
            settings: Settings = ctx.obj
            output = options.pop("output") or settings.output
            mutation = {key: options.pop(key) for key in ("client_token", "dry_run") if mutates}
            is_filtered = bool(options.get("filter"))
            run_command(settings, output, lambda stead: body(Cli(stead, output, mutation, is_filtered), **options))

        run.__signature__ = _signature(body, mutates)  # type: ignore[attr-defined]
        app.command(name, cls=once.Command)(run)
        return body

    return register


def _signature(body: Body, mutates: bool) -> inspect.Signature:
    """The body's, as Typer should see it."""
    _, *own = inspect.signature(body).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [inspect.Parameter("output", keyword, default=None, annotation=OutputOption)]
    if mutates:
        shared.append(inspect.Parameter("client_token", keyword, default="", annotation=ClientToken))
        shared.append(inspect.Parameter("dry_run", keyword, default=False, annotation=DryRun))
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return inspect.Signature([context, *(parameter.replace(kind=keyword) for parameter in own), *shared])


def run_command(settings: Settings, output: Output, body: Callable[["Stead"], Awaitable[None]]) -> None:
    """Connects and runs the body; errors go to standard error, and leave with exit code 1."""
    try:
        asyncio.run(_connected(settings, body))
    except ConfigError as error:
        render.print_note(f"stead: {error}")
        raise typer.Exit(1) from error
    except SteadError as error:
        if error.code != "DryRunOperation":
            _print_error(error)
            raise typer.Exit(1) from error
        if output is Output.JSON:
            render.print_json({"dry_run": True, "code": error.code, "message": error.message})
        else:
            print("Dry run: the request would have succeeded.")


async def _connected(settings: Settings, body: Callable[["Stead"], Awaitable[None]]) -> None:
    config = load(settings.config, os.environ)
    for warning in config.warnings:
        render.print_note(f"stead: warning: {warning}")
    # gRPC's core reports on standard error what we report better.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from client.connection import Stead

    async with Stead(config) as stead:
        await body(stead)


def _print_error(error: SteadError) -> None:
    """The error, and what a person needs to get past it."""
    sys.stdout.flush()
    render.print_note(f"stead: {in_commands(str(error))}")
    unsaid = [name for name in error.blocking_ids if name not in error.message]
    if unsaid:
        render.print_note(f"  in the way: {', '.join(unsaid)}")
    for host_id, reason in error.host_refusals:
        render.print_note(f"  {host_id}: {reason}" if host_id else f"  {reason}")
    if error.code == "InternalError" and error.request_id:
        render.print_note(f"  look for request {error.request_id} in the control plane's log")
