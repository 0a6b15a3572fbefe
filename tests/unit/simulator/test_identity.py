"""Synthetic identifiers: valid for an independent validator, and of nobody."""

import pytest
import stdnum.cn.ric
import stdnum.cn.uscc

from infra.simulator.identity import resident_id, social_credit_code, with_wrong_check


@pytest.mark.parametrize("number", [0, 1, 364, 365, 4_999, 364_999])
def test_resident_ids_are_valid_and_of_people_born_in_1900(number: int) -> None:
    identifier = resident_id(number)
    assert stdnum.cn.ric.is_valid(identifier)
    assert identifier[6:10] == "1900"


@pytest.mark.parametrize("number", [0, 1, 239, 9_999])
def test_social_credit_codes_are_valid_and_say_fake(number: int) -> None:
    code = social_credit_code("330825", number)
    assert stdnum.cn.uscc.is_valid(code)
    assert "FAKE" in code


@pytest.mark.parametrize("number", range(0, 400, 7))
def test_a_wrong_check_character_is_wrong(number: int) -> None:
    assert not stdnum.cn.ric.is_valid(with_wrong_check(resident_id(number)))
    assert not stdnum.cn.uscc.is_valid(with_wrong_check(social_credit_code("330105", number)))
