"""Signs instance identity documents, as EC2 does, so that who is shown one knows that this region said it.

The key is made when something is signed first, and is nowhere but in this process: nothing has to be kept, and nothing
can be lost. Its certificate is of the region's authority for control, which users have, and is in each PKCS#7 message,
so that what was signed holds as long as the authority's own certificate does.
"""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from controlplane import ca

_RSA_BITS = 2048  # EC2's, where it says so in a name: `rsa2048`.
_LINE = 64  # Characters, as in PEM.


@dataclass(frozen=True, slots=True)
class Signed:
    """Base64 in lines: RSA PKCS#1 v1.5 with SHA-256 over a document, and PKCS#7 with the document and certificate."""

    signature: str
    pkcs7: str


class Signer:
    """Blocks: call `sign` in a thread."""

    def __init__(self, authority: ca.Credentials, region_name: str, clock: Callable[[], datetime]) -> None:
        self._authority = authority
        self._region_name = region_name
        self._clock = clock
        self._lock = threading.Lock()

    def sign(self, document: bytes) -> Signed:
        """Takes some 2 ms of CPU, the first time 0.2 s more."""
        key, certificate = self._pair()
        signature = key.sign(document, padding.PKCS1v15(), SHA256())
        builder = pkcs7.PKCS7SignatureBuilder().set_data(document).add_signer(certificate, key, SHA256())
        return Signed(_lines(signature), _lines(builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])))

    def _pair(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        with self._lock:
            return self._made

    @cached_property
    def _made(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        pem = ca.sign_identity(self._authority, key.public_key(), self._region_name, self._clock())
        return key, x509.load_pem_x509_certificate(pem)


def _lines(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
