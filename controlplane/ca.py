"""The region's two certificate authorities: one for control, which users trust as well, and one for data.

The first signs the control plane's own certificate and those of the agents. The second signs those with which hosts
serve their volumes and open those of others. They are apart because a host says itself at which address it serves: of
an authority that users trust, it could have a certificate for the control plane's address.

Pure: PEM in, PEM out, the time is a parameter. Who may have a certificate is not decided here.

QEMU reads those for data through GnuTLS, whose authorisation lists see the subject in the order in which it is encoded:
a client's is `O=stead,CN=<host id>`. A server's has a unit besides, so that it admits nobody, and a client's has no
address, so that it serves nobody: QEMU compares names, but looks at the key usage of its own certificate alone.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=20 * 365)  # outlives every data-plane certificate of its first ten years
SERVER_LIFETIME = timedelta(days=365)  # the control plane makes itself a new one; its clients know the CA alone
CONTROL_LIFETIME = timedelta(days=90)  # shorter, and a host that is off over the summer is locked out
DATA_LIFETIME = timedelta(days=10 * 365)  # a running QEMU cannot reload it; authorisation and epochs do the revoking

_CLOCK_SKEW = timedelta(days=1)  # machines whose clocks differ by less, as after a wrong time zone, accept each other's
_CSR_BYTES_MAX = 16 * 1024  # a request on P-256 has some 400 bytes

_SIGN_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_SPEAK_TLS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,  # libvirt and older QEMU refuse a certificate without it, even on an elliptic curve
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


class InvalidCsr(ValueError):
    """A certificate signing request that is not granted. The message says why."""


def create(region_name: str, now: datetime) -> Credentials:
    """A new authority for a region's control."""
    return _create(f"stead CA {region_name}", now)


def create_data(region_name: str, now: datetime) -> Credentials:
    """A new authority for a region's data."""
    return _create(f"stead data CA {region_name}", now)


def _create(name: str, now: datetime) -> Credentials:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = (
        _builder(subject, key.public_key(), now, CA_LIFETIME)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGN_CERTIFICATES, critical=True)
    )
    return Credentials(_pem(builder.sign(key, SHA256())), _key_pem(key))


def issue_server(ca: Credentials, dns_names: Iterable[str], addresses: Iterable[str], now: datetime) -> Credentials:
    """A certificate with a new key for the control plane's endpoints. `addresses` are IPv4 or IPv6."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name("stead control plane"), key.public_key(), now, SERVER_LIFETIME)
    names = [*map(x509.DNSName, dns_names), *map(_ip, addresses)]
    return Credentials(_sign(ca, builder, [ExtendedKeyUsageOID.SERVER_AUTH], names), _key_pem(key))


def sign_control(
    ca: Credentials, csr: bytes, host_id: str, now: datetime, lifetime: timedelta = CONTROL_LIFETIME
) -> bytes:
    """The certificate with which a host's agent calls the control plane: O=stead, OU=agent, CN=<host id>.

    The request's key must be on P-256; whatever subject and extensions it asks for are ignored. Raises InvalidCsr.
    """
    builder = _builder(_name(host_id, unit="agent"), _csr_key(csr), now, lifetime)
    return _sign(ca, builder, [ExtendedKeyUsageOID.CLIENT_AUTH], [])


def sign_data_client(data_ca: Credentials, csr: bytes, host_id: str, now: datetime) -> bytes:
    """The certificate with which a host opens volumes: O=stead, CN=<host id>. Raises InvalidCsr, as `sign_control`."""
    builder = _builder(_name(host_id), _csr_key(csr), now, DATA_LIFETIME)
    return _sign(data_ca, builder, [ExtendedKeyUsageOID.CLIENT_AUTH], [])


def sign_data_server(data_ca: Credentials, csr: bytes, host_id: str, underlay_address: str, now: datetime) -> bytes:
    """The certificate with which a host serves volumes at its address: O=stead, OU=server, CN=<host id>.

    Raises InvalidCsr, as `sign_control`.
    """
    builder = _builder(_name(host_id, unit="server"), _csr_key(csr), now, DATA_LIFETIME)
    return _sign(data_ca, builder, [ExtendedKeyUsageOID.SERVER_AUTH], [_ip(underlay_address)])


def check_csr(csr: bytes) -> None:
    """Raises InvalidCsr for what the `sign_` functions would refuse."""
    _csr_key(csr)


def expires_at(certificate: bytes) -> datetime:
    """When a certificate runs out, UTC."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def sign_identity(ca: Credentials, key: rsa.RSAPublicKey, region_name: str, now: datetime) -> bytes:
    """The certificate of a key with which identity documents are signed. It is for nothing else: no TLS, no address."""
    builder = _builder(_name(f"stead instance identity {region_name}", unit="identity"), key, now, DATA_LIFETIME)
    return _sign(ca, builder, [ExtendedKeyUsageOID.EMAIL_PROTECTION], [])


def renewal_at(certificate: bytes) -> datetime:
    """When a third of a certificate's life is left, UTC."""
    parsed = x509.load_pem_x509_certificate(certificate)
    return parsed.not_valid_after_utc - (parsed.not_valid_after_utc - parsed.not_valid_before_utc) / 3


def host_of(certificate: bytes) -> str | None:
    """The host that a control certificate names; None for any other."""
    subject = x509.load_pem_x509_certificate(certificate).subject
    units = subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [unit.value for unit in units] != ["agent"] or len(names) != 1:
        return None
    return str(names[0].value)


def seal(ca: Credentials, text: bytes) -> bytes:
    """What proves, shown again with the text, that whoever has the authority's key said it. 32 bytes."""
    made = _seals(ca.key).copy()
    made.update(text)
    return made.digest()


@cache
def _seals(ca_key: bytes) -> hmac.HMAC:
    """Before its text: to begin with the key anew takes OpenSSL three times as long as all the rest."""
    return hmac.new(hmac.digest(ca_key, b"stead seal", "sha256"), digestmod="sha256")


def _csr_key(csr: bytes) -> ec.EllipticCurvePublicKey:
    """The key that a request proves to hold."""
    if len(csr) > _CSR_BYTES_MAX:
        raise InvalidCsr(f"the certificate request has {len(csr)} bytes: at most {_CSR_BYTES_MAX} are accepted")
    try:
        request = x509.load_pem_x509_csr(csr)
        key, is_signed = request.public_key(), request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidCsr(f"the certificate request is not PKCS#10 in PEM: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidCsr("the certificate request has a key of another kind: make one on the curve P-256")
    if not is_signed:
        raise InvalidCsr("the certificate request is not signed by its own key: make a new request")
    return key


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _sign(
    ca: Credentials,
    builder: x509.CertificateBuilder,
    usages: list[x509.ObjectIdentifier],
    names: list[x509.GeneralName],
) -> bytes:
    """A certificate that may speak TLS, but sign no other."""
    issuer = x509.load_pem_x509_certificate(ca.certificate)
    key = load_pem_private_key(ca.key, password=None)
    issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        builder.issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SPEAK_TLS, critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "the CA's key was made by `create`"  # noqa: S101
    return _pem(builder.sign(key, SHA256()))


def _name(common_name: str, unit: str | None = None) -> x509.Name:
    """O, OU, CN: the order is part of the contract, see above."""
    units = [] if unit is None else [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "stead")
    return x509.Name([organization, *units, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _ip(address: str) -> x509.IPAddress:
    return x509.IPAddress(ip_address(address))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
