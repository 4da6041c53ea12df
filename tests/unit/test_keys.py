"""Keys and fingerprints, compared with what `ssh-keygen` and `openssl` make of the same keys."""

import subprocess
from pathlib import Path

import pytest

from controlplane import keys
from controlplane.keys import InvalidKeyFormat, KeyType


def run(*command: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def digest(name: str, data: bytes) -> str:
    """The hash as `openssl` prints it, with colons."""
    return run("openssl", "dgst", f"-{name}", "-c", stdin=data).decode().split("= ")[1].strip()


def ssh_keygen(directory: Path, *arguments: str) -> str:
    """A public key file's contents, made by ssh-keygen; the private key is beside it, as `key`."""
    run("ssh-keygen", "-q", "-N", "", "-C", "me@home", "-f", str(directory / "key"), *arguments)
    return (directory / "key.pub").read_text()


def save_private(directory: Path, private: str) -> str:
    path = directory / "private"
    path.write_text(private)
    path.chmod(0o600)
    return str(path)


def test_created_rsa_has_the_sha1_of_its_private_key(tmp_path: Path) -> None:
    private, public = keys.create(KeyType.RSA)
    path = save_private(tmp_path, private)
    assert private.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert run("ssh-keygen", "-y", "-f", path).decode().split()[:2] == public.line.split()
    assert b"Private-Key: (2048 bit" in run("openssl", "pkey", "-in", path, "-noout", "-text")
    pkcs8 = run("openssl", "pkcs8", "-in", path, "-topk8", "-nocrypt", "-outform", "DER")
    assert public.fingerprint == digest("sha1", pkcs8)


def test_imported_rsa_has_the_md5_of_its_public_key(tmp_path: Path) -> None:
    public = keys.import_public(ssh_keygen(tmp_path, "-t", "rsa", "-b", "2048", "-m", "PEM"))
    der = run("openssl", "pkey", "-in", str(tmp_path / "key"), "-pubout", "-outform", "DER")
    assert public.key_type is KeyType.RSA
    assert public.fingerprint == digest("md5", der)


def test_ed25519_has_openssh_s_fingerprint_with_padding(tmp_path: Path) -> None:
    private, public = keys.create(KeyType.ED25519)
    path = save_private(tmp_path, private)
    assert run("ssh-keygen", "-y", "-f", path).decode().split()[:2] == public.line.split()
    shown = run("ssh-keygen", "-l", "-f", path).decode().split()[1]
    assert f"SHA256:{public.fingerprint}" == shown + "="
    assert keys.import_public(public.line) == public


@pytest.mark.parametrize("arguments", [("-t", "ed25519"), ("-t", "rsa", "-b", "1024"), ("-t", "rsa", "-b", "4096")])
def test_an_import_keeps_the_key_and_drops_the_comment(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    text = ssh_keygen(tmp_path, *arguments)
    public = keys.import_public(f"\n  {text}\n")
    assert public.line == text.removesuffix(" me@home\n")
    assert keys.import_public(public.line) == public


def test_nothing_but_the_key_survives_an_import() -> None:
    _, public = keys.create(KeyType.ED25519)
    assert keys.import_public(f"{public.line} \"'<ü>\x00\x1b[2J").line == public.line


ED25519 = keys.create(KeyType.ED25519)[1].line
RSA_768 = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAYQDPqXWX3RZ/wNkJaO8hrfLj+g82CnkCIKRhefCguX4yu7uMnwv8EuADDrvIb0NE"
    "k5gU/t4udDZv/QRXasI/cS7v5r4QnrumfFLN88nJZcI6qgmKnOOJK6vA/c8PsIOG1VE="
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("ssh-ed25519", "cut off"),
        ("hello world", "begins with 'hello'"),
        ("ssh-ed25519 AAAA", "cannot be read"),
        ("ssh-ed25519 !!!!", "cannot be read"),
        (ED25519[:-8], "cannot be read"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "cannot be read: Public key algorithm mismatch"),
        (f"{ED25519}\n{ED25519}", "2 lines"),
        (f"{ED25519}\r{ED25519}", "2 lines"),
        (f'command="rm -rf /" {ED25519}', "without options"),
        (f"cert-authority {ED25519}", "without options"),
        (f"{ED25519} {'x' * 16384}", "longer than 16384 bytes"),
        (keys.create(KeyType.ED25519)[0], "private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "private key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", "3 lines"),
        (RSA_768, "RSA key has 768 bits"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidKeyFormat, match=reason):
        keys.import_public(text)


def test_ecdsa_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeyFormat, match="begins with 'ecdsa-sha2-nistp256'"):
        keys.import_public(ssh_keygen(tmp_path, "-t", "ecdsa"))
