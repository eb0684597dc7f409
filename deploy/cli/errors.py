"""What a command tells the operator when it cannot do what was asked."""

from typing import Final

_OURS: Final = ("deploy", "ingest", "processors", "schemas", "sinks")


class CommandError(Exception):
    """The text is one sentence that says what is wrong and what to do; no traceback follows."""


def exit_code(error: Exception) -> int | None:
    """2 for a setting that is missing or wrong, 1 for whatever else has a sentence.

    Every error type of our own carries one. None is a surprise, and deserves its traceback.
    """
    from schemas.settings import SettingsError  # noqa: PLC0415 - heavy, and needed rarely

    if isinstance(error, SettingsError):
        return 2
    return 1 if type(error).__module__.partition(".")[0] in _OURS else None
