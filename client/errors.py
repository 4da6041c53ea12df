"""What the client raises. Knows nothing of gRPC, so that it costs nothing to import."""

from collections.abc import Mapping, Sequence


class ConfigError(Exception):
    """There is no usable configuration; the message says what to do."""


class SteadError(Exception):
    """A call failed. The fields are those of `stead.v1.ErrorDetail`; `host_refusals` maps host ids to reasons."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        blocking_ids: Sequence[str] = (),
        host_refusals: Mapping[str, str] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.blocking_ids = tuple(blocking_ids)
        self.host_refusals = dict(host_refusals or {})
        self.request_id = request_id
