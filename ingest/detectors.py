"""Whether a text holds the number of a person, a card or a bank account (DESIGN §6)."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from ingest import number_formats

_PRIVATE: Final = (
    r"SSN|SOCIAL ?(?:SECURITY|INSURANCE)|ITIN|NINO|NI (?:NUMBER|NO)|TFN|NRIC|HKID|AADHAA?R|RRN"
    r"|NATIONAL ?(?:IDENTI[A-Z]*|ID|INSURANCE|NUMBER)|(?:CITIZEN|CIVIL|GOVERNMENT) ?ID"
    r"|IDENTITY ?(?:CARD|NUMBER)|TAX ?(?:PAYER ?)?(?:IDENTI[A-Z]*|ID|FILE|NUMBER)"
    r"|PASSPORT|PASSEPORT|REISEPASS|PASAPORTE|PASSAPORTO|PASPOORT|PERSONALAUSWEIS"
    r"|DRIV(?:ER'?S?|ING) ?LICEN[CS]E|F(?:Ü|UE)HRERSCHEIN"
    r"|STEUER ?(?:ID[A-Z]*|NUMMER|NR)|(?:SOZIAL|RENTEN)VERSICHERUNG[A-Z]*|SVNR|AHV"
    r"|S[EÉ]CURIT[EÉ] ?SOCIALE|NIR|NIF|NIE|DNI|NUSS|CODICE ?FISCALE|PPSN?"
    r"|BSN|BURGERSERVICE[A-Z]*|SOFI ?NUMMER|RIJKSREGISTER[A-Z]*|INSZ|NISS"
    r"|PERSONN(?:UMME)?R|CPR|HETU|HENKIL[ÖO]TUNNUS|F[ØO]DSELSN(?:UMME)?R|KENNITALA"
    r"|PESEL|CNP|EGN|OIB|EMSO|JMBG|AMKA|RODN[EÉ] ?[CČ][IÍ]SLO|TC ?KIMLIK|TCKN"
    r"|CPF|CURP|RUT|CUI[LT]|CLABE|IBAN|BANK ?(?:ACCOUNT|ACCT)|ROUTING ?NUMBER"
    r"|KONTO ?(?:NUMMER|NR)|BANKVERBINDUNG|(?:CREDIT|DEBIT|PAYMENT) ?CARD|KREDITKARTE"
)
_NUMBER: Final = r"(?: ?(?:NUMBER|NUMMER|NUM|NR|NO|ID|CODE))?(?![^\W\d_])"
_LABELLED: Final = re.compile(
    rf"(?<![^\W_])(?:{_PRIVATE.replace(' ?', '[ -]?')}){_NUMBER}"
    r"(?: IS)?(?:[^0-9A-Z]{1,3}|(?=\d{6}))"
    r"(?P<number>(?=[A-Z]*\d)[0-9A-Z]+(?:[ ./\-](?=[A-Z]*\d)[0-9A-Z]+)*)"
)
_PRIVATE_NAME: Final = re.compile(rf"(?<![^\W_])(?:{_PRIVATE}|SIN|TIN|PAN){_NUMBER}")
_PERSONAL_NAME: Final = re.compile(
    r"\b(?:PERSONAL ?(?:NUMMER|NR|NUMBER|NO|ID)|ID(?:ENTIFICATION)? ?(?:NUMBER|NUMMER|NO|NR))\b"
)
_PHONE_NAME: Final = re.compile(r"PHONE|TELEFON|MOBILE|FAX|PAGER|\bTEL\b|\bCELL\b")
_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")

_SHORTEST: Final = 9  # characters of a number that its format or a label tells
_FOUR_DIGITS: Final = re.compile(r"\d(?:\D*\d){3}")
# Close together, as in every number; the Indian PAN alone has but four, and a letter.
_SIX_DIGITS: Final = re.compile(r"\d(?:\D{0,3}\d){3}(?:(?:\D{0,3}\d){2}|[A-Z]\b)")
_ORDINARY: Final = re.compile(
    r"\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\b"
    r"|(?<!\d)(?:19|20)\d\d([./\-])[01]?\d\1[0-3]?\d"  # a date, with or without a time
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[+\-]\d\d:?\d\d)?)?(?!\d)"
    r"|(?<!\d)[0-3]?\d([./\-])[0-3]?\d\2(?:19|20)\d\d(?!\d)"
    r"|\+\d(?:[ ().\-/]{0,3}\d){6,14}(?![ ().\-/]{0,3}\d)"  # a phone number (E.164)
)
"""Blanked before anything is looked for: their parts look like numbers of other kinds."""
_DASHES: Final = {
    **dict.fromkeys(map(ord, "‐‑‒–—―−⁃"), "-"),
    **dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF), None),
}
_FOREIGN_DIGIT: Final = re.compile(r"(?![0-9])\d")


class About(NamedTuple):
    """What the name of an attribute tells of its values."""

    private: bool
    """They are such numbers, in whatever format; one that was mistyped is as private."""
    personal: bool
    """They are personal numbers or staff numbers: only check digits tell which."""
    phone: bool
    """They are phone numbers, which look like many a number."""


def number_in(text: str, about: About) -> str | None:
    """The number for which a text has to be hidden: digits and ASCII capitals, or None.

    It is the same however the number is written.  Time is linear in the length of the text.
    """
    if not _FOUR_DIGITS.search(text):
        return None
    enough = _FOUR_DIGITS if about.private else _SIX_DIGITS
    plain = _normalised(text)
    if not enough.search(plain) or (len(plain) < _SHORTEST and not about.private):
        return None
    plain = _ORDINARY.sub("|", plain)
    if not enough.search(plain):
        return None
    numbers = number_formats.formatted(plain, phone=about.phone) or _labelled(plain)
    if numbers:
        return "".join(numbers)
    whole = number_formats.compact(plain)
    if about.private or (about.personal and number_formats.unformatted(whole)):
        return whole
    return None


@lru_cache(maxsize=4_096)  # attributes are few, since only an allow-list of them passes
def about(name: str) -> About:
    """What the name of an attribute tells, in camelCase, snake_case or a path of those."""
    words = _WORD_ENDS.sub(" ", name).upper()
    return About(
        private=bool(_PRIVATE_NAME.search(words)),
        personal=bool(_PERSONAL_NAME.search(words)),
        phone=bool(_PHONE_NAME.search(words)),
    )


def _labelled(plain: str) -> list[str]:
    """The numbers that stand behind what says what they are: "Passport no. X1234567"."""
    found = (match["number"] for match in _LABELLED.finditer(plain))
    return [number_formats.compact(number) for number in found if _SIX_DIGITS.search(number)]


def _normalised(text: str) -> str:
    """Capitals, ASCII digits, "-" for every dash, single spaces, nothing invisible."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
        text = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    return " ".join(text.split()).upper()
