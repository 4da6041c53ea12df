"""How the control plane logs: for people on a terminal, one JSON object a line elsewhere. To stderr, times in UTC.

What libraries say through `logging` (Alembic, asyncssh, gRPC) comes out in the same form, with its logger's name. Lines
of ours don't pass through `logging`: there is one for each call, and it would cost four times as much.
"""

import json
import logging
import sys
from typing import Any

import structlog

# At INFO, these tell of every connection and every start.
_TALKATIVE = ("alembic", "asyncssh", "asyncio")
# What happens to every line, ours or a library's.
_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
_ENCODER = json.JSONEncoder(default=str)  # `json.dumps` would make one for each line.


def set_up(level: str, format: str) -> None:
    """`level` and `format` as in the configuration's [log]. Call it once, before the first line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    ending = _ending(is_human=sys.stderr.isatty() if format == "auto" else format == "human")
    structlog.configure(
        processors=[*_SHARED, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_SHARED],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(level=number, handlers=[out], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _ending(*, is_human: bool) -> tuple[structlog.typing.Processor, ...]:
    """Tracebacks come without the values of variables, since these may be keys and tokens."""
    if is_human:
        plain = structlog.dev.plain_traceback
        return (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),)
    return structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)


def _to_json(line: Any, **_: Any) -> str:
    return _ENCODER.encode(line)
