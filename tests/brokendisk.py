"""A disk that does not confirm what was written: fsync fails, for one thread, by a filter of the Linux kernel.

See https://docs.kernel.org/userspace-api/seccomp_filter.html. The filter stays as long as its thread lives.
"""

import ctypes
import errno
import os
import platform
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SYNCS = {"x86_64": (74, 75), "aarch64": (82, 83)}  # the numbers of fsync and fdatasync
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EIO
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
CALL, FIRST_ARGUMENT = 0, 16  # where they stand in what the filter is given


def break_syncs(files):
    """Let fsync fail from now on, in the calling thread, for the open descriptors of these files."""
    steps = [(LOAD, 0, 0, CALL)]
    first, second = SYNCS[platform.machine()]
    steps += [(IF_EQUAL, 1, 0, first), (IF_EQUAL, 0, len(files) + 1, second), (LOAD, 0, 0, FIRST_ARGUMENT)]
    steps += [(IF_EQUAL, len(files) - n, 0, file) for n, file in enumerate(files)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, FAIL)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    filter_ = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(filter_)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SECCOMP, FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def descriptors_of(file):
    """Return this process's open descriptors of a file, the oldest first."""
    folder = Path("/proc/self/fd")
    return sorted(int(link.name) for link in folder.iterdir() if link.exists() and link.resolve() == file.resolve())


def _can_break():
    if platform.system() != "Linux" or platform.machine() not in SYNCS:
        return False
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(break_syncs, []).exception() is None


needs_broken_disk = pytest.mark.skipif(not _can_break(), reason="this system lets nobody break its disk (seccomp)")
