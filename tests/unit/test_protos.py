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
service Things {
  // Makes one.
  rpc CreateThing(CreateThingRequest) returns (Thing);
  // Lists them.
  rpc DescribeThings(DescribeThingsRequest) returns (DescribeThingsResponse);
  // Sends one.
  rpc ImportThing(stream ImportThingRequest) returns (ImportThingResponse);
}
message Thing {
  // Fine.
  uint64 size_bytes = 1;
  uint32 memory = 2;
  // When.
  google.protobuf.Timestamp created = 3;
  // Camels.
  string thingName = 4;
  // One of them.
  enum Nested {
    // Zero.
    ZERO = 0;
  }
  oneof choice {
    // One.
    string one = 5;
  }
}
// See Things.CreateThing.
message CreateThingRequest {
  // Which.
  string client_token = 1;
  // Too early.
  string name = 2;
}
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
// The kinds.
enum ThingKind {
  // Any.
  THING_KIND_ANY = 0;
  // Small.
  SMALL = 1;
}
"""

FAULTS = """\
things.proto: Things: has no comment
things.proto: Thing: has no comment
things.proto: Thing.Nested: is nested; declare it at the top level
things.proto: Thing.choice: has no comment
things.proto: Thing.memory: has no comment
things.proto: Thing.memory: says no unit for its memory; end it in _s, _ms, _bytes, _mib or _gib
things.proto: Thing.created: is a Timestamp; end it in _time or _since
things.proto: Thing.thingName: should be snake_case
things.proto: ThingKind.THING_KIND_ANY: value 0, and no other, is THING_KIND_UNSPECIFIED
things.proto: ThingKind.SMALL: should begin with THING_KIND_
things.proto: Things.CreateThing: does not say who may call it; give it an `option (role) = ROLE_...`
things.proto: Things.CreateThing: returns Thing; name it CreateThingResponse
things.proto: Things.CreateThing: changes something, so field 2 of CreateThingRequest should be bool dry_run
things.proto: Things.DescribeThings: does not say who may call it; give it an `option (role) = ROLE_...`
things.proto: Things.DescribeThings: lists, so DescribeThingsRequest should have repeated Filter filters
things.proto: Things.DescribeThings: lists, so DescribeThingsRequest should have uint32 page_size; or its comment \
should say `Not paged`
things.proto: Things.DescribeThings: lists, so DescribeThingsRequest should have string page_token; or its comment \
should say `Not paged`
things.proto: Things.DescribeThings: lists, so DescribeThingsResponse should have string next_page_token; or its \
comment should say `Not paged`
things.proto: Things.ImportThing: does not say who may call it; give it an `option (role) = ROLE_...`
things.proto: Things.ImportThing: streams ImportThingRequest, which has no field `header` with the call's parameters
20 faults; the conventions are in stead/v1/common.proto and in scripts/proto/lint.py
"""


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script, *arguments], capture_output=True, text=True)


def test_the_proto_files_keep_the_conventions() -> None:
    result = run(ROOT / "scripts/lint-protos")
    assert (result.returncode, result.stderr) == (0, "")


def test_every_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "things.proto").write_text(FAULTY)
    result = run(ROOT / "scripts/lint-protos", str(tmp_path))
    assert result.stderr == FAULTS
    assert result.returncode == 1


def test_a_file_that_protoc_refuses_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "things.proto").write_text("message")
    result = run(ROOT / "scripts/lint-protos", str(tmp_path))
    assert result.returncode == 1
    assert "protoc failed" in result.stderr


def test_what_is_generated_is_up_to_date() -> None:
    result = run(ROOT / "scripts/gen-protos", "--check")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the part of the tree that the tools read and write."""
    for part in "protos", "scripts/proto":
        shutil.copytree(ROOT / part, tmp_path / part)
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
