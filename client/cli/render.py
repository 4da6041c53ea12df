"""How replies look: tables and indented text for people, JSON for programs. Asks nothing of the control plane.

A table never breaks or cuts an id. Where the terminal is too narrow its last columns give way, so columns are listed in
order of importance; a pipe always gets all of them.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Columns = Mapping[str, Callable[[Any], str]]

GAP = 2
STYLES = {
    "green": "running available in-use attached connected ok associated active",
    "yellow": "pending stopping shutting-down creating deleting attaching detaching busy initializing reconnecting",
    "red": "error impaired unreachable never-connected lost",
    "dim": "stopped terminated revoked expired",
}
STYLE_OF = {word: style for style, words in STYLES.items() for word in words.split()}
INT64 = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


class Output(StrEnum):
    """Who reads what we print."""

    TABLE = "table"
    JSON = "json"


def to_document(message: Message) -> dict[str, Any]:
    """The message as JSON has it: proto field names, every plain field present, numbers as numbers."""
    document = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    _restore_numbers(message.DESCRIPTOR, document)
    document.pop("next_page_token", None)
    return document


def _restore_numbers(descriptor: Any, document: dict[str, Any]) -> None:
    """Undoes protobuf's quoting of 64-bit numbers: jq compares a string with a number without a complaint, and wrongly.

    The API's numbers are far below 2**53, which JSON readers hold exactly; it has none in repeated fields.
    """
    for field in descriptor.fields:
        value = document.get(field.name)
        if value is not None and field.cpp_type in INT64:
            document[field.name] = int(value)
        elif isinstance(value, dict) and not field.message_type.GetOptions().map_entry:
            _restore_numbers(field.message_type, value)
        elif isinstance(value, list) and field.message_type:
            for item in value:
                _restore_numbers(field.message_type, item)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def print_json_line(document: Any) -> None:
    """One JSON document on a line of its own, at once."""
    print(json.dumps(document, ensure_ascii=False), flush=True)


def plain(text: str) -> str:
    """Text as it may go to a terminal: names are chosen by others and could hold escape sequences."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def coloured(word: str) -> Text:
    """A word in the colour of the state it begins with, if it is one."""
    return Text(plain(word), STYLE_OF.get(word.partition(" ")[0], ""))


def print_table(columns: Columns, rows: Sequence[Any]) -> None:
    """The rows on standard output, one a line."""
    cells = {title: [plain(cell(row)) for row in rows] for title, cell in columns.items()}
    cells = {title: column for title, column in cells.items() if any(column)}
    console = Console()
    kept = fit(cells, console.width) if console.is_terminal else list(cells)
    table = Table(*kept, box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for row in zip(*(cells[title] for title in kept), strict=True):
        table.add_row(*map(coloured, row))
    Console(width=max(console.width, _width(cells, kept) + GAP), highlight=False).print(table)
    if len(kept) < len(cells):
        hidden = ", ".join(title for title in cells if title not in kept)
        Console(stderr=True).print(f"Not shown for want of width: {hidden}", style="dim", soft_wrap=True)


def fit(cells: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """The titles of the first columns, as many as fit; always the very first."""
    kept = list(cells)
    while len(kept) > 1 and _width(cells, kept) > width:
        kept.pop()
    return kept


def _width(cells: Mapping[str, Sequence[str]], titles: Iterable[str]) -> int:
    widths = [max(map(cell_len, (title, *cells[title]))) for title in titles]
    return sum(widths) + GAP * (len(widths) - 1)


def print_details(message: Message) -> None:
    """All that is set in a message, as indented lines."""
    console = Console(highlight=False)
    for line in detail_lines(to_document(message)):
        console.print(line, soft_wrap=True)


def detail_lines(document: Mapping[str, Any], indent: str = "") -> Iterable[Text]:
    """`name: value` lines; what is empty is left out."""
    for name, value in document.items():
        if value in ("", [], {}):
            continue
        if isinstance(value, dict):
            yield Text(f"{indent}{name}:")
            yield from detail_lines(value, indent + "  ")
        elif isinstance(value, list) and isinstance(value[0], dict):
            yield Text(f"{indent}{name}:")
            for item in value:
                first, *others = detail_lines(item, indent + "    ")
                yield Text(f"{indent}  - ").append(first[len(indent) + 4 :])
                yield from others
        else:
            yield Text(f"{indent}{plain(name)}: ").append(coloured(_scalar(value)))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def print_note(text: str) -> None:
    """Something for people only, where it can't get into a program's input."""
    print(plain(text), file=sys.stderr)
