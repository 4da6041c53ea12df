"""What comes to directories and goes is heard; where that may be incomplete, so is that."""

from pathlib import Path

import pytest

from agent.host.inotify import Inotify, Lost


def test_names_that_come_and_go_are_told(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    watch = Inotify(one, other)
    assert list(watch.read()) == []
    (one / "a-name-of-some-length").touch()
    (one / "a-name-of-some-length").write_bytes(b"its content is nobody's business")
    (one / "a-name-of-some-length").rename(other / "b")
    (other / "b").unlink()
    assert list(watch.read()) == ["a-name-of-some-length", "a-name-of-some-length", "b", "b"]
    one.rmdir()
    with pytest.raises(Lost):
        list(watch.read())
    watch.close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        Inotify(tmp_path, tmp_path / "none")
