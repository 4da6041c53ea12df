"""Refuses an option that takes one value and is given twice: otherwise the last one would win without a word."""

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        given = list(args)
        rest = super().parse_args(ctx, args)
        _, _, order = self.make_parser(ctx).parse_args(args=given)
        for option in order:
            if option.param_type_name == "option" and not option.multiple and order.count(option) > 1:
                raise typer.BadParameter("is given twice; leave one out", ctx=ctx, param_hint=option.opts[0])
        return rest
