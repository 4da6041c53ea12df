"""The tools for the .proto files, and what they make."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FAULTY = """\
syntax = "proto3";
package stead.v1;
import "google/protobuf/timestamp.proto";
// Things.
service Things {
  // Makes one.
  rpc CreateThing(CreateThingRequest) returns (CreateThingResponse);
  // Lists them.
  rpc DescribeThings(DescribeThingsRequest) returns (DescribeThingsResponse);
  // Sends one.
  rpc ImportThing(stream ImportThingRequest) returns (ImportThingResponse);
}
// One.
message Thing {
  // Fine.
  uint64 size_bytes = 1;
  // MiB.
  uint32 memory = 2;
  // When.
  google.protobuf.Timestamp created = 3;
  // One of them.
  enum Nested {
    // Zero.
    NESTED_UNSPECIFIED = 0;
  }
}
// See Things.CreateThing.
message CreateThingRequest {
  // Which.
  string client_token = 1;
  // Too early.
  string name = 2;
}
// See Things.CreateThing.
message CreateThingResponse {}
// See Things.DescribeThings.
message DescribeThingsRequest {}
// See Things.DescribeThings.
message DescribeThingsResponse {}
// See Things.ImportThing.
message ImportThingRequest {
  // The bytes.
  bytes chunk = 1;
}
// See Things.ImportThing.
message ImportThingResponse {}
"""

FAULTS = """\
stead/v1/things.proto: Thing.Nested: is nested; declare it at the top level
stead/v1/things.proto: Thing.memory: says no unit for its memory; end it in _s, _ms, _bytes, _mib or _gib
stead/v1/things.proto: Thing.created: is a Timestamp; end it in _time or _since
stead/v1/things.proto: Things.CreateThing: does not say who may call it; give it an `option (role) = ROLE_...`
stead/v1/things.proto: Things.CreateThing: changes something, so field 2 of CreateThingRequest should be bool dry_run
stead/v1/things.proto: Things.DescribeThings: does not say who may call it; give it an `option (role) = ROLE_...`
stead/v1/things.proto: Things.DescribeThings: lists, so DescribeThingsRequest should have repeated Filter filters
stead/v1/things.proto: Things.DescribeThings: lists, so DescribeThingsRequest should have uint32 page_size
stead/v1/things.proto: Things.DescribeThings: lists, so DescribeThingsRequest should have string page_token
stead/v1/things.proto: Things.DescribeThings: lists, so DescribeThingsResponse should have string next_page_token
stead/v1/things.proto: Things.DescribeThings: lists, so DescribeThingsResponse should have uint64 revision
stead/v1/things.proto: Things.ImportThing: does not say who may call it; give it an `option (role) = ROLE_...`
stead/v1/things.proto: Things.ImportThing: streams ImportThingRequest, which has no field `header` with the call's \
parameters
13 faults; the conventions are in stead/v1/common.proto and in scripts/proto/lint.py
"""


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script, *arguments], capture_output=True, text=True)


def test_the_proto_files_keep_the_conventions() -> None:
    result = run(ROOT / "scripts/lint-protos")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def faulty(directory: Path, text: str) -> subprocess.CompletedProcess[str]:
    """The check of a file with that text."""
    file = directory / "stead/v1/things.proto"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    shutil.copy(ROOT / "protos/buf.yaml", directory)
    return run(ROOT / "scripts/lint-protos", str(directory))


def test_every_fault_is_named(tmp_path: Path) -> None:
    result = faulty(tmp_path, FAULTY)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", FAULTS)


def test_what_has_no_comment_is_a_fault(tmp_path: Path) -> None:
    result = faulty(tmp_path, FAULTY.replace("  // MiB.\n", ""))
    assert result.returncode
    assert 'Field "memory" should have a non-empty comment' in result.stdout


def test_a_file_that_protoc_refuses_is_a_fault(tmp_path: Path) -> None:
    result = faulty(tmp_path, "message")
    assert result.returncode
    assert "things.proto:1:8:unexpected end-of-file" in result.stdout


def test_what_breaks_clients_of_the_last_release_is_a_fault(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "protos", tmp_path, dirs_exist_ok=True)
    regions = tmp_path / "stead/v1/regions.proto"
    regions.write_text(regions.read_text().replace("string region_name = 1", "bytes region_name = 1"))
    result = run(ROOT / "scripts/lint-protos", str(tmp_path))
    assert result.returncode
    assert (
        'Field "1" with name "region_name" on message "Region" changed type from "string" to "bytes"' in result.stdout
    )


def test_what_is_generated_is_up_to_date() -> None:
    result = run(ROOT / "scripts/gen-protos", "--check")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the part of the tree that the tools read and write."""
    for part in "protos", "scripts/proto":
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "docs").mkdir()
    for part in "docs/api.md", "scripts/gen-protos":
        shutil.copy(ROOT / part, tmp_path / part)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def test_a_changed_proto_file_is_noticed_and_generated_anew(tree: Path) -> None:
    proto = tree / "protos/stead/v1/regions.proto"
    proto.write_text(proto.read_text().replace("string region_name = 1", "string region_label = 1"))
    (tree / "protos/stead/v1/gone_pb2.py").touch()

    result = run(tree / "scripts/gen-protos", "--check")
    assert result.returncode == 1
    assert "gone_pb2.py: has no .proto file any more" in result.stderr
    assert "docs/api.md: differs from what is generated" in result.stderr
    assert "run scripts/gen-protos" in result.stderr

    assert run(tree / "scripts/gen-protos").returncode == 0
    assert "| `region_label` | string |" in (tree / "docs/api.md").read_text()
    assert run(tree / "scripts/gen-protos", "--check").returncode == 0


def test_every_link_of_the_reference_leads_to_one_heading() -> None:
    page = (ROOT / "docs/api.md").read_text()
    headings = [heading.lower().replace(" ", "-") for heading in re.findall(r"^##+ (.+)$", page, re.MULTILINE)]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= set(headings)
    for file in re.findall(r"\]\(([^#)]+)\)", page):
        assert (ROOT / "docs" / file).exists(), file


def test_the_reference_has_every_call() -> None:
    page = (ROOT / "docs/api.md").read_text()
    protos = "".join(file.read_text() for file in (ROOT / "protos/stead/v1").glob("*.proto"))
    calls = re.findall(r"^  rpc (\w+)\(", protos, re.MULTILINE)
    assert len(calls) > 40
    assert set(calls) <= set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
