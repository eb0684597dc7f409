"""Which texts hold a number of a person, a card or a bank account, and which look like it."""

import string
from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn, verhoeff
from stdnum.cn import ric
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.pl import pesel

from ingest import detectors


def number_in(text: str, name: str = "title") -> str | None:
    return detectors.number_in(text, detectors.about(name))


def checked(number: str, check: Callable[[str], str]) -> str:
    return number + check(number)


IN_ANY_ATTRIBUTE: Final = {
    "Visa": "4111 1111 1111 1111",
    "Visa of 13": "4222222222222",
    "Visa of 19": checked("411111111111111111", luhn.calc_check_digit),
    "Visa of 19 in groups": "4111 1111 1111 1111 110",
    "Mastercard": "5555555555554444",
    "Mastercard of 2017": "2223-0031-2200-3222",
    "American Express": "3782 822463 10005",
    "Diners Club": "3056 930902 5904",
    "Discover": "6011.1111.1111.1117",
    "JCB": "3530 1113 3330 0000",
    "UnionPay": "6200 0000 0000 0005",
    "card in pairs": "41 11 11 11 11 11 11 11",
    "card behind another number": "Room 2026 4111 1111 1111 1111",
    "card and its code": "4111111111111111 123",
    "IBAN": "DE89 3704 0044 0532 0130 00",
    "IBAN with letters": "gb82west12345698765432",
    "IBAN with its check digits": f"BE{iban.calc_check_digits('BE00435411161155')}435411161155",
    "IBAN in a text": "pay DE89 3704 0044 0532 0130 00 to me",
    "IBAN behind half of one": "AB12 DE89 3704 0044 0532 0130 00",
    "Spanish account": "1234-1234-16-1234567890",
    "Argentine account": "2850590940090418135201",
    "Norwegian account": "8601.11.17947",
    "Czech account": "34278-0727558021/0100",
    "US SSN": "536-90-4399",
    "US SSN in a text": "SSN: 536-90-4399, call me",
    "US SSN by its label": "ssn 536904399",
    "US ITIN": "912-90-3456",
    "UK NINO": "AB123456C",
    "UK NINO in groups": "ab 12 34 56 c",
    "Italian codice fiscale": checked("RCCMNL83S18D969", codicefiscale.calc_check_digit),
    "Spanish DNI": "54362315K",
    "Spanish NIE": "X-2482300-W",
    "French NIR": "2 95 10 99 126 111 93",
    "French NIR at a stretch": checked("1900375123456", nir.calc_check_digits),
    "Brazilian CPF": "390.533.447-05",
    "Indian Aadhaar": "2341 2341 " + checked("23412341234", verhoeff.calc_check_digit)[8:],
    "Indian PAN": "ACUPA7085R",
    "Chinese RIC": "360426199101010071",
    "Korean RRN": "971013-1019901",
    "Polish PESEL by its label": "PESEL " + checked("4405140135", pesel.calc_check_digit),
    "Swedish personnummer": "880320-0016",
    "Finnish henkilötunnus": "131052-308T",
    "Danish CPR": "211062-5629",
    "Norwegian fødselsnummer": "151086 95088",
    "Belgian national number": "85.07.30-033.28",
    "Swiss AHV": "756.9217.0769.85",
    "Czech rodné číslo": "710319/2745",
    "Malaysian NRIC": "770305-02-1234",
    "Thai PIN": "3-1006-00445-63-5",
    "Mexican CURP": "BOXW310820HNERXN09",
    "Chilean RUT": "12.531.909-2",
    "Argentine CUIT": "20-05536168-2",
    "German tax id by its label": "Steuer-ID: 36 574 261 809",
    "passport by its label": "Passport no. C01X00T47",
    "Dutch BSN by its label": "BSN 1112.22.333",
}


@pytest.mark.parametrize("text", IN_ANY_ATTRIBUTE.values(), ids=IN_ANY_ATTRIBUTE)
def test_a_rare_format_or_a_label_is_enough(text: str) -> None:
    number = number_in(text)
    assert number
    assert number in "".join(text.upper().split()).translate(str.maketrans("", "", " .-/:"))
    assert number_in(f"\t{text.lower()}\n") == number
    assert number_in(f"Plumber ({text}), on leave since 2020-01-31") == number


ORDINARY: Final = [
    "Senior Engineer II",
    "Room 4111, building 11, floor 1",
    "100 Universal City Plaza\nHollywood, CA 91608 USA",
    "742 Evergreen Terrace, 94107-1234",
    "Postfach 12 34 56, 8001 Zürich",
    "CC-100200",
    "4711-0815",
    "1000/100200",
    "US10-4020-FIN",
    "701984",
    "EMP-0012345",
    "123456789",
    "000123456789",
    "4111111111111112",
    "1234567890123456",
    "00u1a2b3c4d5E6F7g8h9",
    "directory_user_01E1JG7J09H96KYP8HM9B0G5SJ",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "0055g00000ABCDEFAA",
    "{6F9619FF-8B86-D011-B42D-00C04FC964FF}",
    "12345678-1234-4234-8234-123456789012",
    "S-1-5-21-3623811015-3361044348-30300820-1013",
    "d41d8cd98f00b204e9800998ecf8427e",
    "356938035643809",  # an IMEI has Luhn's check digit too
    "1711301234567",
    "2026-01-31",
    "2026-01-31T10:00:00.000+01:00",
    "31.01.2026 - 28.02.2026",
    "30/11/2020 31/12/2021",
    "20260131103000",
    "+4915112345678",
    "+49 (0) 30 / 123456-1234",
    "+1 415-555-2671",
    "(415) 555-2671",
    "411 111 111 111 1111",  # grouped like phone numbers
    "41 1111 11 1111 111 1",
    "tel:+1-201-555-0123;ext=4567",
    "192.168.100.200",
    "52.520008, 13.404954",
    "https://example.com/in/4111111111111111x",
    "666-45-6789",
    "123-45-6789-1",
    "DE88 3704 0044 0532 0130 00",
    "DE89 3704 0044 0532 0130 0",
    "XX89370400440532013000",
    "880320-0017 ext",
    "131052-308U",
    "12345678A",
    "SALES1234B",
    "SSN administrator",
    "Passport office 12, Springfield",
    "Nissan 123456789",
    "",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_hold_none(text: str) -> None:
    for name in ("title", "employee_number", "displayName", "businessName", "postalCode"):
        assert number_in(text, name) is None


@pytest.mark.parametrize(
    "text",
    ["4111111111111111", "536 90 4399", "2341 2341 2346", "211062-5629", "3782 822463 10005"],
)
def test_among_phone_numbers_a_number_must_look_unlike_them(text: str) -> None:
    assert number_in(text)
    for name in ("phoneNumbers.value", "faxes", "mobile_phone", "homeTel"):
        assert number_in(text, name) is None
        for unlike in ("4111-1111-1111-1111", "536-90-4399", "SSN 536904399", "AB123456C"):
            assert number_in(unlike, name)


@pytest.mark.parametrize(
    "name",
    [
        "ssn",
        "employeeSSN",
        "SSNNumber",
        "nationalId",
        "national_id_number",
        "nationalIdentifier",
        "taxId",
        "TaxPayerID",
        "socialSecurity",
        "socialsecuritynumber",
        "nif",
        "codicefiscale",
        "codiceFiscale",
        "passport",
        "passport-number",
        "personnummer",
        "steuerIdentifikationsnummer",
        "bsn",
        "pesel",
        "sin",
        "pan",
        "iban",
        "bankAccountNumber",
    ],
)
def test_a_name_is_enough(name: str) -> None:
    for text in ("123456789", "123-45-6789", "123 456 789"):
        assert number_in(text, name) == "123456789"
    assert number_in("C01X00T47", name) == "C01X00T47"
    for ordinary in ("pending", "n/a", "7", "2030-01-31", "31.01.2030", ""):
        assert number_in(ordinary, name) is None


def test_a_name_that_may_mean_staff_numbers_needs_check_digits() -> None:
    for name in ("personalnummer", "personalNumber", "id_number"):
        for text in ("8803200016", "198803200016", "36574261809", "44051401359"):
            assert number_in(text, name) == text
        for staff in ("0012345", "123456789", "8803200017", "1234567890"):
            assert number_in(staff, name) is None
    assert number_in("36574261809", "employeeNumber") is None


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20111111\u20131111\u20141111",
        "41 - 11 - 11 - 11 - 11 - 11 - 11 - 11",
        "4111\uff0d1111\n1111\t1111",
        "4111     1111     1111     1111",
        "4111.1111.1111.1111",
        "\uff14" + "\uff11" * 15,
        "\u0664" + "\u0661" * 15,
        "4111\u200b1111\u200b1111\u200b1111",
        "4111\u00ad1111\u00ad1111\u00ad1111",
        "card 4111-1111-1111-1111 of Ada",
    ],
)
def test_a_number_is_the_same_however_it_is_written(text: str) -> None:
    assert number_in(text) == "4111111111111111"
    assert number_in("\uff24\uff25" + "89370400440532013000") == "DE89370400440532013000"
    assert number_in("4111 1111 1111 1111 110") == "4111111111111111110"


def test_a_number_that_stdnum_fails_over_is_hidden() -> None:
    unknown_place = "652832199101010004"
    with pytest.raises(KeyError):
        ric.is_valid(unknown_place)
    assert number_in(unknown_place) == unknown_place


digits = st.text(string.digits, min_size=1, max_size=10)
phones = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)
moments = st.one_of(
    st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)),
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2099, 12, 31)),  # noqa: DTZ001
)


@settings(derandomize=True, database=None, max_examples=200, deadline=None)
@given(st.uuids(), moments, phones, digits)
def test_ordinary_numbers_are_none(uuid: object, moment: date, phone: str, number: str) -> None:
    dates = [moment.isoformat(), *map(moment.strftime, ("%d.%m.%Y", "%m/%d/%Y", "%Y%m%d"))]
    together = " ".join([phone, *dates[:3], str(uuid)])
    for text in (str(uuid), str(uuid).upper(), phone, number, f"EMP-{number}", *dates, together):
        assert number_in(text) is None, text
    for text in (phone, phone[1:]):
        assert number_in(text, "phoneNumbers.value") is None
