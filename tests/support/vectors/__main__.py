"""Write vectors that are missing, and those named: `python -m vectors [NAME …]`.

The committed files are the truth: sealing is random, so a vector that is made again has other bytes.
"""

from __future__ import annotations

import sys

from vectors import addressing, keys, order, receipts, signature, statement, two_faults, unwrapping
from vectors.runner import run
from vectors.vector import Vector, names


def agrees(vector: Vector, outcome: dict[str, object]) -> bool:
    """Whether an outcome is the expected one; what passes may tell more than is expected."""
    if "passes" not in vector.expect or "passes" not in outcome:
        return vector.expect == outcome
    expected, found = vector.expect["passes"], outcome["passes"]
    return isinstance(expected, dict) and isinstance(found, dict) and expected.items() <= found.items()


def main(named: set[str]) -> None:
    made: set[str] = set()
    wrong: list[str] = []
    for module in (signature, addressing, order, keys, statement, unwrapping, receipts, two_faults):
        for vector in module.vectors():
            outcome = run(vector)
            if not agrees(vector, outcome):
                wrong.append(f"{vector.name}: expected {vector.expect}, found {outcome}")
                continue
            if vector.name in made:
                raise SystemExit(f"{vector.name} is made twice")
            made.add(vector.name)
            if vector.file.exists() and vector.name not in named:
                continue
            vector.file.parent.mkdir(parents=True, exist_ok=True)
            vector.file.write_text(vector.text(), encoding="utf-8")
        wrong += [f"{name}: nothing makes it" for name in set(names(module.GROUP)) - made]
    if wrong:
        raise SystemExit("\n".join(wrong))
    print(f"{len(made)} vectors")


if __name__ == "__main__":
    main(set(sys.argv[1:]))
