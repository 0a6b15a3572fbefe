"""What a person types is one delivery, or an error that names the candidates."""

from __future__ import annotations

import click
import pytest

from shanhai.cli.selection import ROW, find_delivery
from shanhai.errors import NotFoundError
from shanhai.ids import DatasetId, DeliveryId

NOISE = DatasetId("gongshu", "noise")
FIRST = DeliveryId(NOISE, "2024-03-01", "ab" * 32)
SECOND = DeliveryId(NOISE, "2024-03-02", "cd" * 32)
CORRECTED = DeliveryId(NOISE, "2024-03-02", "ce" * 32)
KNOWN = [FIRST, SECOND, CORRECTED]


@pytest.mark.parametrize(
    "text",
    [str(FIRST), FIRST.short, FIRST.key, "gongshu.noise/2024-03-01", "gongshu.noise/2024-03-01/ab", "abab"],
)
def test_unique_beginning(text: str) -> None:
    assert find_delivery(KNOWN, text) == FIRST


def test_several_are_named() -> None:
    with pytest.raises(NotFoundError, match="several") as caught:
        find_delivery(KNOWN, "gongshu.noise/2024-03-02")
    assert caught.value.allowed == f"{SECOND.short}, {CORRECTED.short}"


def test_none_names_what_there_is() -> None:
    with pytest.raises(NotFoundError, match="no such delivery") as caught:
        find_delivery(KNOWN, "longyou")
    assert FIRST.short in (caught.value.allowed or "")


def test_nothing_loaded_yet() -> None:
    with pytest.raises(NotFoundError) as caught:
        find_delivery([], "longyou")
    assert caught.value.allowed == "nothing has been pulled yet"


def test_long_lists_are_cut() -> None:
    many = [DeliveryId(NOISE, f"p{place}", "ab" * 32) for place in range(20)]
    with pytest.raises(NotFoundError) as caught:
        find_delivery(many, "gongshu")
    assert "and 12 more" in (caught.value.allowed or "")


def test_short_digests_are_no_guess() -> None:
    with pytest.raises(NotFoundError):
        find_delivery(KNOWN, "ab")


def test_a_row_is_a_body_and_a_position() -> None:
    assert ROW.convert("day 1/a:b.csv:17", None, None) == ("day 1/a:b.csv", 17)


@pytest.mark.parametrize("text", ["a.csv", "a.csv:", ":3", "a.csv:x", "a.csv:-1", f"a.csv:{10**19}"])
def test_what_is_no_row_or_too_far_is_told(text: str) -> None:
    with pytest.raises(click.BadParameter):
        ROW.convert(text, None, None)


def test_what_is_nearly_a_delivery_is_answered_with_those_that_are_near():
    others = [DeliveryId(DatasetId("acity", f"other_{n}"), "2024-03-01", f"{n:064x}") for n in range(9)]
    with pytest.raises(NotFoundError) as told:
        find_delivery([*others, *KNOWN], "gongshu.nosie/2024-03-01")
    assert FIRST.short in str(told.value.allowed)
    assert "other" not in str(told.value.allowed)
