"""Lists that rules name: kept, edited, uploaded and published like rules, with the programs that name them."""

from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound

from dashboard import subjects
from dashboard.difference import difference
from dashboard.editor import BUSY, checking
from dashboard.subjects import Subject, asked, text_sent
from judge.compiler import compile_text
from judge.lists import ListError, lines_of
from judge.rulefile import RuleFileError
from leads import publishing
from leads.deployed import programs_naming
from leads.publishing import Outdated, PublishingError
from web import logs, pages
from web.pages import page
from web.published import LIST
from web.service import service

site = pages.blueprint("lists")
pages.for_operators(site)

MOST_TOLD = 20


@site.before_request
def take_long_texts():
    request.max_form_memory_size = request.max_content_length


@site.errorhandler(413)
def refuse_large(_error):
    most = service().settings.max_body
    told = f"The list is too long: with all that a form adds, {most:,} bytes come through (DATAPOST_MAX_BODY)."
    return pages.refuse(413, sentence=f"{told} Raise the setting, or publish it by flask rules publish.")


@site.get("/dashboard/lists")
def show_lists():
    book, rows = pages.rulebook(), []
    for name, programs in subjects.list_names().items():
        subject = Subject(LIST, name)
        if subject.may_change or any(map(pages.may_see, programs)) or not programs:
            seen = [program for program in programs if pages.may_see(program)]
            live = getattr(book, "rows", {}).get((LIST, name))
            rows.append((subject, seen, live, _count(subject, book)))
    return page("dashboard/lists.html", rows=rows, published=subjects.published(), folder=book.folder)


@site.post("/dashboard/lists")
def begin_list():
    name = request.form.get("list", "").strip()
    if not subjects.published():
        return pages.refuse(403, sentence=subjects.FILES_MODE)
    if not subjects.LIST_NAME.fullmatch(name) or name.endswith((".yaml", ".yml")):
        return pages.refuse(
            400, sentence="Name the list as rules write it: letters, digits, - and _, such as blocked.txt."
        )
    return redirect(url_for(".edit_list", list=name), 303)


@site.route("/dashboard/list", methods=["GET", "POST"])
def edit_list():
    subject = asked()
    live = subject.live()
    if live is None and not subjects.LIST_NAME.fullmatch(subject.name):
        raise NotFound
    base = live.text if live else ""
    if request.method == "GET":
        return _page(subject, live, base, live.version if live else 0)
    try:
        text = _text(base)
    except UnicodeDecodeError:
        return _page(subject, live, base, sentence="The file is not UTF-8 text: save it as UTF-8.", status=400)
    based_on = request.form.get("based_on", 0, int)
    if "publish" in request.form:
        return _publish(subject, live, text, based_on)
    if not checking.acquire(blocking=False):
        return _page(subject, live, text, based_on, sentence=BUSY, status=503)
    try:
        told = _told_of(subject, text)
    finally:
        checking.release()
    return _page(subject, live, text, based_on, found=difference(base, text), told=told)


def _publish(subject, live, text, based_on):
    operator, comment = pages.operators.current_user().name, request.form.get("comment", "")
    folder = str(service().rulebook.folder)
    try:
        made = publishing.publish(subject.name, text, operator, comment, based_on=based_on, thing=LIST, folder=folder)
    except Outdated as error:
        was = subject.find(based_on)
        was = was.text if was else ""
        now = error.live.text if error.live else ""
        values = {"subject": subject, "live": error.live, "base": based_on, "theirs": difference(was, now)}
        values |= {"ours": difference(was, text), "go_on": None, "text": text}
        return pages.refuse(409, (), "Another version is live by now.", "dashboard/outdated.html", values)
    except RuleFileError as error:
        told = [("error", f"{found.path}, line {found.line}: {found.message}") for found in error.errors[:MOST_TOLD]]
        found = difference(live.text if live else "", text)
        said = "Rules that name this list do not work with it."
        return _page(subject, live, text, based_on, said, 400, found, told)
    except PublishingError as error:
        found = difference(live.text if live else "", text)
        return _page(subject, live, text, based_on, f"Nothing was published: {error}.", 400, found, [])
    logs.log.info("published", {"operator": operator, "list": made.name, "version": made.version})
    return redirect(url_for("history.show_history", list=subject.name), 303)


def _page(subject, live, text, based_on=0, sentence=None, status=200, found=None, told=()):
    values = {"subject": subject, "live": live, "text": text, "based_on": based_on, "found": found, "told": told}
    values |= {"programs": programs_naming(pages.rulebook(), subject.name), "comment": request.form.get("comment", "")}
    values["long_ends"] = subjects.has_long_ends(text)
    if status != 200:
        return pages.refuse(status, (), sentence, "dashboard/list.html", values)
    return page("dashboard/list.html", sentence=sentence, **values)


def _text(base):
    """Return the text that was sent: a file's, to the letter, if there is one."""
    file = request.files.get("file")
    if file and file.filename:
        return file.read().decode("utf-8-sig")
    return text_sent(request.form.get("text", ""), base, "long_ends" in request.form)


def _told_of(subject, text):
    """Return what the programs that name the list say of it, as pairs of a kind and a sentence."""
    book, told = pages.rulebook(), []
    try:
        lines_of(book.folder / subject.name, {subject.path: text})
    except ListError as error:
        return [("error", str(error))]
    for name in programs_naming(pages.rulebook(), subject.name):
        program = book.programs[name]
        try:
            changed = compile_text(name, program.path, program.text, texts=book.texts | {subject.path: text})
        except RuleFileError as error:
            told += [("error", f"{found.path}, line {found.line}: {found.message}") for found in error.errors]
        else:
            told += [("warning", found.message) for found in changed.warnings if subject.path in found.message]
    return told[:MOST_TOLD]


def _count(subject, book):
    """Return how many lines of a list hold a value, or None where it cannot be read."""
    try:
        return len(lines_of(book.folder / subject.name, book.texts))
    except ListError:
        return None
