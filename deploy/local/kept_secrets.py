"""The secrets that `rollcall up` makes, kept beside the data that they open."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.errors import StackError

_FILE: Final = "secrets.json"


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What nobody set."""

    admin_token: str
    workos_webhook_secret: str
    redaction_key: str


def secrets_in(folder: Path) -> Secrets:
    """Those of an earlier run; else new ones, in a file that only its owner can read.

    Raises:
        StackError: the file that is there cannot be read.
    """
    file = folder / _FILE
    if not file.exists():
        _write(
            file, Secrets(admin_token=_new(), workos_webhook_secret=_new(), redaction_key=_new())
        )
    try:
        return msgspec.json.decode(file.read_bytes(), type=Secrets)
    except (OSError, msgspec.DecodeError) as error:
        raise StackError(
            f"The secrets in {file} cannot be read ({error}): put the file right, or delete it to"
            " get new ones."
        ) from error


def _new() -> str:
    return secrets.token_urlsafe(24)


def _write(file: Path, made: Secrets) -> None:
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")  # mode 0600
    with os.fdopen(number, "wb") as fresh:
        fresh.write(msgspec.json.encode(made))
    Path(name).replace(file)
