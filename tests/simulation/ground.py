"""What runs stand on, one after the other: a database and a directory of uploads, as new for each."""

import shutil
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
        self._database = directory / "run.db"

    def clear(self) -> None:
        """For the next run."""
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        for file in self._database.parent.glob("run.db-*"):
            file.unlink()
        shutil.copytree(self._template, self.directory)
        shutil.move(self.directory / "region.db", self._database)


def copy_of(state: State) -> State:
    """Another state with the same rows."""
    copy = State()
    copy.revision = state.revision
    for table in state.tables.values():
        for row in table:
            copy.put(row)
    return copy
