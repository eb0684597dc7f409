"""Numbers of persons, cards and bank accounts that are known by how they are written.

Check digits alone prove little: of ten staff numbers one has a valid one by chance.  So a format
stands here if it is rare among the values of a directory, and its check digits must fit.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from stdnum import iban, luhn, numdb
from stdnum.ar import cbu, cuit
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import bankaccount, rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import ccc, nif
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.my import nric
from stdnum.no import fodselsnummer, kontonr
from stdnum.pl import pesel
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_idnr


class _Module(Protocol):
    def is_valid(self, number: str, /) -> bool: ...


_NumberOf = Callable[[str], str | None]
"""The number in what a pattern found, compact; None if it is none."""
_Kinds = tuple[re.Pattern[str], list[tuple[re.Pattern[str], _NumberOf]]]
"""A pattern that finds whether there is any of them, and one for each."""


class _Kind(NamedTuple):
    pattern: str
    number: _NumberOf
    in_phones: bool = False
    """Whether it counts among phone numbers too, since none of them looks like it."""


def formatted(text: str, *, phone: bool) -> list[str]:
    """The numbers, compact, of the first kind that the text holds any of.

    Args:
        text: normalised: capitals, ASCII digits, "-" for dashes, single spaces.
        phone: whether phone numbers are expected, which look like many a number.
    """
    some, kinds = _PHONE_KINDS if phone else _ALL_KINDS
    if not some.search(text):
        return []
    for pattern, number_of in kinds:
        found = [number_of(match[1]) for match in pattern.finditer(text)]
        if numbers := [number for number in found if number]:
            return numbers
    return []


def unformatted(number: str) -> bool:
    """Whether a compact number of ten digits or more fits what some country gives to persons.

    One of a hundred others fits too, so something else must speak for it.
    """
    return any(_is_valid(module, number) for module in _UNFORMATTED)


def compact(text: str) -> str:
    """The digits and ASCII capitals of a normalised text."""
    return _PUNCTUATION.sub("", text)


def _is_valid(module: _Module, number: str) -> bool:
    try:
        return module.is_valid(number)
    except (LookupError, ValueError):
        return True  # stdnum 2.2 fails over a place that it does not know: hide rather than show


def _checked(*modules: _Module) -> _NumberOf:
    """Numbers that one of the modules of stdnum accepts without punctuation."""

    def number(found: str) -> str | None:
        bare = compact(found)
        return bare if any(_is_valid(module, bare) for module in modules) else None

    return number


def _punctuated(module: _Module) -> _NumberOf:
    """Numbers whose punctuation is a part of them."""
    return lambda found: compact(found) if _is_valid(module, found) else None


def _card(found: str) -> str | None:
    number = compact(found)
    return number if _ISSUED.fullmatch(number) and luhn.is_valid(number) else None


def _evenly_grouped(found: str) -> str | None:
    """A card in groups of one length, but for the last: phone numbers are not written like that."""
    *sizes, last = map(len, re.findall(r"\d+", found))
    return _card(found) if len(set(sizes)) == 1 and last <= sizes[0] else None


def _iban(found: str) -> str | None:
    """An IBAN at the begin of what may go on with other words: its country tells its length."""
    length = _iban_length(found[:2])
    number = ""
    for group in re.findall(r"[0-9A-Z]+", found):
        number += group
        if len(number) >= length:
            break
    return number if len(number) == length and iban.is_valid(number) else None


@lru_cache(maxsize=26 * 26)
def _iban_length(country: str) -> int:
    """Characters of a country's IBANs; 0 if it has none."""
    parts = numdb.get("iban").info(country)[0][1].get("bban", "")
    return sum(map(int, re.findall(r"\d+", parts)), start=4) if parts else 0


def _nino(found: str) -> str:
    """A British National Insurance number: it has no check digit, and stdnum no module for it."""
    return compact(found)


_S: Final = r"[ .\-]{1,3}"  # a separator
# A number does not begin or end within a word, or within a longer number.
_BEGIN: Final = r"(?<![^\W_])(?<!\d[./\-])(?<!\+)"
_END: Final = r"(?![^\W_])(?![./\-]\d)"

_ISSUED: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11,16}"  # Diners Club
    r"|(?:60|6[245]|8[12])\d{14,17}"  # Discover, UnionPay, RuPay
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|(?:50(?:18|20|38)|5893|6304|6759|676[1-3])\d{9,15}"  # Maestro
    r"|(?:220[0-4]|5[06]\d\d|636\d|9792)\d{12}"  # Mir, Elo, Verve, Troy
)

_KINDS: Final = (
    _Kind(r"[A-Z]{2}\d{2}(?:[ .\-]{0,3}[0-9A-Z]){11,30}", _iban, in_phones=True),
    _Kind(rf"\d{{4}}(?:{_S}\d{{4}}){{3}}{_S}\d{{3}}", _card, in_phones=True),
    _Kind(rf"\d{{4}}(?:{_S}\d{{4}}){{3}}", _card, in_phones=True),
    _Kind(rf"3\d{{3}}{_S}\d{{6}}{_S}\d{{4,5}}", _card),
    _Kind(r"\d{13,19}", _card),
    _Kind(
        rf"(?<!\d )(?=(?:\d[ .\-]{{0,3}}){{13}})\d{{2,9}}(?:{_S}\d{{1,9}}){{1,9}}(?! \d)",
        _evenly_grouped,
    ),
    _Kind(r"\d{4}[ -]?\d{4}[ -]?\d\d[ -]?\d{10}", _checked(ccc)),
    _Kind(r"\d{8}[ -]?\d{14}", _checked(cbu)),
    _Kind(r"\d{4}\.\d\d\.\d{5}", _checked(kontonr)),
    _Kind(r"(?:\d{1,6}-)?\d{6,10}/\d{4}", _punctuated(bankaccount)),
    _Kind(r"\d{3}-\d\d-\d{4}", _checked(ssn, itin), in_phones=True),
    _Kind(r"\A\d{3}[ .]\d\d[ .]\d{4}\Z", _checked(ssn, itin)),
    _Kind(
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:\d\d ?){3}[A-D]",
        _nino,
        in_phones=True,
    ),
    _Kind(
        r"[A-Z]{3} ?[A-Z]{3} ?[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2} ?[A-Z][0-9L-NP-V]{3} ?[A-Z]",
        _checked(codicefiscale),
        in_phones=True,
    ),
    _Kind(r"\d\d\.?\d{3}\.?\d{3}-?[A-Z]|[K-MX-Z]-?\d{7}-?[A-Z]", _checked(nif), in_phones=True),
    _Kind(r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", _checked(pan), in_phones=True),
    _Kind(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", _checked(curp), in_phones=True),
    _Kind(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", _punctuated(hetu)),
    _Kind(
        r"[12][ .]?\d\d[ .]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .]?\d[\dAB](?:[ .]?\d{3}){2}[ .\-]?\d\d",
        _checked(nir),
    ),
    _Kind(r"[1-9]\d{5}[ -]?(?:19|20)\d{6}[ -]?\d{3}[\dX]", _checked(ric)),
    _Kind(r"\d{6}-[1-8]\d{6}", _checked(rrn)),
    _Kind(r"(?:19|20)?\d{6}[-+]\d{4}", _checked(personnummer)),
    _Kind(r"\d{6}-\d{4}", _checked(cpr)),
    _Kind(r"\d{6} \d{5}", _checked(fodselsnummer)),
    _Kind(r"\d{6}-\d\d-\d{4}", _checked(nric)),
    _Kind(r"\d{6}/\d{4}", _checked(rc)),
    _Kind(r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", _checked(nn)),
    _Kind(r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", _checked(ahv)),
    _Kind(r"\d{3}\.\d{3}\.\d{3}-\d\d", _checked(cpf)),
    _Kind(r"\d{1,2}\.\d{3}\.\d{3}-[\dK]", _checked(rut)),
    _Kind(r"2[0347]-\d{8}-\d", _checked(cuit)),
    _Kind(r"\d-\d{4}-\d{5}-\d\d-\d", _checked(pin)),
    _Kind(r"(?<!\d )[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?! \d)", _checked(aadhaar)),
)
"""What counts in any attribute; the first of them is the most certain."""


def _compiled(*kinds: _Kind) -> _Kinds:
    some = "|".join(kind.pattern for kind in kinds)
    # These consume nothing, so that a number is found even within what only looked like one.
    each = [(re.compile(f"{_BEGIN}(?=({kind.pattern}){_END})"), kind.number) for kind in kinds]
    return re.compile(f"{_BEGIN}(?:{some}){_END}"), each


_ALL_KINDS: Final = _compiled(*_KINDS)
_PHONE_KINDS: Final = _compiled(*(kind for kind in _KINDS if kind.in_phones))
_UNFORMATTED: Final[tuple[_Module, ...]] = (
    personnummer,
    pesel,
    idnr,
    cpf,
    egn,
    cnp,
    fodselsnummer,
    aadhaar,
    tckimlik,
    za_idnr,
)
"""Ten digits or more, with check digits: what "personal number" means in some country."""

_PUNCTUATION: Final = re.compile(r"[^0-9A-Z]+")
