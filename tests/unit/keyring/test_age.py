"""A passphrase is worth as much work as was meant, however busy the machine is."""

from __future__ import annotations

import pyrage
import pytest

from shanhai.errors import BusyError
from shanhai.exchange.secret import Secret
from shanhai.keyring import age

PLAIN, PASSPHRASE = Secret(b"plain"), Secret(b"correct horse")


def _cheaply(work: int) -> bytes:
    return f"age-encryption.org/v1\n-> scrypt c2FsdA {work}\n".encode()


def test_what_little_work_would_open_is_locked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """age measures what the machine does in a second, and takes one that stood still for a slow one."""
    answers, really = [_cheaply(10), _cheaply(age.LEAST_WORK - 1)], pyrage.passphrase.encrypt
    monkeypatch.setattr(pyrage.passphrase, "encrypt", lambda *to: answers.pop(0) if answers else really(*to))
    locked = age.lock(PLAIN, PASSPHRASE)
    assert age.work_factor(locked) >= age.LEAST_WORK
    assert age.unlock(locked, PASSPHRASE, name="node.age").bytes == PLAIN.bytes
    assert answers == []


def test_a_machine_that_stays_so_is_told_and_locks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyrage.passphrase, "encrypt", lambda *_: _cheaply(10))
    monkeypatch.setattr(age, "_PAUSE_SECONDS", 0)
    with pytest.raises(BusyError, match=r"given: a work factor of 10; allowed: 16 or more"):
        age.lock(PLAIN, PASSPHRASE)
