"""What an answer of a source means: data to read on, a failure to try again, or an error to tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from shanhai.clock import Clock
from shanhai.connect.retry import TransientError
from shanhai.connect.web import address
from shanhai.connect.web.busy import TRANSIENT_STATUS, retry_after
from shanhai.connect.web.credential import Credential
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, ShanhaiError, SourceError

_SNIFFED_BYTES = 1024
_HTML = re.compile(rb"\s*<(!doctype\s+html|html[\s>]|head[\s>]|body[\s>])", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What is asked, and what errors about the answer need to say.

    Args:
        window: what it is asked for, to tell an unpublished window from a wrong address.
        identity: as `conditional.identity` says; empty when an answer may not be kept for the next time.
        content: JSON that is sent along, with POST; None asks with GET.
    """

    url: httpx.URL
    window: str | None = None
    credential: Credential | None = None
    identity: str = ""
    content: bytes | None = field(default=None, repr=False)

    @property
    def told(self) -> str:
        return address.told(self.url)


def check_status(response: httpx.Response, asked: Asked, *, clock: Clock, max_wait_seconds: float) -> None:
    """Return if the answer has data.

    Raises:
        TransientError: the source is busy or broken, and may be asked again within this pull.
        SourceError: it asks to wait longer than allowed, or has nothing for the window yet.
        NotFoundError: it has nothing there, whatever the window.
        ConfigurationError: it refuses the request or the credentials.
        DeniedError: it forbids the request.
    """
    status = response.status_code
    if status == 200:
        return
    given = f"status {status}"
    if status in TRANSIENT_STATUS:
        wait = retry_after(response.headers, clock)
        if wait is not None and wait > max_wait_seconds:
            raise SourceError(
                f"{asked.told} asks to come back later",
                given=f"{given}, Retry-After of {wait:.0f} s",
                allowed=f"waits of at most {max_wait_seconds:.0f} s",
            )
        raise TransientError(f"{asked.told} is busy or broken", given=given, wait_seconds=wait)
    raise _final(asked, status, given)


def _final(asked: Asked, status: int, given: str) -> ShanhaiError:
    secret = f", secret {asked.credential.name}" if asked.credential else ", no credentials"
    match status:
        case 401 if asked.credential:
            return asked.credential.refused(asked.url)
        case 401:
            return ConfigurationError(
                f"{asked.told} asks for credentials", given=given, hint="add the option auth to the contract"
            )
        case 403:
            return DeniedError(
                f"{asked.told} forbids the request", given=given + secret, hint="ask the district for access"
            )
        case 404 | 410 if asked.window is not None:
            return SourceError(
                f"{asked.told} has nothing for window {asked.window}",
                given=given,
                hint="it may not be published yet; otherwise check the option path",
            )
        case 404 | 410:
            return NotFoundError(
                f"{asked.told} has nothing", given=given, hint="check the endpoint and the option path"
            )
        case _ if 400 <= status < 500:
            return ConfigurationError(
                f"{asked.told} refuses the request", given=given, hint="check the options path and params"
            )
        case _:
            return SourceError(f"{asked.told} does not answer with data", given=given, allowed="status 200")


def media_type_of(headers: httpx.Headers) -> str:
    """The media type without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() or "application/octet-stream"


def refuse_html(chunks: Iterator[bytes], media_type: str, told: str) -> Iterator[bytes]:
    """The same bytes, unless they are a web page: a login form or a notice that stands where data should.

    A label alone does not decide, as many systems label all that they send `text/html`.

    Raises:
        SourceError: they are a web page.
    """
    lead, sniffed = b"", False
    for chunk in chunks:
        if sniffed:
            yield chunk
            continue
        lead += chunk
        if len(lead) >= _SNIFFED_BYTES:
            _check_lead(lead, media_type, told)
            sniffed = True
            yield lead
    if lead and not sniffed:
        _check_lead(lead, media_type, told)
        yield lead


def _check_lead(lead: bytes, media_type: str, told: str) -> None:
    text = lead.removeprefix(b"\xef\xbb\xbf")
    labelled = media_type in ("text/html", "application/xhtml+xml")
    if _HTML.match(text) or (labelled and text.lstrip().startswith(b"<")):
        raise SourceError(
            f"{told} answers with a web page instead of data",
            given=media_type,
            hint="it may ask for a login, or be under maintenance",
        )
