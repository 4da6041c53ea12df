"""Reads a table of a TOML file into a frozen dataclass, and says exactly what is wrong with it where it can't.

The dataclass is the schema: its fields name the keys, their types and bounds are checked, their defaults fill in.
"""

import difflib
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class SettingsError(Exception):
    """A setting can't be used. The message names the table, the key, and what would do."""


@dataclass(frozen=True, slots=True)
class Within:
    """In the `Annotated` of a setting: the least and the most that can be meant."""

    least: float
    most: float = math.inf

    def __contains__(self, number: float) -> bool:
        return self.least <= number <= self.most

    def __str__(self) -> str:
        return f"{self.least:g} or more" if self.most == math.inf else f"{self.least:g} to {self.most:.15g}"


Port = Annotated[int, Within(1, 65535)]
Percent = Annotated[int, Within(0, 100)]


def read_table(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """An object of the dataclass; `where` names the table in messages, e.g. "[drivers.nbd]"."""
    refuse_unknown(table, [field.name for field in fields(cls)], where)  # type: ignore[arg-type]
    hints = get_type_hints(cls, include_extras=True)
    values = {}
    for field in fields(cls):  # type: ignore[arg-type]
        if field.name in table:
            values[field.name] = _value(hints[field.name], table[field.name], f"{where} {field.name}")
        elif _is_required(field):
            raise SettingsError(f"{where} has no `{field.name}`, which has no default: set it")
    return cls(**values)


def refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = sorted(set(known))
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known) or 'none'}"
            raise SettingsError(f"{where} has an unknown key `{key}`: {hint}")


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is Annotated:
        return _bounded(hint, value, where)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
        return _value(hint, value, where)
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint is Path and isinstance(value, str) and value.startswith("/"):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint, value, where)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise SettingsError(f"{where} = {value!r}: must be {_name(hint)}")


def _bounded(hint: Any, value: Any, where: str) -> Any:
    plain, bounds = get_args(hint)
    number = _value(plain, value, where)
    if number not in bounds:
        raise SettingsError(f"{where} = {value!r}: must be {_name(hint)}")
    return number


def _member(enum: type[Enum], value: Any, where: str) -> Enum:
    try:
        return enum(value)
    except ValueError as error:
        choices = ", ".join(repr(member.value) for member in enum)
        raise SettingsError(f"{where} = {value!r}: must be one of {choices}") from error


def _is_required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _name(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        plain, bounds = get_args(hint)
        return f"{_name(plain)}, {bounds}"
    if get_origin(hint) is tuple:
        return f"a list of {_name(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(repr, get_args(hint)))}"
    return {str: "a string", int: "an integer", float: "a number", bool: "true or false", Path: "an absolute path"}.get(
        hint, str(hint)
    )
