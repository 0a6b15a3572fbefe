"""Cut the small register of areas in `districts/statistics/register` out of the national files.

`python -m infra.simulator.extract_register <cn_admin_divisions> <cn_area_history/result.csv>`
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

REGISTER = Path(__file__).resolve().parents[2] / "districts" / "statistics" / "register"
EDITIONS = ("2020-06-30", "2022-10-31", "2023-06-30")
DISTRICTS = ("330103", "330105", "330825", "510811")
CHANGED = ("330102", "330103", "330104", "330105", "330825", "510811")
COLUMNS = ("edition", "code", "name", "level", "parent_code")

_FILES = (
    ("provinces.csv", "province", None),
    ("cities.csv", "city", "provinceCode"),
    ("areas.csv", "district", "cityCode"),
    ("streets.csv", "street", "areaCode"),
    ("villages.csv.gz", "community", "streetCode"),
)


def areas(source: Path, edition: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Rows (edition, code, name, level, parent_code) of the districts, their parents and all below them."""
    for file, level, parent in _FILES:
        for row in _rows(source / edition / file):
            if any(_related(row["code"], district) for district in DISTRICTS):
                yield edition, row["code"], row["name"], level, row[parent] if parent else ""


def write(divisions: Path, history: Path) -> None:
    """Write the three editions and the changes, in the order of their sources."""
    REGISTER.mkdir(parents=True, exist_ok=True)
    for edition in EDITIONS:
        with (REGISTER / f"areas_{edition}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(areas(divisions, edition))
    with history.open(encoding="utf-8-sig", newline="") as changes:
        lines = list(csv.reader(changes))
    with (REGISTER / "area_changes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(lines[0])
        writer.writerows(line for line in lines[1:] if line[0] in CHANGED)


def _related(code: str, district: str) -> bool:
    return code.startswith(district) if len(code) >= 6 else district.startswith(code)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
