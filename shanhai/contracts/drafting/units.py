"""Units as headings write them, `m³/h` or 立方米/小时, and as a contract's `unit` writes them, `m3/h`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

_SYMBOLS = (
    *("um", "mm", "cm", "dm", "m", "km", "ft", "mm2", "cm2", "m2", "km2", "ha", "mu"),
    *("cm3", "dm3", "m3", "km3", "mL", "L", "kL", "ML", "ng", "ug", "mg", "g", "kg", "t"),
    *("us", "ms", "s", "min", "h", "d", "Hz", "kHz", "MHz", "GHz", "rpm"),
    *("mPa", "Pa", "hPa", "kPa", "MPa", "mbar", "bar", "kN", "K", "degC", "degF", "degree"),
    *("mJ", "J", "kJ", "MJ", "GJ", "Wh", "kWh", "MWh", "GWh", "mW", "W", "kW", "MW", "GW"),
    *("VA", "kVA", "kvar", "kvarh", "mV", "V", "kV", "MV", "mA", "A", "kA", "Ah"),
    *("dB", "dBm", "lx", "lm", "cd", "uS", "mS", "nSv", "uSv", "mSv", "nGy", "uGy", "Bq"),
    *("mmol", "mol", "NTU", "CFU", "ppm", "ppb", "%", "kbps", "Mbps", "Gbps", "CNY", "USD", "EUR"),
)
"""As SI and UCUM spell them, but `u` for micro, `degC` for Cel, and money by ISO 4217."""
_CASED = frozenset(["J", "W", "g", "d", "K"])
"""One letter that is a unit only as it is written: in the other case it is a remark too often."""
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "立方米": "m3",
        "方": "m3",
        "升": "L",
        "毫升": "mL",
        "ml": "mL",
        "平方米": "m2",
        "平方公里": "km2",
        "平方千米": "km2",
        "公顷": "ha",
        "亩": "mu",
        "米": "m",
        "公里": "km",
        "千米": "km",
        "厘米": "cm",
        "毫米": "mm",
        "微米": "um",
        "分贝": "dB",
        "db(a)": "dB",
        "dba": "dB",
        "°c": "degC",
        "摄氏度": "degC",
        "°f": "degF",
        "°": "degree",
        "度": "degree",
        "pct": "%",
        "百分比": "%",
        "%rh": "%",
        "微克": "ug",
        "毫克": "mg",
        "克": "g",
        "千克": "kg",
        "公斤": "kg",
        "吨": "t",
        "千瓦时": "kWh",
        "千瓦": "kW",
        "兆瓦": "MW",
        "瓦": "W",
        "伏": "V",
        "安": "A",
        "千帕": "kPa",
        "兆帕": "MPa",
        "百帕": "hPa",
        "帕": "Pa",
        "赫兹": "Hz",
        "勒克斯": "lx",
        "lux": "lx",
        "流明": "lm",
        "坎德拉": "cd",
        "毫秒": "ms",
        "秒": "s",
        "分钟": "min",
        "小时": "h",
        "时": "h",
        "元": "CNY",
        "r/min": "rpm",
    }
)
"""Other words for them, in small letters."""
_SCALES = {"万": "10k", "亿": "100M"}
_TIMES: Mapping[str, str] = MappingProxyType({"天": "d", "日": "d", "月": "month", "年": "year", "a": "year"})
"""What stands below a stroke only: alone it is a date, or something else."""
_BY_CASE = {symbol: symbol for symbol in _SYMBOLS}
_BY_LETTERS = {
    letters: found[0]
    for letters in {symbol.casefold() for symbol in _SYMBOLS if symbol not in _CASED}
    if len(found := [one for one in _SYMBOLS if one.casefold() == letters]) == 1
}
_STROKE = re.compile(r"\s*(?:/|每|\bper\b)\s*")
_POWER = re.compile(r"(.*?)[\s·.*]*([^\W\d_]+)[-−]([123])")
_LABEL = re.compile(r"^单位\s*[::]?\s*")

_ENDINGS = frozenset(["m3", "m2", "km2", "km", "db", "dba", "pct", "kwh", "kw", "ms", "degc"])
"""Units as the last word of a name. One letter is none: `_m` and `_s` end too many other words."""
_ABOVE = frozenset(["ug", "mg", "g", "kg", "t", "l", "m", "km", "kwh", "kw", "mm", "m3"])
_BELOW = frozenset(["m3", "m2", "km2", "l", "h", "s", "d", "min", "km"])
"""Words that are a unit together, `ug_m3` or `km_h`; either alone may be anything."""


def read_unit(text: str) -> str | None:
    """What a text in brackets says, in the spelling of contracts; None: no unit that is known.

    A stroke, 每 or a negative power divides: `mg·L⁻¹` is `mg/L`.
    """
    plain = _LABEL.sub("", unicodedata.normalize("NFKC", text).strip()).replace("μ", "u").replace("^", "")
    if power := _POWER.fullmatch(plain):
        plain = f"{power[1]}/{power[2]}{power[3].removeprefix('1')}"
    whole = _simple(plain)
    if whole is not None or not _STROKE.search(plain):
        return whole
    above, *below = _STROKE.split(plain)
    first = _simple(above)
    if first is None or len(below) != 1:
        return None
    second = _TIMES.get(below[0]) or _simple(below[0])
    return f"{first}/{second}" if second else None


def unit_at_the_end(words: Sequence[str]) -> str | None:
    """The unit that the last words of a name say, `noise_laeq_db` or `pm10_ug_m3`; words in small letters."""
    said = [word for word in words if word != "per"]
    if len(said) > 1 and said[-2] in _ABOVE and said[-1] in _BELOW and said[-2] != said[-1]:
        return read_unit(f"{said[-2]}/{said[-1]}")
    return read_unit(said[-1]) if said and said[-1] in _ENDINGS else None


def _simple(text: str) -> str | None:
    """One unit without a stroke, a multiple of it included."""
    for spelled in _spellings(text):
        letters = spelled.casefold()
        found = _BY_CASE.get(spelled) or _WORDS.get(letters) or _BY_LETTERS.get(letters)
        if found:
            return found
    scale = _SCALES.get(text[:1])
    inner = _simple(text[1:]) if scale else None
    return f"{scale} {inner}" if inner else None


def _spellings(text: str) -> Iterable[str]:
    """As it stands, and with what stands between factors left out: kW·h."""
    return dict.fromkeys((text.strip(), re.sub(r"[\s·.*]", "", text)))
