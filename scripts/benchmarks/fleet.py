"""Simulated hosts: agents that joined for real, with fake drivers, all in one process.

Their state is in memory (/dev/shm), since the real ones' disks are not the control plane's.
"""

import asyncio
import json
import signal
import sys
import tomllib
from pathlib import Path

import uvloop

from agent import app, logs
from agent.config import parse
from agent.enroll import JoinToken, join
from agent.identity import IdentityStore

AGENT_TOML = """
[agent]
state_dir = "{directory}/state"
run_dir = "{directory}/run"
pki_dir = "{directory}/pki"
metadata_service = false
log_level = "warning"

[converge]
full_pass_s = {full_pass_s}

[drivers]
volume = "fake"
export = "fake"
network = "fake"
gateway = "fake"
compute = "fake"

[drivers.fake]
vcpus = 1000000
memory_mib = 1000000000
storage_gib = 1000000
"""


async def serve(directory: Path, tokens: list[str], full_pass_s: float) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as tasks:
        for number, token in enumerate(tokens, start=1):
            tasks.create_task(_host(directory / str(number), number, token, full_pass_s, stop))


async def _host(directory: Path, number: int, token: str, full_pass_s: float, stop: asyncio.Event) -> None:
    settings = parse(tomllib.loads(AGENT_TOML.format(directory=directory, full_pass_s=full_pass_s)))
    store = IdentityStore(settings.agent.state_dir, settings.agent.pki_dir)
    await join(JoinToken.parse(token), f"fake-{number}", f"198.19.{number // 250}.{number % 250 + 1}", store)
    await app.serve(settings, stop)


if __name__ == "__main__":
    logs.set_up("warning", "json")
    uvloop.run(serve(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), float(sys.argv[3])))
