"""What the image's builder takes from Debian, in the form of either release."""

import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "scripts/image/tiny/build.sh"

# With a package that apt would have to fetch, of one module.
UNPACK = """
set -euo pipefail
source "$1"
work=$2 modules=$3
apt-get() { touch kernel.deb; }
dpkg-deb() {
    install -D /dev/null "$3/$modules/6.0/modules.order"
    touch "$3/$modules/6.0/modules.builtin"
}
unpack_kernel linux-image
echo "$release"
"""


@pytest.mark.parametrize("modules", ["lib/modules", "usr/lib/modules"])
def test_a_kernel_package_has_its_modules_where_its_release_puts_them(modules: str, tmp_path: Path) -> None:
    """Debian 12's in /lib, Debian 13's in /usr/lib."""
    argv = ["bash", "-c", UNPACK, "bash", str(BUILD), str(tmp_path), modules]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "6.0\n"), done.stderr
    assert (tmp_path / "kernel/lib/modules/6.0/modules.dep").exists()
