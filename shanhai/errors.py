"""The one tree of errors: a class says how to recover, a message what was given and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping


class ShanhaiError(Exception):
    """Base of all errors that Shanhai raises on purpose; what is raised is a class below it.

    Args:
        message: what is wrong, naming the thing.
        given: what was found, one thing or several; never a secret, never a personal value.
        allowed: what would have been accepted, one thing or several.
        hint: the next step for the person who reads it.
    """

    exit_code = 1
    recovery = "report"

    def __init__(self, message: str, *, given: object = None, allowed: object = None, hint: str = "") -> None:
        self.message = message
        self.given = None if given is None else _listed(given)
        self.allowed = None if allowed is None else _listed(allowed)
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        parts = [self.message]
        if self.given is not None:
            parts.append(f"given: {self.given}")
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, str | None]:
        """The error as one JSON object, for `--format json` and notifications."""
        return {
            "error": type(self).__name__,
            "recovery": self.recovery,
            "message": self.message,
            "given": self.given,
            "allowed": self.allowed,
            "hint": self.hint or None,
        }

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.given, self.allowed, self.hint))


class RetryableError(ShanhaiError):
    """The same call may succeed later: a source down, a busy store, a full disk."""

    exit_code = 75
    recovery = "retry"


class ConfigurationError(ShanhaiError):
    """A person must change a contract, a setting or an installation."""

    exit_code = 78
    recovery = "fix the configuration"


class DataError(ShanhaiError):
    """The data break their contract; the source must send better ones."""

    exit_code = 65
    recovery = "fix the data"


class DeniedError(ShanhaiError):
    """Policy or access rules forbid it, and retrying will not help."""

    exit_code = 77
    recovery = "denied"


class ContractError(ConfigurationError):
    """A contract is wrong. Carries the file and the line that a person has to look at."""

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int | None = None,
        given: object = None,
        allowed: object = None,
        hint: str = "",
    ) -> None:
        self.file = file
        self.line = line
        self.complaint = message
        where = f"{file}:{line}: " if file and line else (f"{file}: " if file else "")
        super().__init__(where + message, given=given, allowed=allowed, hint=hint)

    def __reduce__(self) -> tuple[object, ...]:
        return (
            _rebuild_contract,
            (type(self), self.complaint, self.file, self.line, self.given, self.allowed, self.hint),
        )

    def as_dict(self) -> dict[str, str | None]:
        return {
            **super().as_dict(),
            "file": self.file or None,
            "line": str(self.line) if self.line else None,
        }


class UnreadableError(DataError):
    """A snapshot cannot be decoded the way its contract states; its delivery is refused whole."""


class DamagedError(DataError):
    """A file of the home is lost, cut off or altered: no later try helps, to put it back does."""


class SourceError(RetryableError):
    """A district's system did not answer, or answered with something else than data."""


class StoreError(RetryableError):
    """An object store or a disk failed; nothing is half-written."""


class DiskFullError(StoreError):
    """There is not enough room for the next step."""


class MemoryLimitError(ConfigurationError):
    """A step needs more memory than its DuckDB session may use; the same try would need as much again."""


class NotFoundError(ConfigurationError):
    """A dataset, delivery, connector or file that was named does not exist."""


class BusyError(RetryableError):
    """Another process holds what this one needs."""


class FaultError(ShanhaiError):
    """This software found that it is wrong itself, and stopped before anything counts."""

    exit_code = 70
    recovery = "report"


class GateDisagreementError(FaultError):
    """Great Expectations and staging counted the same rule differently: one of the two is wrong."""


def as_typed(text: str) -> str:
    """A text that somebody typed, for an error: as it was, where a terminal shows it as that; else quoted.

    What controls a terminal, or turns the direction of writing, is escaped: shown and not done.
    """
    return text if text.strip() and text.isprintable() else repr(text)


def _listed(said: object) -> str:
    if isinstance(said, (Mapping, list, tuple, set, frozenset)):
        values = sorted(said, key=str) if isinstance(said, (set, frozenset)) else said
        return ", ".join(str(value) for value in values)
    return str(said)


def _rebuild(
    cls: type[ShanhaiError], message: str, given: str | None, allowed: str | None, hint: str
) -> ShanhaiError:
    return cls(message, given=given, allowed=allowed, hint=hint)


def _rebuild_contract(
    cls: type[ContractError],
    message: str,
    file: str,
    line: int | None,
    given: str | None,
    allowed: str | None,
    hint: str,
) -> ContractError:
    return cls(message, file=file, line=line, given=given, allowed=allowed, hint=hint)
