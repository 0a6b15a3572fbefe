"""Units as people write them in headings become the ones that contracts state; what is no unit is none."""

from __future__ import annotations

import pytest

from shanhai.contracts.drafting.headings import read_heading
from shanhai.contracts.drafting.units import read_unit, unit_at_the_end

UNITS = {
    "m3/h": "m³/h m3/h M3/H ㎥/h 立方米/小时 m³·h⁻¹ m3h-1 m3每h",
    "m3/s": "m³／s m3/s 立方米/秒",
    "ug/m3": "μg/m³ µg/m3 ug/m^3 ㎍/㎥ 微克/立方米",
    "mg/L": "mg/L MG/L 毫克/升 mg·L-1",
    "km/h": "km/h KM/H 公里/小时",
    "m/s": "m/s m·s⁻¹ 米/秒",
    "W/m2": "W/m² W/㎡ 瓦/平方米",
    "kWh": "kWh KWH kW·h 千瓦时",
    "degC": "℃ °C 摄氏度",
    "dB": "dB dB(A) DBA 分贝",
    "%": "% ％ %RH",
    "mPa": "mPa",
    "MPa": "MPa 兆帕",
    "mW": "mW",
    "MW": "MW 兆瓦",
    "m3": "单位：m³ 单位:立方米 方",
    "10k m3": "万m³ 万立方米",
    "CNY/t": "元/吨",
    "t/year": "吨/年 t/a",
}
NONE = (
    *("人", "备注", "年", "日", "月", "个", "万", "N/A", "n/a", "是/否", "a/b", "1/0", "次/分"),
    *("mw", "mpa", "k", "G", "kJ/kg/K", "/h", "m3/", "/", "·"),
)


@pytest.mark.parametrize("unit", UNITS)
def test_however_it_is_written_it_is_one_unit(unit: str):
    assert {read_unit(text) for text in UNITS[unit].split()} == {unit}


@pytest.mark.parametrize("text", [*NONE, "", " ", "m3 per person"])
def test_what_is_no_unit_is_none(text: str):
    assert read_unit(text) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("pm25_ug_m3", "ug/m3"),
        ("speed_km_h", "km/h"),
        ("flow_m3_per_h", "m3/h"),
        ("laeq_db", "dB"),
        ("area_m2", "m2"),
        ("total_m", None),
        ("class_l", None),
        ("size_l_m", None),
    ],
)
def test_the_last_words_of_a_name(name: str, unit: str | None):
    assert unit_at_the_end(name.split("_")) == unit
    assert unit_at_the_end([]) is None


@pytest.mark.parametrize(
    "heading",
    [
        "照度（lux）",
        "照度(lux)",
        "照度（ｌｕｘ）",
        "照度【Lux】",
        "照度〔勒克斯〕",
        "照度（lx)",
        "照度［lux］ ",
        "照度(lux）",
    ],
)
def test_brackets_and_letters_of_any_width_say_the_same_unit(heading):
    assert read_heading(heading).unit == "lx"
    assert read_heading("噪声（dB（A））").unit == "dB"
    assert read_heading("《照度》").unit is None


@pytest.mark.parametrize("heading", ["瞬时流量（m³/h）", "瞬时流量/(m³·h⁻¹)", "瞬时流量[单位：m3/h]"])
def test_a_heading_keeps_its_name(heading: str):
    found = read_heading(heading)
    assert (found.name, found.unit) == ("instant_flow_rate", "m3/h")
