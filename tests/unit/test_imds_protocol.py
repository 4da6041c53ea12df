"""IMDSv2, request by request, without sockets."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from agent.imds import MetadataServer, tokens
from agent.model import InstanceMetadata, InstanceSpec, InterfaceSpec

TOKEN = "X-aws-ec2-metadata-token"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
VPC = "vpc-0123456789abcdef0"
METADATA = InstanceMetadata("", "", "", "", "", "", "my-key", "ssh-ed25519 AAAA", (), b"", "", 0, "", "")
SPECS = {
    ip: InstanceSpec(instance_id, 1, True, 0, 120, 1, 512, (InterfaceSpec("eni-1", VPC, "02:00", ip),), (), METADATA)
    for ip, instance_id in (("172.31.0.5", "i-00000000000000005"), ("172.31.0.6", "i-00000000000000006"))
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Guest:
    """Asks from one address."""

    def __init__(self, server: MetadataServer, ip: str = "172.31.0.5", vpc_id: str = VPC) -> None:
        self.server, self.ip, self.vpc_id = server, ip, vpc_id

    def ask(self, method: str, path: str, **headers: str) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.answer(self.vpc_id, self.ip, make_mocked_request(method, path, headers=named))

    def token(self, ttl: str = "60") -> str:
        response = self.ask("PUT", "/latest/api/token", **{TTL: ttl})
        assert response.status == 200
        return response.text or ""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guest(tmp_path: Path, clock: Clock) -> Guest:
    return Guest(server(tmp_path, clock))


def server(state_dir: Path, clock: Clock) -> MetadataServer:
    return MetadataServer(lambda vpc_id, ip: SPECS.get(ip) if vpc_id == VPC else None, state_dir, clock)


def test_a_token_opens_the_tree(guest: Guest) -> None:
    response = guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: guest.token()})
    assert (response.status, response.text) == (200, "i-00000000000000005")
    assert response.headers[TTL] == "60"
    assert response.content_type == "text/plain"


@pytest.mark.parametrize("ttl", ["", "0", "-1", "21601", "1e3", "x", "9" * 5000, "٣"])
def test_bad_ttl(guest: Guest, ttl: str) -> None:
    assert guest.ask("PUT", "/latest/api/token", **{TTL: ttl}).status == 400


def test_no_ttl(guest: Guest) -> None:
    assert guest.ask("PUT", "/latest/api/token").status == 400


@pytest.mark.parametrize("ttl", ["1", "21600"])
def test_ttl_bounds(guest: Guest, ttl: str) -> None:
    assert guest.token(ttl)


def test_forwarded_put_is_refused(guest: Guest) -> None:
    assert guest.ask("PUT", "/latest/api/token", X_Forwarded_For="10.0.0.1", **{TTL: "60"}).status == 403


def test_versioned_token_path_is_refused(guest: Guest) -> None:
    assert guest.ask("PUT", "/2021-03-23/api/token", **{TTL: "60"}).status == 403


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/latest/meta-data/"), ("PUT", "/latest/meta-data/"), ("DELETE", "/")]
)
def test_other_methods(guest: Guest, method: str, path: str) -> None:
    assert guest.ask(method, path, **{TOKEN: guest.token()}).status == 405


@pytest.mark.parametrize("token", ["", "x", "====", "é", "A" * 54])
def test_wrong_tokens(guest: Guest, token: str) -> None:
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: token}).status == 401


def test_no_version_1(guest: Guest) -> None:
    assert guest.ask("GET", "/latest/meta-data/instance-id").status == 401


def test_a_token_expires(guest: Guest, clock: Clock) -> None:
    token = guest.token("10")
    clock.now += 9
    assert guest.ask("GET", "/latest/meta-data/", **{TOKEN: token}).headers[TTL] == "1"
    clock.now += 1
    assert guest.ask("GET", "/latest/meta-data/", **{TOKEN: token}).status == 401


def test_a_token_is_its_instances_alone(guest: Guest) -> None:
    other = Guest(guest.server, "172.31.0.6")
    assert other.ask("GET", "/latest/meta-data/", **{TOKEN: guest.token()}).status == 401


def test_tokens_survive_a_restart(guest: Guest, tmp_path: Path, clock: Clock) -> None:
    again = Guest(server(tmp_path, clock))
    assert again.ask("GET", "/latest/meta-data/", **{TOKEN: guest.token()}).status == 200
    assert (tmp_path / "imds.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("ip", "vpc_id"), [("172.31.0.9", VPC), ("172.31.0.5", "vpc-0000000000000000f")])
def test_strangers_get_nothing(guest: Guest, ip: str, vpc_id: str) -> None:
    assert Guest(guest.server, ip, vpc_id).ask("PUT", "/latest/api/token", **{TTL: "60"}).status == 404


@pytest.mark.parametrize("version", ["latest", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"])
def test_versions(guest: Guest, version: str) -> None:
    assert guest.ask("GET", f"/{version}/meta-data/instance-id", **{TOKEN: guest.token()}).status == 200


@pytest.mark.parametrize(
    "path", ["/2031-01-01/meta-data/", "/latest/user-data", "/latest/meta-data/nothing", "/latest/../etc/passwd"]
)
def test_not_found(guest: Guest, path: str) -> None:
    assert guest.ask("GET", path, **{TOKEN: guest.token()}).status == 404


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", ["2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest"]),
        ("/latest", ["dynamic/", "meta-data/"]),
        ("/latest/meta-data/public-keys/", ["0=my-key"]),
        ("/latest/meta-data/public-keys/0/", ["openssh-key"]),
        ("/latest/meta-data/placement", ["availability-zone", "region"]),
    ],
)
def test_listings(guest: Guest, path: str, names: list[str]) -> None:
    assert (guest.ask("GET", path, **{TOKEN: guest.token()}).text or "").split("\n") == names


def test_a_token_of_zero_length_seals_nothing() -> None:
    assert tokens.expiry_of(b"k" * 32, "i-1", "") is None
