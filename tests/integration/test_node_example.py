"""The Node example calls a server that speaks the API over TLS: another language needs the .proto files alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from controlplane import ca
from stead.v1 import instances_pb2, instances_pb2_grpc, regions_pb2, regions_pb2_grpc

EXAMPLE = Path(__file__).parents[2] / "docs/examples/node"
TOKEN = "secret"
TIMEOUT_S = 120.0

Context = grpc.aio.ServicerContext


async def check_token(context: "Context[Any, Any]") -> None:
    if ("authorization", f"Bearer {TOKEN}") not in (context.invocation_metadata() or ()):
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not known")


class Regions(regions_pb2_grpc.RegionsServicer):
    async def DescribeRegions(self, request: Any, context: "Context[Any, Any]") -> Any:
        await check_token(context)
        return regions_pb2.DescribeRegionsResponse(regions=[regions_pb2.Region(region_name="home-1")])


class Instances(instances_pb2_grpc.InstancesServicer):
    """Two pages of one instance each."""

    async def DescribeInstances(self, request: Any, context: "Context[Any, Any]") -> Any:
        await check_token(context)
        number = int(request.page_token or "1")
        instance = instances_pb2.Instance(
            instance_id=f"i-{number:017x}",
            instance_type="t3.nano",
            state=instances_pb2.InstanceState(code=16, name="running"),
            public_ip_address="203.0.113.7" if number == 1 else "",
        )
        return instances_pb2.DescribeInstancesResponse(instances=[instance], next_page_token="2" if number == 1 else "")


@contextlib.asynccontextmanager
async def serve(credentials: ca.Credentials) -> AsyncIterator[int]:
    """The port of a control plane that knows a little."""
    server = grpc.aio.server()
    regions_pb2_grpc.add_RegionsServicer_to_server(Regions(), server)
    instances_pb2_grpc.add_InstancesServicer_to_server(Instances(), server)
    tls = grpc.ssl_server_credentials([(credentials.key, credentials.certificate)])
    port = server.add_secure_port("127.0.0.1:0", tls)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace=None)


@pytest.fixture
def authority() -> ca.Credentials:
    return ca.create("home-1", datetime.now(UTC))


@pytest.fixture
async def port(authority: ca.Credentials) -> AsyncIterator[int]:
    async with serve(ca.issue_server(authority, ["localhost"], ["127.0.0.1"], datetime.now(UTC))) as port:
        yield port


async def run(*command: str | Path) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr of a command in the example's directory."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=EXAMPLE, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(TIMEOUT_S):
        stdout, stderr = await process.communicate()
    return process.returncode, stdout.decode(), stderr.decode()


@pytest.fixture
async def packages() -> None:
    """What package-lock.json names is installed. npm leaves a copy of it with what it installed."""
    installed, wanted = EXAMPLE / "node_modules/.package-lock.json", EXAMPLE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        exit_code, _, stderr = await run("npm", "ci", "--no-audit", "--no-fund")
        assert exit_code == 0, stderr


def write_config(path: Path, endpoint: str, certificate: bytes, token: str = TOKEN) -> Path:
    path.write_text(f'endpoint = "{endpoint}"\ntoken = "{token}"\nca = """\n{certificate.decode()}"""\n')
    return path


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_regions_and_all_pages_of_instances_are_listed(
    tmp_path: Path, authority: ca.Credentials, port: int, host: str
) -> None:
    config = write_config(tmp_path / "config.toml", f"{host}:{port}", authority.certificate)
    exit_code, stdout, stderr = await run("node", "list-instances.js", "--config", config)
    assert exit_code == 0, stderr
    assert stdout.splitlines() == [
        "region home-1",
        "i-00000000000000001  t3.nano  running  203.0.113.7",
        "i-00000000000000002  t3.nano  running  -",
    ]


@pytest.mark.usefixtures("packages")
async def test_a_wrong_token_is_told(tmp_path: Path, authority: ca.Credentials, port: int) -> None:
    config = write_config(tmp_path / "config.toml", f"localhost:{port}", authority.certificate, token="guessed")
    expected = 1, "", "UNAUTHENTICATED: the token is not known\n"
    assert await run("node", "list-instances.js", "--config", config) == expected


@pytest.mark.usefixtures("packages")
async def test_a_server_of_another_authority_is_not_talked_to(tmp_path: Path, port: int) -> None:
    (tmp_path / "ca.pem").write_bytes(ca.create("home-1", datetime.now(UTC)).certificate)
    config = tmp_path / "config.toml"
    config.write_text(f'endpoint = "localhost:{port}"\ntoken = "{TOKEN}"\nca_file = "ca.pem"\n')
    exit_code, stdout, stderr = await run("node", "list-instances.js", "--config", config)
    assert (exit_code, stdout) == (1, "")
    assert "certificate" in stderr
