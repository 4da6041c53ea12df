"""What the client raises. Knows nothing of gRPC, so that it costs nothing to import."""

from collections.abc import Iterable, Sequence


class ConfigError(Exception):
    """There is no usable configuration; the message says what to do."""


class SteadError(Exception):
    """A call failed. The fields are those of `stead.v1.ErrorDetail`; `host_refusals` has hosts and
    reasons; without a host what only an admin is told more of. `retry_after_s`: when to come back, where that was said.
    `field`: the path of the request's field that is to blame, such as `permissions[0].from_port`; empty where none is.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        blocking_ids: Sequence[str] = (),
        host_refusals: Iterable[tuple[str, str]] = (),
        request_id: str = "",
        retry_after_s: float | None = None,
        field: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.blocking_ids = tuple(blocking_ids)
        self.host_refusals = tuple(host_refusals)
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.field = field
