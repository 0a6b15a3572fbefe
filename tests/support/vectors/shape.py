"""Writes the vectors of the group `shape` anew: `python -m vectors.shape` in `tests/support`."""

from __future__ import annotations

from collections.abc import Iterator

from shanhai.exchange.strict import read_moment
from vectors import groups_of_people, judgements, refused_shapes, scans
from vectors.shape_cases import NOW
from vectors.vector import Vector, names

GROUP = "shape"
_CASES = scans.VECTORS | refused_shapes.VECTORS | judgements.VECTORS | groups_of_people.VECTORS


def vectors() -> Iterator[Vector]:
    for name, parts in _CASES.items():
        yield Vector(name=name, group=GROUP, now=read_moment(NOW), **parts)


def main() -> None:
    made = {vector.name: vector for vector in vectors()}
    for vector in made.values():
        vector.file.parent.mkdir(parents=True, exist_ok=True)
        vector.file.write_text(vector.text(), encoding="utf-8")
    if left := names(GROUP).keys() - made:
        raise SystemExit(f"nothing makes {', '.join(sorted(left))}")


if __name__ == "__main__":
    main()
