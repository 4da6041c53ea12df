"""The .proto files as plain values with their comments, for the tools beside this one.

Owns the calls of protoc and the reading of descriptors. Knows nothing of what the API means. Messages and enums are
read at the top level of a file only; `lint` refuses nested ones.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodOptions,
    ServiceDescriptorProto,
)
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc_tools import protoc

# Field numbers in descriptor.proto: what the path of a comment is made of.
_PACKAGE, _MESSAGE, _ENUM, _SERVICE = 2, 4, 5, 6
_METHOD, _VALUE, _FIELD, _ONEOF = 2, 2, 2, 8
# The extension in options.proto, which these tools read without the stubs that they make.
_ROLE = 50001


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str  # "string", "Filter", "map<string, string>"
    label: str  # "", "repeated" or "optional"
    number: int
    oneof: str  # the name of the oneof it is in, or ""
    comment: str


@dataclass(frozen=True, slots=True)
class Message:
    name: str
    comment: str
    fields: tuple[Field, ...]
    oneofs: dict[str, str]  # comments by name
    nested: tuple[str, ...]

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    comment: str
    values: tuple[tuple[str, int, str], ...]  # name, number, comment


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    comment: str
    request: str
    response: str
    streams_requests: bool
    streams_responses: bool
    role: str  # "admin"; "" where the method has none


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    comment: str
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class ProtoFile:
    name: str
    comment: str  # above `package`
    services: tuple[Service, ...]
    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    parts: tuple[str, ...] = ()  # names of files that it imports publicly

    @property
    def type_names(self) -> list[str]:
        return [message.name for message in self.messages] + [enum.name for enum in self.enums]


class ProtocError(Exception):
    """protoc failed, and has said on stderr why."""


def run_protoc(root: Path, *options: str) -> None:
    """Run protoc over every .proto file below `root`."""
    sources = sorted(str(path) for path in root.rglob("*.proto"))
    well_known = files("grpc_tools") / "_proto"
    if protoc.main(["protoc", f"-I{root}", f"-I{well_known}", *options, *sources]) != 0:
        raise ProtocError(f"protoc failed on the .proto files in {root}")


def load(root: Path) -> list[ProtoFile]:
    """The files below `root` in order of their names, without what they import from elsewhere."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "descriptors"
        run_protoc(root, "--include_source_info", f"--descriptor_set_out={output}")
        descriptors = FileDescriptorSet.FromString(output.read_bytes()).file
    roles = {value.number: value.name for file in descriptors for value in _role_values(file)}
    return [_Reader(file, roles).file() for file in sorted(descriptors, key=lambda file: file.name)]


def _role_values(file: FileDescriptorProto) -> Iterable[EnumValueDescriptorProto]:
    return next((enum.value for enum in file.enum_type if enum.name == "Role"), ())


class _Reader:
    """Reads one file; the comments are looked up by path."""

    def __init__(self, file: FileDescriptorProto, roles: dict[int, str]) -> None:
        self._file = file
        self._roles = roles
        self._comments = {tuple(spot.path): _text(spot.leading_comments) for spot in file.source_code_info.location}

    def file(self) -> ProtoFile:
        return ProtoFile(
            name=self._file.name,
            comment=self._comment(_PACKAGE),
            services=tuple(self._service(i, service) for i, service in enumerate(self._file.service)),
            messages=tuple(self._message(i, message) for i, message in enumerate(self._file.message_type)),
            enums=tuple(self._enum(i, enum) for i, enum in enumerate(self._file.enum_type)),
            parts=tuple(self._file.dependency[i] for i in self._file.public_dependency),
        )

    def _comment(self, *path: int) -> str:
        return self._comments.get(path, "")

    def _service(self, index: int, service: ServiceDescriptorProto) -> Service:
        methods = (
            Method(
                method.name,
                self._comment(_SERVICE, index, _METHOD, i),
                _bare(method.input_type),
                _bare(method.output_type),
                method.client_streaming,
                method.server_streaming,
                self._role(method.options),
            )
            for i, method in enumerate(service.method)
        )
        return Service(service.name, self._comment(_SERVICE, index), tuple(methods))

    def _role(self, options: MethodOptions) -> str:
        unknown: Any = UnknownFieldSet(options)
        number = next((option.data for option in unknown if option.field_number == _ROLE), 0)
        return self._roles[number].removeprefix("ROLE_").lower() if number else ""

    def _message(self, index: int, message: DescriptorProto) -> Message:
        maps = {nested.name: _map_type(nested) for nested in message.nested_type if nested.options.map_entry}
        oneofs = [oneof.name for oneof in message.oneof_decl]
        nested = [nested.name for nested in message.nested_type] + [nested.name for nested in message.enum_type]
        return Message(
            name=message.name,
            comment=self._comment(_MESSAGE, index),
            fields=tuple(
                _field(field, maps, oneofs, self._comment(_MESSAGE, index, _FIELD, i))
                for i, field in enumerate(message.field)
            ),
            oneofs={
                name: self._comment(_MESSAGE, index, _ONEOF, i)
                for i, name in enumerate(oneofs)
                if not name.startswith("_")  # protoc's own, for `optional`
            },
            nested=tuple(name for name in nested if name not in maps),
        )

    def _enum(self, index: int, enum: EnumDescriptorProto) -> Enum:
        values = (
            (value.name, value.number, self._comment(_ENUM, index, _VALUE, i)) for i, value in enumerate(enum.value)
        )
        return Enum(enum.name, self._comment(_ENUM, index), tuple(values))


def _field(field: FieldDescriptorProto, maps: dict[str, str], oneofs: list[str], comment: str) -> Field:
    map_type = maps.get(_bare(field.type_name))
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED and map_type is None
    label = "repeated" if repeated else "optional" if field.proto3_optional else ""
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    oneof = oneofs[field.oneof_index] if in_oneof else ""
    return Field(field.name, map_type or _type(field), label, field.number, oneof, comment)


def _map_type(entry: DescriptorProto) -> str:
    key, value = entry.field
    return f"map<{_type(key)}, {_type(value)}>"


def _type(field: FieldDescriptorProto) -> str:
    return _bare(field.type_name) or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _bare(type_name: str) -> str:
    """The name without the package: `.stead.v1.Filter` -> `Filter`."""
    return type_name.rpartition(".")[2]


def _text(comment: str) -> str:
    return "\n".join(line.removeprefix(" ").rstrip() for line in comment.splitlines()).strip()
