"""Lines of ours in files of libvirt and AppArmor."""

from pathlib import Path

import pytest

from agent.drivers.compute_libvirt import qemu_conf
from agent.drivers.compute_libvirt.own_block import OwnBlock


def test_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "some.conf"
    path.write_text("theirs = 1")
    for lines in ("ours = 1", "ours = 2"):
        assert OwnBlock(path, "", lines).ensure(mode=0o600)
        assert not OwnBlock(path, "", lines).ensure(mode=0o600)
        assert OwnBlock(path, "", lines).is_there()
    path.write_text(path.read_text() + "theirs = 2\n")
    assert OwnBlock(path, "", "ours = 3").ensure(mode=0o600)
    begin, end = "# BEGIN stead: kept by stead-agent\n", "# END stead\n"
    assert path.read_text() == f"theirs = 1\ntheirs = 2\n{begin}ours = 3\n{end}"


def test_apparmor_lets_qemu_open_the_exports_of_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, sockets = tmp_path / "local" / "libvirt-qemu", Path("/run/stead/exports/*.sock")
    monkeypatch.setattr(qemu_conf, "APPARMOR_PROFILES", tmp_path / "profiles")
    rules.parent.mkdir()
    qemu_conf.ensure_rules(sockets, rules)
    assert not rules.exists()  # AppArmor confines nobody here.
    (tmp_path / "profiles").touch()
    qemu_conf.ensure_rules(sockets, rules)
    assert "\n/run/stead/exports/*.sock rw,\n" in rules.read_text()
