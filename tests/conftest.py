"""For all tests: signals mean what they mean in a shell, and the machine is left as it was found."""

import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from agent import bugs
from tests.traces import since, traces

# A busy machine is no fault of what is tested.
settings.register_profile("stead", deadline=None)
settings.load_profile("stead")

_MEMORY = Path("/dev/shm")
_MARKS = {  # Of all tests in a folder.
    "e2e": ("host", "vm"),
    "integration/compute_libvirt": ("host", "vm"),
    "integration/volume_nbd": ("pool",),
}


def pytest_configure() -> None:
    set_signals()


def set_signals() -> None:
    """As at a terminal: what tests start inherits it, and a background job or `nohup` ignores some of them."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--traces", action="store_true", help="fail when the tests leave anything on this machine")
    parser.addoption("--all", action="store_true", help="also what is marked as `deep`")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in _marks_of(item.path):
            item.add_marker(mark)
    if not config.getoption("--all"):
        deep = [item for item in items if item.get_closest_marker("deep")]
        items[:] = [item for item in items if item not in deep]
        config.hook.pytest_deselected(items=deep)


def _marks_of(path: Path) -> tuple[str, ...]:
    folder = str(path.parent.relative_to(Path(__file__).parent))
    return _MARKS.get(folder, ())


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory that costs no fsync where the machine has one."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as directory:
        yield Path(directory)


@pytest.fixture(autouse=True)
def no_bugs() -> Iterator[None]:
    """An agent outlives exceptions that nobody foresaw; a test that brings one about clears the record itself."""
    bugs.told.clear()
    yield
    assert not bugs.told


@pytest.fixture(scope="session", autouse=True)
def leaves_no_traces(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compares the machine before and after all tests; of use only where nobody else works on it."""
    if not request.config.getoption("--traces"):
        yield
        return
    before = traces()
    yield
    assert not (left := since(before)), f"the tests left behind: {left}"
