"""The JSON that docs/cli.md shows, compared with what commands print."""

import json
import re
from pathlib import Path
from typing import Any

import deploy

PAGE = (Path(deploy.__file__).parents[1] / "docs" / "cli.md").read_text()


def documented(words: str) -> Any:
    """What the page shows for a command that begins with the words of one."""
    sections = re.findall(r"### `rollcall (.*)`\n((?:.|\n)*?)(?=\n##|\Z)", PAGE)
    section = next(text for name, text in sections if f"{words} ".startswith(f"{name} "))
    return json.loads(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0])


def same_shape(shown: Any, real: Any) -> None:
    """The same keys with the same kinds of values; null and empty lists fit everything."""
    match shown, real:
        case (None, _) | (_, None) | ([], list()) | (list(), []):
            pass
        case dict(), dict():
            assert shown.keys() == real.keys()
            for key in shown:
                same_shape(shown[key], real[key])
        case list(), list():
            same_shape(shown[0], real[0])
        case _:
            assert type(shown) is type(real)
