"""Conditional requests (RFC 9110, 13): whether what was kept has changed, for exactly the same request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from shanhai.connect.protocol import Kept
from shanhai.errors import StoreError

_CHUNK_BYTES = 1 << 18
_STRONG_AFTER = timedelta(seconds=1)


def identity(url: httpx.URL, headers: Mapping[str, str], credential: Mapping[str, object] | None) -> str:
    """What a GET request is known by: SHA-256 (hex) of address, headers and the credential's options.

    The credential is known by its name: what a source shows may depend on who asks, but the digest must not
    tell a secret, and a renewed secret is the same asker.
    """
    asked = [str(url), sorted(headers.items()), credential]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def facts_of(headers: httpx.Headers) -> dict[str, str]:
    """What the source says about the bytes, for the snapshot's sidecar.

    The time of the answer is noted where it is needed to judge the time of the last change.
    """
    facts = {name: headers[name] for name in ("etag", "last-modified") if name in headers}
    if "last-modified" in facts and "etag" not in facts and "date" in headers:
        facts["date"] = headers["date"]
    return facts


def conditions(kept: Kept) -> dict[str, str]:
    """Headers that ask for the bytes only if they are others than those kept; none if that cannot be told."""
    if etag := kept.facts.get("etag"):
        return {"If-None-Match": etag}
    if modified := strong_date(kept.facts):
        return {"If-Modified-Since": modified}
    return {}


def strong_date(facts: Mapping[str, str]) -> str | None:
    """The time of the last change, if no other change can have the same one (RFC 9110, 8.8.2.2)."""
    modified, date = http_date(facts.get("last-modified", "")), http_date(facts.get("date", ""))
    if modified is None or date is None or date - modified < _STRONG_AFTER:
        return None
    return facts["last-modified"]


def confirms(answer: httpx.Headers, kept: Kept) -> bool:
    """Whether a 304 speaks of the bytes that were kept: it may repeat what it says of them, but not else."""
    for name in ("etag", "last-modified"):
        told, known = answer.get(name), kept.facts.get(name)
        if told is not None and known is not None and _opaque(told) != _opaque(known):
            return False
    return True


def kept_bytes(kept: Kept) -> Iterator[bytes]:
    """The bytes that were kept.

    Raises:
        StoreError: they are no longer what they were.
    """
    digest = hashlib.sha256()
    with kept.open() as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != kept.sha256:
        raise StoreError("kept bytes were altered", given=f"sha256 {kept.sha256}", hint="shanhai doctor")


def http_date(text: str) -> datetime | None:
    """The moment of an HTTP date; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _opaque(validator: str) -> str:
    """An entity tag without its mark of weakness: a server may mark it anew on its way."""
    return validator.removeprefix("W/")
