"""What `scripts/build-image` has to bear of Debian's releases, without building an image."""

import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize("modules", ["lib/modules", "usr/lib/modules"], ids=["Debian 12", "Debian 13"])
def test_kernel_modules_are_found_where_the_package_keeps_them(tmp_path: Path, modules: str) -> None:
    make_package(tmp_path, modules)
    work = tmp_path / "work"
    work.mkdir()
    script = f"""
        apt-get() {{ cp {tmp_path}/kernel.deb .; }}
        depmod() {{ ls "$2/lib/modules/$3"; }}
        source {SCRIPTS}/image/tiny/build.sh
        unpack_kernel linux-image
    """
    done = subprocess.run(["bash", "-euc", f"work={work}; {script}"], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["virtio.ko"], "")


def test_a_name_that_is_no_image_is_refused_with_those_that_are(tmp_path: Path) -> None:
    command = [str(SCRIPTS / "build-image"), "debian-11", str(tmp_path / "x.raw")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "[tiny|debian-12|debian-13]" in done.stderr


def make_package(directory: Path, modules: str) -> None:
    """A kernel's, with one module."""
    tree = directory / "tree"
    (tree / modules / "6.1.0-cloud").mkdir(parents=True)
    (tree / modules / "6.1.0-cloud/virtio.ko").touch()
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: linux-image\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: -\n"
    )
    subprocess.run(["dpkg-deb", "--build", tree, directory / "kernel.deb"], check=True, capture_output=True)
