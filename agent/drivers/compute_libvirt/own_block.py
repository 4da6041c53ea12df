"""Lines of ours in a file that is somebody else's: a marked block at its end. Owns nothing else there."""

from dataclasses import dataclass
from pathlib import Path

from agent.files import write_durably

END = "# END stead\n"


@dataclass(frozen=True, slots=True)
class OwnBlock:
    """`note` is for people who open the file; it marks the block and never changes."""

    path: Path
    note: str
    lines: str

    def ensure(self, mode: int) -> bool:
        """Put the block at the end of the file, once. Returns whether that changed anything."""
        text = self.path.read_text() if self.path.exists() else ""
        wanted = self._without(text) + self._text
        if wanted == text:
            return False
        write_durably(self.path, wanted.encode(), mode)
        return True

    def is_there(self) -> bool:
        return self.path.exists() and self._text in self.path.read_text()

    @property
    def _text(self) -> str:
        return f"{self._begin}{self.lines}\n{END}"

    @property
    def _begin(self) -> str:
        return f"# BEGIN stead: kept by stead-agent{self.note}\n"

    def _without(self, text: str) -> str:
        before, begin, rest = text.partition(self._begin)
        if not begin:
            return text if not text or text.endswith("\n") else text + "\n"
        return before + rest.partition(END)[2]
