"""Take away from this process what a parser of foreign bytes does not need. Linux, no privilege needed.

Sources: seccomp(2), prctl(2), Documentation/userspace-api/seccomp_filter.rst; numbers from the kernel's
syscall tables.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_PROT_EXEC = 4
_X32 = 0x40000000
_OF_A_FILE_NUMBER = (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_DUPFD_CLOEXEC)
"""What fcntl may do; other commands make the kernel send signals, or take leases."""

Word = Literal["platform", "machine", "prctl", "seccomp", "parent"]
UNABLE: Mapping[str, str] = {
    "platform": "another system than Linux",
    "machine": "a processor for which there is no list of system calls",
    "prctl": "a kernel that refuses to make the process less than it is",
    "seccomp": "a kernel without filters of system calls",
    "parent": "whoever wanted it is gone",
}
"""Why a process cannot be confined."""


@dataclass(frozen=True)
class _Machine:
    """Numbers of system calls: the allowed ones, and those that are allowed in part."""

    audit: int
    seccomp: int
    tgkill: int
    fcntl: int
    maps: tuple[int, int]
    """mmap and mprotect."""
    allowed: str


# read write close fstat poll|ppoll lseek munmap brk sigaction sigprocmask sigreturn pread64
# readv writev sched_yield mremap madvise getpid exit uname ftruncate getrusage sysinfo sigaltstack
# gettid futex sched_getaffinity clock_gettime clock_getres clock_nanosleep exit_group set_robust_list
# getrandom membarrier rseq
_X86_64 = (
    "0 1 3 5 7 8 11 12 13 14 15 17 19 20 24 25 28 39 60 63 77 98 99 131 186 202 204 228 229 230 231 "
    "273 318 324 334"
)
_AARCH64 = (
    "63 64 57 80 73 62 215 214 134 135 139 67 65 66 124 216 233 172 93 160 46 165 179 132 178 98 "
    "123 113 114 115 94 99 278 283 293"
)

_MACHINES = {
    "x86_64": _Machine(0xC000003E, seccomp=317, tgkill=234, fcntl=72, maps=(9, 10), allowed=_X86_64),
    "aarch64": _Machine(0xC00000B7, seccomp=277, tgkill=131, fcntl=25, maps=(222, 226), allowed=_AARCH64),
}


@dataclass(frozen=True)
class Limits:
    """What a parser may use.

    Attributes:
        memory_bytes: address space; about 500 MiB of it are the interpreter's and the library's own.
        seconds: of processor time in the process; the caller counts the wall time.
        output_bytes: the largest file that it may write.
    """

    memory_bytes: int
    seconds: int
    output_bytes: int


class UnconfinedError(Exception):
    """This system lacks a means that the confinement needs; `word` is one of `UNABLE`."""

    def __init__(self, word: Word) -> None:
        self.word = word
        super().__init__(UNABLE[word])


def limit(limits: Limits, *, parent: int) -> None:
    """Bound memory, time and output; no core dump; killed with its parent. Before anything is imported.

    Args:
        parent: id of the process that started this one.

    Raises:
        UnconfinedError: not Linux, or the parent has ended already.
    """
    if sys.platform != "linux":
        raise UnconfinedError("platform")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))
    # A core that is piped to a collector ignores the limit, but what is not dumpable leaves none; nor can
    # another process of the same user read its memory.
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise UnconfinedError("parent")


def seal() -> None:
    """From here on: no socket, no file to open, no program or thread to start, no signal to others, for good.

    A list of what is allowed, in all threads: computing, memory that holds no code, reading and writing what
    is open. Everything else fails as not permitted. What is imported later cannot be found, so import it
    before.

    Raises:
        UnconfinedError: the kernel or the processor has no such filter.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise UnconfinedError("machine")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    program = _program(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if _libc().syscall(machine.seccomp, _SET_MODE_FILTER, _FLAG_TSYNC, described) != 0:
        raise UnconfinedError("seccomp")


def _program(machine: _Machine) -> bytes:
    deny = _step(_RETURN, _ERRNO | errno.EPERM)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, machine.audit, then=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _X32, otherwise=1),
        deny,
    ]
    for number in map(int, machine.allowed.split()):
        steps += [_step(_EQUAL, number, otherwise=1), allow]
    steps += _with_argument(machine.tgkill, 0, [os.getpid()])
    steps += _with_argument(machine.fcntl, 1, _OF_A_FILE_NUMBER)
    for number in machine.maps:
        new_code = _step(_ANY_BIT, _PROT_EXEC, otherwise=1)
        steps += [_step(_EQUAL, number, otherwise=4), _argument(2), new_code, deny, allow]
    return b"".join([*steps, deny])


def _with_argument(number: int, place: int, values: Iterable[int]) -> list[bytes]:
    """A call that is allowed where one argument has one of some values."""
    allowed = [
        part for value in values for part in (_step(_EQUAL, value, otherwise=1), _step(_RETURN, _ALLOW))
    ]
    body = [_argument(place), *allowed, _step(_RETURN, _ERRNO | errno.EPERM)]
    return [_step(_EQUAL, number, otherwise=len(body)), *body]


def _argument(place: int) -> bytes:
    """The lower half of an argument, which comes first on both machines; commands and bits are there."""
    return _step(_LOAD, _ARGUMENTS_AT + 8 * place)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise UnconfinedError("prctl")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
