"""Tests that send signals: they work wherever tests are run from."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SHOW = "import signal; print(*(signal.getsignal(number).name for number in (1, 3, 15, 17)), signal.getsignal(2))"
_AS_TESTS_DO = f"from tests.conftest import set_signals; set_signals(); {_SHOW}"


def test_tests_have_the_signals_of_a_shell_also_in_a_background_job() -> None:
    """A job of a shell without job control ignores SIGINT and SIGQUIT, and one under `nohup` SIGHUP."""
    ignoring = ["sh", "-c", 'trap "" HUP INT QUIT; exec "$@"', "sh", sys.executable, "-c", _AS_TESTS_DO]
    done = subprocess.run(ignoring, cwd=_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "SIG_DFL SIG_DFL SIG_DFL SIG_DFL <built-in function default_int_handler>\n"
