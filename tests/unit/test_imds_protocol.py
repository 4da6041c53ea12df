"""IMDSv2, request by request, without sockets."""

import socket
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from agent.imds import service, tree
from agent.imds.service import Answer, Guest, Request, parse
from agent.model import InstanceMetadata, InstanceSpec, InterfaceMetadata, InterfaceSpec

TOKEN = "X-aws-ec2-metadata-token"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
KEY = b"k" * 32
ADDRESS = "172.31.0.5"
METADATA = InstanceMetadata(
    *("", "", "", "", "", "", "my-key", "ssh-ed25519 AAAA", (), b"{}", "", 0, "", ""),
    interfaces=(InterfaceMetadata("eni-1", "", (), "", "", "", (), ()),),
)


class Asking:
    """A guest that asks."""

    def __init__(self, instance_id: str = "i-00000000000000005", key: bytes = KEY) -> None:
        interfaces = (InterfaceSpec("eni-1", "vpc-1", "02:00", "172.31.0.5"),)
        spec = InstanceSpec(instance_id, 1, True, 0, 120, 1, 512, interfaces, (), METADATA)
        pages = {path: page.decode("latin-1") for path, page in tree.pages(spec).items()}
        self.guest: Guest | None = Guest(instance_id, key, pages)
        self.now = 1000.0

    def ask(self, method: str, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return service.answer(self.guest, Request(method, path, named, is_last=False), self.now)

    def token(self, ttl: str = "60") -> str:
        told = self.ask("PUT", "/latest/api/token", **{TTL: ttl})
        assert told.status == 200
        return told.body.decode()


@pytest.fixture
def guest() -> Asking:
    return Asking()


def test_a_token_opens_the_tree(guest: Asking) -> None:
    response = guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: guest.token()})
    assert (response.status, response.body) == (200, b"i-00000000000000005")
    assert response.headers[TTL] == "60"
    assert response.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("ttl", ["", "0", "-1", "21601", "1e3", "x", "9" * 5000, "٣"])
def test_bad_ttl(guest: Asking, ttl: str) -> None:
    assert guest.ask("PUT", "/latest/api/token", **{TTL: ttl}).status == 400


def test_no_ttl(guest: Asking) -> None:
    assert guest.ask("PUT", "/latest/api/token").status == 400


@pytest.mark.parametrize("ttl", ["1", "21600"])
def test_ttl_bounds(guest: Asking, ttl: str) -> None:
    assert guest.token(ttl)


def test_forwarded_put_is_refused(guest: Asking) -> None:
    assert guest.ask("PUT", "/latest/api/token", X_Forwarded_For="10.0.0.1", **{TTL: "60"}).status == 403


def test_versioned_token_path_is_refused(guest: Asking) -> None:
    assert guest.ask("PUT", "/2021-03-23/api/token", **{TTL: "60"}).status == 403


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/latest/meta-data/"), ("PUT", "/latest/meta-data/"), ("DELETE", "/")]
)
def test_other_methods(guest: Asking, method: str, path: str) -> None:
    assert guest.ask(method, path, **{TOKEN: guest.token()}).status == 405


@pytest.mark.parametrize("token", ["", "x", "====", "é", "A" * 54])
def test_wrong_tokens(guest: Asking, token: str) -> None:
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: token}).status == 401


def test_no_version_1(guest: Asking) -> None:
    assert guest.ask("GET", "/latest/meta-data/instance-id").status == 401


def test_version_1_where_it_is_wanted(guest: Asking) -> None:
    assert guest.guest
    guest.guest = guest.guest._replace(without_token=True)
    told = guest.ask("GET", "/latest/meta-data/instance-id")
    assert (told.status, told.body) == (200, b"i-00000000000000005")
    assert TTL not in told.headers
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: guest.token()}).headers[TTL] == "60"
    for wrong in ("", "x"):
        assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: wrong}).status == 401


def test_one_that_is_off_refuses_everything(guest: Asking) -> None:
    assert guest.guest
    token = guest.token()
    guest.guest = guest.guest._replace(is_off=True, without_token=True)
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "60"}).status == 403
    assert guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: token}).status == 403
    assert guest.ask("GET", "/").status == 403


def test_a_token_travels_as_far_as_it_may_and_nothing_else_is_held_back(guest: Asking) -> None:
    assert guest.guest
    guest.guest = guest.guest._replace(hop_limit=2)
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "60"}).hop_limit == 2
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "0"}).hop_limit is None
    assert guest.ask("GET", "/", **{TOKEN: guest.token()}).hop_limit is None


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_no_header_makes_one_guest_another(guest: Asking, header: str) -> None:
    token = guest.token()
    told = guest.ask("GET", "/latest/meta-data/instance-id", **{TOKEN: token, header: "172.31.0.6"})
    assert told.body == b"i-00000000000000005"


def test_a_token_expires(guest: Asking) -> None:
    token = guest.token("10")
    guest.now += 9
    assert guest.ask("GET", "/latest/meta-data/", **{TOKEN: token}).headers[TTL] == "1"
    guest.now += 1
    assert guest.ask("GET", "/latest/meta-data/", **{TOKEN: token}).status == 401


@pytest.mark.parametrize("other", [Asking("i-00000000000000006"), Asking(key=b"o" * 32)])
def test_a_token_is_its_instances_alone(guest: Asking, other: Asking) -> None:
    assert other.ask("GET", "/latest/meta-data/", **{TOKEN: guest.token()}).status == 401


def test_strangers_get_nothing(guest: Asking) -> None:
    guest.guest = None
    assert guest.ask("PUT", "/latest/api/token", **{TTL: "60"}).status == 404


@pytest.mark.parametrize("version", service.VERSIONS)
def test_versions(guest: Asking, version: str) -> None:
    assert guest.ask("GET", f"/{version}/meta-data/instance-id", **{TOKEN: guest.token()}).status == 200


# As their sources have them: cloud-init's DataSourceEc2.py, Ignition's providers/aws and its SDK, Afterburn's.
READ_BY_OTHERS = (
    *("/2021-03-23/meta-data/instance-id", "/2009-04-04/meta-data/instance-id", "/2021-03-23/meta-data/"),
    *("/2021-03-23/dynamic/instance-identity", "/2021-03-23/dynamic/instance-identity/document"),
    *("/2019-10-01/user-data", "/latest/dynamic/instance-identity/document"),
    *("/2021-01-03/meta-data/public-keys", "/2021-01-03/meta-data/public-keys/0/openssh-key"),
    *("/2021-01-03/meta-data/hostname", "/2021-01-03/meta-data/placement/availability-zone-id"),
    *("/2021-01-03/meta-data/instance-type", "/2021-01-03/dynamic/instance-identity/document"),
)


@pytest.mark.parametrize("path", READ_BY_OTHERS)
def test_what_the_programs_of_guests_read_is_there(guest: Asking, path: str) -> None:
    assert guest.ask("GET", path, **{TOKEN: guest.token()}).status == 200


def test_cloud_init_walks_the_whole_tree(guest: Asking) -> None:
    """As its `MetadataMaterializer` does: a listing's line that ends with a slash is a directory, `0=name` a key."""
    token, read = guest.token(), dict[str, bytes]()

    def walk(path: str) -> None:
        told = guest.ask("GET", path, **{TOKEN: token})
        assert told.status == 200, path
        for name in told.body.decode().split("\n"):
            if name.endswith("/"):
                walk(path + name)
            else:
                leaf = path + (f"{name.split('=')[0]}/openssh-key" if "=" in name else name)
                read[leaf] = guest.ask("GET", leaf, **{TOKEN: token}).body

    walk("/2021-03-23/meta-data/")
    assert read["/2021-03-23/meta-data/public-keys/0/openssh-key"] == b"ssh-ed25519 AAAA"
    assert read["/2021-03-23/meta-data/network/interfaces/macs/02:00/local-ipv4s"] == b"172.31.0.5"
    assert not [path for path, page in read.items() if page.startswith(b"404")]


@pytest.mark.parametrize(
    "path",
    ["/2031-01-01/meta-data/", "/latest/meta-data/iam/info", "/latest/meta-data/nothing", "/latest/../etc/passwd"],
)
def test_not_found(guest: Asking, path: str) -> None:
    assert guest.ask("GET", path, **{TOKEN: guest.token()}).status == 404


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", list(service.VERSIONS)),
        ("/latest", ["dynamic", "meta-data", "user-data"]),
        ("/latest/", ["dynamic", "meta-data", "user-data"]),
        ("/latest/meta-data/public-keys/", ["0=my-key"]),
        ("/latest/meta-data/public-keys/0/", ["openssh-key"]),
        ("/latest/meta-data/placement", ["availability-zone", "availability-zone-id", "region"]),
    ],
)
def test_listings(guest: Asking, path: str, names: list[str]) -> None:
    assert guest.ask("GET", path, **{TOKEN: guest.token()}).body.decode().split("\n") == names


def test_a_token_of_zero_length_seals_nothing() -> None:
    assert service.expiry_of(KEY, "i-1", "") is None


def test_what_a_request_is() -> None:
    asked = parse(b"GET /latest/a%3Ab?x=1 HTTP/1.1\r\nX-Name:  v \r\nConnection: close")
    assert asked == Request("GET", "/latest/a:b", {"x-name": "v", "connection": "close"}, is_last=True)
    assert not parse(b"PUT / HTTP/1.1\r\nContent-Length: 0").is_last
    assert parse(b"GET / HTTP/1.0").is_last


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / HTTP/9.9",
        b"GET http://x/ HTTP/1.1",
        b"\0\xff",
        b"PUT / HTTP/1.1\r\nContent-Length: 1",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked",
    ],
)
def test_what_is_none(head: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (any)
        parse(head)


def test_an_answer_says_how_long_it_is() -> None:
    told = Answer(HTTPStatus.OK, b"\xff\0")
    whole = service.render(told, has_body=True, is_last=False)
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"Content-Length: 2\r\nConnection: keep-alive\r\n\r\n\xff\0")
    assert service.render(told, has_body=False, is_last=False) == whole[:-2]


def test_shares() -> None:
    share = service.Share()
    assert [share.take_request(1000.5) for _ in range(101)] == [True] * 100 + [False]
    assert share.take_request(1001)
    assert [share.take_line(1000.5) for _ in range(11)] == [True] * 10 + [False]
    assert share.take_line(1060)


def test_a_guest_that_is_silent_or_has_no_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "IDLE_S", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"GET / HTTP/1.1\r\n\r\nGET ")
        received = bytearray()
        assert service.read_head(ours, received) == b"GET / HTTP/1.1"
        with pytest.raises(TimeoutError):
            service.read_head(ours, received)
        theirs.send(b"a" * service.MAX_HEAD_BYTES)
        with pytest.raises(ValueError, match="too long"):
            service.read_head(ours, received)
        theirs.close()
        received.clear()
        assert service.read_head(ours, received) == b""


@pytest.mark.parametrize("spoil", [Path.mkdir, lambda file: file.write_text("half a fi")], ids=["no file", "cut off"])
def test_what_it_cannot_read_is_told_in_the_log_and_to_the_guest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], spoil: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    spoil(tmp_path / service.GUESTS)
    asked, (here, there) = service.Service(), socket.socketpair()
    with here, there:
        assert asked._admit(ADDRESS)
        here.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n" * 2)
        asked._serve(there, ADDRESS)
        assert here.recv(65536).startswith(b"HTTP/1.1 500 ")
    assert f"{ADDRESS} asked for what can't be read: " in capfd.readouterr().err
