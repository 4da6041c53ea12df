"""Options that several commands share, and how their values are read. Pure."""

from collections.abc import Sequence
from typing import Annotated

import typer

from stead.v1.common_pb2 import Filter

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", metavar="NAME=VALUE,...", help="Only what matches; * and ? are wildcards. Several must all match."
    ),
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A label. May be repeated.")]
ClientToken = Annotated[
    str,
    typer.Option(
        metavar="TOKEN",
        help="Names this request: repeating it with the same token does no new work.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return when it has happened, not when it was accepted.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0, help="How long --wait waits.")]
InstanceId = Annotated[str, typer.Argument(metavar="INSTANCE", help="An instance's id.", show_default=False)]
InstanceIds = Annotated[list[str], typer.Argument(metavar="INSTANCE...", help="Ids of instances.", show_default=False)]
VolumeId = Annotated[str, typer.Argument(metavar="VOLUME", help="A volume's id.", show_default=False)]


def parse_filters(texts: Sequence[str] | None) -> list[Filter]:
    """`name=a,b` becomes a filter with two values."""
    pairs = [_pair(text, "--filter") for text in texts or ()]
    return [Filter(name=name, values=values.split(",")) for name, values in pairs]


def parse_tags(texts: Sequence[str] | None) -> dict[str, str]:
    """`key=value`; the value may be empty and may hold `=`."""
    return dict(_pair(text, "--tag") for text in texts or ())


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} is not of the form NAME=VALUE", param_hint=option)
    return name, value
