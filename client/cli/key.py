"""`stead key`: SSH key pairs. The private half exists in one file only, which nobody else may read."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from client.cli import render
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.errors import SteadError
from stead.v1.key_pairs_pb2 import (
    CreateKeyPairRequest,
    DeleteKeyPairRequest,
    DescribeKeyPairsRequest,
    ImportKeyPairRequest,
    KeyType,
)

app = typer.Typer(no_args_is_help=True)


class Type(StrEnum):
    """The kinds of keys."""

    ED25519 = "ed25519"
    RSA = "rsa"


COLUMNS = {
    "KEY": lambda key: key.key_name,
    "TYPE": lambda key: KeyType.Name(key.key_type).removeprefix("KEY_TYPE_").lower(),
    "ID": lambda key: key.key_pair_id,
    "FINGERPRINT": lambda key: key.key_fingerprint,
}
KeyName = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List key pairs."""
    request = DescribeKeyPairsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.key_pairs.DescribeKeyPairs, request)
    cli.table(reply, COLUMNS, reply.key_pairs, "No key pairs. `stead key create NAME` makes one.")


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    name: KeyName,
    key_type: Annotated[Type, typer.Option("--type", help="The kind of key.")] = Type.ED25519,
    output_file: Annotated[
        Path | None,
        typer.Option(help="Where the private key goes; must not exist. Default: ./NAME.pem", show_default=False),
    ] = None,
    tag: Tags = None,
) -> None:
    """Make a key pair. Its private key goes to a file that only you can read."""
    request = CreateKeyPairRequest(
        **cli.mutation, key_name=name, key_type=f"KEY_TYPE_{key_type.name}", tags=parse_tags(tag)
    )
    path = output_file or Path(f"{name.replace('/', '_')}.pem")
    with _new_private_file(path) as file:
        reply = await cli.stead.key_pairs.CreateKeyPair(request)
        if not reply.key_material:
            raise SteadError("InvalidKeyPair.Duplicate", f"{name} exists already; its private key was shown once.")
        file.write(reply.key_material)
    if cli.is_for_people:
        render.print_note(f"Created {name} ({reply.key_pair.key_pair_id}); its private key is in")
        print(path)
    else:
        document = render.to_document(reply)
        del document["key_material"]
        render.print_json(document | {"key_file": str(path)})


@contextmanager
def _new_private_file(path: Path) -> Iterator[TextIO]:
    """A new file with mode 600, made before the key is: a key that can't be written would be lost. Gone on failure."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise typer.BadParameter(
            f"{path}: {error.strerror}. Nothing was created; --output-file names another place for the private key",
            param_hint="the key's file",
        ) from error
    try:
        with open(descriptor, "w") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


@command(app, "import", mutates=True)
async def import_(
    cli: Cli,
    name: KeyName,
    public_key_file: Annotated[typer.FileText, typer.Argument(help="OpenSSH format, e.g. ~/.ssh/id_ed25519.pub.")],
    tag: Tags = None,
) -> None:
    """Store a public key of your own."""
    request = ImportKeyPairRequest(
        **cli.mutation, key_name=name, public_key_material=public_key_file.read(), tags=parse_tags(tag)
    )
    reply = await cli.stead.key_pairs.ImportKeyPair(request)
    cli.table(reply, COLUMNS, [reply.key_pair])


@command(app, "delete", mutates=True)
async def delete(
    cli: Cli, key: Annotated[str, typer.Argument(metavar="KEY", help="Name or id.", show_default=False)]
) -> None:
    """Forget a key pair; instances that have the key keep it."""
    # A name may begin like an id, but hardly is one in full.
    is_id = re.fullmatch(r"key-[0-9a-f]{17}", key)
    request = DeleteKeyPairRequest(**cli.mutation, key_pair_id=key if is_id else "", key_name="" if is_id else key)
    reply = await cli.stead.key_pairs.DeleteKeyPair(request)
    cli.say(reply, f"Deleted {key}" if reply.key_pair_id else f"There was no {key}")
