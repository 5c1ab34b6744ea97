"""Signatures of schedules: Ed25519 by the package cryptography."""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from svct.errors import BackendUnavailable, DataFileError, InputError, SvctError
from svct.files import system_reason
from svct.sampling.schedule import Schedule

NAMESPACE = "svct-schedule"
"""What every signed message begins with, so that a signature of a schedule fits nothing else."""


class SignatureError(SvctError, ValueError):
    """A signature that does not fit, or was made with another key; its exit code is that of a failed check."""


@dataclass(frozen=True)
class Verification:
    """What is known of a schedule's signature.

    Args:
        signed: Whether there is a signature; one that is there fits the content.
        key_id: SHA-256 of the public key, or an empty text.
        trusted: Whether it is the public key that the caller named.
    """

    signed: bool
    key_id: str = ""
    trusted: bool = False

    def __str__(self) -> str:
        if not self.signed:
            return "unsigned: nothing tells who made this schedule"
        if self.trusted:
            return f"signed with the given key, {self.key_id[:16]}"
        return (
            f"signed and unchanged, by a key that nobody vouched for, {self.key_id[:16]}; name the signer's with --key"
        )


def sign(schedule: Schedule, key: str | os.PathLike[str], *, passphrase: str | None = None) -> Schedule:
    """Return the schedule with a signature.

    Args:
        schedule: What to sign; a signature that it has is replaced.
        key: File of a private Ed25519 key, PEM or OpenSSH, such as ``ssh-keygen -t ed25519`` writes.
        passphrase: Of the key, where it has one.

    Raises:
        DataFileError: The key cannot be read.
        InputError: It is not a private Ed25519 key, or the passphrase is wrong.
        BackendUnavailable: The package cryptography is not installed.
    """
    private = _read_key(key, passphrase=passphrase)
    public = private.public_key().public_bytes_raw()
    value = private.sign(_message(schedule))
    return replace(
        schedule,
        signature={
            "alg": "ed25519",
            "namespace": NAMESPACE,
            "key_id": hashlib.sha256(public).hexdigest(),
            "public_key": base64.b64encode(public).decode("ascii"),
            "value": base64.b64encode(value).decode("ascii"),
        },
    )


def verify(schedule: Schedule, key: str | os.PathLike[str] | None = None) -> Verification:
    """Check a schedule's signature.

    The file holds the public key that it was signed with. Without `key` this tells that nobody changed the schedule
    since then, but not whose key it is.

    Args:
        schedule: A schedule.
        key: File of the public key that must have signed it, PEM or OpenSSH.

    Returns:
        Whether it is signed, with which key, and whether with yours.

    Raises:
        SignatureError: The schedule was changed after it was signed, or it was signed with another key.
        DataFileError: The key cannot be read.
        InputError: It is not a public Ed25519 key.
        BackendUnavailable: The package cryptography is not installed.
    """
    wanted = None if key is None else _read_key(key, public=True).public_bytes_raw()
    if schedule.signature is None:
        return Verification(signed=False)
    _require_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = base64.b64decode(schedule.signature["public_key"], validate=True)
        value = base64.b64decode(schedule.signature["value"], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(value, _message(schedule))
    except (binascii.Error, KeyError, ValueError, InvalidSignature) as error:
        raise SignatureError(
            "signature: expected one that fits the content, got one that does not: the schedule was changed after it "
            "was signed; take the original again"
        ) from error
    key_id = hashlib.sha256(public).hexdigest()
    if wanted is not None and public != wanted:
        raise SignatureError(
            f"signature: expected one by the key {hashlib.sha256(wanted).hexdigest()[:16]}, got one by {key_id[:16]}; "
            "ask who signed it"
        )
    if schedule.signature.get("key_id") != key_id:
        raise SignatureError(f"signature: expected key_id {key_id[:16]}..., got {schedule.signature.get('key_id')}")
    return Verification(signed=True, key_id=key_id, trusted=wanted is not None)


def _message(schedule: Schedule) -> bytes:
    return NAMESPACE.encode("ascii") + b"\0" + schedule.canonical_bytes


def _require_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise BackendUnavailable(
            "cryptography: expected the package to be installed for signatures, got none; install it with pip install "
            "'svct[sign]'"
        )


def _read_key(path: str | os.PathLike[str], *, public: bool = False, passphrase: str | None = None) -> Any:
    _require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as keys
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataFileError(f"{path}: expected a key, could not be read ({system_reason(error)})") from error
    kind = "public" if public else "private"
    secret = None if passphrase is None else passphrase.encode()
    try:
        found: Any
        if public:
            found = keys.load_ssh_public_key(data) if data.startswith(b"ssh-") else keys.load_pem_public_key(data)
        elif b"OPENSSH PRIVATE KEY" in data:
            found = keys.load_ssh_private_key(data, secret)
        else:
            found = keys.load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path}: expected a {kind} Ed25519 key, PEM or OpenSSH, with the right passphrase if it has one, got "
            f"{error}"
        ) from error
    if not isinstance(found, Ed25519PublicKey if public else Ed25519PrivateKey):
        raise InputError(f"{path}: expected a {kind} Ed25519 key, got another kind; ssh-keygen -t ed25519 makes one")
    return found
