"""`stead watch`: the project's changes as they happen."""

from typing import Annotated

import typer

from client.cli import render
from client.cli.session import Cli, command
from stead.v1.events_pb2 import WatchEvent, WatchRequest


def register(app: typer.Typer) -> None:
    """Adds the command to `stead`."""
    command(app, "watch")(watch)


async def watch(
    cli: Cli,
    after: Annotated[int, typer.Option(metavar="REVISION", min=0, help="Go on after this one; 0 means from now.")] = 0,
) -> None:
    """Stream what changes, a line each, until interrupted."""
    async for event in cli.stead.events.Watch(WatchRequest(after_revision=after)):
        if cli.is_for_people:
            print(*map(render.plain, _lines(event)), sep="\n", flush=True)
        else:
            render.print_json_line(render.to_document(event))


def _lines(event: WatchEvent) -> list[str]:
    if event.resync:
        return [f"{event.revision:>8}  earlier changes are no longer kept: list again"]
    return [
        f"{event.revision:>8}  {change.kind:14}  {change.id}{'  deleted' if change.deleted else ''}"
        for change in event.changes
    ]
