"""The authority's certificates, as `openssl`, GnuTLS and QEMU see them."""

import hmac
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from controlplane import ca

NOW = datetime.now(UTC).replace(microsecond=0)
HOST, OTHER_HOST = "host-00000000000000001", "host-00000000000000002"


@pytest.fixture(scope="module")
def authority() -> ca.Credentials:
    return ca.create("home-1", NOW)


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """A request that asks for more than it shall get."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def verify(tmp_path: Path, authority: ca.Credentials, certificate: bytes, purpose: str) -> None:
    """Raises when OpenSSL or GnuTLS finds fault with the certificate."""
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    (tmp_path / "cert.pem").write_bytes(certificate)
    openssl = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.pem", "cert.pem"]
    certtool = ["certtool", "--verify", "--load-ca-certificate", "ca.pem", "--infile", "cert.pem"]
    for command in openssl, certtool:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_the_authority_signs_itself(tmp_path: Path, authority: ca.Credentials) -> None:
    verify(tmp_path, authority, authority.certificate, "any")
    certificate = x509.load_pem_x509_certificate(authority.certificate)
    assert certificate.subject.rfc4514_string() == "CN=stead CA home-1,O=stead"
    assert certificate.not_valid_after_utc == ca.expires_at(authority.certificate) == NOW + timedelta(days=20 * 365)


def test_a_server_is_known_by_its_names_and_addresses(tmp_path: Path, authority: ca.Credentials) -> None:
    server = ca.issue_server(authority, ["cloud.home"], ["192.0.2.1", "2001:db8::1"], NOW)
    verify(tmp_path, authority, server.certificate, "sslserver")
    for check in "-verify_hostname cloud.home", "-verify_ip 192.0.2.1", "-verify_ip 2001:db8::1":
        command = ["openssl", "verify", *check.split(), "-CAfile", "ca.pem", "cert.pem"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_a_control_certificate_names_the_host_and_ignores_what_was_asked_for(
    tmp_path: Path, authority: ca.Credentials
) -> None:
    key = p256()
    pem = ca.sign_control(authority, csr(key), HOST, NOW)
    verify(tmp_path, authority, pem, "sslclient")
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.rfc4514_string() == f"CN={HOST},OU=agent,O=stead"
    assert certificate.public_key() == key.public_key()
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)


def test_a_control_certificate_does_not_serve(tmp_path: Path, authority: ca.Credentials) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        verify(tmp_path, authority, ca.sign_control(authority, csr(p256()), HOST, NOW), "sslserver")


@pytest.fixture(scope="module")
def data() -> ca.Credentials:
    return ca.create_data("home-1", NOW)


def test_certificates_for_data_serve_or_call(tmp_path: Path, data: ca.Credentials) -> None:
    client, server = client_of(data), server_of(data)
    for pem, purpose, other in (client, "sslclient", "sslserver"), (server, "sslserver", "sslclient"):
        verify(tmp_path, data, pem.certificate, purpose)
        with pytest.raises(subprocess.CalledProcessError):
            verify(tmp_path, data, pem.certificate, other)
        assert ca.expires_at(pem.certificate) == NOW + timedelta(days=10 * 365)
    assert subject(client) == ["stead", HOST]
    assert subject(server) == ["stead", "server", HOST], "no volume admits it"


def subject(credentials: ca.Credentials) -> list[str]:
    return [str(part.value) for part in x509.load_pem_x509_certificate(credentials.certificate).subject]


def client_of(data: ca.Credentials, host_id: str = HOST) -> ca.Credentials:
    key = p256()
    return ca.Credentials(ca.sign_data_client(data, csr(key), host_id, NOW), pem_of(key))


def server_of(data: ca.Credentials, host_id: str = HOST, address: str = "127.0.0.1") -> ca.Credentials:
    key = p256()
    return ca.Credentials(ca.sign_data_server(data, csr(key), host_id, address, NOW), pem_of(key))


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_foreign_authority_is_not_trusted(tmp_path: Path, authority: ca.Credentials) -> None:
    foreign = ca.create("home-1", NOW)
    with pytest.raises(subprocess.CalledProcessError):
        verify(tmp_path, authority, ca.sign_control(foreign, csr(p256()), HOST, NOW), "sslclient")


def tampered() -> bytes:
    """A request whose subject was changed after it was signed."""
    request = x509.load_pem_x509_csr(csr(p256()))
    der = request.public_bytes(Encoding.DER).replace(b"root", b"toor")
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("request_pem", "reason"),
    [
        (b"", "not PKCS#10"),
        (b"hello", "not PKCS#10"),
        (csr(p256())[:-60], "not PKCS#10"),
        (csr(p256()) + b"\n" * 16384, "bytes: at most 16384"),
        (tampered(), "not signed by its own key"),
        (csr(ec.generate_private_key(ec.SECP384R1())), "on the curve P-256"),
        (csr(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "on the curve P-256"),
    ],
)
def test_a_bad_request_is_refused(authority: ca.Credentials, request_pem: bytes, reason: str) -> None:
    with pytest.raises(ca.InvalidCsr, match=reason):
        ca.sign_control(authority, request_pem, HOST, NOW)
    with pytest.raises(ca.InvalidCsr, match=reason):
        ca.sign_data_client(authority, request_pem, HOST, NOW)
    with pytest.raises(ca.InvalidCsr, match=reason):
        ca.sign_data_server(authority, request_pem, HOST, "10.0.0.1", NOW)


def directory_of(path: Path, end: str, authority: ca.Credentials, credentials: ca.Credentials) -> Path:
    """As QEMU wants it, for one `end`: client or server."""
    path.mkdir()
    (path / "ca-cert.pem").write_bytes(authority.certificate)
    (path / f"{end}-cert.pem").write_bytes(credentials.certificate)
    (path / f"{end}-key.pem").write_bytes(credentials.key)
    return path


@contextmanager
def export(image: Path, credentials: Path, client_host_id: str) -> Iterator[int]:
    """The port of a qemu-nbd that serves `image` to one host. The socket is handed over listening: no need to wait."""
    rule = f"policy=deny,rules.0.match=O=stead,,CN={client_host_id},rules.0.policy=allow"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [
            *("bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{listener.fileno()}', "bash"),
            *("qemu-nbd", "--persistent", "--format", "raw", "--export-name", "volume", str(image)),
            *("--object", f"tls-creds-x509,id=tls,dir={credentials},endpoint=server,verify-peer=on"),
            *("--object", f"authz-list,id=hosts,{rule}"),
            *("--tls-creds", "tls", "--tls-authz", "hosts"),
        ]
        server = subprocess.Popen(command, pass_fds=[listener.fileno()])
        port = listener.getsockname()[1]
    try:
        yield port
    finally:
        server.terminate()
        server.wait()


def read_over_nbd(port: int, credentials: Path) -> subprocess.CompletedProcess[str]:
    volume = f"driver=nbd,server.type=inet,server.host=127.0.0.1,server.port={port},export=volume,tls-creds=tls"
    tls = f"tls-creds-x509,id=tls,dir={credentials},endpoint=client"
    command = ["qemu-io", "--object", tls, "--image-opts", volume, "-c", "read -P 7 0 4k"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


@pytest.mark.host
def test_qemu_lets_in_the_one_host_that_it_is_told_to(tmp_path: Path, data: ca.Credentials) -> None:
    image = tmp_path / "volume.raw"
    image.write_bytes(b"\x07" * 4096)
    server = directory_of(tmp_path / "server", "server", data, server_of(data))
    allowed = directory_of(tmp_path / "allowed", "client", data, client_of(data))
    other = directory_of(tmp_path / "other", "client", data, client_of(data, OTHER_HOST))
    foreign = directory_of(tmp_path / "foreign", "client", data, client_of(ca.create_data("home-1", NOW)))
    with export(image, server, HOST) as port:
        for client, is_let_in in (allowed, True), (other, False), (foreign, False), (allowed, True):
            result = read_over_nbd(port, client)
            assert (result.returncode == 0) is is_let_in, f"{client.name}: {result}"
            assert ("read 4096/4096 bytes" in result.stdout) is is_let_in


@pytest.mark.host
def test_qemu_trusts_a_server_at_its_own_address_alone(tmp_path: Path, data: ca.Credentials) -> None:
    image = tmp_path / "volume.raw"
    image.write_bytes(bytes(4096))
    server = directory_of(tmp_path / "server", "server", data, server_of(data, address="127.0.0.9"))
    client = directory_of(tmp_path / "client", "client", data, client_of(data))
    with export(image, server, HOST) as port:
        assert "does not match the hostname 127.0.0.1" in read_over_nbd(port, client).stderr


@pytest.mark.host
def test_what_qemu_can_read_serves_no_volume_to_another_qemu(tmp_path: Path, data: ca.Credentials) -> None:
    """Somebody who got out of a guest has the client's key, and a server of his own that looks at nothing."""
    client = directory_of(tmp_path / "client", "client", data, client_of(data))
    assert is_trusted(tmp_path / "true.pem", server_of(data), client)
    assert not is_trusted(tmp_path / "thief.pem", client_of(data), client)


def is_trusted(path: Path, credentials: ca.Credentials, client: Path) -> bool:
    """Whether QEMU goes on after the handshake with an NBD server that has these credentials."""
    path.write_bytes(credentials.key + credentials.certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        served = thread.submit(serve_once, listener, tls)
        read_over_nbd(listener.getsockname()[1], client)
        return served.result(20)


def serve_once(listener: socket.socket, tls: ssl.SSLContext) -> bool:
    """Greeting, STARTTLS, and then another option? See https://github.com/NetworkBlockDevice/nbd/blob/master/doc."""
    connection, _ = listener.accept()
    connection.settimeout(20)
    with connection:
        connection.sendall(b"NBDMAGIC" + b"IHAVEOPT" + (3).to_bytes(2, "big"))
        asked = b""
        while len(asked) < 4 + 16:
            asked += connection.recv(4 + 16 - len(asked))
        assert asked[12:16] == (5).to_bytes(4, "big"), "NBD_OPT_STARTTLS"
        ack = (0x3E889045565A9).to_bytes(8, "big") + (5).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes(4)
        connection.sendall(ack)
        try:
            with tls.wrap_socket(connection, server_side=True) as secure:
                return secure.recv(8) == b"IHAVEOPT"
        except OSError:
            return False


def test_a_seal_is_an_hmac_whose_key_comes_from_the_authority_s(authority: ca.Credentials) -> None:
    """Agents keep seals for longer than a control plane lives."""
    key = hmac.digest(authority.key, b"stead seal", "sha256")
    for text in (b"a", b"b"):
        assert ca.seal(authority, text) == hmac.digest(key, text, "sha256")
