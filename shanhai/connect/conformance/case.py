"""What a test module tells the suite about a source, and how the suite asks it."""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shanhai.connect.protocol import ConnectContext, Connector, ConnectorFactory
from shanhai.errors import ShanhaiError


@dataclass(frozen=True)
class Case:
    """A source, how to ask it, and what it answers.

    Args:
        options: as in a contract.
        context: of an installation; its `sleep` must not wait.
        window: what to ask for.
        bodies: name → bytes of what the source has for it.
        secret: text that must be told nowhere; empty when the source needs none.
    """

    options: Mapping[str, Any]
    context: ConnectContext
    window: str | None = None
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Moving:
    """A source that changes while it is read.

    Args:
        case: its `bodies` are not looked at.
        keys: what the records of one body are known by.
        always: what was there from the first request to the last.
        may_refuse: whether the source's way of paging cannot be exact, so that an error to try again is
            right too.
    """

    case: Case
    keys: Callable[[bytes], Iterable[str]]
    always: frozenset[str]
    may_refuse: bool = False


class Suite(ABC):
    """What the parts of the suite share."""

    factory: ConnectorFactory

    @abstractmethod
    def healthy(self) -> Case:
        """A source with at least two bodies for the window."""

    def connector(self, case: Case) -> Connector:
        """The connector for a case."""
        return type(self).factory(case.options, case.context)

    def collected(self, case: Case) -> dict[str, bytes]:
        """All bodies of a case."""
        return collect(self.connector(case), case.window)


def collect(connector: Connector, window: str | None) -> dict[str, bytes]:
    """All bodies of a pull, in its order.

    Raises:
        AssertionError: two bodies have one name.
    """
    collected: dict[str, bytes] = {}
    for body in connector.pull(window):
        assert body.name not in collected, f"two bodies are called {body.name}"
        collected[body.name] = b"".join(body.chunks)
    return collected


@contextmanager
def refusal(*kinds: type[ShanhaiError]) -> Iterator[list[ShanhaiError]]:
    """Expects an error of one of the kinds in the block, and gives it in the list afterwards."""
    caught: list[ShanhaiError] = []
    try:
        yield caught
    except kinds as error:
        caught.append(error)
        return
    raise AssertionError(f"nothing was refused; expected {' or '.join(kind.__name__ for kind in kinds)}")
