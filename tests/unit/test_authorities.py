"""The authorities' files: whole, or not used; put back while they are known."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane import ca
from controlplane.authorities import Authorities, AuthorityError, AuthorityFiles

NOW = datetime(2024, 5, 17, tzinfo=UTC)
NAMES = ("ca.pem", "ca.key", "data-ca.pem", "data-ca.key")


@pytest.fixture
def known() -> Authorities:
    return Authorities(ca.create("home-1", NOW), ca.create_data("home-1", NOW))


@pytest.fixture
def files(tmp_path: Path, known: Authorities) -> AuthorityFiles:
    files = AuthorityFiles(tmp_path)
    files.store(known)
    return files


def test_keys_are_for_their_owner_alone(files: AuthorityFiles, known: Authorities, tmp_path: Path) -> None:
    files.store(known)
    assert files.written_last.exists()
    assert files.load() == known
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "data-ca.pem": 0o644, "data-ca.key": 0o600}


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_gone_is_named_and_put_back_where_it_is_known(
    files: AuthorityFiles, known: Authorities, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).unlink()
    with pytest.raises(AuthorityError, match=rf"^{name} missing in {tmp_path}.*backup"):
        files.load()
    assert files.keep(known) == [f"{tmp_path / name} was gone and is put back"]
    assert files.keep(known) == []
    assert files.load() == known


@pytest.mark.parametrize("name", NAMES)
def test_one_of_another_region_is_told_and_left_and_not_served_with(
    files: AuthorityFiles, known: Authorities, tmp_path: Path, name: str
) -> None:
    pair = ca.create("mars-1", NOW)
    other = pair.certificate if name.endswith(".pem") else pair.key
    (tmp_path / name).write_bytes(other)
    (told,) = files.keep(known)
    assert "before a restart" in told
    assert (tmp_path / name).read_bytes() == other
    with pytest.raises(AuthorityError, match="the same backup"):
        files.load()
