"""Checks that the .proto files keep the API's own conventions, so that every RPC can be guessed from any other.

Names and comments are buf's part: see protos/buf.yaml. Usage: python -m proto.lint DIRECTORY. Prints one line per fault
and exits with 1 when there is any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from proto.schema import Message, Method, ProtoFile, load

# Between a control plane and its agents: messages rather than EC2's verbs.
INTERNAL = ("stead/agent/", "stead/v1/agent.proto")
LISTING = ("Describe", "List")
READING = ("Get", "Watch")

_QUANTITY = re.compile(r"(?:^|_)(size|memory|storage|timeout|lifetime|duration|interval|delay|age)(?:_|$)")
_UNIT = re.compile(r"_(s|ms|bytes|kib|mib|gib)(_used|_free)?$")
_NUMBERS = {"int32", "int64", "uint32", "uint64", "double", "float"}
_PAGING = {"page_size": "uint32", "page_token": "string"}


def lint(files: list[ProtoFile]) -> Iterator[str]:
    """Each fault as `file: where: what`."""
    public = [file for file in files if not file.name.startswith(INTERNAL)]
    messages = {message.name: message for file in public for message in file.messages}
    for file in files:
        is_internal = file.name.startswith(INTERNAL)
        faults = [fault for message in file.messages for fault in _message(message)]
        for service in file.services:
            for method in service.methods:
                where = f"{service.name}.{method.name}"
                if not method.role:
                    faults.append(f"{where}: does not say who may call it; give it an `option (role) = ROLE_...`")
                faults += (f"{where}: {fault}" for fault in ([] if is_internal else _method(method, messages)))
        yield from (f"{file.name}: {fault}" for fault in faults)


def _message(message: Message) -> Iterator[str]:
    for name in message.nested:
        yield f"{message.name}.{name}: is nested; declare it at the top level"
    for field in message.fields:
        where = f"{message.name}.{field.name}"
        quantity = _QUANTITY.search(field.name)
        if quantity and field.type in _NUMBERS and field.name not in _PAGING and not _UNIT.search(field.name):
            yield f"{where}: says no unit for its {quantity[1]}; end it in _s, _ms, _bytes, _mib or _gib"
        if field.type == "Timestamp" and not field.name.endswith(("_time", "_since")):
            yield f"{where}: is a Timestamp; end it in _time or _since"


def _method(method: Method, messages: dict[str, Message]) -> Iterator[str]:
    if method.request not in messages or method.response not in messages:
        return
    request, response = messages[method.request], messages[method.response]
    if method.name.startswith(LISTING):
        yield from _listing(request, response)
    elif not method.name.startswith(READING):
        yield from _mutating(method, request, messages)


def _mutating(method: Method, request: Message, messages: dict[str, Message]) -> Iterator[str]:
    """In an upload, the first message's header says what the request of a plain call would."""
    if method.streams_requests:
        header = request.field("header")
        if header is None or header.type not in messages:
            yield f"streams {request.name}, which has no field `header` with the call's parameters"
            return
        request = messages[header.type]
    first = {field.number: (field.name, field.type) for field in request.fields}
    for number, expected in (1, ("client_token", "string")), (2, ("dry_run", "bool")):
        if first.get(number) != expected:
            yield f"changes something, so field {number} of {request.name} should be {expected[1]} {expected[0]}"


def _listing(request: Message, response: Message) -> Iterator[str]:
    filters = request.field("filters")
    if filters is None or (filters.label, filters.type) != ("repeated", "Filter"):
        yield f"lists, so {request.name} should have repeated Filter filters"
    wanted = [(request, name, type_) for name, type_ in _PAGING.items()]
    wanted += [(response, "next_page_token", "string"), (response, "revision", "uint64")]
    for message, name, type_ in wanted:
        field = message.field(name)
        if field is None or field.type != type_:
            yield f"lists, so {message.name} should have {type_} {name}"


def main() -> None:
    faults = list(lint(load(Path(sys.argv[1]))))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"{len(faults)} faults; the conventions are in stead/v1/common.proto and in scripts/proto/lint.py")


if __name__ == "__main__":
    main()
