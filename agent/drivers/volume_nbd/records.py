"""What is known on disk of each export: `<export name>.json`, its record; `.pid`, its daemon; `.log`, what that said;
`.ready`, into which that writes when it serves; `.qmp`, its monitor, root's; and its socket for QEMUs of this host.

The directory is in memory and empty after a boot, as are the daemons: reading it doesn't block. A record is written
before its daemon starts, and before it is changed. An export is open when its daemon is alive. Records can be lost:
`holders` has the truth.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

from agent.host.process import Daemon, find_daemon, write_record
from agent.model import ExportSpec, Limits, parse_export_name

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Record:
    """What a daemon was asked to be, last.

    `served_bytes`: the size at which it serves the volume; 0 while it is asked to change, or where nobody has seen it
    answer; None of a daemon of an earlier version, which has no monitor and stays as it was started.
    """

    spec: ExportSpec
    served_bytes: int | None


@dataclass(frozen=True, slots=True)
class ExportRecords:
    directory: Path
    socket: Callable[[str], Path]  # Elsewhere, since QEMU finds it by the export's name alone.

    def pid_file(self, export_name: str) -> Path:
        return self.directory / f"{export_name}.pid"

    def log_file(self, export_name: str) -> Path:
        return self.directory / f"{export_name}.log"

    def ready_file(self, export_name: str) -> Path:
        return self.directory / f"{export_name}.ready"

    def monitor(self, export_name: str) -> Path:
        return self.directory / f"{export_name}.qmp"

    def adopt(self, record: Record, daemon: Daemon) -> None:
        """Write the record of a daemon that has lost it."""
        self.write(record)
        write_record(daemon, self.pid_file(record.spec.export_name))

    def write(self, record: Record) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        part = self.directory / f"{record.spec.export_name}.part"
        part.write_text(json.dumps(asdict(record.spec) | {"served_bytes": record.served_bytes}))
        part.rename(part.with_suffix(".json"))

    def select(self, volume_id: str = "*") -> Iterator[Record]:
        """Of all volumes or one, whether open or not. A record that can't be read is taken for lost."""
        for path in list(self.directory.glob(f"{volume_id}-e*.json")):
            try:
                record = _parse(path.read_text())
            except (ValueError, KeyError, TypeError) as error:
                log.warning("damaged record of an export", path=str(path), error=repr(error))
                self.forget(path.stem)
            else:
                yield record

    def find(self, export_name: str) -> Record | None:
        volume_id, _ = parse_export_name(export_name)
        return next((each for each in self.select(volume_id) if each.spec.export_name == export_name), None)

    def daemon(self, export_name: str) -> Daemon | None:
        """The one that serves it; None where it is not open, or that is not all on record."""
        is_known = (self.directory / f"{export_name}.json").exists()
        return find_daemon(self.pid_file(export_name)) if is_known else None

    def log(self, export_name: str) -> str:
        path = self.log_file(export_name)
        return path.read_text(errors="replace").strip() if path.exists() else "nothing was started"

    def forget(self, export_name: str) -> None:
        for path in (*self.directory.glob(f"{export_name}.*"), self.socket(export_name)):
            path.unlink(missing_ok=True)


@lru_cache(4096)  # Most say what they said at the last pass.
def _parse(text: str) -> Record:
    """Without what a later version may have added, with defaults for what an earlier one lacks.

    Raises ValueError, KeyError, TypeError.
    """
    told = json.loads(text)
    values = {
        "client_host_ids": tuple(told["client_host_ids"]),
        "limits": Limits(**_known(Limits, told.get("limits", {}))),
    }
    return Record(ExportSpec(**_known(ExportSpec, told) | values), told.get("served_bytes"))


def _known(cls: type, told: dict[str, Any]) -> dict[str, Any]:
    return {field.name: told[field.name] for field in fields(cls) if field.name in told}
