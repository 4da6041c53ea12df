"""Options that several commands share, and how their values are read. Pure."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from stead.v1.common_pb2 import Filter

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="NAME=VALUE,...",
        help="Only what matches; * and ? are wildcards, a comma in a value is \\,. Several must all match.",
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
InstanceArgument = Annotated[str, typer.Argument(metavar="INSTANCE", help="Id or name.", show_default=False)]
InstanceArguments = Annotated[
    list[str], typer.Argument(metavar="INSTANCE...", help="Ids or names.", show_default=False)
]
VpcOption = Annotated[str, typer.Option("--vpc", metavar="VPC", help="Id or name.", show_default=False)]
# Of one that is in no list of volumes, where names are.
VolumeId = Annotated[str, typer.Argument(metavar="VOLUME", help="A volume's id.", show_default=False)]
VolumeArgument = Annotated[str, typer.Argument(metavar="VOLUME", help="Id or name.", show_default=False)]


def parse_filters(texts: Sequence[str] | None) -> list[Filter]:
    r"""`name=a,b` becomes a filter with two values, `name=a\,b` one with a comma in it."""
    pairs = [_pair(text, "--filter") for text in texts or ()]
    return [Filter(name=name, values=_values(text)) for name, text in pairs]


def _values(text: str) -> list[str]:
    r"""Parts between commas, but for `\,`; other backslashes go to the control plane, which reads `\*` and `\?`."""
    parts = re.findall(r"(?:^|,)((?:\\.|[^,])*)", text)
    return [re.sub(r"\\(.)", lambda pair: "," if pair[1] == "," else pair[0], part) for part in parts]


def parse_tags(texts: Sequence[str] | None) -> dict[str, str]:
    """`key=value`; the value may be empty and may hold `=`. A key that is there twice is refused, as in EC2."""
    pairs = [_pair(text, "--tag", "KEY=VALUE") for text in texts or ()]
    tags = dict(pairs)
    if len(tags) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise typer.BadParameter(
            f"the key {twice!r} is given twice; a resource has one value for it", param_hint="--tag"
        )
    return tags


def _pair(text: str, option: str, form: str = "NAME=VALUE") -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} is not of the form {form}", param_hint=option)
    return name, value
