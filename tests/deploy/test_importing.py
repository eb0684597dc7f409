"""Files of the product's members: nobody is read as somebody else, and every fault has its line."""

from pathlib import Path

import pytest

from deploy.cli import importing
from deploy.cli.errors import CommandError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test writes a CSV file."""
    return tmp_path / "people.csv"


def write(file: Path, text: str) -> None:
    """Exactly these characters."""
    file.write_bytes(text.encode())


def fault_of(file: Path, text: str) -> str:
    """What is said of a file that is refused."""
    write(file, text)
    with pytest.raises(CommandError) as refused:
        importing.read(file)
    return str(refused.value)


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_where_the_format_says_so(file: Path, odd: str) -> None:
    name = f"Ann{odd}p2"
    write(file, f"product_id,display_name,standing\np1,{name},suspended\n")
    person = {"product_id": "p1", "display_name": name, "standing": "suspended"}
    assert importing.read(file) == [person]
    if odd > "\x1f":  # JSON allows these in a text as they are (RFC 8259 §7)
        ndjson = file.with_suffix(".ndjson")
        write(ndjson, f'{{"product_id": "p1", "display_name": "{name}"}}\r\n\r\n')
        assert importing.read(ndjson) == [{"product_id": "p1", "display_name": name}]


def test_what_stands_in_quotes_is_kept(file: Path) -> None:
    write(file, '\ufeffproduct_id,display_name\r\np1,"Ann ""A"", \r\nLee"\r\n\r\np2,Bo\r\n')
    ann, bo = importing.read(file)
    assert (ann["display_name"], bo["display_name"]) == ('Ann "A", \r\nLee', "Bo")


@pytest.mark.parametrize(
    ("rows", "line", "why"),
    [
        ('p2,"Bo\np3,Cy\np4,Di\n', 3, "unexpected end of data"),
        ('p2,"Bo\np3,"Cy"\np4,Di\n', 3, "',' expected after '\"'"),
        (f"p2,{'x' * 131_073}\np3,Cy\n", 3, "field larger than field limit (131072)"),
    ],
)
def test_a_broken_row_is_named_by_the_line_where_it_begins(
    file: Path, rows: str, line: int, why: str
) -> None:
    said = fault_of(file, f"product_id,display_name\np1,Ann\n{rows}")
    assert said == f"Nothing was sent, because of 1 faults:\nline {line}: it is no CSV: {why}"


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("product_id,email,email", "The first line names columns twice: email."),
        ("product_id,standign", "The first line names unknown columns: standign. They may be"),
        ("product_id,email,", "The first line names unknown columns: (no name). They may be"),
        ("email,display_name", "The first line must name the columns, product_id among them."),
        ("", "The first line must name the columns, product_id among them."),
        ('product_id,"email', "The first line names no columns: it is no CSV: unexpected end"),
    ],
)
def test_a_heading_that_cannot_be_meant_is_refused_at_once(
    file: Path, heading: str, said: str
) -> None:
    assert fault_of(file, f"{heading}\np1,no address,no address\n").startswith(said)


def test_json_that_goes_too_deep_is_a_fault_like_others(file: Path) -> None:
    ndjson = file.with_suffix(".ndjson")
    deep = "[" * 200_000
    said = fault_of(ndjson, f'{{"product_id": "p1"}}\n{{"product_id": {deep}\n{{\n')
    assert "because of 2 faults:\nline 2: it is nested too deeply\nline 3: it is no JSON" in said
