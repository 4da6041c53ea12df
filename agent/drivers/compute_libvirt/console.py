"""Console logs: files that virtlogd writes and rotates (2 MiB, three old ones, by its own configuration)."""

from pathlib import Path


def log_path(directory: Path, instance_id: str) -> Path:
    return directory / f"{instance_id}.log"


def tail(log: Path, max_bytes: int) -> bytes:
    """The last `max_bytes`, also from the log before the present one; empty when there is none."""
    output = b""
    for part in (log, _rotated(log, 0)):
        output = _end_of(part, max_bytes - len(output)) + output
    return output


def remove(log: Path) -> None:
    """With its rotated ones."""
    for path in (log, *log.parent.glob(f"{log.name}.[0-9]*")):
        path.unlink(missing_ok=True)


def _rotated(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def _end_of(path: Path, max_bytes: int) -> bytes:
    if max_bytes <= 0:
        return b""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - max_bytes))
            return file.read(max_bytes)
    except FileNotFoundError:
        return b""
