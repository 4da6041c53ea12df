"""A pool's files, listed while others come and go."""

from pathlib import Path

from agent.drivers.volume_nbd.files import still_there


def test_one_that_goes_while_all_are_listed_hides_no_other(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)

    def look(path: Path) -> str:
        (tmp_path / "b").unlink(missing_ok=True)  # As a worker that buries a volume meanwhile.
        return path.read_text()

    assert list(still_there([tmp_path / "a", tmp_path / "b", tmp_path / "c"], look)) == ["a", "c"]
