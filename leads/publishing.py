"""Versions of rules and lists: publish, roll back, adopt a deploy's file, retire. They are rows of `Published`.

A version is compiled before it is stored, with the lists that are live. All publications take one lock, and one that
finds another there since it compiled begins anew: so what is live has been compiled together, and of two who were based
on the same version exactly one wins. The functions that write see to their connections themselves, and must not be
called within `database.read()`; `history`, `live`, `find` and `leads_of` need it.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from peewee import IntegrityError

import database
from database import claims
from judge.compiler import compile_text, load
from judge.rulebook import rule_files
from judge.rulefile import RuleFileError
from judge.values import FORBIDDEN
from leads.daily import leads_by_rules
from leads.deployed import deployed, file_of, list_name, read_text
from models import Published
from web.published import LIST, RULES, live_rows, newest, path_of, texts_of

LONGEST_NAME, LONGEST_COMMENT = 100, 1000  # characters
HIGHEST_VERSION = 2**31 - 1  # that a column holds
ATTEMPTS = 5  # others may publish meanwhile
DEPLOY = "deploy"  # who publishes the files that are new


class PublishingError(ValueError):
    """Nothing was published. The sentence says why."""


class Outdated(PublishingError):
    """Another version is live than the one that this was based on: `live`, or None."""

    def __init__(self, name, live, based_on):
        is_live = f"version {live.version} by {live.by} is live" if live else "nothing is published"
        super().__init__(f"{name}: {is_live}, and this is based on version {based_on}: look at what changed")
        self.live, self.based_on = live, based_on


# --- Reading; needs the store ---


def history(name, thing=RULES):
    """Return all versions, the newest first."""
    query = Published.select().where(Published.thing == thing, Published.name == name)
    return list(query.order_by(Published.version.desc()))


def live(name, thing=RULES):
    """Return the newest version, which has no hash if it is retired; None if there was never one."""
    query = Published.select().where(Published.thing == thing, Published.name == name)
    return query.order_by(Published.version.desc()).first()


def find(name, version, thing=RULES):
    """Return this version, or None."""
    if not 0 < version <= HIGHEST_VERSION:  # a number that comes from an address may be one that no column holds
        return None
    return Published.get_or_none(thing=thing, name=name, version=version)


def brought_along(row):
    """Return the names of the lists that were published with this version."""
    alike = [getattr(Published, key) == getattr(row, key) for key in ("at", "by", "kind", "comment")]
    query = Published.select(Published.name).where(Published.thing == LIST, Published.id < row.id, *alike)
    return sorted(name for (name,) in query.tuples()) if row.thing == RULES else []


def leads_of(versions):
    """Return how many leads each version has judged, `{version: leads}`, of the whole history of a program.

    A lead names the text that judged it. Where versions have one text, a lead belongs to the one that was live when it
    came; what came before there were versions, to the first of its text.
    """
    judged, later, counts = {}, {}, None
    for row in versions:  # from the newest
        if row.thing == RULES and row.hash:
            counts = counts or leads_by_rules(row.name)
            earlier_too = any(other.hash == row.hash and other.version < row.version for other in versions)
            until = leads_by_rules(row.name, claims.milliseconds(row.at)).get(row.hash, 0) if earlier_too else 0
            before_later = later.get(row.hash, counts.get(row.hash, 0))
            until = min(until, before_later)  # a clock that was set back: the later version has the earlier time
            judged[row.version] = before_later - until
            later[row.hash] = until
        else:
            judged[row.version] = 0
    return judged


# --- Publishing ---


def publish(name, text, by, comment, based_on=None, thing=RULES, lists=None, file="", kind="publish", folder="rules"):
    """Make a text the live version of a program or a list, and return its row.

    `lists` are texts by name, which are published with it where there is none of that name yet; `file` is the hash of
    the deploy's file, by default the one that was known before. `folder` is where messages say that it stands. Raises
    Outdated; RuleFileError where this, or a program that names the list, does not compile or an example fails; and
    PublishingError.
    """
    for written in [text, *(lists or {}).values()]:
        _check_text(name, written)
    return _publish(
        _Change(name, thing, by, _checked(comment), kind, folder, based_on, lists or {}), lambda _: text, file
    )


def rollback(name, by, comment="", version=None, thing=RULES, based_on=None, folder="rules"):
    """Make an earlier version live again, as one more: by default the newest one with another text than is live."""
    with database.read():
        versions = history(name, thing)
    chosen = earlier(versions, name, version)
    based_on = versions[0].version if based_on is None else based_on
    comment = _checked(comment.strip() or f"back to version {chosen.version}")
    return _publish(_Change(name, thing, by, comment, "rollback", folder, based_on), lambda _: chosen.text)


def earlier(versions, name, version=None):
    """Return which of all versions of a name a roll back means. Raises PublishingError."""
    if not versions:
        raise PublishingError(f"nothing was ever published as {name}")
    if version is None:
        chosen = next((row for row in versions if row.hash not in ("", versions[0].hash)), None)
    else:
        chosen = next((row for row in versions if row.version == version and row.hash), None)
    if chosen is None:
        which = f"has no version {version} with a text" if version else "has no earlier version with another text"
        raise PublishingError(f"{name} {which}: there is nothing to roll back to")
    return chosen


def adopt(name, by, folder, comment, based_on=None, thing=RULES):
    """Publish the file of the deploy, with the lists that it names and nobody has published yet."""
    deploy = deployed(folder)
    if (thing, name) not in deploy:
        raise PublishingError(f"there is no file {path_of(folder, name, thing)} in this deploy")
    found = deploy[thing, name]
    lists = {n: row.text for (t, n), row in deploy.items() if t == LIST and n != name} if thing == RULES else {}
    change = _Change(name, thing, by, _checked(comment), "adopt", folder, based_on, lists, only_named=True)
    return _publish(change, lambda _: found.text, found.hash)


def keep(name, by, folder, comment="", based_on=None, thing=RULES):
    """Say that the live text stays though the deploy's file is another: it is published again, and notes the file."""
    comment = _checked(comment.strip() or "the live text stays, and not that of the deploy's file")
    change = _Change(name, thing, by, comment, "publish", folder, based_on)
    return _publish(change, _same_text, file_of(folder, name, thing))


def retire(name, by, comment, based_on=None, thing=RULES, folder="rules"):
    """Have a program take no more leads: they stay, and no deploy brings it back. Or end a list that nobody names."""
    change = _Change(name, thing, by, _checked(comment), "retire", folder, based_on)
    return _publish(change, lambda _: None)


def new_files(folder):
    """Return the files of a deploy that the next start publishes, as paths, and what is wrong with them, as Findings.

    Needs the store.
    """
    rows = live_rows()
    new = [path for path in rule_files(folder) if (RULES, path.stem) not in rows]
    return new, _sow_all(folder, new, rows)[1]


def seed(folder, by=DEPLOY):
    """Publish the files of a deploy whose names have no version yet, with the lists that they name; return the rows.

    Raises RuleFileError with all that is wrong with them, and then publishes none.
    """
    for _ in range(ATTEMPTS):
        with database.read():
            stamp, rows = newest(), live_rows()
        new = [path for path in rule_files(folder) if (RULES, path.stem) not in rows]
        if not new:
            return []
        seeds, problems = _sow_all(folder, new, rows)
        if problems:
            raise RuleFileError(problems)
        made = database.transact(partial(_store_if_still, stamp, [*seeds.values()], by))
        if made is not None:
            return made
    raise PublishingError("others publish all the time: try again")


# --- How ---


@dataclass(frozen=True)
class _Change:
    name: str
    thing: str
    by: str
    comment: str
    kind: str
    folder: str
    based_on: int | None = None
    lists: dict | None = None
    only_named: bool = False


def _publish(change, text_for, file=""):
    """Compile what `text_for(live row)` returns, None to retire, and store it."""
    based_on = change.based_on
    for _ in range(ATTEMPTS):
        with database.read():
            stamp, rows = newest(), live_rows()
        before = rows.get((change.thing, change.name))
        if before is None and change.kind == "publish":  # what a deploy has brought may have any name that files have
            _check_name(change.name, change.thing)
        there = before.version if before else 0
        based_on = there if based_on is None else based_on
        if based_on != there:
            raise Outdated(change.name, before, based_on)
        text = text_for(before)
        if text is None:
            _check_end(change, before, rows)
        new = _compiled(change, text, rows) if text is not None else {}
        main = _row(change.thing, change.name, change.kind, text or "", file or (before.file if before else ""))
        main.comment = change.comment
        if text is None:
            main.hash = ""
        for row in new.values():
            row.comment = change.comment
        made = database.transact(partial(_store_if_still, stamp, [*new.values(), main], change.by))
        if made is not None:
            return made[-1]
    raise PublishingError("others publish all the time: try again")


def _compiled(change, text, rows):
    """Compile what a change touches; return the rows of the lists that it brings along."""
    new, folder = {}, change.folder
    if change.thing == RULES:
        brought = {n: t for n, t in (change.lists or {}).items() if not ((row := rows.get((LIST, n))) and row.hash)}
        for name in brought if change.kind == "publish" else ():
            _check_name(name, LIST)
        texts = texts_of(folder, rows) | {path_of(folder, n, LIST): t for n, t in brought.items()}
        program = compile_text(change.name, path_of(folder, change.name), text, texts=texts)
        for name, list_text in brought.items():
            if path_of(folder, name, LIST) in program.lists or not change.only_named:
                new[name] = _row(LIST, name, change.kind, list_text)
        return new
    before = texts_of(folder, rows)
    texts = before | {path_of(folder, change.name, LIST): text}
    if problems := [error for row in _live_programs(rows) for error in _broken_by(row, folder, texts, before)]:
        raise RuleFileError(problems)
    return new


def _check_end(change, before, rows):
    """Raise PublishingError where there is nothing to retire, or programs would have no list any more."""
    if not (before and before.hash):
        what = f"list {change.name}" if change.thing == LIST else f"program {change.name} that takes leads"
        raise PublishingError(f"there is no {what}")
    if change.thing == LIST:
        texts = texts_of(change.folder, rows)
        without = {path: text for path, text in texts.items() if path != path_of(change.folder, change.name, LIST)}
        if naming := sorted(row.name for row in _live_programs(rows) if _broken_by(row, change.folder, without, texts)):
            raise PublishingError(f"{change.name} is named by {', '.join(naming)}: take it out of their rules first")


def _live_programs(rows):
    return [row for (thing, _), row in rows.items() if thing == RULES and row.hash]


def _broken_by(row, folder, texts, before):
    """Return what is wrong with a live program since the lists have these texts; nothing if it was broken before."""
    path = path_of(folder, row.name)
    try:
        compile_text(row.name, path, row.text, texts=texts)
    except RuleFileError as error:
        return error.errors if _compiles(row.name, path, row.text, before) else []
    return []


def _compiles(*given):
    with suppress(RuleFileError):
        return bool(compile_text(*given[:3], texts=given[3]))
    return False


def _sow_all(folder, paths, rows):
    seeds, problems = {}, []
    for path in paths:
        try:
            _sow(folder, path, rows, seeds)
        except RuleFileError as error:
            problems += error.errors
    return seeds, problems


def _sow(folder, path, rows, seeds):
    """Add the rows of a new file and of the lists that it names to the seeds, compiled with the lists that are live."""
    program = load(path)  # from the disk first: what is missing is told as it stands there
    texts = texts_of(folder, rows)
    for list_path in sorted(program.lists):
        name = list_name(folder, list_path)
        if (LIST, name) not in rows:
            text, digest = read_text(list_path)
            seeds[LIST, name] = _row(LIST, name, "seed", text, digest)
            texts[list_path] = text
    if any((LIST, list_name(folder, list_path)) in rows for list_path in program.lists):
        compile_text(path.stem, str(path), program.text, texts=texts)
    row = _row(RULES, path.stem, "seed", program.text, hashlib.sha256(path.read_bytes()).hexdigest())
    seeds[RULES, path.stem] = row


def _row(thing, name, kind, text, file=""):
    digest = hashlib.sha256(text.encode()).hexdigest()
    comment = "as the deploy brought it" if kind == "seed" else ""
    return Published(thing=thing, name=name, kind=kind, text=text, hash=digest, file=file, comment=comment)


def _store_if_still(stamp, rows, by):
    """Store these rows as the next versions; None if anything was published since the `stamp`. In a transaction."""
    database.lock("published")
    if newest() != stamp:
        return None
    now, made = database.now(), []
    for number, row in enumerate(rows, stamp[0] + 1):
        before = live(row.name, row.thing)
        values = row.__data__ | {"id": number, "at": now, "by": by, "version": before.version + 1 if before else 1}
        try:
            made.append(Published.create(**values))
        except IntegrityError:
            raise Outdated(row.name, before, before.version if before else 0) from None
    return [Published.get_by_id(row.id) for row in made]


def _same_text(before):
    if before is None or not before.hash:
        raise PublishingError("there is no live text that could stay")
    return before.text


# --- Checks ---


def _checked(comment):
    comment = comment.strip()
    if not comment:
        raise PublishingError("say in a comment what changes, and why: it stays in the history")
    if len(comment) > LONGEST_COMMENT or FORBIDDEN.search(comment):
        raise PublishingError(f"the comment is longer than {LONGEST_COMMENT} characters, or holds what is no text")
    return comment


def _check_name(name, thing):
    parts = name.split("/") if thing == LIST else [name]
    plain = all(part and not part.startswith(".") for part in parts) and "/" not in "".join(parts)
    plain = plain and not (thing == LIST and name.endswith((".yaml", ".yml")))  # its file would be a program's
    if not plain or "\\" in name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        what = "a list: write it as rules name it, such as blocked.txt" if thing == LIST else "a program: such as solar"
        raise PublishingError(
            f"this cannot be the name of {what}, up to {LONGEST_NAME} characters, with no dot before it"
        )


def _check_text(name, text):
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PublishingError(f"{name}: this is not text in UTF-8") from None
    if "\0" in text:
        raise PublishingError(f"{name}: this holds a zero byte, and is no text")
