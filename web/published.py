"""The programs that the database holds, compiled again when another version of them is published.

That is where DATAPOST_RULES_FROM is `dashboard`: leads/publishing.py writes what is read here.
"""

import math
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from peewee import fn

import database
from database import StoreError, db
from database.engines import thread
from judge.compiler import compile_text
from judge.rulebook import Book, share_places, tell
from judge.rulefile import Finding, RuleFileError
from models import Published
from web.logs import log

RULES, LIST = "rules", "list"


# --- What is live; needs the store ---


def newest():
    """Return what tells whether anything was published since: the newest row's id, time and hash."""
    row = Published.select(Published.id, Published.at, Published.hash).order_by(Published.id.desc()).tuples().first()
    return row or (0, None, "")


def live_rows(after=0, until=None):
    """Return `{(thing, name): row}` of the newest version of each name that has one after this id."""
    ids = Published.select(fn.MAX(Published.id)).where(Published.id > after)
    if until is not None:
        ids = ids.where(Published.id <= until)
    rows = Published.select().where(Published.id.in_(ids.group_by(Published.thing, Published.name)))
    return {(row.thing, row.name): row for row in rows.order_by(Published.id)}


# --- What is made of it ---


def path_of(folder, name, thing=RULES):
    """Return where a program or a list would be a file: so messages name it, and so the compiler finds lists."""
    return str(Path(folder) / (f"{name}.yaml" if thing == RULES else name))


def texts_of(folder, rows):
    """Return the texts of the lists among these rows, by the paths by which rules name them."""
    return {path_of(folder, name, LIST): row.text for (thing, name), row in rows.items() if thing == LIST and row.hash}


class PublishedBook(Book):
    """The programs that are live, asked for once a second.

    `seed()` publishes the files of a deploy that the database does not know; it is called before the first reading.
    Who asks for programs before the database could be read gets its StoreError, and not the rules of a file; once it
    was read, the last known rules go on. `unusable` are the programs whose live text does not compile, as after an
    upgrade, and of which this process has no earlier one.
    """

    LOOK_EVERY = 1  # seconds; a look costs one indexed read
    STALE_AFTER = 1.5  # seconds since the last look; then who comes waits for the one who looks
    LONGEST_WAIT = 1  # seconds; then he goes on with what is known
    LONGEST_LOOK = 5  # seconds of the time that a lead has in all: a server that is gone costs some three

    def __init__(self, folder, seed=None):
        self._seed, self._lock, self._looked_at = seed, Lock(), -math.inf
        self._rows, self._newest, self._failure, self._refused = {}, None, None, {}
        super().__init__(folder)

    @property
    def programs(self):
        if not self.known:
            self.refresh()
        if not self.known:
            raise StoreError(self._failure or "the rules were not read yet")
        return self._programs

    @programs.setter
    def programs(self, programs):
        self._programs = programs

    @property
    def errors(self):
        if not self.known:
            self.refresh()
        return super().errors

    @property
    def known(self):
        """Whether the database was read once."""
        return self._newest is not None

    @property
    def rows(self):
        """The live version of each program and list that was ever published, by ("rules" or "list", name)."""
        return self._rows

    @property
    def versions(self):
        return {name: row.version for (thing, name), row in self._rows.items() if thing == RULES and row.hash}

    @property
    def lists(self):
        return {name: row.text for (thing, name), row in self._rows.items() if thing == LIST and row.hash}

    @property
    def texts(self):
        return texts_of(self.folder, self._rows)

    @property
    def unusable(self):
        """The programs whose live text does not compile, and of which this process has no earlier one."""
        return self.versions.keys() - self._programs.keys()

    def refresh(self, waits=True):
        """See whether another version is live. Who is within a transaction or a reading looks there, and never waits.

        Who must not wait is a chore: it may delete leads, and does so by no rules of long ago. Raises StoreError.
        """
        silence = time.monotonic() - self._looked_at
        if silence < self.LOOK_EVERY:
            return
        within = not db.is_closed()
        patience = self.LONGEST_WAIT if waits and not within and silence >= self.STALE_AFTER else 0
        if not (self._lock.acquire(timeout=patience) if patience else self._lock.acquire(blocking=False)):
            if not waits and silence >= self.STALE_AFTER:
                raise StoreError("the rules are being read by another thread")
            return
        try:
            if time.monotonic() - self._looked_at < self.LOOK_EVERY:
                return  # another thread has looked while this one waited
            if within:
                self._look()
            else:
                self._look_by_itself()
        finally:
            self._lock.release()

    def _look_by_itself(self):
        try:
            with _at_most(self.LONGEST_LOOK if self.known else database.ANSWER_WAIT):
                self._sow()
                with database.read():
                    self._look()
            self._failure = None
        except StoreError as error:
            if self._failure is None:
                log.error("the rules that are live cannot be read: %s", error)
            self._failure = str(error)
        finally:
            self._looked_at = time.monotonic()

    def _sow(self):
        """Publish what is new in the deploy, once, as soon as the database can be used."""
        if self._seed is None:
            return
        try:
            self._seed()
        except RuleFileError as error:
            log.error("the new files of this deploy are not published: %s", error)
            for finding in error.errors:
                self._refused.setdefault(finding.path, []).append(finding)
            self._errors |= self._refused
        except (ValueError, OSError) as error:  # it is tried again with the next look
            log.error("the new files of this deploy are not published yet: %s", error)
            return
        self._seed = None

    def _look(self):
        """Read what is new, and compile it. Needs the store."""
        began, found = time.monotonic(), newest()
        if found != self._newest:
            goes_on = self.known and found[0] > self._newest[0]  # else another database was put in its place
            rows = live_rows(self._newest[0] if goes_on else 0, found[0])
            self._take(rows, self._rows if goes_on else {})
            self._newest = found
        self._looked_at = began

    def _take(self, rows, known):
        """Compile the programs of these rows, beside those that are known, and the programs that name changed lists."""
        now = known | rows
        texts, programs, errors = texts_of(self.folder, now), {}, dict(self._refused)
        changed = {path_of(self.folder, name, LIST) for thing, name in rows if thing == LIST}
        before = set(super().errors)
        for (thing, name), row in sorted(now.items()):
            path = path_of(self.folder, name)
            if thing != RULES:
                continue
            earlier = self._programs.get(name)
            if not row.hash:
                if earlier:
                    log.warning("the program %s is retired: it takes no more leads", name)
            elif (thing, name) not in rows and earlier and path not in self._errors and not earlier.lists & changed:
                programs[name] = earlier
            else:
                self._compile(row, path, texts, programs, errors)
        share_places(programs.values())
        self._rows, self._programs, self._errors = now, programs, errors
        for error in super().errors:
            if error not in before:
                log.error("%s", error)

    def _compile(self, row, path, texts, programs, errors):
        earlier = self._programs.get(row.name)
        try:
            program = compile_text(row.name, path, row.text, texts=texts)
        except Exception as error:
            # A mistake of ours in one text must not keep the others from being read.
            fault = [Finding(path, 1, f"version {row.version} cannot be used: {type(error).__name__}")]
            errors[path] = error.errors if isinstance(error, RuleFileError) else fault
            if good := earlier or _without_examples(row, path, texts):
                programs[row.name] = good
            return
        programs[row.name] = program
        if self.known:
            if not earlier or earlier.hash != program.hash:
                log.info("version %s of %s is live, %s", row.version, row.name, program.hash[:12])
            tell(program, self._before)


def _without_examples(row, path, texts):
    """Return the Program whose examples alone are wrong, or None: they passed once, and with the days one may not."""
    with suppress(Exception):
        return compile_text(row.name, path, row.text, examples=False, texts=texts)


@contextmanager
def _at_most(seconds):
    """Let this thread wait for the store no longer than this, nor longer than it may already."""
    before, until = getattr(thread, "deadline", None), time.monotonic() + seconds
    thread.deadline = until if before is None else min(before, until)
    try:
        yield
    finally:
        thread.deadline = before
