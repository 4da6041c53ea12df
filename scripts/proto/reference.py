"""docs/api.md: the .proto files as one page of Markdown. Pure; says nothing that they don't say."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from proto.schema import Enum, Field, Message, Method, ProtoFile, Service

HEADER = """\
# API reference

<!-- Generated from protos/stead/v1/*.proto by scripts/gen-protos: change the comments there. -->

The gRPC API, package `stead.v1`. The `.proto` files in [protos/stead/v1](../protos/stead/v1) are the contract and stand
alone; this page is made from their comments. [An example](examples/node/list-instances.js) calls it from Node.
"""


_ROLES = {
    "admin": "Role needed: admin.",
    "member": "Role needed: member.",
    "reader": "Role needed: reader.",
    "host": "For a host's agent, by its certificate.",
    "anyone": "Needs no token.",
}


def page(files: list[ProtoFile]) -> str:
    """The whole page: conventions, contents, then a section for each file with its services and messages.

    A file that is not for every user says so above its package, and comes last.
    """
    files = list(_with_parts(files))
    with_services = sorted((file for file in files if file.services), key=lambda file: bool(file.comment))
    shared = [file for file in files if not file.services]
    types = {name for file in files for name in file.type_names}
    parts = [HEADER]
    parts += (f"## Conventions\n\n{_conventions(file.comment)}" for file in shared if file.comment)
    parts.append(_contents(with_services, shared))
    parts += (part for file in with_services for part in _section(file, types))
    parts.append("## Shared messages\n")
    parts += (part for file in shared for part in _declarations(file, types, skip=set()))
    return "\n".join(parts)


def _with_parts(files: list[ProtoFile]) -> Iterator[ProtoFile]:
    """Files that others import publicly are parts of those."""
    parts = {name for file in files for name in file.parts}
    for file in files:
        if file.name not in parts:
            inside = [part for part in files if part.name in file.parts]
            yield replace(file, messages=file.messages + tuple(row for part in inside for row in part.messages))


def _contents(with_services: list[ProtoFile], shared: list[ProtoFile]) -> str:
    lines = ["## Contents\n"]
    for file in with_services:
        for service in file.services:
            calls = ", ".join(_link(method.name) for method in service.methods)
            lines.append(f"- {_link(service.name)}: {calls}")
    names = ", ".join(_link(name) for file in shared for name in file.type_names)
    lines.append(f"- {_link('Shared messages')}: {names}")
    return "\n".join(lines) + "\n"


def _section(file: ProtoFile, types: set[str]) -> Iterator[str]:
    """Services, each call with its request and response beneath it; then what they are made of."""
    messages = {message.name: message for message in file.messages}
    shown = set()
    for service in file.services:
        yield f"## {service.name}\n\n{_text(service.comment)}\n"
        if file.comment:
            yield f"{_text(file.comment)}\n"
        for method in service.methods:
            yield _call(service, method)
            for name in method.request, method.response:
                if name in messages and _belongs_to(messages[name], service, method):
                    shown.add(name)
                    yield f"**{name}**\n\n{_fields(messages[name], types)}"
                else:
                    yield f"See {_link(name)}.\n"
    yield from _declarations(file, types, skip=shown)


def _belongs_to(message: Message, service: Service, method: Method) -> bool:
    return message.comment == f"See {service.name}.{method.name}."


def _call(service: Service, method: Method) -> str:
    request = "stream " * method.streams_requests + method.request
    response = "stream " * method.streams_responses + method.response
    signature = f"rpc {method.name}({request}) returns ({response})"
    role = _ROLES.get(method.role, "No role may call it.")
    return f"### {method.name}\n\n```proto\n{signature}\n```\n\n{_text(method.comment)}\n\n{role}\n"


def _declarations(file: ProtoFile, types: set[str], skip: set[str]) -> Iterator[str]:
    for message in file.messages:
        if message.name not in skip:
            yield f"### {message.name}\n\n{_text(message.comment)}\n\n{_fields(message, types)}"
    yield from map(_enum, file.enums)


def _enum(enum: Enum) -> str:
    rows = ((f"`{name}`", str(number), _cell(comment)) for name, number, comment in enum.values)
    return f"### {enum.name}\n\n{_text(enum.comment)}\n\n{_table(('value', 'number', 'meaning'), rows)}"


def _fields(message: Message, types: set[str]) -> str:
    if not message.fields:
        return "No fields.\n"
    rows = ((f"`{field.name}`", _type(field, types), _cell(_meaning(field, message))) for field in message.fields)
    return _table(("field", "type", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _meaning(field: Field, message: Message) -> str:
    """A field's comment; the first of a oneof says what the choice is about."""
    first = next((other for other in message.fields if field.oneof and other.oneof == field.oneof), None)
    if first is None:
        return field.comment
    about = message.oneofs[field.oneof].rstrip(".")
    choice = f" ({about[:1].lower()}{about[1:]})" if field is first else ""
    return f"One of `{field.oneof}`{choice}: {field.comment}"


def _type(field: Field, types: set[str]) -> str:
    name = _link(field.type) if field.type in types else field.type.replace("<", "&lt;")
    return f"{field.label} {name}".strip()


def _link(heading: str) -> str:
    """A link to a heading of this page, by GitHub's rule for anchors."""
    return f"[{heading}](#{heading.lower().replace(' ', '-')})"


def _cell(comment: str) -> str:
    """One line. What every call shares is told once, at the top of the page."""
    line = _text(comment).replace("\n", " ").replace("|", "\\|")
    return line.replace("See common.proto.", "See [conventions](#conventions).")


def _conventions(comment: str) -> str:
    """The comment above the package is Markdown already; its first sentence introduces the file."""
    _, _, conventions = comment.partition("\n\n")
    return f"{_text(conventions)}\n"


def _text(comment: str) -> str:
    """Markdown from a comment: `<` outside of code would begin an HTML element."""
    parts = re.split(r"(`[^`]*`)", comment)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)
