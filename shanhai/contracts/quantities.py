"""What a sensor can measure: each quantity has one unit; values in another are converted or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Quantity:
    """One kind of reading; `unit` is spelled as a contract's `unit` spells it."""

    name: str
    unit: str
    description: str


_ALL = (
    Quantity("noise_laeq", "dB", "A-weighted equivalent sound level over the interval, 等效连续 A 声级"),
    Quantity("aqi", "1", "air quality index, 空气质量指数 (HJ 633)"),
    Quantity("pm2_5", "ug/m3", "fine particles, 细颗粒物"),
    Quantity("pm10", "ug/m3", "inhalable particles, 可吸入颗粒物"),
    Quantity("so2", "ug/m3", "sulphur dioxide, 二氧化硫"),
    Quantity("no2", "ug/m3", "nitrogen dioxide, 二氧化氮"),
    Quantity("o3", "ug/m3", "ozone, mean of the interval, 臭氧"),
    Quantity("o3_8h", "ug/m3", "ozone, greatest mean of eight hours, 臭氧 8 小时滑动平均"),
    Quantity("co", "mg/m3", "carbon monoxide, 一氧化碳"),
    Quantity("water_volume", "m3", "what a water meter shows: the volume since it was built in, 累计水量"),
    Quantity("water_consumption", "m3", "volume used in the interval, 用水量"),
    Quantity("temperature", "degC", "air temperature, 气温"),
    Quantity("humidity", "%", "relative humidity, 相对湿度"),
)

QUANTITIES: Mapping[str, Quantity] = MappingProxyType({quantity.name: quantity for quantity in _ALL})

_FACTORS: Mapping[tuple[str, str], float] = MappingProxyType(
    {("L", "m3"): 0.001, ("mg/m3", "ug/m3"): 1000.0, ("ug/m3", "mg/m3"): 0.001}
)
"""(unit given, unit wanted) → factor. Only where the factor is exact and needs no temperature or pressure."""


def factor(given: str | None, wanted: str) -> float | None:
    """What a value in `given` is multiplied with to be in `wanted`; None where there is no such number."""
    return 1.0 if given == wanted else _FACTORS.get((given or "", wanted))


def convertible(wanted: str) -> tuple[str, ...]:
    """The units that a value may have where `wanted` is asked for."""
    return (wanted, *(given for given, to in _FACTORS if to == wanted))
