"""The newest epoch of each VPC's gateway that this host was ever told of: durable, and never gone back on.

A host whose ledger or control plane was rolled back must not take addresses that another gateway has by now.
"""

import json
import threading
from pathlib import Path

from agent.drivers.base import Permanent
from agent.files import write_durably


class Epochs:
    def __init__(self, directory: Path) -> None:
        self._file = directory / "gateway-epochs.json"
        self._lock = threading.Lock()

    def admit(self, vpc_id: str, epoch: int) -> None:
        """Raises Permanent for one older than another one was."""
        with self._lock:
            newest = self._load()
            if epoch < newest.get(vpc_id, 0):
                over = f"its gateway was in epoch {newest[vpc_id]} here, so epoch {epoch} is over"
                raise Permanent(f"{vpc_id}: {over}; should it not be, delete {self._file}")
            if epoch > newest.get(vpc_id, 0):
                write_durably(self._file, json.dumps({**newest, vpc_id: epoch}).encode())

    def _load(self) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        return found
