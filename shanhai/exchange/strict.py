"""Strict JSON: how foreign bytes become values, and how ours become bytes."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

from shanhai.exchange.failures import Refused, Stage

Json = dict[str, "Json"] | list["Json"] | str | int | bool | None

DEEPEST = 16
GREATEST = 2**53 - 1
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_UNSEEN = re.compile(
    # Controls and half characters, and what changes or hides how a text reads: marks of direction, characters
    # without width, separators of lines, tags.
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e0fff]"
)


def canonical(value: Json) -> bytes:
    """The bytes that we sign: UTF-8, keys sorted by code point, no blanks.

    Raises:
        ValueError: the value could not be read back strictly: our own fault.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    data = text.encode()
    try:
        parse(data, most_bytes=len(data), stage=Stage.ENVELOPE)
    except Refused as error:
        raise ValueError(f"cannot be written as strict JSON: {error.code}") from None
    return data


def parse(data: bytes, *, most_bytes: int, stage: Stage) -> Json:
    """Read foreign JSON; `stage` is told by what it raises.

    Raises:
        Refused: message-too-big, json-not-strict, json-duplicate-key, json-float-number, json-depth.
    """
    if len(data) > most_bytes:
        raise Refused("message-too-big", stage=stage)
    try:
        # decoded here, since json.loads would take UTF-16 and UTF-32 too
        value: Json = _Decoder(stage).decode(data.decode("utf-8"))
    except RecursionError:
        raise Refused("json-depth", stage=stage) from None
    except ValueError:
        raise Refused("json-not-strict", stage=stage) from None
    _check_depth_and_texts(value, stage)
    return value


class _Decoder(json.JSONDecoder):
    def __init__(self, stage: Stage) -> None:
        def no_float(text: str) -> NoReturn:
            raise Refused("json-float-number", stage=stage)

        def integer(text: str) -> int:
            if text == "-0" or len(text) > 17 or abs(int(text)) > GREATEST:
                raise Refused("json-not-strict", stage=stage)
            return int(text)

        def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
            found = dict(pairs)
            if len(found) != len(pairs):
                raise Refused("json-duplicate-key", stage=stage)
            return found

        super().__init__(
            parse_float=no_float, parse_int=integer, parse_constant=no_float, object_pairs_hook=members
        )


def _check_depth_and_texts(value: Json, stage: Stage) -> None:
    level: list[Json] = [value]
    for _ in range(DEEPEST + 1):
        below: list[Json] = []
        for one in level:
            match one:
                case str():
                    _check_text(one, stage)
                case dict():
                    for key in one:
                        _check_text(key, stage)
                    below.extend(one.values())
                case list():
                    below.extend(one)
        if not below:
            return
        level = below
    raise Refused("json-depth", stage=stage)


def _check_text(text: str, stage: Stage) -> None:
    if _UNSEEN.search(text):
        raise Refused("json-not-strict", stage=stage)


class Fields:
    """One JSON object with exactly the fields that it must have.

    Args:
        value: what stood where the object was expected.
        names: its fields, all present; null where a field may be absent in meaning.
        stage: told by what is raised.
        version: the value that `v` must have; None for objects inside others, which have no `v`.

    Raises:
        Refused: json-field-wrong, version-unknown, json-missing-field, json-unknown-field.
    """

    def __init__(self, value: Json, names: str, *, stage: Stage, version: int | None = None) -> None:
        self.stage = stage
        if not isinstance(value, dict):
            raise Refused("json-field-wrong", stage=stage)
        self._value = value
        # A later version has other fields: the version is judged before them.
        if version is not None and ("v" not in value or self.integer("v", least=0) != version):
            raise Refused("version-unknown" if "v" in value else "json-missing-field", stage=stage, field="v")
        expected = names.split() + (["v"] if version is not None else [])
        for name in expected:
            if name not in value:
                raise Refused("json-missing-field", stage=stage, field=name)
        if len(value) != len(expected):
            raise Refused("json-unknown-field", stage=stage)

    def wrong(self, name: str) -> Refused:
        """The refusal of a field's value."""
        return Refused("json-field-wrong", stage=self.stage, field=name)

    def text(self, name: str, pattern: str = r".*", *, most: int = 1024) -> str:
        """A text of at most `most` characters of which the whole fits `pattern`."""
        value = self._value[name]
        if not isinstance(value, str) or len(value) > most or not re.fullmatch(pattern, value, re.ASCII):
            raise self.wrong(name)
        return value

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        """A text out of a closed list."""
        value = self._value[name]
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(name)
        return value

    def integer(self, name: str, *, least: int, most: int = GREATEST) -> int:
        """An integer within bounds, both included."""
        value = self._value[name]
        # bool is an int in Python, and `true` is no number in JSON
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name)
        return value

    def flag(self, name: str) -> bool:
        """true or false."""
        value = self._value[name]
        if not isinstance(value, bool):
            raise self.wrong(name)
        return value

    def moment(self, name: str) -> datetime:
        """`YYYY-MM-DDTHH:MM:SSZ`, in UTC."""
        try:
            return read_moment(self.text(name, most=20))
        except ValueError:
            raise self.wrong(name) from None

    def raw(self, name: str, *, least: int = 0, most: int) -> bytes:
        """Bytes in canonical padded base64, from `least` to `most` of them."""
        value = self._value[name]
        if not isinstance(value, str):
            raise self.wrong(name)
        try:
            data = from_base64(value)
        except ValueError:
            raise self.wrong(name) from None
        if not least <= len(data) <= most:
            raise self.wrong(name)
        return data

    def hex(self, name: str, digits: int = 64) -> str:
        """Lower-case hex of exactly so many digits."""
        return self.text(name, rf"[0-9a-f]{{{digits}}}", most=digits)

    def items(self, name: str, *, least: int = 0, most: int) -> list[Json]:
        """A list with so many members."""
        value = self._value[name]
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.wrong(name)
        return value

    def texts(self, name: str, pattern: str = r".+", *, least: int = 0, most: int) -> tuple[str, ...]:
        """A list of distinct texts that each fit `pattern`."""
        found = tuple(one for one in self.items(name, least=least, most=most) if isinstance(one, str))
        whole = all(len(one) <= 1024 and re.fullmatch(pattern, one, re.ASCII) for one in found)
        if not whole or len(found) != len(self.items(name, most=most)) or len(set(found)) != len(found):
            raise self.wrong(name)
        return found

    def hashes(self, name: str, *, most: int = 64) -> tuple[bytes, ...]:
        """A list of SHA-256 values in base64, as in Merkle proofs."""
        found = self.items(name, most=most)
        indexed = Fields(
            {str(at): one for at, one in enumerate(found)},
            " ".join(map(str, range(len(found)))),
            stage=self.stage,
        )
        return tuple(indexed.raw(str(at), least=32, most=32) for at in range(len(found)))

    def mapping(self, name: str, *, most: int) -> dict[str, Json]:
        """An object whose keys are data."""
        value = self._value[name]
        if not isinstance(value, dict) or len(value) > most:
            raise self.wrong(name)
        return value

    def inside(self, name: str, names: str) -> Fields:
        """An object with exactly the fields `names`."""
        return Fields(self._value[name], names, stage=self.stage)

    def each(self, name: str, names: str, *, least: int = 0, most: int) -> list[Fields]:
        """A list of objects with exactly the fields `names`."""
        return [Fields(one, names, stage=self.stage) for one in self.items(name, least=least, most=most)]

    def is_null(self, name: str) -> bool:
        """Whether the field is null; for fields that may be absent in meaning."""
        return self._value[name] is None

    def value(self, name: str) -> Json:
        """The value as it stands, to be read by its own reader."""
        return self._value[name]


def to_base64(data: bytes) -> str:
    """RFC 4648 section 4, padded."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of canonical base64.

    Raises:
        ValueError: not base64, not padded, or with unused bits that are not zero.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if to_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def write_moment(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`; the fraction of a second is cut off."""
    # Not strftime, whose %Y has no leading zeros on Linux.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def read_moment(text: str) -> datetime:
    """The moment, in UTC.

    Raises:
        ValueError: another form, or no day of the calendar.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError("not a moment")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
