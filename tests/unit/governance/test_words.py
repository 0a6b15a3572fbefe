"""Each rule and each code has its sentences, in both languages, with the same values in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import shanhai.governance
from shanhai.governance.findings import POLICY_CODES, RULES, Finding
from shanhai.governance.refusals import SHAPE_CODES
from shanhai.governance.rules import CHECKS
from shanhai.governance.words import LANGUAGES, change, sentence, title

FOLDER = Path(shanhai.governance.__file__).parent / "strings"
READ = {language: yaml.safe_load((FOLDER / f"{language}.yml").read_text("utf-8")) for language in LANGUAGES}


def test_each_rule_is_asked_and_has_words():
    assert tuple(CHECKS) == RULES
    for language, strings in READ.items():
        assert list(strings) == ["rules", "holds", "wrong"]
        assert tuple(strings["rules"]) == tuple(strings["holds"]) == RULES
        assert set(strings["wrong"]) == {*POLICY_CODES, *SHAPE_CODES}
        assert all(title(rule, language) and sentence(rule, None, language) for rule in RULES)


@pytest.mark.parametrize("code", [*POLICY_CODES, *SHAPE_CODES])
def test_each_code_says_the_same_in_both_languages(code):
    places = [
        set(re.findall(r"{(\w+)}", " ".join(strings["wrong"][code].values()))) for strings in READ.values()
    ]
    assert places[0] == places[1] <= {"given", "allowed"}
    finding = Finding(code, {"given": "GIVEN", "allowed": "ALLOWED"})
    for language in LANGUAGES:
        assert sentence("grant", finding, language)[-1] in ".。"
        assert change(finding, language)[-1] in ".。"
