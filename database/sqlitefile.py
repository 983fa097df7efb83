"""The file of a SQLite database and its log (-wal): that the two belong together.

What is committed stands in the log until a checkpoint brings it into the file. Whoever opens the file
replays the log that lies beside it, whosever it is: a good copy that is put in place of the file, or
copied over it, is ruined by the log of the old one, and SQLite may never notice. So:

- A log says whose it is. The file has a random number in its header (`user_version`), and beside it
  the number that it will have when the log is over (`application_id`). The first frame of a log is
  the page with the header: the log belongs to a file that has one of these two numbers.
- The file gets its next number by the last frame of a log. So a copy that was made before has another,
  and one that was made since then is not harmed: the log has all that was written after it.
- The number is read from the bytes of the file, since SQLite would take it from the log: before SQLite
  opens the file, and before each reading and writing, since it may be copied over while it is open.
- SQLite makes no checkpoint by itself while the file is open: `renew` does, when a process writes for
  the first time, and when the log has grown long. The last one who closes the file does, if all is well.
- Where a log does not say whose it is (version 0.3.0 left it, or another program), or where SQLite
  found damage, all of the file is checked by a connection that cannot write, before any other opens it.

Beside the file lies one that ends in -lock. Who writes holds it locked, and the others wait for their
turn; and it names the damage that SQLite found, for all processes and for the next start.
"""

import ctypes
import fcntl
import logging
import os
import secrets
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from struct import pack, unpack, unpack_from

LONGEST_LOG = 16_000_000  # bytes: a place is one page, and rarely the same as the last
CHECKPOINT_WAIT = 500  # milliseconds, for those who read what is in the log; leads wait meanwhile
WITH_LOG = b"\2\2"  # the versions in the header of a database that has a log

log = logging.getLogger("datapost")

GONE = "the database file is gone: stop the service, put it back, and start"
REPLACED = (
    "the database file was replaced or written over while it was in use: stop the service, put the file right as "
    'docs/operations.md says under "SQLite", and start'
)
INTERRUPTED = "a restore was interrupted, so that the database file is gone: run flask restore again"
STRANGE_LOG = (
    "{log} belongs to another file than {file}. If {file} is a copy that you put there, stop the service, move {log} "
    "away (keep it: it holds the last leads of the old file), and start; else put the file back that {log} belongs to"
)
DAMAGED = (
    "{file} is damaged ({why}): stop the service, put a good copy in its place as docs/operations.md says under "
    '"SQLite", and start'
)


class FileProblem(Exception):
    """The file must not be used until somebody puts it right. The text says how."""


class SqliteFile:
    def __init__(self, path, wait):
        """`wait` is how many seconds a program that is not ours may keep the database locked."""
        self.path, self._wait = path, wait
        self._log, self._lock = f"{path}-wal", f"{path}-lock"
        self._place = self._bytes = self._keeper = self._damage = None
        self._known, self._longest = frozenset(), 0
        self._opening = threading.Lock()

    @contextmanager
    def file_lock(self, waits=True):
        """Wait until none of our processes and threads writes, or raise BlockingIOError if one does."""
        with open(self._lock, "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    # --- Opening and closing ---

    def check(self):
        """Raise FileProblem if the file must not be used. Who asks first opens it, or makes it."""
        if self._keeper is None:
            with self._opening:
                if self._keeper is None:
                    self._open()
        elif not self._is_well():
            with self.file_lock():
                self.look()

    def _open(self):
        if self._place and self._where() != self._place:
            raise FileProblem(REPLACED if self._where() else GONE)
        try:
            self._drop_bytes()
            with self.file_lock():
                name, numbers = self._name(), self._numbers()
            found = Path(self._lock).read_text(errors="replace")
        except OSError as error:
            raise FileProblem(
                f"unable to open or make {self.path}: {error.strerror}. See that its folder is there and may be "
                "written, or name another file in DATABASE_URL"
            ) from None
        if not name and os.path.exists(f"{self.path}.new"):
            raise FileProblem(INTERRUPTED)
        self._refuse_strange_log(name, numbers)
        if found:
            self._check_all(DAMAGED)
            os.truncate(self._lock, 0)
        self._damage, self._longest = None, 0
        # While this connection is open, no other that closes is the last, and makes a checkpoint.
        keeper = sqlite3.connect(self.path, timeout=self._wait, isolation_level=None, check_same_thread=False)
        try:
            # Of a new file: five leads of 1,400 bytes fit into such a page, and two into one of 4 KB. That saves 410
            # bytes a lead; the log takes some 25 µs more for each.
            keeper.execute("PRAGMA page_size = 8192")
            for pragma in ("journal_mode = wal", "wal_autocheckpoint = 0", "synchronous = normal", "user_version"):
                keeper.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            keeper.close()
            raise
        self._place, self._known = self._where(), _names(numbers or ()) or {self._name()}
        self._keeper = keeper
        if numbers == ():
            with self.file_lock():
                self.renew()  # so that the next one need not check all of it again

    def refuse_strange_log(self):
        """Raise FileProblem if the log that lies beside the file is that of another."""
        try:
            self._refuse_strange_log(self._name(), self._numbers())
        finally:
            self._drop_bytes()

    def _refuse_strange_log(self, name, numbers):
        # Where the log does not say whose it is, it may still be that of a file that can have one.
        if numbers is not None and not (name in _names(numbers) or (not numbers and name.startswith(WITH_LOG))):
            raise FileProblem(self._says(STRANGE_LOG))
        if numbers == ():
            self._check_all(STRANGE_LOG)

    def _check_all(self, problem):
        try:
            with closing(sqlite3.connect(f"{Path(self.path).absolute().as_uri()}?mode=ro", uri=True)) as reader:
                (why,) = reader.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.OperationalError:
            raise  # it is locked, for example
        except sqlite3.DatabaseError as error:
            why = error
        if str(why) != "ok":
            raise FileProblem(self._says(problem, " ".join(str(why).split())))

    def close(self):
        """Close the file, after all other connections of this process.

        The last one who closes it makes a checkpoint. So where something is wrong, nobody must be the last.
        """
        if not self._keeper:
            return
        try:
            self.check()
        except (FileProblem, OSError):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._keeper))  # it outlives even the interpreter
            self._bytes = None
        else:
            self._keeper.close()
            self._drop_bytes()
        self._keeper = None

    def _drop_bytes(self):
        if self._bytes is not None:
            os.close(self._bytes)
            self._bytes = None

    # --- Looking ---

    def look(self):
        """Raise FileProblem if the file must not be used. The lock is held, so that nobody renews the log meanwhile."""
        if self._is_well():
            return
        if self._where() != self._place:
            raise FileProblem(REPLACED if self._where() else GONE)
        if why := self._damage or Path(self._lock).read_text(errors="replace"):
            raise FileProblem(self._says(DAMAGED, why))
        self._known = _names(self._numbers() or ())  # another process may have renewed the log
        if self._name() not in self._known:
            raise FileProblem(REPLACED)

    def _is_well(self):
        as_before = self._where() == self._place and self._name() in self._known
        return as_before and not self._damage and not _size(self._lock)

    def _where(self):
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino

    def _name(self):
        """Return what tells the file from others: its versions and its number.

        The descriptor stays open, since closing it would release the locks that SQLite has on the file.
        """
        if self._bytes is None:
            try:
                self._bytes = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return b""
        header = os.pread(self._bytes, 64, 0)
        return header[18:20] + header[60:64]

    def _numbers(self):
        """Return the two numbers of the log, `()` if it does not say whose it is, or None if it holds nothing."""
        if not (frame := first_frame(self._log)):
            return None
        page, content = frame
        numbers = unpack_from(">i4xi", content, 60) if page == 1 else ()
        return numbers if all(numbers) else ()

    def _says(self, problem, why=""):
        file = os.path.basename(self.path)
        return problem.format(file=file, log=f"{file}-wal", why=why)

    def condemn(self, why):
        """Let nobody use the file any more, since SQLite found it damaged; return what to do."""
        self._damage = why
        with suppress(OSError):
            Path(self._lock).write_text(why)
        return self._says(DAMAGED, why)

    # --- Writing; the lock is held ---

    def tend(self):
        """Make sure of the log before it is written to."""
        size = _size(self._log)
        if not size or size > self._longest:
            self.renew()

    def renew(self):
        """Bring the log into the file and begin a new one; tell whether it could: somebody may read what is in it."""
        self.look()
        old, new = self._numbers() or self._sign(*self._fresh_numbers())
        self._sign(new, new)
        self._keeper.execute(f"PRAGMA busy_timeout = {CHECKPOINT_WAIT}")
        try:
            self._keeper.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:  # all of it stands in the log still
            log.error("the log of the database cannot be brought into its file: %s", error)
        self._keeper.execute(f"PRAGMA busy_timeout = {int(self._wait * 1000)}")
        emptied = not _size(self._log)
        numbers = self._sign(new, _random()) if emptied else self._sign(old, new)
        self._known, self._longest = _names(numbers), _size(self._log) + LONGEST_LOG
        return emptied

    def undo(self):
        """Make certain that a commit that failed has stored nothing, and tell whether it is.

        If the disk did not confirm it (fsync failed), all of it may stand in the log. SQLite does not show
        it, and the next commit writes over it; but a crash before that brings it back.
        """
        try:
            self._keeper.execute("PRAGMA synchronous = full")
            self._sign(*(self._numbers() or self._fresh_numbers()))
        except sqlite3.Error:
            return False
        return True

    def _fresh_numbers(self):
        return unpack(">i", self._name()[2:])[0], _random()

    def _sign(self, number, following):
        with self._keeper as keeper:
            keeper.execute("BEGIN IMMEDIATE")
            keeper.execute(f"PRAGMA user_version = {number}")
            keeper.execute(f"PRAGMA application_id = {following}")
        return number, following


def _names(numbers):
    return {WITH_LOG + pack(">i", number) for number in numbers}


def _random():
    return secrets.randbelow(2**31 - 1) + 1


def _size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


# --- The format of a log: https://sqlite.org/fileformat2.html#the_write_ahead_log ---


def first_frame(path):
    """Return the number and the content of the first page in a log, or None if SQLite would find nothing in it."""
    try:
        with open(path, "rb") as log:
            header = log.read(32)
            size = int.from_bytes(header[8:12])
            frame = log.read(24 + size)
    except FileNotFoundError:
        return None
    order = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}.get(header[:4])
    if not order or not 512 <= size == len(frame) - 24 or header[16:24] != frame[8:16]:
        return None
    first = _checksum(header[:24], order)
    both = _checksum(frame[:8] + frame[24:], order, *first)
    if header[24:] + frame[16:24] != pack(">4I", *first, *both):
        return None
    return int.from_bytes(frame[:4]), frame[24:]


def _checksum(data, order, a=0, b=0):
    words = iter(unpack(f"{order}{len(data) // 4}I", data))
    for word in words:
        a = (a + word + b) & 0xFFFFFFFF
        b = (b + next(words) + a) & 0xFFFFFFFF
    return a, b
