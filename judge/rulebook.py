"""The programs of a folder, read again when their files change."""

import logging
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import MappingProxyType

from judge.changes import begun_anew
from judge.compiler import compile_text, load
from judge.meant import nearest
from judge.rulefile import Finding, RuleFileError
from judge.values import clean
from judge.verdict import longer

log = logging.getLogger("datapost")


def rule_files(folder):
    """Return the paths of the rule files in a folder; those that start with a dot are an editor's."""
    return sorted(path for path in Path(folder).glob("[!.]*") if path.suffix in (".yaml", ".yml"))


class Book:
    """Programs by name, in the last good state of each, and the Findings in what cannot be used now, by path.

    `texts` are those of the lists, by path, or None where they are read from disk; `known` tells whether the programs
    are, `unusable` holds names whose text was never good, and `versions` those of published ones.
    """

    texts, known, unusable = None, True, frozenset()
    versions = MappingProxyType({})

    def __init__(self, folder):
        self.folder, self.programs, self._errors = Path(folder), {}, {}

    @property
    def errors(self):
        return [error for path in sorted(self._errors) for error in self._errors[path]]

    def find(self, name):
        """Return the program of this name. Raises RuleFileError that says why there is none."""
        if name not in self.programs:
            broken = [error for error in self.errors if Path(error.path).stem == name]
            raise RuleFileError(broken or [f"there is no program {name}{nearest(name, self.programs)}"])
        return self.programs[name]

    def _before(self, program):
        """Return name and text of what a program was, under its own name or, if its file was renamed, under another."""
        alike = [earlier for earlier in self.programs.values() if earlier.hash == program.hash]
        earlier = self.programs.get(program.name) or next(iter(alike), None)
        return (earlier.name, earlier.text) if earlier else (None, None)

    def tell_what_began_anew(self, last_rules):
        """Say in the log what begins anew since the last lead, whose rules `last_rules(program)` gives."""
        for program in self.programs.values() if self.known else ():
            tell(program, last_rules)


class RuleBook(Book):
    """The programs of a rules folder, read again when their files change.

    `programs` holds the last good state of each, by name; `errors` the Findings in
    the files as they are now. `fallback(name)` may give the rule text that judged a program's
    last lead, for a process that starts while the file is broken.

    The first lead after a silence is judged by what is on disk then; while leads come, what has
    changed is used within a second. What was changed just now may not be whole yet, and waits until
    it is still, each file by itself.
    """

    LOOK_EVERY = 0.2  # seconds; a look costs a stat for each file
    STALE_AFTER = 1  # seconds since the last look; then nobody is judged while another thread reads
    RULES_STILL = 0.5  # seconds without a change: an editor may save in two writes
    LISTS_STILL = 1  # seconds: they are longer, and uploaded

    def __init__(self, folder, fallback=lambda name: None):
        super().__init__(folder)
        self._fallback, self._lock, self._looked_at = fallback, Lock(), 0
        # The lists that each rule file names; the stamps of all files as they were read; and those of what has
        # changed, with the time when that was seen first.
        self._lists, self._stamps, self._seen = {}, {}, {}
        self._stamps = self._stamp_files()
        self._read(self._stamps.keys(), starting=True)

    def refresh(self, waits=True):
        """Read what has changed, once it is still; a broken file changes nothing but `errors`.

        Who `waits` may have to for a second, if nothing tells for how long a file has been still.
        """
        now = time.monotonic()
        silence = now - self._looked_at
        if silence < self.LOOK_EVERY or not self._lock.acquire(blocking=silence >= self.STALE_AFTER):
            return
        try:
            if self._looked_at < now:  # else another thread has looked while this one waited
                doubtful = self._look()
                if doubtful and waits and silence >= self.STALE_AFTER:
                    time.sleep(max(map(self._patience, doubtful)))
                    self._look()
        finally:
            self._lock.release()

    def _look(self):
        """Read what has changed and is still. Return the paths of which nothing tells how long they have been so."""
        now, stamps, still, doubtful = time.monotonic(), self._stamp_files(), {}, set()
        found = [(path, stamps.get(path)) for path in stamps.keys() | self._stamps.keys()]
        changes = [(path, stamp) for path, stamp in found if stamp != self._stamps.get(path)]
        self._seen = {change: self._seen.get(change, now) for change in changes}
        for (path, stamp), seen_at in self._seen.items():
            age = _age(path, stamp)
            if max(age, now - seen_at) >= self._patience(path):
                still[path] = stamp
            elif stamp is None or age < 0:
                doubtful.add(path)
        if still:
            before = set(self.errors)
            self._stamps = {path: stamp for path, stamp in (self._stamps | still).items() if stamp}
            self._read(still.keys())
            for error in self.errors:
                if error not in before:
                    log.error("%s", error)
        self._looked_at = now
        return doubtful

    def _patience(self, path):
        return self.RULES_STILL if path.endswith((".yaml", ".yml")) else self.LISTS_STILL

    def _stamp_files(self):
        """Return the stamps of all rule files, and of the lists that they name, wherever those are."""
        paths = {str(path) for path in rule_files(self.folder)}.union(*self._lists.values())
        return {path: stamp for path in paths if (stamp := _stamp(path))}

    def _read(self, changed, starting=False):
        files = {str(path) for path in rule_files(self.folder)}
        programs, errors = dict(self.programs), {}
        self._lists = {path: lists for path, lists in self._lists.items() if path in files}
        for path in sorted(files):
            if path in changed or path in self._errors or self._lists.get(path, set()) & changed:
                self._read_file(Path(path).stem, path, programs, errors, starting)
        for name in [name for name, program in programs.items() if program.path not in files]:
            log.warning("%s is gone: its program takes no more leads", programs.pop(name).path)
        share_places(programs.values())
        if not files:
            errors[""] = [Finding(str(self.folder), None, why_empty(self.folder))]
        self.programs, self._errors = programs, errors

    def _read_file(self, name, path, programs, errors, starting):
        before = programs[name].hash if name in programs else None
        began = time.time()
        try:
            program = load(path)
        except Exception as error:
            # A mistake of ours in reading one file must not keep the others from being read.
            fault = [Finding(path, 1, f"the file cannot be used: {type(error).__name__}")]
            errors[path] = error.errors if isinstance(error, RuleFileError) else fault
            self._lists[path] = set(getattr(error, "lists", ()))
            if before is None and (text := self._fallback(clean(name))):
                with suppress(RuleFileError):  # a list that it names is gone
                    programs[name] = compile_text(name, path, text, examples=False)
        else:
            self._lists[path] = program.lists
            halves = [list_path for list_path in program.lists if not self._is_still(list_path, began)]
            if halves and not starting:
                return  # it is read again when they are still
            programs[name] = program
            if before not in (None, program.hash):
                log.info("%s is used in its new form, %s", path, program.hash[:12])
            tell(program, self._before)

    def _is_still(self, path, began):
        """Tell whether a list that was read since `began` may be whole; note one that is named for the first time."""
        stamp = _stamp(path)
        if path not in self._stamps and _age(path, stamp, began) >= self.LISTS_STILL:
            self._stamps[path] = stamp
        return stamp == self._stamps.get(path)


def why_empty(folder):
    """Say why there is no rule file in a folder."""
    try:
        os.listdir(folder)
    except OSError as error:
        return f"this folder of rule files cannot be read ({error.strerror}): DATAPOST_RULES names it"
    return "there is no rule file here; the first is default.yaml"


def tell(program, before):
    for finding in begun_anew(program, *before(program)):
        log.warning("%s", finding)


def share_places(programs):
    """Remember a place of all programs (`across: all`) for as long as any of them asks for it."""
    kept = {}
    for program in programs:
        for place, span in program.kept.items():
            kept[place] = longer(kept.get(place, span), span)
    for program in programs:
        program.kept.update({place: kept[place] for place in program.kept})


def _stamp(path):
    """Return what tells whether a file has changed; None if there is none."""
    with suppress(OSError):
        stat = os.stat(path)
        return stat.st_ctime_ns, stat.st_mtime_ns, stat.st_size, stat.st_ino


def _age(path, stamp, now=None):
    """Return for how many seconds at least a file has been as it is or, without a stamp, has been gone.

    That is told by the file's ctime, which nobody can set, unlike the time of writing that `cp -p`, rsync and
    archives bring along; and of a file that is gone, by the folder that it was in. Below 0 nothing is told.
    """
    stamps = (stamp, *map(_stamp, Path(path).parents))
    changed_at = next((stamp[0] for stamp in stamps if stamp), math.inf)
    return (now or time.time()) - changed_at / 1e9
