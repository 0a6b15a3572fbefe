"""No draft of a program, of settings, or of a folder of them; but of a list of values under a heading."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from shanhai.cli import main
from shanhai.contracts.load import load_contract

SCRIPT = '#!/bin/sh\nset -e\nstart() {\n  echo "starting"\n}\ncase "$1" in\n  start) start ;;\nesac\n'
OTHERS = {
    "a script": SCRIPT,
    "a script without its first line": SCRIPT.partition("\n")[2],
    "a module": "import os\n\n\ndef f(a):\n    if a:\n        return os.name\n\n\nclass B:\n    x = 1\n",
    "statements": "var a = 1;\nvar b = a;\nlet c = b;\nf(c);\nif (c) {\n  g();\n}\n",
    "tabs": "all: build test\n\tmake build\n\tmake test\nbuild:\n\tcc -o a a.c\n\tstrip a\n",
    "settings": "[server]\nport = 8080\nhost = example\n[log]\nlevel=info\n",
    "settings of one section": "[server]\nport = 8080\n",
    "settings with lists": '[lint]\nselect = ["A", "B"]\nignore = ["C", "D"]\nfix = ["E", "F"]\n',
    "YAML": "name: a\ntitle: A\nendpoints:\n  data: http://x\n",
    "remarks": "# port of the server\n#Port 22\n# its address\n#ListenAddress 0.0.0.0\nPermitRootLogin no\n",
    "tags": "<rows>\n <row>\n  <id>1</id>\n </row>\n</rows>\n",
    "a key": "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----\n",
}
LISTS = {
    "codes": ("code", [f"L{number:04}" for number in range(40)]),
    "names": ("name", ["Longyou", "Zhaohua", "Gongshu", "Kaihua", "Changshan"]),
    "areas": ("行政区划", ["龙游县", "昭化区", "拱墅区", "开化县"]),
    "numbers to the right": ("value", [f"{number:>8}" for number in range(30)]),
    "shares": ("share", [" 1.5%", " 2.25%", "10%", "  3%"]),
    "addresses": ("url", [f"https://example.org/a?id={number}&x=y" for number in range(20)]),
    "base64": ("token", ["YWJj=", "ZGVm==", "Z2hpag==", "a2xt="]),
    "times": ("time", ["12:30", "12:45", "13:00", "13:15:00"]),
    "moments": ("at", ["2024-03-01 12:30:00", "2024-03-02 12:30:00", "2024-03-03 12:30:00"]),
    "sentences": (
        "remark",
        ["Lamp is out.", "The road floods", "no water since noon", "Noise: at night", "ok"],
    ),
    "a remark above": ("# exported on Monday\ncode", ["a1", "a2", "a3", "a4"]),
    "values that are missing": ("code", ["a1", "", "a3", "", "a5"]),
    "numbers alone": ("17", ["18", "19", "20"]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_draft_is_made_of_what_is_no_table(tmp_path: Path, capsys, name: str):
    (tmp_path / "x").write_text(OTHERS[name], encoding="utf-8")
    assert main(["contract", "infer", str(tmp_path / "x")]) == 65
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no table" in captured.err
    assert "allowed delimited text" in captured.err


@pytest.mark.parametrize(
    ("title", "row"),
    [("[Sensor data]\n", "{},{}\n"), ("\r\n[传感器 (10 min)]\r\n", '"{}";"{}"\r\n')],
    ids=["plain", "quoted"],
)
def test_a_title_in_brackets_above_a_table_is_left_out(tmp_path: Path, title: str, row: str):
    """Exports of instruments begin so, and so do settings."""
    source, output = tmp_path / "x.csv", tmp_path / "x.odcs.yml"
    rows = [row.format(f"2024-01-{day:02} 08:{day:02}:00", f"{day}.5") for day in range(1, 31)]
    source.write_bytes("".join([title, row.format("time", "value"), *rows]).encode())
    assert main(["contract", "infer", str(source), "--dataset", "a.x", "--output", str(output)]) == 0
    contract = load_contract(output)
    assert [(column.source, column.type) for column in contract.columns] == [
        ("time", "timestamp"),
        ("value", "number"),
    ]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_values_is_a_table_of_one_column(tmp_path: Path, name: str):
    heading, values = LISTS[name]
    source, output = tmp_path / "x.csv", tmp_path / "x.odcs.yml"
    source.write_text("\n".join([heading, *values, ""]), encoding="utf-8")
    assert main(["contract", "infer", str(source), "--dataset", "a.x", "--output", str(output)]) == 0
    contract = load_contract(output)
    assert len(contract.columns) == 1
    assert contract.columns[0].source in (heading.rpartition("\n")[2], "1")


def test_any_words_below_a_heading_are_a_list(tmp_path: Path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    words = ["".join(chosen.choices("abcdefgh山海水表", k=chosen.randint(1, 12))) for _ in range(60)]
    source = tmp_path / "x.csv"
    source.write_text("\n".join(["word", *words, ""]), encoding="utf-8")
    assert main(["contract", "infer", str(source), "--output", str(tmp_path / "x.odcs.yml")]) == 0


def test_of_a_folder_of_other_things_no_draft_is_made(tmp_path: Path, capsys):
    for number, text in enumerate([SCRIPT, SCRIPT, OTHERS["settings"], "a1\na2\na3\n"]):
        (tmp_path / f"f{number}").write_text(text)
    assert main(["contract", "infer", str(tmp_path)]) == 65
    told = capsys.readouterr().err
    assert "most of what lies there is no table" in told
    assert "3 of 4 that were looked at" in told
    assert "*.csv" in told


def test_one_other_thing_among_tables_is_left_out_and_told(tmp_path: Path, capsys):
    for number in range(3):
        (tmp_path / f"day{number}.csv").write_text(f"id,v\n{number},1\n{number + 9},2\n")
    (tmp_path / "read.csv").write_text(SCRIPT)
    output = tmp_path / "x.odcs.yml"
    assert main(["contract", "infer", str(tmp_path), "--output", str(output)]) == 0
    assert "read.csv: no table, not read: a script" in capsys.readouterr().err
    assert [column.source for column in load_contract(output, dataset=None, shown_as="x").columns] == [
        "id",
        "v",
    ]


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("ftp://example.org/d/x.csv", "ftp://example.org/d --connector files --options '{path: x.csv}'"),
        ("SFTP://me:hidden@example.org/d/", "sftp://example.org/d --connector files --options '{path: '*'}'"),
        ("s3://bucket/d/x.csv", "https://HOST/bucket/d --connector object_store --options '{path: x.csv}'"),
        (
            "postgresql://db:5432/p",
            "postgresql://db:5432/p --connector sql --options '{table: SCHEMA.TABLE}'",
        ),
        ("gopher://example.org/x", "`shanhai connectors`"),
    ],
)
def test_an_address_that_needs_a_connector_says_which(capsys, address: str, hint: str):
    assert main(["contract", "infer", address]) == 78
    told = capsys.readouterr().err
    assert "--connector" in told
    assert hint in told
    assert "hidden" not in told
