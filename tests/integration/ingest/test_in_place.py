"""Text read where it lies divides as the same text through a table; positions and losers are exact."""

from __future__ import annotations

import random

import duckdb
import pyarrow.parquet as pq
import pytest
from one_city import COLUMNS, DATASET, HEADER

from shanhai.errors import GateDisagreementError
from shanhai.ids import DeliveryId
from shanhai.ingest.check import check
from shanhai.ingest.contested import settle_held
from shanhai.ingest.parting import part
from shanhai.ingest.records import read_staging
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import GOOD, SCRATCH, stage

FAULTS = ["x,-1,2024-03-01T00:00:00Z", "x,one,2024-03-01T00:00:00Z", "x,,2024-03-01", "x,3,yesterday", "x,4,"]
RAGGED = "one cell"


def line(number):
    return f"k{number},{number},2024-03-01 00:{number // 60 % 60:02d}:{number % 60:02d}"


def divided(city, delivery):
    """Good rows in their order, and quarantined ones with position and reasons."""
    staging = stage(city.node, delivery)
    good = pq.read_table(city.staging(delivery) / GOOD).drop(["_delivery", "_partition"]).to_pylist()
    file = staging.quarantine_file
    quarantined = pq.read_table(city.node.quarantine / file).to_pylist() if file else []
    return staging, good, [(row["body"], row["position"], row["reasons"], row["raw"]) for row in quarantined]


def is_in_place(city, delivery):
    with duckdb.connect(str(city.staging(delivery) / SCRATCH), read_only=True) as con:
        return (
            con.execute("SELECT view_name FROM duckdb_views() WHERE view_name = 'raw'").fetchone() is not None
        )


@pytest.mark.parametrize("seed", range(4))
def test_in_place_divides_as_a_table_does(make_city, seed):
    choose = random.Random(seed)
    lines = [line(choose.randrange(40)) for _ in range(60)]
    lines += [*choose.choices(FAULTS, k=20), f' "k{seed}" , 7 ,\t2024-03-01\u3000', '"a ""b""",1,2024-03-01']
    choose.shuffle(lines)
    text = HEADER + "\n".join(lines) + choose.choice(["", "\n"])
    plain, other = make_city(), make_city()
    plain.put("p1.csv", text)
    # A ragged line at the end sends the whole body through the table.
    other.put("p1.csv", text.rstrip("\n") + "\n" + RAGGED + "\n")
    (one,), (two,) = (pull(city.node, DATASET) for city in (plain, other))
    first, good, quarantined = divided(plain, one)
    second, good_too, quarantined_too = divided(other, two)
    assert (is_in_place(plain, one), is_in_place(other, two)) == (True, False)
    assert quarantined_too.pop()[1:3] == (len(lines) + 1, ["malformed.ragged"])
    assert (good, quarantined) == (good_too, quarantined_too), seed
    assert first.counts == second.counts
    assert (first.filled, first.newest) == (second.filled, second.newest)
    assert [row[1] for row in quarantined] == [n for n, text in enumerate(lines, 1) if text in FAULTS]
    check(plain.node, one)
    check(other.node, two)


def test_positions_go_on_over_bodies_whose_headings_differ(city):
    city.declare(delivery={"per": "pull"})
    city.put("a.csv", HEADER + line(1) + "\n" + FAULTS[0] + "\n")
    city.put("b.csv", "at,n,编号\n2024-03-01,5,b\nnever,6,c\n")
    city.put("c.csv", HEADER)
    city.put("d.csv", "编号,n\nd,7\n")
    (delivery,) = pull(city.node, DATASET)
    staging, good, quarantined = divided(city, delivery)
    assert is_in_place(city, delivery)
    assert staging.missing == ("at",)
    assert [(row["id"], row["n"]) for row in good] == [("k1", 1), ("b", 5)]
    assert [row[:3] for row in quarantined] == [
        ("a.csv", 2, ["n.range"]),
        ("b.csv", 4, ["at.type"]),
        ("d.csv", 5, ["at.required"]),
    ]
    check(city.node, delivery)


@pytest.mark.parametrize(("is_plain", "known"), [(True, 80), (False, 80), (True, 20)])
def test_positions_are_those_of_the_file_where_a_rule_looks_codes_up(city, is_plain, known):
    """Two threads read parts of a large file; a long list of codes becomes a join, which mixes them up."""
    listed = {"type": "library", "metric": "invalidValues", "mustBe": 0}
    codes = {**listed, "arguments": {"validValues": [f"c{number}" for number in range(known)]}}
    city.declare([*COLUMNS, {"name": "code", "logicalType": "string", "quality": [codes]}])
    rows, padding = 140_000, "x" * 60
    text = "".join(f"{number}{padding},1,2024-03-01,c{number % 100}\n" for number in range(rows))
    city.put("p1.csv", HEADER.rstrip("\n") + ",code\n" + text + ("" if is_plain else RAGGED + "\n"))
    (delivery,) = pull(city.node, DATASET)
    _, good, quarantined = divided(city, delivery)
    assert is_in_place(city, delivery) is is_plain
    assert sorted(int(row["id"].rstrip("x")) for row in good) == [n for n in range(rows) if n % 100 < known]
    broken = [row for row in quarantined if row[2] == ["code.codes"]]
    assert [row[1] for row in broken] == [n + 1 for n in range(rows) if n % 100 >= known]
    assert all(f'"{position - 1}{padding}"' in raw for _, position, _, raw in broken)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([], (0, 0, 0)),
        (FAULTS * 3, (0, 15, 0)),
        ([line(1)] * 9, (1, 0, 8)),
        ([FAULTS[0]] * 3 + [line(2)] * 3, (1, 3, 2)),
    ],
)
def test_no_rows_all_broken_all_equal(city, lines, parts):
    city.put("p1.csv", HEADER + "".join(f"{text}\n" for text in lines))
    (delivery,) = pull(city.node, DATASET)
    staging = stage(city.node, delivery)
    assert is_in_place(city, delivery)
    assert (staging.good, staging.quarantined, staging.duplicates) == parts
    check(city.node, delivery)


@pytest.mark.parametrize("bits", [0, 4, 12, 64])
@pytest.mark.parametrize("versions", [{"rule": "append"}, {"rule": "latest", "by": "at"}])
def test_rows_whose_hashes_collide_are_told_apart_by_their_values(city, tmp_path, bits, versions):
    city.declare(versions=versions, duplicates="delivery")
    contract = city.node.federation.contract(DATASET)
    delivery = DeliveryId(DATASET, "p1", "0" * 64)
    good, scratch = tmp_path / GOOD, tmp_path / "scratch"
    scratch.mkdir()
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        # Every tenth row again, and every seventh key with another number.
        con.execute(
            "CREATE TABLE raw AS "
            "SELECT *, 'b' AS _body, NULL::VARCHAR AS _malformed, NULL::VARCHAR AS _raw FROM ("
            "SELECT 'k' || i AS id, i::VARCHAR AS n, '2024-03-01' AS at FROM range(50000) r(i) UNION ALL "
            "SELECT 'k' || i, ' ' || i, '2024-03-01' FROM range(0, 50000, 10) r(i) UNION ALL "
            "SELECT 'k' || i, (i + 1)::VARCHAR, '2024-03-02' FROM range(7, 50000, 7) r(i))"
        )
        parted = part(con, contract, delivery, good, scratch, expected=50000, bits=bits)
        lost = settle_held(con, contract, delivery, parted, scratch)
        kept = f"SELECT id, n, day(\"at\" + INTERVAL 8 HOUR) AS day FROM '{good}'"
        if versions["rule"] == "append":
            assert lost == {"duplicate": 5000}
            once = "SELECT i, i, 1 FROM range(50000) r(i)"
            once += " UNION ALL SELECT i, i + 1, 2 FROM range(7, 50000, 7) r(i)"
        else:
            assert lost == {"duplicate": 5000, "superseded": 7142}
            once = (
                "SELECT i, CASE WHEN i % 7 = 0 AND i > 0 THEN i + 1 ELSE i END, "
                "CASE WHEN i % 7 = 0 AND i > 0 THEN 2 ELSE 1 END FROM range(50000) r(i)"
            )
        once = f"SELECT 'k' || i, n, day FROM ({once}) o(i, n, day)"
        assert con.execute(f"({kept}) EXCEPT ALL ({once})").fetchall() == []
        assert con.execute(f"({once}) EXCEPT ALL ({kept})").fetchall() == []
        assert con.execute(f"SELECT count(*) FROM ({kept})").fetchone() == (parted.good.rows,)


UNREAD = HEADER.rstrip("\n") + ",note\n" + line(1) + ",ok\n"


@pytest.mark.parametrize("note", [b"\xff\xfe", b"\xe4\xb8", b"\xed\xa0\x80"])
def test_invalid_text_in_a_column_that_no_rule_reads(city, note):
    """The parser would end in an internal error, and take the database with it."""
    city.put("p1.csv", UNREAD.encode() + line(2).encode() + b"," + note + b"\n" + line(3).encode() + b",x\n")
    (delivery,) = pull(city.node, DATASET)
    staging, good, quarantined = divided(city, delivery)
    assert not is_in_place(city, delivery)
    assert ([row["id"] for row in good], staging.malformed) == (["k1", "k3"], {"undecodable": 1})
    assert [row[1:3] for row in quarantined] == [(2, ["malformed.undecodable"])]
    check(city.node, delivery)


@pytest.mark.parametrize("cell", ['"a\rb"', '"a\r"', '"\r"'])
def test_a_carriage_return_inside_quotes_is_counted_alike(make_city, cell):
    text = HEADER + f"{cell},1,2024-03-01\n" + line(1) + "\n"
    plain, other = make_city(), make_city()
    plain.put("p1.csv", text)
    other.put("p1.csv", text + RAGGED + "\n")
    (one,), (two,) = (pull(city.node, DATASET) for city in (plain, other))
    (first, good, _), (second, good_too, _) = divided(plain, one), divided(other, two)
    assert good == good_too
    assert (first.rows_in, first.filled) == (second.rows_in - 1, second.filled)


def test_the_text_is_gone_after_the_check(city):
    city.put("p1.csv", HEADER + line(1) + "\n")
    (delivery,) = pull(city.node, DATASET)
    stage(city.node, delivery)
    folder = city.staging(delivery)
    assert sorted(file.name for file in folder.glob("staged.*")) == ["staged.0.text", SCRATCH]
    check(city.node, delivery)
    assert sorted(file.name for file in folder.iterdir()) == [GOOD, "staging.json", "validation.json"]


def test_a_gate_that_sees_other_rows_than_staging_fails(city):
    city.put("p1.csv", HEADER + line(1) + "\n")
    (delivery,) = pull(city.node, DATASET)
    stage(city.node, delivery)
    text = city.staging(delivery) / "staged.0.text"
    longer = text.read_text() + line(2) + "\n"
    text.unlink()  # it may be another name of the snapshot itself
    text.write_text(longer)
    with pytest.raises(GateDisagreementError, match="different rows"):
        check(city.node, delivery)
    assert read_staging(city.node, delivery).rows_in == 1


def test_columns_may_be_called_as_the_words_of_staging_are(city):
    names = ["reasons", "position", "raw", "body", "delivery", "broken", "n", "n__cast", "why", "copy"]
    extra = [{"name": name, "logicalType": "integer"} for name in names if name != "n"]
    city.declare([*COLUMNS, *extra])
    cells = ",".join("7" for _ in extra)
    header = HEADER.rstrip("\n") + "," + ",".join(column["name"] for column in extra) + "\n"
    good, broken = f"{line(1)},{cells}\n", f"{line(2)},{cells[:-1]}x\n"
    city.put("p1.csv", header + good + broken + good)
    city.walk()
    assert city.rows(f"{', '.join(names)}") == [(7, 7, 7, 7, 7, 7, 1, 7, 7, 7)]
    assert city.quarantined() == [(2, ["copy.type"])]
