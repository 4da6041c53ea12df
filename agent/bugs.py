"""Exceptions that nobody foresaw: each is told once with its traceback, and never stops more than it concerns."""

import structlog

log = structlog.get_logger()

# The last one told, by place: one that comes again at every try must not fill the log.
told: dict[str, str] = {}


def tell(place: str, error: Exception) -> str:
    """Log it, unless it was the last at this place already; returns what people are to read of it."""
    text = f"bug: {type(error).__name__}: {error}"
    if told.get(place) != text:
        told[place] = text
        log.error("bug", place=place, error=text, exc_info=error)
    return text
