"""Parts of a body: what is left of an answer whose connection was cut, where the body is still the same."""

from __future__ import annotations

import re
from dataclasses import replace

from infra.simulator.systems import Answer

_FROM = re.compile(r"bytes=(?P<start>\d+)-")


def part_of(answer: Answer, wanted: str, unchanged: str) -> Answer:
    """The rest of `answer` from the byte that `Range` names, as 206; the whole one where that does not apply.

    Args:
        wanted: the header Range, `bytes=<start>-`; other forms are ignored, as servers may.
        unchanged: the header If-Range; the rest is sent only for the same entity tag.
    """
    match = _FROM.fullmatch(wanted)
    etag = answer.headers.get("ETag")
    if answer.status != 200 or match is None or etag is None or unchanged not in ("", etag):
        return answer
    start, size = int(match["start"]), len(answer.body)
    if start >= size:
        return answer
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
    return replace(answer, status=206, body=answer.body[start:], headers=headers)
