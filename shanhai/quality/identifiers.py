"""Check digits and registers: SQL that says whether an identifier can exist, vectorised, without Python."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal

REGISTER_TABLE = "register_area_code"
"""Table with one column `code`: every known area code, filled with zeros to twelve digits."""

_RESIDENT_SHAPE = "[1-9][0-9]{5}(18|19|20)[0-9]{9}[0-9Xx]"
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
_DEVICE_SHAPE = "[1-9][0-9]{9}(11[1-9]|1[2-9][0-9]|[2-9][0-9]{2})[0-9]{7}"
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_SHAPE = "[0-9]{8}[0-9A-HJ-NP-RTUWXY]{10}"
_CREDIT_MODULUS = 31


def resident_id(text: str) -> str:
    """SQL, never NULL for a text: a citizen number by GB 11643.

    18 characters, a day of birth that exists (1800 to 2099), check digit ISO 7064 MOD 11-2; a small
    x is taken. The six digits of the place are not looked up: codes retire, numbers do not.
    """
    number = f"TRY_CAST(left({text}, 17) AS BIGINT)"
    weighted = " + ".join(
        f"({number} // {10 ** (16 - place)}) % 10 * {weight}"
        for place, weight in enumerate(_RESIDENT_WEIGHTS)
    )
    check = f"substr('{_RESIDENT_CHECKS}', CAST(1 + ({weighted}) % 11 AS BIGINT), 1)"
    born = f"try_strptime(substr({text}, 7, 8), '%Y%m%d') IS NOT NULL"
    tested = f"{born} AND {check} = upper(right({text}, 1))"
    return _when_shaped(text, _RESIDENT_SHAPE, tested)


def social_credit_code(text: str) -> str:
    """SQL, never NULL for a text: a unified social credit code by GB 32100.

    18 characters, the first eight digits, capital letters without I, O, S, V and Z, check character
    modulo 31 with the powers of three as weights.
    """
    weights = (*(pow(3, place, _CREDIT_MODULUS) for place in range(17)), 1)
    weighted = " + ".join(
        f"(strpos('{_CREDIT_ALPHABET}', substr({text}, {place}, 1)) - 1) * {weight}"
        for place, weight in enumerate(weights, start=1)
    )
    return _when_shaped(text, _CREDIT_SHAPE, f"({weighted}) % {_CREDIT_MODULUS} = 0")


def area_code(text: str) -> str:
    """SQL, never NULL for a text: an administrative code of 2, 4, 6, 9 or 12 digits in the register.

    A code filled with zeros to a longer form is the same code. Looks up `REGISTER_TABLE`.
    """
    listed = f"rpad({text}, 12, '0') IN (SELECT code FROM {REGISTER_TABLE})"
    return f"({_is_area_shaped(text)} AND {listed})"


def gb28181_id(text: str) -> str:
    """SQL, never NULL for a text: a device id by GB/T 28181-2022, annex E (annex D of 2016), rule A.

    20 digits: the centre (8: area code of six digits, and two of the unit), the industry (2), the type (3,
    from 111 on: 111-199 devices, 200-299 platforms, 300-499 users, 500-599 outside platforms, 600-999 for
    extension), the network (1) and a serial number (6). The area is looked up in `REGISTER_TABLE` if that
    has its province; industry and network leave no closed list.
    """
    area = f"substr({text}, 1, 6)"
    listed = f"rpad({area}, 12, '0') IN (SELECT code FROM {REGISTER_TABLE})"
    provinces = f"SELECT left(code, 2) FROM {REGISTER_TABLE}"
    return _when_shaped(text, _DEVICE_SHAPE, f"({listed} OR left({text}, 2) NOT IN ({provinces}))")


def _is_area_shaped(text: str) -> str:
    return f"(length({text}) IN (2, 4, 6, 9, 12) AND regexp_full_match({text}, '[0-9]+'))"


def _when_shaped(text: str, shape: str, tested: str) -> str:
    return f"coalesce(CASE WHEN regexp_full_match({text}, {quote_literal(shape)}) THEN {tested} END, FALSE)"
