"""Refuses an option that takes one value and is given twice: otherwise the last one would win without a word."""

import typer
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        given = list(args)
        rest = super().parse_args(ctx, args)
        _check(self, ctx, given)
        return rest


class Group(TyperGroup):
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        given = list(args)
        rest = super().parse_args(ctx, args)
        _check(self, ctx, given)
        return rest


def _check(command: TyperCommand | TyperGroup, ctx: typer.Context, args: list[str]) -> None:
    """Raises typer.BadParameter. Shell completion, which parses what is not finished, is left alone."""
    _, _, order = command.make_parser(ctx).parse_args(args=args) if not ctx.resilient_parsing else ((), (), ())
    for option in order:
        if option.param_type_name == "option" and not option.multiple and order.count(option) > 1:
            raise typer.BadParameter("is given twice; leave one out", ctx=ctx, param_hint=option.opts[0])
