"""The disk that a SQLite file is on."""

import os
import shutil
from pathlib import Path

LEAST_FREE = 500_000_000  # bytes: for days of leads, and to notice in time
FLEETING = {"tmpfs", "ramfs", "overlay", "aufs"}  # file systems that a restart empties
MOUNTS = Path("/proc/self/mountinfo")


def fleeting(path, environ=os.environ):
    """Return what does not last of where a file is, or "" if nothing is known against it."""
    kind = file_system(Path(path).resolve())
    return "this platform" if environ.get("DYNO") else f"this disk ({kind})" if kind in FLEETING else ""


def free(path):
    """Return how many bytes are free where a file is."""
    return shutil.disk_usage(Path(path).absolute().parent).free


def file_system(path, mounts=None):
    """Return the kind of the file system that a file is on, or "" where that is not to be known."""
    try:
        lines = (mounts if mounts is not None else MOUNTS.read_text()).splitlines()
    except OSError:  # not Linux
        return ""
    kinds = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")  # a space is \040
        kinds[point] = after.split()[0]
    return next((kinds[str(folder)] for folder in [path, *path.parents] if str(folder) in kinds), "")
