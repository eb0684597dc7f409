"""Reads the product's members from a file, and tells the gateway of them, many at once."""

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from deploy.cli import client, progress
from deploy.cli.errors import CommandError
from schemas import limits

Person = Mapping[str, Any]
"""A member of the product, as the API takes it."""

AT_ONCE: Final = 4  # pages under way: DESIGN §5.10 allows five
_PAGE_BYTES: Final = limits.API_BODY - 1_000
_SHOWN: Final = 20  # faults of a file, and people to look at, that are printed
_YES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Result:
    """What became of everybody."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(
            dict.fromkeys(("created", "linked", "updated", "unchanged", "refused", "unclear"), 0)
        )
        self.rows: list[client.Body] = []
        """Those that were refused, and those who may be somebody else too."""

    def add(self, results: Sequence[client.Body]) -> None:
        """Take in what became of one page."""
        for each in results:
            answer = each["answer"]
            refused = each["status"] >= 400
            self.counts["refused" if refused else answer["outcome"]] += 1
            if not refused and answer["may_be"]:
                self.counts["unclear"] += 1
            if refused or answer["may_be"]:
                self.rows.append(each)

    @property
    def to_look_at(self) -> Iterator[str]:
        """Sentences about the first of those."""
        for each in self.rows[:_SHOWN]:
            answer = each["answer"]
            if each["status"] >= 400:
                yield f"{each['product_id']} was refused: {answer['detail']}"
            else:
                rivals = ", ".join(answer["may_be"])
                yield f"{each['product_id']} may be {rivals}: nobody was linked"
        if (more := len(self.rows) - _SHOWN) > 0:
            yield f"… and {more} more: --json lists them all"

    def body(self) -> client.Body:
        """As JSON."""
        return {"counts": dict(self.counts), "to_look_at": self.rows}


def read(file: Path) -> list[Person]:
    """Everybody in a file, each line checked.

    Raises:
        CommandError: lines are no members; the text names the first of them.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - it would slow down --help

    from ingest.api.product_members import ImportedMember  # noqa: PLC0415

    people: list[Person] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for line, given in _lines(file, ImportedMember.model_fields):
        if isinstance(given, str):
            faults.append(f"line {line}: {given}")
            continue
        try:
            person = ImportedMember.model_validate(given)
        except ValidationError as error:
            for fault in error.errors()[:1]:
                place = ".".join(str(each) for each in fault["loc"]) or "the line"
                faults.append(f"line {line}: {place}: {fault['msg']}")
            continue
        if (before := seen.setdefault(person.product_id, line)) != line:
            faults.append(f"line {line}: {person.product_id} stands in line {before} too")
        people.append(person.model_dump(mode="json", exclude_defaults=True))
    if faults:
        more = f"\n… and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        listed = "\n".join(faults[:_SHOWN])
        raise CommandError(f"Nothing was sent, because of {len(faults)} faults:\n{listed}{more}")
    if not people:
        raise CommandError(f"Nobody is in {file}.")
    return people


def send(api: client.Api, tenant: str, people: Sequence[Person]) -> Result:
    """Tell of everybody, some pages at a time.

    Raises:
        CommandError: the gateway is away, or refuses; some may have been told.
    """
    result, done = Result(), 0
    pages = [list(page) for page in _pages(people)]
    with progress.bar("imported") as on_progress, ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [
            pool.submit(api.post, "tenants", tenant, "members", members=page) for page in pages
        ]
        try:
            for page, answer in zip(pages, waiting, strict=True):
                result.add(answer.result()["results"])
                done += len(page)
                on_progress(done, len(people))
        except CommandError as error:
            told = f"{done} of {len(people)} were told, and perhaps some more"
            raise CommandError(f"{error}\n{told}: import the file again.") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return result


def _pages(people: Sequence[Person]) -> Iterator[Sequence[Person]]:
    """As many as one request takes, and not more bytes."""
    page: list[Person] = []
    size = 0
    for person in people:
        length = len(json.dumps(person)) + 2
        if page and (len(page) == limits.PAGE_CHANGES or size + length > _PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(person)
        size += length
    yield page


def _lines(file: Path, fields: Collection[str]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """What each line says, or what is wrong with it, by its number.

    Only the ends of lines of the format are ends: `str.splitlines` knows more of them, and names
    may have those.
    """
    if file.suffix.lower() not in {".csv", ".ndjson", ".jsonl"}:
        raise CommandError(f"{file.name} is neither .csv nor .ndjson: call it what it is.")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{file.name} is not UTF-8: {error.reason}.") from error
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    if file.suffix.lower() == ".csv":
        yield from _of_csv(text, fields)
        return
    for line, written in enumerate(text.split("\n"), 1):  # JSON passes over the "\r" before it
        if not written.strip():
            continue
        try:
            given = json.loads(written)
        except ValueError as error:
            yield line, f"it is no JSON: {error}"
        except RecursionError:
            yield line, "it is nested too deeply"
        else:
            yield line, given if isinstance(given, dict) else "it is no JSON object"


def _of_csv(text: str, fields: Collection[str]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    rows = _rows(text)
    _, names = next(rows, (1, []))
    if isinstance(names, str):
        raise CommandError(f"The first line names no columns: {names}.")
    _require_columns(names, fields)
    for line, row in rows:
        if isinstance(row, str):
            yield line, row
            continue
        if len(row) > len(names):
            yield line, "it has more fields than there are columns"
            continue
        told = zip(names, row, strict=False)  # the last ones may be left out
        try:
            yield line, _typed({name: value.strip() for name, value in told if value.strip()})
        except ValueError as error:
            yield line, str(error)


def _rows(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row by the line where it begins; where one is broken, nothing after it is sure."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    begun = 1
    try:
        for row in rows:
            if row:
                yield begun, row
            begun = rows.line_num + 1
    except csv.Error as error:
        yield begun, f"it is no CSV: {error}"


def _require_columns(names: Sequence[str], fields: Collection[str]) -> None:
    if "product_id" not in names:
        raise CommandError("The first line must name the columns, product_id among them.")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise CommandError(f"The first line names columns twice: {', '.join(twice)}.")
    if unknown := [name or "(no name)" for name in names if name not in fields]:
        raise CommandError(
            f"The first line names unknown columns: {', '.join(unknown)}. They may be"
            f" {', '.join(fields)}."
        )


def _typed(given: dict[str, str]) -> dict[str, Any]:
    """A line's texts as what they mean."""
    typed: dict[str, Any] = dict(given)
    if "protected" in given:
        if given["protected"].lower() not in _YES:
            raise ValueError("protected: say yes or no")
        typed["protected"] = _YES[given["protected"].lower()]
    if "workspaces" in given:
        grants = [each.strip().partition(":") for each in given["workspaces"].split(";")]
        typed["workspaces"] = [
            {"workspace": slug} | ({"role": role} if role else {}) for slug, _, role in grants
        ]
    return typed
