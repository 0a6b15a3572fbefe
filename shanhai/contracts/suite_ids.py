"""What an identifier looks like, written for the suite alone: the gate's second opinion on check digits."""

from __future__ import annotations

from shanhai.contracts.model import Validator

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1)


def id_condition(kind: Validator, text: str) -> str:
    """SQL that is true when the cleaned text can be such an identifier; may be NULL when it cannot."""
    match kind:
        case "resident_id":
            return _resident(text)
        case "social_credit_code":
            return _credit(text)
        case "area_code":
            return _area(text)
        case "gb28181_id":
            return _device(text)


def _resident(text: str) -> str:
    # ISO 7064 pure: the sum of all 18 digits, each times its power of two, leaves 1; X counts ten.
    digit = f"CASE upper({text}[i]) WHEN 'X' THEN 10 ELSE TRY_CAST({text}[i] AS INTEGER) END"
    total = f"list_sum(list_transform(range(1, 19), lambda i: ({digit}) * (1 << (18 - i))))"
    day = f"{text}[7:10] || '-' || {text}[11:12] || '-' || {text}[13:14]"
    born = f"TRY_CAST({day} AS DATE) BETWEEN DATE '1800-01-01' AND DATE '2099-12-31'"
    return f"regexp_full_match({text}, '[1-9][0-9]{{16}}[0-9Xx]') AND {born} AND {total} % 11 = 1"


def _credit(text: str) -> str:
    alphabet, weights = f"string_split('{_CREDIT_ALPHABET}', '')", list(_CREDIT_WEIGHTS)
    worth = f"(list_position({alphabet}, {text}[i]) - 1) * {weights}[i]"
    total = f"list_sum(list_transform(range(1, 19), lambda i: {worth}))"
    foreign = "^[0-9]{0,7}[^0-9]|[^0-9A-Z]|[IOSVZ]"
    return f"length({text}) = 18 AND NOT regexp_matches({text}, '{foreign}') AND {total} % 31 = 0"


def _area(text: str) -> str:
    shape = "([0-9]{2}){1,3}|[0-9]{9}|[0-9]{12}"
    twelve = f"left({text} || '000000000000', 12)"
    known = f"EXISTS (SELECT 1 FROM register_area_code WHERE code = {twelve})"
    return f"regexp_full_match({text}, '{shape}') AND {known}"


def _device(text: str) -> str:
    # Types begin at 111. A province that the register lacks is not looked up.
    known = "(SELECT count(*) FROM register_area_code WHERE code LIKE {})"
    there, province = known.format(f"{text}[1:6] || '%'"), known.format(f"{text}[1:2] || '%'")
    place = f"({there} > 0 OR {province} = 0)"
    kind = f"TRY_CAST({text}[11:13] AS INTEGER) BETWEEN 111 AND 999"
    return f"regexp_full_match({text}, '[0-9]{{20}}') AND {text}[1] <> '0' AND {kind} AND {place}"
