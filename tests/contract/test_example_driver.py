"""The example in docs/drivers.md passes what it says that every driver must, as it says to run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_keeps_the_contract_of_storage(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/drivers.md").read_text(), re.DOTALL)
    for name, content in zip(("sparse_storage.py", "test_sparse_storage.py"), blocks, strict=True):
        (tmp_path / name).write_text(content)
    command = [sys.executable, "-m", "pytest", "-o", "asyncio_mode=auto", "-q", "test_sparse_storage.py"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/protos"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)
