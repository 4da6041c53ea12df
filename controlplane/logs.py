"""How the control plane logs: for people on a terminal, one JSON object a line elsewhere. To stderr, times in UTC.

What libraries say through `logging` (Alembic, asyncssh, gRPC) comes out in the same form.
"""

import logging
import sys

import structlog

# At INFO, these tell of every connection and every start.
_TALKATIVE = ("alembic", "asyncssh", "asyncio")


def set_up(level: str, format: str) -> None:
    """`level` and `format` as in the configuration's [log]. Call it once, before the first line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(_formatter(is_human=sys.stderr.isatty() if format == "auto" else format == "human"))
    logging.basicConfig(level=number, handlers=[out], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _shared() -> list[structlog.typing.Processor]:
    """What happens to every line, ours or a library's."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(*, is_human: bool) -> logging.Formatter:
    """Tracebacks come without the values of variables, since these may be keys and tokens."""
    ending: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_human:
        plain = structlog.dev.plain_traceback
        ending.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    else:
        ending += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared(), processors=ending)
