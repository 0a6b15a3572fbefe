"""Synthetic identifiers with valid check digits, of people and firms that do not exist."""

from __future__ import annotations

import datetime as dt

_RIC_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RIC_CHECKS = "10X98765432"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

SYNTHETIC_BIRTH = dt.date(1900, 1, 1)
"""Every synthetic person is born in 1900: nobody alive carries such an id."""

SYNTHETIC_BIRTHPLACE = "110101"
"""One code for all: most codes of today did not exist in 1900, and validators know that."""


def resident_id(number: int) -> str:
    """An 18-character resident id (GB 11643) of an invented person born in 1900.

    `number` from 0 to 364,999 gives the birthday and the serial.
    """
    birthday = SYNTHETIC_BIRTH + dt.timedelta(days=number % 365)
    body = f"{SYNTHETIC_BIRTHPLACE}{birthday:%Y%m%d}{number // 365:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _RIC_WEIGHTS, strict=True))
    return body + _RIC_CHECKS[total % 11]


def social_credit_code(district: str, number: int) -> str:
    """An 18-character social credit code (GB 32100) of an invented firm; its body says `FAKE`."""
    body = f"91{district}FAKE{number:05d}"
    total = sum(
        _USCC_ALPHABET.index(letter) * weight for letter, weight in zip(body, _USCC_WEIGHTS, strict=True)
    )
    return body + _USCC_ALPHABET[(31 - total % 31) % 31]


def with_wrong_check(identifier: str) -> str:
    """The same identifier with a check character that cannot be right."""
    return identifier[:-1] + ("0" if identifier[-1] != "0" else "1")
