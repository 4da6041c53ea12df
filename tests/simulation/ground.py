"""What runs stand on, one after the other: a database and a directory of uploads, as new for each."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from controlplane.model.state import State
from controlplane.store.store import Store

from . import region
from .controlplane import database


class Ground:
    def __init__(self, directory: Path) -> None:
        self._template = directory / "template"
        region.make(self._template)
        self.directory = directory / "run"
        self.uploads = self.directory / "uploads"
        # Opened once: to prepare its statements takes as long as a third of a run.
        self.store = Store.open(database(directory / "run.db"))
        self._database, self._backup = directory / "run.db", directory / "backup.db"

    def clear(self) -> None:
        """For the next run."""
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        for file in self._database.parent.glob("run.db-*"):
            file.unlink()
        shutil.copytree(self._template, self.directory)
        shutil.move(self.directory / "region.db", self._database)

    def back_up(self) -> None:
        """While a control plane may run; the backup of before is gone."""
        self._copy(self._database, self._backup)
        shutil.rmtree(self.directory / "backup", ignore_errors=True)
        shutil.copytree(self.uploads, self.directory / "backup")

    def restore(self) -> None:
        """While none does."""
        self._copy(self._backup, self._database)
        shutil.rmtree(self.uploads)
        shutil.copytree(self.directory / "backup", self.uploads)

    def _copy(self, source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)


def copy_of(state: State) -> State:
    """Another state with the same rows."""
    copy = State()
    copy.revision = state.revision
    for table in state.tables.values():
        for row in table:
            copy.put(row)
    return copy
