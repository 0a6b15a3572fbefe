"""The gate: two renderers agree on generated data with every kind of fault, and a broken one is seen."""

from __future__ import annotations

import random
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column
from shanhai.contracts.render_suite import suite
from shanhai.errors import ConfigurationError, GateDisagreementError
from shanhai.quality import great, rules
from shanhai.quality.checked import create_checked
from shanhai.quality.gate import run_gate
from shanhai.quality.rules import rules_for, violation

COLUMNS = (
    Column(name="id", source="编号", type="string", required=True, pattern=r"^[A-Z]{2}\d{8}(?:x:y)?%?$"),
    Column(name="code", source="类别", type="string", codes=("A", "B's", "其他"), null_tokens=("-",)),
    Column(name="name", source="名称", type="string", min_length=2, max_length=6),
    Column(name="count", source="数量", type="integer", minimum=0, maximum=100),
    Column(name="price", source="价格", type="number", precision=(8, 2), minimum=0.5),
    Column(name="ratio", source="比例", type="number", maximum=1),
    Column(name="open", source="是否", type="boolean"),
    Column(name="day", source="日期", type="date", formats=("%Y年%m月%d日", "%Y-%m-%d"), full_width=True),
    Column(name="at", source="时间", type="timestamp", required=True),
    Column(name="clock", source="时刻", type="time"),
    Column(name="citizen", source="身份证", type="string", validators=("resident_id",), personal=True),
    Column(name="firm", source="信用代码", type="string", validators=("social_credit_code",)),
    Column(name="area", source="区划", type="string", validators=("area_code",)),
    Column(name="camera", source="设备", type="string", validators=("gb28181_id",)),
    Column(name="longitude", source="经度", type="number", crs="GCJ02"),
    Column(name="latitude", source="纬度", type="number", crs="GCJ02", precision=(9, 6)),
    Column(name="site_lat", source="点位", type="number", crs="CGCS2000"),
)
GOOD = {
    "id": ["AB12345678", "ZZ00000000x:y", "CD12345678%"],
    "code": ["A", " B's ", "其他", "-", None],
    "name": ["和睦", "小河街道", "𠀀𠀀", None],
    "count": ["0", "7", "+100", None],
    "price": ["0.5", "12.30", "12.3000", None],
    "ratio": ["1", ".5", "-1e-3", None],
    "open": ["是", "否", "true", "0", None],
    "day": ["2024年1月5日", "2024-01-05", "２０２４年０１月０５日", None],
    "at": ["2024-03-01 08:00:00", "2024-03-01T08:00:00Z", "2024-03-01T08:00:00+09:00"],
    "clock": ["08:00", "8:00:01.5", None],
    "citizen": ["11010519491231002X", "440524188001010014", None],
    "firm": ["91110000600037341L", None],
    "area": ["33", "330105", "330105000000", "330105001001", None],
    "camera": ["33010512001320000001", "33000000002000000001", "34020000001110000001", None],
    "longitude": ["120.155", "72.004", "137.8347", None],
    "latitude": ["30.274", "0.8293", "55.8271", None],
    "site_lat": ["30.274", "-90", "90.0", None],
}
FAULTS = {
    "id.required": [None, "", " \u3000 "],
    "id.pattern": ["AB1234567", "ab12345678", "AB12345678\n", "xAB12345678"],
    "code.codes": ["C", "a", "其它"],
    "name.length": ["和", "和睦新村社区委"],
    "count.type": ["2.5", "1e3", "x", "0x10", "1_000", "99999999999999999999"],
    "count.range": ["-1", "101"],
    "price.type": ["1.005", "1234567.00", "1e2", "inf"],
    "price.range": ["0.49", "-5"],
    "ratio.type": ["nan", "1,5", "+-5", "1e999"],
    "ratio.range": ["1.0000001", "2"],
    "open.type": ["maybe", "2", "无人"],
    "day.type": ["2024年2月30日", "epoch", "24-1-5", "2024/01/05"],
    "at.required": [None],
    "at.type": ["2024-02-30 08:00:00", "infinity", "2024-03-01T08:00:00+99:00", "08:00"],
    "clock.type": ["24:00", "8", "08:60"],
    "citizen.resident_id": ["110105194912310021", "11010519491331002X", "1101051949123100"],
    "firm.social_credit_code": ["91350100M000100Y4Z", "91110000600037341", "A1110000600037341L"],
    "area.area_code": ["330106", "3301", "33010", "33010500100", "990000000000"],
    # Too short, a type that is none, an area unknown in a known province, no province, a letter.
    "camera.gb28181_id": [
        *("3301051200132000001", "33010512001100000001", "33010312001320000001"),
        *("03010512001320000001", "3301051200132000000X"),
    ],
    # The latitude of the same place; another system; just outside the box.
    "longitude.longitude": ["30.274", "-71.06", "137.83471"],
    "latitude.latitude": ["120.155", "0.829299", "-30"],
    "site_lat.latitude": ["120.155", "90.0000001"],
    "longitude.type": ["120°09'"],
    "latitude.type": ["30.2740001"],
    "site_lat.type": ["N30"],
}
REGISTER = ["330000000000", "330105000000", "330105001001"]


def contract_of(*columns):
    return plain_contract("gongshu.everything", *columns)


CONTRACT = contract_of(*COLUMNS)


def generated(rows, seed=7):
    """Rows of good values with one fault in about every third; every fault occurs."""
    choose = random.Random(seed)
    faults = [(rule, text) for rule, texts in FAULTS.items() for text in texts]
    table = []
    for number in range(rows):
        row = {column: choose.choice(texts) for column, texts in GOOD.items()}
        if number % 3 == 0:
            rule, text = faults[(number // 3) % len(faults)]
            row[rule.partition(".")[0]] = text
        table.append(row)
    return table


def write(database, contract, table):
    """A scratch file as staging leaves it; returns what staging counts by rule."""
    with duckdb.connect(str(database)) as con:
        con.execute("CREATE TABLE register_area_code AS SELECT unnest(?) AS code", [REGISTER])
        names = [column.name for column in contract.columns]
        columns = {name: pa.array([row[name] for row in table], pa.string()) for name in names}
        con.register("given", pa.table({**columns, "_body": pa.array(["a.csv"] * len(table), pa.string())}))
        con.execute("CREATE TABLE raw AS SELECT *, NULL::VARCHAR _malformed, NULL::VARCHAR _raw FROM given")
        con.unregister("given")
        con.execute("INSERT INTO raw (_body, _malformed, _raw) VALUES ('a.csv', 'columns', 'x,y')")
        create_checked(con, contract)
        return staging_counts(con, contract)


def staging_counts(con, contract):
    counted = ", ".join(f"count(*) FILTER ({violation(rule, contract)})" for rule in rules_for(contract))
    found = con.execute(f"SELECT {counted} FROM raw WHERE _malformed IS NULL").fetchone()
    return dict(zip([rule.name for rule in rules_for(contract)], found, strict=True))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    database = tmp_path_factory.mktemp("gate") / "staged.duckdb"
    return SimpleNamespace(database=database, counts=write(database, CONTRACT, generated(600)))


def test_both_count_the_same_on_every_kind_of_fault(scratch):
    results = run_gate(CONTRACT, scratch.database, suite(CONTRACT), scratch.counts)

    assert {result.rule: result.unexpected for result in results} == scratch.counts
    assert set(FAULTS) <= set(scratch.counts)
    assert all(scratch.counts[rule] >= len(texts) for rule, texts in FAULTS.items())
    assert all(result.total == 600 for result in results)


def test_the_sql_of_a_result_gives_its_number(scratch):
    results = run_gate(CONTRACT, scratch.database, suite(CONTRACT), scratch.counts)

    with duckdb.connect(str(scratch.database), read_only=True) as con:
        assert [con.execute(result.sql).fetchone() for result in results] == [
            (result.unexpected,) for result in results
        ]


def test_no_fault_no_unexpected_row(tmp_path):
    table = [{column: texts[0] for column, texts in GOOD.items()}]
    counts = write(tmp_path / "s.duckdb", CONTRACT, table)

    assert set(counts.values()) == {0}
    assert all(
        result.success for result in run_gate(CONTRACT, tmp_path / "s.duckdb", suite(CONTRACT), counts)
    )


def test_an_empty_table_passes(tmp_path):
    counts = write(tmp_path / "s.duckdb", CONTRACT, [])

    results = run_gate(CONTRACT, tmp_path / "s.duckdb", suite(CONTRACT), counts)
    assert [(result.total, result.unexpected) for result in results] == [(0, 0)] * len(results)


def test_a_column_without_any_value_passes_all_but_required(tmp_path):
    counts = write(tmp_path / "s.duckdb", CONTRACT, [dict.fromkeys(GOOD)] * 3)

    run_gate(CONTRACT, tmp_path / "s.duckdb", suite(CONTRACT), counts)
    assert {rule for rule, count in counts.items() if count} == {"id.required", "at.required"}


def test_a_contract_without_rules_needs_no_gate(tmp_path):
    free = contract_of(Column(name="note", source="note", type="string"))

    assert run_gate(free, tmp_path / "absent.duckdb", suite(free), {}) == []


def test_a_suite_of_another_contract_is_refused(scratch):
    stale = suite(CONTRACT)
    del stale["expectations"][3]

    with pytest.raises(ConfigurationError, match="shanhai generate"):
        run_gate(CONTRACT, scratch.database, stale, scratch.counts)


def test_another_version_of_great_expectations_is_refused(scratch, monkeypatch):
    monkeypatch.setattr(great, "GX_VERSION", "1.0.0")

    with pytest.raises(ConfigurationError, match="another version"):
        run_gate(CONTRACT, scratch.database, suite(CONTRACT), scratch.counts)


def test_the_gate_says_nothing_and_writes_nothing(scratch, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = scratch.database.stat().st_mtime_ns
    run_gate(CONTRACT, scratch.database, suite(CONTRACT), scratch.counts)

    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.rglob("*")) == []
    assert scratch.database.stat().st_mtime_ns == before
    assert sorted(file.name for file in scratch.database.parent.iterdir()) == ["staged.duckdb"]


MUTATIONS = {
    "id.required": ({"required": False}, None),
    "at.required": ({"required": False}, None),
    "id.pattern": ({"pattern": r"^[A-Z]{2}\d{7,8}(?:x:y)?%?$"}, None),
    "code.codes": ({"codes": ("A", "B's", "其他", "C")}, None),
    "name.length": ({"max_length": 7}, None),
    "count.range": ({"minimum": -1}, None),
    "price.range": ({"minimum": 0.49}, None),
    "ratio.range": ({"maximum": 1.5}, None),
    "count.type": ({"type": "number"}, None),
    "price.type": ({"precision": (8, 3)}, None),
    "ratio.type": ({"type": "integer"}, None),
    "open.type": ({}, {"value_set": ["是", "否", "true"]}),
    "day.type": ({"formats": ("%Y年%m月%d日",)}, None),
    "at.type": ({"formats": ("%Y-%m-%d %H:%M:%S",)}, None),
    "clock.type": ({"formats": ("%H:%M",)}, None),
    "citizen.resident_id": ({}, {"condition": "regexp_full_match(citizen, '[0-9]{17}[0-9X]')"}),
    "firm.social_credit_code": ({}, {"condition": "length(firm) = 18"}),
    "area.area_code": ({}, {"condition": "regexp_full_match(area, '[0-9]+')"}),
    "camera.gb28181_id": ({}, {"condition": "regexp_full_match(camera, '[0-9]{20}')"}),
    "longitude.longitude": ({"crs": "WGS84"}, None),
    "latitude.latitude": ({"crs": "WGS84"}, None),
    "site_lat.latitude": ({"crs": "BD09"}, None),
    "longitude.type": ({}, {"condition": "length(longitude) < 20"}),
    "latitude.type": ({"precision": (12, 7)}, None),
    "site_lat.type": ({}, {"condition": "length(site_lat) < 20"}),
}


def alone(rule):
    """The contract of the rule's column only."""
    return contract_of(CONTRACT.column(rule.partition(".")[0]))


def mutated_suite(rule):
    """The suite of the rule's column, with the expectation of that rule rendered wrongly."""
    changed, arguments = MUTATIONS[rule]
    broken = suite(alone(rule))
    (expectation,) = (one for one in broken["expectations"] if one["meta"]["rule"] == rule)
    if changed == {"required": False}:
        expectation["type"] = "expect_column_values_to_be_null"
    elif changed:
        other = contract_of(alone(rule).columns[0].model_copy(update=changed))
        expectation.update({one["meta"]["rule"]: one for one in suite(other)["expectations"]}[rule])
    else:
        expectation["kwargs"].update(arguments)
    return broken


def test_every_rule_has_a_mutation():
    assert set(MUTATIONS) == {rule.name for rule in rules_for(CONTRACT)} == set(FAULTS)


@pytest.mark.parametrize("rule", MUTATIONS)
def test_a_mutated_suite_is_seen(scratch, rule):
    with pytest.raises(GateDisagreementError) as error:
        run_gate(alone(rule), scratch.database, mutated_suite(rule), scratch.counts)

    assert f"disagree on {rule}" in str(error.value)
    assert f"staging {scratch.counts[rule]}" in str(error.value)


STAGING_MUTATIONS = {
    "required": lambda column, text, value: "FALSE",
    "type": lambda column, text, value: f"({text} IS NOT NULL AND TRY_CAST({text} AS DOUBLE) IS NULL)",
    "pattern": lambda column, text, value: f"coalesce(NOT regexp_matches({text}, '[A-Z]'), FALSE)",
    "codes": lambda column, text, value: f"coalesce({text} <> 'A', FALSE)",
    "range": lambda column, text, value: f"coalesce({value} <= {column.minimum or 0}, FALSE)",
    "length": lambda column, text, value: f"coalesce(strlen({text}) > 6, FALSE)",
    "resident_id": lambda column, text, value: f"coalesce(length({text}) <> 18, FALSE)",
    "social_credit_code": lambda column, text, value: f"coalesce(length({text}) <> 18, FALSE)",
    "area_code": lambda column, text, value: f"coalesce(length({text}) > 12, FALSE)",
    "gb28181_id": lambda column, text, value: f"coalesce(length({text}) <> 20, FALSE)",
    "longitude": lambda column, text, value: f"coalesce(abs({value}) > 180, FALSE)",
    "latitude": lambda column, text, value: f"coalesce(abs({value}) > 89, FALSE)",
}


@pytest.mark.parametrize("kind", STAGING_MUTATIONS)
def test_a_mutated_staging_rule_is_seen(scratch, kind, monkeypatch):
    right = rules._broken

    def broken(found, column, text, value):
        wrong = STAGING_MUTATIONS[kind] if found == kind else None
        return wrong(column, text, value) if wrong else right(found, column, text, value)

    contract = alone(next(rule for rule in FAULTS if rule.endswith(f".{kind}")))
    monkeypatch.setattr(rules, "_broken", broken)
    with duckdb.connect(str(scratch.database), read_only=True) as con:
        counts = staging_counts(con, contract)

    with pytest.raises(GateDisagreementError, match=rf"disagree on \w+\.{kind}"):
        run_gate(contract, scratch.database, suite(contract), counts)


@pytest.mark.parametrize(
    ("column", "loose"),
    [
        ("count", "TRY_CAST({text} AS BIGINT)"),
        ("price", "TRY_CAST({text} AS DECIMAL(8, 2))"),
        ("ratio", "TRY_CAST({text} AS DOUBLE)"),
        ("day", "try_strptime({text}, '%Y年%m月%d日')"),
        ("at", "TRY_CAST({text} AS TIMESTAMPTZ)"),
        ("clock", "TRY_CAST({text} AS TIME)"),
    ],
)
def test_a_loose_type_is_seen(tmp_path, monkeypatch, column, loose):
    """The casts that one would write first round, or take words for dates; the suite does not follow."""
    from shanhai.quality import checked

    right = rules.typed

    def typed(of, contract, *, text=None, cast=None):
        if of.name != column:
            return right(of, contract, text=text, cast=cast)
        return loose.format(text=text or rules.clean(of))

    for module in (rules, checked):
        monkeypatch.setattr(module, "typed", typed)
    contract = alone(column)
    counts = write(tmp_path / "s.duckdb", contract, generated(600))

    with pytest.raises(GateDisagreementError, match=f"disagree on {column}.type"):
        run_gate(contract, tmp_path / "s.duckdb", suite(contract), counts)
