"""`svct schedule sign` and `verify`."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command()
@options.schedule
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    required=True,
    help="Private Ed25519 key, PEM or OpenSSH; `ssh-keygen -t ed25519` makes one.",
)
@click.option("--ask-passphrase", is_flag=True, help="Ask for the key's passphrase.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Signed schedule to write.")
@options.overwrite
def sign(schedule: Path, key: Path, ask_passphrase: bool, out: Path, overwrite: bool) -> None:
    """Sign SCHEDULE, so that others see who made it and that nobody changed it."""
    from svct.sampling.schedule import Schedule
    from svct.sampling.sign import sign as sign_schedule

    passphrase = click.prompt("passphrase", hide_input=True, err=True) if ask_passphrase else None
    signed = sign_schedule(Schedule.load(schedule), key, passphrase=passphrase)
    click.echo(str(signed.save(out, overwrite=overwrite)))


@click.command()
@options.schedule
@click.option("--key", type=click.Path(path_type=Path), help="Public key that must have signed it.")
@options.as_json
def verify(schedule: Path, key: Path | None, as_json: bool) -> None:
    """Check the hash and the signature of SCHEDULE.

    Ends with exit code 1 where it is unsigned, was changed after it was signed, or was signed with another key.
    """
    from svct.sampling.schedule import Schedule
    from svct.sampling.sign import verify as verify_schedule

    loaded = Schedule.load(schedule)
    found = verify_schedule(loaded, key)
    facts = {"signed": found.signed, "key_id": found.key_id, "trusted": found.trusted, "sha256": loaded.sha256}
    click.echo(json.dumps(facts) if as_json else str(found))
    if not found.signed:
        raise click.exceptions.Exit(1)
