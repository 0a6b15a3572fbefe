"""Take away from this process what a parser of foreign bytes does not need. Linux, no privilege needed.

Sources: seccomp(2), prctl(2), Documentation/userspace-api/seccomp_filter.rst; numbers from the kernel's
syscall tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000


@dataclass(frozen=True)
class _Machine:
    """Numbers of system calls: the allowed ones, and those that are allowed in part."""

    audit: int
    seccomp: int
    clone: int
    clone3: int
    tgkill: int
    allowed: str


# read write close fstat poll|ppoll lseek mmap mprotect munmap brk sigaction sigprocmask sigreturn pread64
# readv writev sched_yield mremap madvise getpid exit uname fcntl ftruncate getrusage sysinfo sigaltstack
# gettid futex sched_getaffinity clock_gettime clock_getres clock_nanosleep exit_group set_robust_list
# getrandom membarrier rseq
_X86_64 = (
    "0 1 3 5 7 8 9 10 11 12 13 14 15 17 19 20 24 25 28 39 60 63 72 77 98 99 131 186 202 204 228 229 230 231 "
    "273 318 324 334"
)
_AARCH64 = (
    "63 64 57 80 73 62 222 226 215 214 134 135 139 67 65 66 124 216 233 172 93 160 25 46 165 179 132 178 98 "
    "123 113 114 115 94 99 278 283 293"
)

_MACHINES = {
    "x86_64": _Machine(0xC000003E, seccomp=317, clone=56, clone3=435, tgkill=234, allowed=_X86_64),
    "aarch64": _Machine(0xC00000B7, seccomp=277, clone=220, clone3=435, tgkill=131, allowed=_AARCH64),
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
    """This system lacks a means that the confinement needs."""


def limit(limits: Limits) -> None:
    """Bound memory, time and output; no core dump; killed with its parent. Before anything is imported.

    Raises:
        UnconfinedError: not Linux.
    """
    if sys.platform != "linux":
        raise UnconfinedError("Linux is needed")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))
    # A core that is piped to a collector ignores the limit, but what is not dumpable leaves none; nor can
    # another process of the same user read its memory.
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def seal() -> None:
    """From here on: no socket, no file to open, no program to start, no signal to others, for good.

    A list of what is allowed, in all threads: computing, memory, threads, reading and writing what is open.
    Everything else fails as not permitted. What is imported later cannot be found, so import it before.

    Raises:
        UnconfinedError: the kernel or the processor has no such filter.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise UnconfinedError(f"no list of system calls for {platform.machine()}")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    program = _program(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if _libc().syscall(machine.seccomp, _SET_MODE_FILTER, _FLAG_TSYNC, described) != 0:
        raise UnconfinedError(f"seccomp: {os.strerror(ctypes.get_errno())}")


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
    # Its arguments lie in memory that a filter cannot see; told that there is none, libc takes clone.
    steps += [_step(_EQUAL, machine.clone3, otherwise=1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    argument = _step(_LOAD, _FIRST_ARGUMENT_AT)
    steps += [_step(_EQUAL, machine.clone, otherwise=4), argument]
    steps += [_step(_ANY_BIT, _CLONE_THREAD, otherwise=1), allow, deny]
    steps += [_step(_EQUAL, machine.tgkill, otherwise=3), argument]
    steps += [_step(_EQUAL, os.getpid(), otherwise=1), allow]
    return b"".join([*steps, deny])


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise UnconfinedError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
