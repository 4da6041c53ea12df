"""Where in a request a parameter stands: `permissions[0].from_port`.

Use cases are given parts of a request and know their names and values, not where they came from. The request is at
hand where an error becomes a reply, so it is searched there, for the few calls that fail: once from its beginning to
its end.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from controlplane.errors import Parameter


def path_of(request: Message, parameter: Parameter) -> str:
    """The path of the first field with this name and value; empty where it can't be told.

    A value that a use case has changed is not found: then the name decides, if it is a whole path. What has a name that
    is for people alone is found by its value, if that is a text.
    """
    if parameter.is_path:
        return parameter.name
    fields = list(_fields(request))
    named = [row for row in fields if parameter.name in (row[0], row[1], row[1].removesuffix("s"))]
    if not named and isinstance(parameter.value, str) and parameter.value:
        named = fields
    # A list is found by its name: compared with each of its items, it would be gone through as often as it is long.
    alike = [path for path, _, value in named if value == parameter.value] if _is_single(parameter.value) else []
    return next(iter(alike), parameter.name if any(path == parameter.name for path, *_ in named) else "")


def _is_single(value: object) -> bool:
    return isinstance(value, str | bytes | int | float)


def _fields(message: Any, before: str = "") -> Iterator[tuple[str, str, Any]]:
    """Path, name and value of all fields, also of those that are not set, and of all items of lists and maps."""
    for field in message.DESCRIPTOR.fields:
        path, value = f"{before}{field.name}", getattr(message, field.name)
        if not field.is_repeated:
            yield from _parts(path, field.name, value, is_set=not field.has_presence or message.HasField(field.name))
            continue
        yield path, field.name, value
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        items = value.items() if is_map else enumerate(value)
        for key, item in items:
            yield from _parts(f"{path}[{key!r}]", field.name, item)


def _parts(path: str, name: str, value: Any, is_set: bool = True) -> Iterator[tuple[str, str, Any]]:
    yield path, name, value
    if is_set and isinstance(value, Message):
        yield from _fields(value, f"{path}.")
