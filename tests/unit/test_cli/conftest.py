"""A control plane, and a command line that is pointed at it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from client.cli.app import app

from .fake_cloud import Certificates, Cloud, Stead, handlers, make_certificates, write_config


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return make_certificates()


@pytest.fixture
def other_ca() -> str:
    return make_certificates().ca.decode()


@pytest.fixture
def cloud(certificates: Certificates, tmp_path: Path) -> Iterator[Cloud]:
    """A running control plane, and a configuration file that leads to it."""
    cloud = Cloud(tmp_path / "config.toml", certificates.ca.decode())
    cloud.may_stream.set()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> grpc.aio.Server:
        server = grpc.aio.server(handlers=handlers(cloud))
        pair = (certificates.key, certificates.certificate)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        cloud.endpoint = f"127.0.0.1:{port}"
        await server.start()
        return server

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    write_config(cloud.config, cloud.endpoint, cloud.ca)
    yield cloud
    asyncio.run_coroutine_threadsafe(server.stop(None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def stead(cloud: Cloud) -> Stead:
    """Runs `stead` with these arguments against the cloud."""

    def run(*arguments: str, **options: Any) -> Result:
        result = CliRunner().invoke(app, ["--config", str(cloud.config), *arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
