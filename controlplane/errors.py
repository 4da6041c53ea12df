"""Domain errors: EC2's code, and a category that alone decides the gRPC status and whether a retry can help.

Messages name the object, the value and what to do next. Codes: "Error codes for the Amazon EC2 API".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

# Of what stands in the way, in a message. More: what to do next is cut off at its end. Fewer: people have to ask.
MOST_NAMED = 4


class Category(Enum):
    """Who can do something about it."""

    CALLER = "caller"  # The request is wrong and stays wrong.
    MISSING = "missing"  # It names something that is not there.
    UNAUTHENTICATED = "unauthenticated"  # We don't know who is calling.
    DENIED = "denied"  # The caller may not do this.
    CONFLICT = "conflict"  # Not in the present state of things.
    CAPACITY = "capacity"  # No room now.
    UNAVAILABLE = "unavailable"  # Something of ours is away; the same call may succeed later.
    INTERNAL = "internal"  # A bug of ours.


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a host could not take a request: `<filter>: <figures>`. Without `host_id`: of how many more this is true."""

    host_id: str
    reason: str
    count: int = 1

    @property
    def kind(self) -> str:
        """The filter that said no."""
        return self.reason.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What of a request is to blame: the API's name for it, empty where only the value is known, and the value.

    Use cases don't know where in a request they were given something: whoever has the request looks for it. Where that
    finds several, as among a list's items of which some are right, `within` says which. `is_path`: the name is where it
    stands, and nobody looks for it.
    """

    name: str
    value: object = None
    is_path: bool = False


class CloudError(Exception):
    """What a use case raises: `code` is EC2's, `blocking_ids` and `refusals` say what stands in the way."""

    category = Category.INTERNAL
    retry_after_s: float | None = None

    def __init__(
        self,
        code: str,
        message: str,
        *,
        parameter: Parameter | None = None,
        blocking_ids: Sequence[str] = (),
        refusals: Sequence[Refusal] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.parameter = parameter
        self.blocking_ids = tuple(blocking_ids)
        self.refusals = tuple(refusals)


class Invalid(CloudError):
    category = Category.CALLER


class NotFound(CloudError):
    category = Category.MISSING


class Unauthenticated(CloudError):
    category = Category.UNAUTHENTICATED


class Denied(CloudError):
    category = Category.DENIED


class Conflict(CloudError):
    category = Category.CONFLICT


class NoCapacity(CloudError):
    category = Category.CAPACITY


class Unavailable(CloudError):
    category = Category.UNAVAILABLE


class Throttled(CloudError):
    """Too much at once from one caller: `RequestLimitExceeded`, and when to come back."""

    category = Category.CAPACITY

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__("RequestLimitExceeded", message)
        self.retry_after_s = retry_after_s


@contextmanager
def within(path: str) -> Iterator[None]:
    """Around what looks at one part of a request: a parameter that is to blame is one of its fields."""
    try:
        yield
    except CloudError as error:
        if error.parameter and error.parameter.name:
            error.parameter = replace(error.parameter, name=f"{path}.{error.parameter.name}")
        raise


def shown(value: object) -> str:
    """What a caller sent, as a message repeats it: so short that what comes after it is read as well."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def several(names: Sequence[str]) -> str:
    """What stands in the way, in a message; all of it is in `blocking_ids`. E.g. "a, b, c, d and 7 more"."""
    listed, more = ", ".join(names[:MOST_NAMED]), len(names) - MOST_NAMED
    return f"{listed} and {more} more" if more > 0 else listed


def invalid_value(parameter: str, value: object, expected: str) -> Invalid:
    """A parameter's value is out of its domain: `InvalidParameterValue`."""
    message = f"{parameter}: {shown(value)} is not valid; expected {expected}"
    return Invalid("InvalidParameterValue", message, parameter=Parameter(parameter, value))


def none_given(parameter: str, choice: str = "") -> Invalid:
    """A list that needs an item has none: `MissingParameter`. `choice`: "of" what, where that is a short list."""
    message = f"{parameter}: name at least one {choice}".rstrip()
    return Invalid("MissingParameter", message, parameter=Parameter(parameter, ()))


def missing(parameter: str, expected: str) -> Invalid:
    """A parameter that has no default is empty: `MissingParameter`."""
    message = f"{parameter} is missing; expected {expected}"
    return Invalid("MissingParameter", message, parameter=Parameter(parameter, ""))
