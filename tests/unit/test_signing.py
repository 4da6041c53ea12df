"""Signatures of identity documents, as openssl sees them."""

import base64
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane import ca
from controlplane.signing import Signer
from tests.identities import verified

NOW = datetime.now(UTC).replace(microsecond=0)
DOCUMENT = b'{\n  "instanceId": "i-00000000000000001",\r\n  "region": "home-1"\n}'


@pytest.fixture(scope="module")
def authority() -> ca.Credentials:
    return ca.create("home-1", NOW)


@pytest.fixture(scope="module")
def signer(authority: ca.Credentials) -> Signer:
    return Signer(authority, "home-1", lambda: NOW)


def test_the_authority_vouches_for_a_document_as_it_is(
    tmp_path: Path, authority: ca.Credentials, signer: Signer
) -> None:
    signed = signer.sign(DOCUMENT)
    assert verified(tmp_path, authority, signed.pkcs7) == DOCUMENT
    assert max(map(len, signed.pkcs7.splitlines())) == 64


def test_no_other_authority_does(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        verified(tmp_path, ca.create("home-1", NOW), signer.sign(DOCUMENT).pkcs7)
    assert b"certificate verify error" in refused.value.stderr


def test_the_plain_signature_is_by_the_key_in_the_message(
    tmp_path: Path, authority: ca.Credentials, signer: Signer
) -> None:
    signed = signer.sign(DOCUMENT)
    verified(tmp_path, authority, signed.pkcs7)
    shell = (
        "openssl pkcs7 -in rsa2048 -print_certs | openssl x509 -pubkey -noout >key.pem && "
        "openssl dgst -sha256 -verify key.pem -signature signature document"
    )
    (tmp_path / "signature").write_bytes(base64.b64decode(signed.signature))
    for document, is_right in ((DOCUMENT, True), (DOCUMENT + b" ", False)):
        (tmp_path / "document").write_bytes(document)
        done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, check=False, capture_output=True)
        assert (done.returncode == 0) is is_right


def test_it_is_for_signing_alone(tmp_path: Path, authority: ca.Credentials, signer: Signer) -> None:
    verified(tmp_path, authority, signer.sign(DOCUMENT).pkcs7)
    shell = "openssl pkcs7 -in rsa2048 -print_certs >cert.pem && openssl verify -purpose {} -CAfile ca.pem cert.pem"
    for purpose, is_right in (("smimesign", True), ("sslserver", False), ("sslclient", False)):
        done = subprocess.run(["sh", "-c", shell.format(purpose)], cwd=tmp_path, check=False, capture_output=True)
        assert (done.returncode == 0) is is_right, purpose
    assert ca.host_of((tmp_path / "cert.pem").read_bytes()) is None


def test_many_at_once_are_signed_by_one_key(authority: ca.Credentials) -> None:
    signer = Signer(authority, "home-1", lambda: NOW)
    with ThreadPoolExecutor(4) as pool:
        signed = {each.signature for each in pool.map(signer.sign, [DOCUMENT] * 8)}
    assert len(signed) == 1
