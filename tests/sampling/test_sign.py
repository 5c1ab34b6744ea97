import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from svct.errors import DataFileError, InputError
from svct.sampling import Schedule
from svct.sampling.document import content_hash
from svct.sampling.sign import SignatureError, sign, verify

MADE = Schedule(
    angles_deg=(0.0, 12.5), geometry={"kind": "parallel"}, task="chest", budget=2, candidates=9, method="learned"
)


def write_keys(folder: Path, *, secret: str = "", ssh: bool = False) -> tuple[Path, Path]:
    made = Ed25519PrivateKey.generate()
    lock: KeySerializationEncryption = BestAvailableEncryption(secret.encode()) if secret else NoEncryption()
    kind = PrivateFormat.OpenSSH if ssh else PrivateFormat.PKCS8
    private, public = folder / "key", folder / "key.pub"
    private.write_bytes(made.private_bytes(Encoding.PEM, kind, lock))
    formats = (Encoding.OpenSSH, PublicFormat.OpenSSH) if ssh else (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(made.public_key().public_bytes(*formats))
    return private, public


@pytest.mark.parametrize("ssh", [False, True])
def test_a_signed_file_verifies_after_reading(tmp_path: Path, ssh: bool) -> None:
    private, public = write_keys(tmp_path, ssh=ssh)
    signed = Schedule.load(sign(MADE, private).save(tmp_path / "s.json"))
    assert signed == MADE
    assert signed.sha256 == MADE.sha256
    found = verify(signed, public)
    assert found.signed
    assert found.trusted
    assert str(found).startswith("signed with the given key")
    alone = verify(signed)
    assert (alone.signed, alone.trusted) == (True, False)
    assert "nobody vouched for" in str(alone)


def test_unsigned_says_so(tmp_path: Path) -> None:
    _, public = write_keys(tmp_path)
    for found in (verify(MADE), verify(MADE, public)):
        assert not found.signed
        assert str(found) == "unsigned: nothing tells who made this schedule"


def test_tampered_is_refused(tmp_path: Path) -> None:
    private, _ = write_keys(tmp_path)
    path = sign(MADE, private).save(tmp_path / "s.json")
    document = json.loads(path.read_text().replace("12.5", "13.5"))
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="content does not match its hash"):
        Schedule.load(path)
    document["sha256"] = content_hash(document)
    path.write_text(json.dumps(document))
    with pytest.raises(SignatureError, match="the schedule was changed after it was signed"):
        verify(Schedule.load(path))
    with pytest.raises(SignatureError, match="the schedule was changed after it was signed"):
        verify(replace(sign(MADE, private), task="head"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("value", "AAAA", "does not: the schedule was changed"),
        ("value", "not base64!", "does not: the schedule was changed"),
        ("key_id", "0" * 64, "expected key_id"),
    ],
)
def test_damaged_signatures(tmp_path: Path, name: str, value: str, message: str) -> None:
    signed = sign(MADE, write_keys(tmp_path)[0])
    assert signed.signature is not None
    with pytest.raises(SignatureError, match=message):
        verify(replace(signed, signature={**signed.signature, name: value}))


def test_without_the_package(tmp_path: Path) -> None:
    path = MADE.save(tmp_path / "s.json")
    code = f"""
import sys
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "cryptography" else real(name)
from svct.cli.main import run
assert run(["schedule", "verify", {str(path)!r}]) == 1
assert run(["schedule", "check", {str(path)!r}]) == 0
assert run(["schedule", "sign", {str(path)!r}, "--key", "k", "--out", {str(tmp_path / "o.json")!r}]) == 6
assert "torch" not in sys.modules"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install 'svct[sign]'" in done.stderr


def test_the_key_of_somebody_else(tmp_path: Path) -> None:
    signed = sign(MADE, write_keys(tmp_path)[0])
    _, other = write_keys(tmp_path)
    with pytest.raises(SignatureError, match=r"expected one by the key .*, got one by .*; ask who signed it"):
        verify(signed, other)


def test_passphrases(tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, secret="sesame")
    assert verify(sign(MADE, private, passphrase="sesame"), public).trusted
    for wrong in (None, "open"):
        with pytest.raises(InputError, match="with the right passphrase if it has one"):
            sign(MADE, private, passphrase=wrong)


def test_files_that_are_no_keys(tmp_path: Path) -> None:
    private, public = write_keys(tmp_path)
    with pytest.raises(DataFileError, match="expected a key, could not be read"):
        sign(MADE, tmp_path / "none")
    with pytest.raises(InputError, match="expected a private Ed25519 key, PEM or OpenSSH"):
        sign(MADE, public)
    with pytest.raises(InputError, match="expected a public Ed25519 key, PEM or OpenSSH"):
        verify(MADE, private)
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "x").write_bytes(other)
    with pytest.raises(InputError, match="got another kind; ssh-keygen -t ed25519 makes one"):
        sign(MADE, os.fspath(tmp_path / "x"))
