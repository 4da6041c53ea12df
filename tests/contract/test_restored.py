"""`stead-controlplane restored`: the word of an admin who put a backup back."""

import subprocess
from pathlib import Path

from controlplane.store.store import Store
from tests.processes.programs import DAEMON, Daemon


def incarnation(daemon: Daemon) -> str:
    store = Store.open(daemon.store_url)
    (region,) = store.load().regions
    store.close()
    return region.incarnation


def restored(daemon: Daemon) -> "subprocess.CompletedProcess[str]":
    command = DAEMON, "restored", "--config", daemon.config
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_each_time_another_incarnation_begins_and_all_else_stays(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    await daemon.init()
    daemon.add_host()
    seen = [incarnation(daemon)]
    for _ in range(2):
        assert "stead host release" in restored(daemon).stdout
        seen.append(incarnation(daemon))
    assert "" not in seen
    assert len(set(seen)) == 3
    store = Store.open(daemon.store_url)
    assert "host-1" in store.load().hosts
    store.close()


def test_a_database_without_its_keys_is_refused(tmp_path: Path) -> None:
    refused = restored(Daemon(tmp_path))
    assert refused.returncode == 2
    assert f"missing in {tmp_path}" in refused.stderr


async def test_a_region_without_its_database_is_not_begun_anew(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    await daemon.init()
    for file in Path(daemon.store_url.removeprefix("sqlite:///")).parent.glob("*.db*"):
        file.unlink()
    async with daemon.running() as process:
        assert await process.wait() == 1
    assert "restore it from a backup" in (tmp_path / "log").read_text()
    assert "restore it from a backup" in restored(daemon).stderr
