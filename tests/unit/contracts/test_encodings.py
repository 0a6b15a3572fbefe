"""Which encoding some bytes are in: texts, encodings and lengths; what they do not tell is a doubt."""

from __future__ import annotations

import pytest

from shanhai.contracts.encodings import likely_encodings
from shanhai.ingest.infer.encodings import find_encoding

TEXTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "usual": (("编号,地点", "浙江省衢州市龙游县詹家镇", "走访时间,备注"), ("gb18030", "utf-8")),
    "rare names": (("姓名,村", "王喆,浬浦", "李洺,垚山", "龑,衢江", "堃璟,㛃家"), ("gb18030", "utf-8")),
    "rarest": (("名,地", "㛃𠮷㐂,洺水", "𠮷野,垚喆", "喆㛃,龑浬"), ("gb18030", "utf-8")),
    "traditional": (
        ("編號,地點", "臺灣新北市永和區,測試", "詹家鎮龍游縣,備註"),
        ("big5", "gb18030", "utf-8"),
    ),
    "french": (("numéro,état", "Orléans,créée", "Besançon,à côté", "ÉVREUX,Nîmes"), ("cp1252", "utf-8")),
    "german": (("straße,größe", "München,Köln", "Öhringen,Füße", "Übersee,5 m²"), ("cp1252", "utf-8")),
}
GRID = [
    (name, encoding, length)
    for name, (_, encodings) in TEXTS.items()
    for encoding in encodings
    for length in (3, 4, 20, 2000)
]


def made(name: str, length: int) -> str:
    texts, _ = TEXTS[name]
    rows = [f"{number},{texts[number % len(texts)]},{number / 8}" for number in range(length)]
    return "\n".join(("n,text,v", *rows, ""))


@pytest.mark.parametrize(("name", "encoding", "length"), GRID)
def test_what_a_text_is_written_in_is_found(name: str, encoding: str, length: int):
    body = made(name, length).encode(encoding)
    found = find_encoding(body)
    assert found.name == encoding
    assert "doubtful" not in found.why
    assert likely_encodings(body)[0] == encoding


@pytest.mark.parametrize(("name", "encoding", "length"), [case for case in GRID if case[2] == 2000])
def test_damaged_lines_and_a_cut_end_change_nothing(name: str, encoding: str, length: int):
    lines = made(name, length).encode(encoding).splitlines(keepends=True)
    lines[7::400] = [b"7,\xff\x81 \x9d,0\n"] * len(lines[7::400])
    assert find_encoding(b"".join(lines)[:-9]).name == encoding


@pytest.mark.parametrize("text", ["衢", "洺", "喆", "隆", "王", "浦"])
@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
def test_of_one_character_it_is_right_or_doubted(text: str, encoding: str):
    if encoding == "big5" and text == "喆":
        return
    found = find_encoding(f"id,name\n1,{text}\n".encode(encoding))
    assert found.name == encoding or "doubtful" in found.why


@pytest.mark.parametrize(("word", "encoding"), [("café", "utf-8"), ("5 °C", "utf-8"), ("café", "cp1252")])
def test_one_western_character_is_enough(word: str, encoding: str):
    found = find_encoding(f"id,name\n1,{word}\n".encode(encoding))
    assert found.name == encoding
    assert "doubtful" not in found.why


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_a_single_text_may_be_cut_off(encoding: str):
    body = "id,name\n1,浙江省衢州市龙游县".encode(encoding)[:-1]
    assert likely_encodings(body)[0] == encoding
    assert find_encoding(body).name == encoding


UNKNOWN = {
    "euc-kr": "서울특별시 강남구 테헤란로,부산광역시,안녕하세요 감사합니다",
    "cp1251": "номер,улица,Проспект Мира,Красная площадь,Невский,Москва",
    "shift_jis": "番号,東京都新宿区西新宿,おおさかしきたく,カタカナのテキスト",
    "euc-jp": "番号,東京都新宿区西新宿,おおさかしきたく,カタカナのテキスト",
}


@pytest.mark.parametrize("encoding", UNKNOWN)
def test_text_in_no_encoding_that_is_known_is_doubted(encoding: str):
    assert "doubtful: " in find_encoding("\n".join((UNKNOWN[encoding], "")).encode(encoding)).why


def test_lines_in_several_encodings_are_doubted():
    body = (TEXTS["usual"][0][1] + "\n").encode("gb18030") * 30 + b"Andr\xe9,N\xeemes \x81\n" * 30
    assert "doubtful: " in find_encoding(body).why
