"""Generates what is made from the .proto files: Python stubs beside them, and docs/api.md.

Usage: gen-protos [--check]. With --check nothing is written, and the exit code is 1 when what is there differs.
"""

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

from proto.reference import page
from proto.schema import load, run_protoc

PROTOS = Path("protos")
REFERENCE = Path("docs/api.md")
AGENTS = "stead/agent/"  # of no use to users
STUBS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")
DIFF_LINES = 12  # of each file: enough to see whether the comments or the version of protoc differ


def generate() -> dict[Path, str]:
    """Every generated file's contents by its path."""
    with tempfile.TemporaryDirectory() as directory:
        run_protoc(PROTOS, *(f"--{kind}={directory}" for kind in ("python_out", "pyi_out", "grpc_python_out")))
        made = {path.relative_to(directory): path.read_text() for path in Path(directory).rglob("*.py*")}
    public = [file for file in load(PROTOS) if not file.name.startswith(AGENTS)]
    return {REFERENCE: page(public)} | {PROTOS / path: content for path, content in sorted(made.items())}


def existing() -> set[Path]:
    stubs = {path for pattern in STUBS for path in PROTOS.rglob(pattern)}
    return stubs | {REFERENCE} if REFERENCE.exists() else stubs


def check(wanted: dict[Path, str]) -> bool:
    """Whether the tree has what is wanted; prints how it differs."""
    stale = existing() - wanted.keys()
    for path in sorted(stale):
        print(f"{path}: has no .proto file any more", file=sys.stderr)
    differing = [path for path in wanted if not path.exists() or path.read_text() != wanted[path]]
    for path in differing:
        print(f"{path}: differs from what is generated", file=sys.stderr)
        old = path.read_text().splitlines() if path.exists() else []
        diff = difflib.unified_diff(old, wanted[path].splitlines(), "in the tree", "generated", n=0, lineterm="")
        for line in list(diff)[:DIFF_LINES]:
            print(f"    {line[:160]}", file=sys.stderr)
    return not stale and not differing


def write(wanted: dict[Path, str]) -> None:
    for path in existing() - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        path.write_text(content)


def main() -> None:
    parser = argparse.ArgumentParser(prog="gen-protos", description="Generate Python stubs and docs/api.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the tree differs")
    if not parser.parse_args().check:
        write(generate())
    elif not check(generate()):
        sys.exit("generated files are out of date: run scripts/gen-protos and commit what it changes")


if __name__ == "__main__":
    main()
