"""JSON nested more deeply than any data is: refused in a time that does not grow with the depth's square."""

from __future__ import annotations

import json
import random

import pytest

from shanhai.contracts.model import GeoJsonFormat, JsonFormat, NdjsonFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.json_list import DEEPEST, _unpaired, _unpaired_one_by_one

BOTTOMLESS = 200_000  # pairs struck out one layer at a time took minutes for it


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


DOCUMENTS = {
    "a list": ('[{"a": VALUE}]', JsonFormat()),
    "under a path": ('{"x": VALUE, "list": [{"a": 1}]}', JsonFormat(records="list")),
    "behind a path": ('{"list": [{"a": 1}], "x": VALUE}', JsonFormat(records="list")),
    "lists of cells": ('[["a"], [VALUE]]', JsonFormat(lists=True)),
    "a feature": ('{"type": "Feature", "properties": {"a": VALUE}, "geometry": null}', GeoJsonFormat()),
    "objects": (
        '[{"a": VALUE}]'.replace("VALUE", '{"b":' * BOTTOMLESS + "1" + "}" * BOTTOMLESS),
        JsonFormat(),
    ),
}


@pytest.mark.parametrize(("text", "stated"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_nested_too_deeply_is_refused(decoded, text, stated):
    with pytest.raises(UnreadableError, match=rf"nested too deeply.*more than {DEEPEST} brackets open"):
        decoded(text.replace("VALUE", nested(BOTTOMLESS)).encode(), stated, "properties.a", "a")


def test_the_deepest_document_that_is_read(decoded):
    deepest = nested(DEEPEST - 2)
    others = [{"b": [number, {}]} for number in range(100_000)]
    around = json.dumps(others)[1:-1]
    body = f'[{around}, {{"a": {deepest}}}, {around}]'
    cells = decoded(body.encode(), JsonFormat(), "a", ignored=("b",)).cells
    assert [row for row in cells if row[0]] == [(deepest,)]
    with pytest.raises(UnreadableError, match="nested too deeply"):
        decoded(body.replace(deepest, f"[{deepest}]").encode(), JsonFormat(), "a", ignored=("b",))


def test_a_line_nested_too_deeply_is_malformed(decoded):
    fits, deep, text = nested(DEEPEST - 1), nested(DEEPEST), json.dumps("[" * 2 * BOTTOMLESS)
    body = "".join(f'{{"a": {value}}}\n' for value in (fits, deep, nested(BOTTOMLESS), text))
    outcome = decoded(body.encode(), NdjsonFormat(), "a")
    assert outcome.cells == [(fits,), (None,), (None,), (json.loads(text),)]
    assert [fault[:2] for fault in outcome.faults] == [(2, "not_json"), (3, "not_json")]


def brackets(dice: random.Random) -> bytes:
    """Random brackets, mostly in pairs; some are left open, close what came before, or do not match."""
    opened, written = bytearray(), bytearray()
    for _ in range(dice.randrange(60)):
        if dice.random() < 0.02:
            written += dice.choice((b"[", b"]", b"{", b"}"))
        elif opened and dice.random() < 0.4:
            written.append(opened.pop() + 2)
        else:
            opened += dice.choice((b"[", b"{"))
            written.append(opened[-1])
    while opened and dice.random() < 0.95:
        written.append(opened.pop() + 2)
    return bytes(written)


def same_as_one_by_one(text: bytes, depth: int) -> None:
    left, most = _unpaired(text, depth)
    expected, deepest = _unpaired_one_by_one(text, depth)
    assert (left if expected != b"[}" else b"[}", most > DEEPEST) == (expected, deepest > DEEPEST), (
        text,
        depth,
    )


def test_pairs_of_both_kinds_are_as_deep_as_they_are():
    for layers in range(1, 40):
        for kinds in (b"[{", b"{["):
            text = kinds * layers + bytes(bracket + 2 for bracket in reversed(kinds)) * layers
            for depth in range(DEEPEST - 3 * layers, DEEPEST + 1):
                same_as_one_by_one(text, depth)


def test_pairs_are_struck_out_as_one_by_one():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(20_000):
        same_as_one_by_one(brackets(dice), DEEPEST - dice.randrange(70))
