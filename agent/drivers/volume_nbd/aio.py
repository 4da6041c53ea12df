"""The machine's limit of asynchronous I/O, of which each storage daemon takes 1,024 events: io_setup(2)."""

from pathlib import Path

LIMIT = Path("/proc/sys/fs/aio-max-nr")
EVENTS = 1024  # Of a daemon: MAX_EVENTS in QEMU's block/linux-aio.c.
# For a thousand of them. Linux begins with 65,536, and the 65th volume of a host would not open. It is a limit alone:
# what nobody uses costs nothing.
WANTED = 1024 * EVENTS


def raise_limit() -> str:
    """Returns why the limit is too low and can't be raised, for people; empty when it is high enough."""
    limit = int(LIMIT.read_text())
    if limit >= WANTED:
        return ""
    try:
        LIMIT.write_text(str(WANTED))
    except OSError as error:
        few = f"lets {limit // EVENTS} volumes be open at once"
        return f"{LIMIT} = {limit} {few}, and can't be raised ({error.strerror}): set fs.aio-max-nr to {WANTED}"
    return ""
