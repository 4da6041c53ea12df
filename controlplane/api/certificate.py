"""The control plane's own certificate, made anew while it serves: a process may live longer than a certificate."""

from collections.abc import Callable
from datetime import datetime

import grpc

from controlplane import ca


class ServerCertificate:
    """`issue` makes one, valid from the time that it is given. Handshakes come on threads of gRPC's, one at a time."""

    def __init__(self, issue: Callable[[datetime], ca.Credentials], clock: Callable[[], datetime]) -> None:
        self._issue = issue
        self._clock = clock
        self._current = issue(clock())
        self._renewal_at = ca.renewal_at(self._current.certificate)

    def current(self) -> ca.Credentials:
        """The certificate for the next handshake."""
        now = self._clock()
        if now >= self._renewal_at:
            self._current = self._issue(now)
            self._renewal_at = ca.renewal_at(self._current.certificate)
        return self._current

    def credentials(self, client_authority: bytes | None = None) -> grpc.ServerCredentials:
        """For one endpoint. With an authority, PEM, it takes only clients that have a certificate of it."""
        shown = self.current()

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            if shown is self.current():
                return None
            shown = self._current
            return _configuration(shown, client_authority)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(shown, client_authority),
            changed,  # type: ignore[arg-type]  # None: as before
            require_client_authentication=client_authority is not None,
        )


def _configuration(pair: ca.Credentials, client_authority: bytes | None) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)], client_authority)
