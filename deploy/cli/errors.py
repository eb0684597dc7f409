"""What a command tells the operator when it cannot do what was asked."""

from deploy.errors import InstallationError
from deploy.local.errors import StackError


class CommandError(Exception):
    """The text is one sentence that says what is wrong and what to do; no traceback follows."""


def exit_code(error: Exception) -> int | None:
    """2 for a setting that is missing or wrong, 1 for what else has a sentence.

    None is our own mistake: it deserves its traceback.
    """
    from schemas.positions import LogMismatchError  # noqa: PLC0415 - heavy, and needed rarely
    from schemas.settings import SettingsError  # noqa: PLC0415

    match error:
        case SettingsError():
            return 2
        case CommandError() | InstallationError() | LogMismatchError() | StackError():
            return 1
        case _:
            return None
