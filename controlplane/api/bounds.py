"""How large a request may be, and what its texts may hold: refused before anything works on it.

One walk over any message, so that no method has to think of it. What a list or a text means is for use cases to check.
"""

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from controlplane.errors import Invalid, Parameter, shown

# Of all lists and maps of a request together: a thousand ids, tags for them and filters. More: one call is one step of
# the control plane, in which nobody else is answered.
MAX_ITEMS = 2000
# The longest that anybody means is a public key.
MAX_TEXT_BYTES = 16 << 10
# A chunk of an image.
MAX_BYTES = 1 << 20
# Control characters but tab and line ends: databases end texts at some, terminals obey others.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def check(message: Any) -> None:
    """Raises `InvalidParameterValue`, which names the field."""
    _Walk().message(message, "")


class _Walk:
    def __init__(self) -> None:
        self._items_left = MAX_ITEMS

    def message(self, message: Any, path: str) -> None:
        for field, value in message.ListFields():
            where = f"{path}{field.name}"
            if field.is_repeated:
                self._items(field, value, where)
            else:
                self._value(value, where, field)

    def _items(self, field: FieldDescriptor, values: Any, where: str) -> None:
        self._items_left -= len(values)
        if self._items_left < 0:
            raise _refusal(
                where, f"the request's lists have more than {MAX_ITEMS} items in all; split it into several calls"
            )
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key in values:
                if isinstance(key, str):
                    _check_text(key, where, " key")
                self._value(values[key], f"{where}[{key!r}]")
        else:
            for index, value in enumerate(values):
                self._value(value, f"{where}[{index}]", field)

    def _value(self, value: Any, where: str, field: FieldDescriptor | None = None) -> None:
        if isinstance(value, str):
            _check_text(value, where)
        elif isinstance(value, bytes):
            if len(value) > MAX_BYTES:
                raise _refusal(where, f"{len(value)} bytes; expected at most {MAX_BYTES}")
        elif hasattr(value, "ListFields"):
            self.message(value, f"{where}.")
        elif field is not None and field.enum_type is not None:
            _check_enum(value, field.enum_type.values_by_number, where)


def _check_enum(value: int, known: Mapping[int, Any], where: str) -> None:
    if value not in known:
        names = ", ".join(f"{known[number].name} ({number})" for number in sorted(known) if number)
        raise _refusal(where, f"{value} is not valid; expected one of {names}")


def _check_text(value: str, where: str, part: str = "") -> None:
    if len(value.encode()) > MAX_TEXT_BYTES:
        expected = f"at most {MAX_TEXT_BYTES} bytes"
    elif found := _CONTROL.search(value):
        expected = f"no control character, but there is U+{ord(found[0]):04X}"
    else:
        return
    raise _refusal(where, f"{shown(value)} is not valid; expected {expected}", part)


def _refusal(where: str, why: str, part: str = "") -> Invalid:
    """What is known here is not searched for: nothing bounds yet what a search would go through."""
    blamed = Parameter(where, is_path=True)
    return Invalid("InvalidParameterValue", f"{where}{part}: {why}", parameter=blamed)
