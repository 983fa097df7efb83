"""The history of what was published: every version, any two compared, and what leads back or to an end."""

from flask import redirect, request, url_for
from werkzeug.exceptions import NotFound

import database
from dashboard.difference import difference
from dashboard.subjects import asked
from judge.rulefile import RuleFileError
from leads import publishing
from leads.deployed import changed_file
from leads.publishing import Outdated, PublishingError
from web import logs, pages
from web.pages import page
from web.service import service

site = pages.blueprint("history")
pages.for_operators(site)

KINDS = {
    "seed": "came with a deploy",
    "publish": "published",
    "rollback": "rolled back",
    "adopt": "adopted from a deploy",
    "retire": "retired",
}


def both(path):
    """Mark a view of the rules of a program and, at an address of its own, of a list."""

    def mark(view):
        methods = getattr(view, "asked_by", ["GET"])
        site.add_url_rule(f"/dashboard/programs/<name>/{path}", view.__name__, view, methods=methods)
        site.add_url_rule(f"/dashboard/list/{path}", view.__name__, view, methods=methods)
        return view

    return mark


# --- Looking ---


@both("history")
def show_history(name=None):
    subject = asked(name)
    versions = subject.history()
    if not versions:
        raise NotFound
    leads = {}
    if not subject.is_list:
        with database.read():
            leads = publishing.leads_of(versions)
    values = {"versions": versions, "leads": leads, "kinds": KINDS, "subject": subject, "program": _program(subject)}
    return page("dashboard/history.html", **values)


@both("version")
def show_version(name=None):
    subject = asked(name)
    version = _version(subject, "version")
    live = subject.live()
    values = {"subject": subject, "version": version, "live": live, "kinds": KINDS, "program": _program(subject)}
    return page("dashboard/version.html", **values)


@both("compare")
def compare(name=None):
    subject = asked(name)
    before, after = _version(subject, "from"), _version(subject, "to")
    found = difference(before.text, after.text)
    values = {"subject": subject, "before": before, "after": after, "found": found, "kinds": KINDS}
    return page("dashboard/compare.html", **values, versions=subject.history(), program=_program(subject))


# --- Leading back, or to an end: a question, and then one more version ---


def question(view):
    view.asked_by = ["GET", "POST"]
    return view


@both("rollback")
@question
def roll_back(name=None):
    subject = asked(name)
    chosen, live = _version(subject, "version"), subject.live()
    if not chosen.hash:
        raise NotFound
    if request.method == "POST":

        def act(by, comment, based_on):
            return publishing.rollback(
                subject.name, by, comment, chosen.version, subject.thing, based_on, str(service().rulebook.folder)
            )

        return _done(subject, act)
    values = {"what": f"Roll back to version {chosen.version}", "found": difference(live.text, chosen.text)}
    told = f"The text of version {chosen.version} becomes live again, as version {live.version + 1}. Nothing is lost."
    return _ask(subject, live, told, button=f"Roll back to version {chosen.version}", optional=True, **values)


@site.route("/dashboard/programs/<name>/retire", methods=["GET", "POST"])
def retire(name):
    subject = asked(name)
    live = subject.live()
    if live is None or not live.hash:
        raise NotFound
    if request.method == "POST":
        return _done(subject, lambda by, comment, based_on: publishing.retire(name, by, comment, based_on))
    told = (
        "Its address answers 404 from then on, also to partners who still post. Its leads stay, and so does its "
        "history: to take leads again, roll back. A file of a deploy does not bring it back."
    )
    return _ask(subject, live, told, what=f"Retire {name}?", found=None, button=f"Retire {name}")


@both("deploy")
@question
def choose_file(name=None):
    """Ask whether a file that changed in a deploy is to be live, or the text that is."""
    subject = asked(name)
    live, book = subject.live(), pages.rulebook()
    file = changed_file(book.folder, book, subject.thing, subject.name)
    if request.method == "POST":
        action = publishing.keep if "keep" in request.form else publishing.adopt
        folder = str(book.folder)

        def act(by, comment, based_on):
            return action(subject.name, by, folder, comment, based_on, subject.thing)

        return _done(subject, act)
    if live is None or file is None:
        return redirect(subject.home, 303)
    told = (
        f"{file.path} is another than the one that was known when version {live.version} was made. What is live did "
        "not change by that. Below is what would change if the file became live."
    )
    values = {"what": "The deploy brought another file", "found": difference(live.text, file.text)}
    return _ask(subject, live, told, **values, button="Adopt the file", keep="Keep the live text", optional=True)


# --- How ---


def _program(subject):
    return None if subject.is_list else pages.rulebook().programs.get(subject.name)


def _version(subject, key):
    number = request.values.get(key, type=int)
    found = subject.find(number) if number else None
    if found is None:
        raise NotFound
    return found


def _ask(subject, live, told, status=200, **values):
    shown = {"keep": "", "optional": False, "comment": "", "sentence": None} | values
    return page("dashboard/question.html", status, subject=subject, live=live, told=told, **shown)


def _done(subject, act):
    """Do what was asked, and lead to the history; or say why it was not done."""
    by, comment = pages.operators.current_user().name, request.form.get("comment", "")
    if not comment.strip() and "keep" not in request.form and "adopt" in request.form:
        comment = "the file of the deploy"
    try:
        made = act(by, comment, request.form.get("based_on", type=int))
    except Outdated as error:
        base = request.form.get("based_on", 0, int)
        was = subject.find(base)
        theirs = difference(was.text if was else "", error.live.text if error.live else "")
        values = {"subject": subject, "live": error.live, "base": base, "theirs": theirs}
        values |= {"ours": None, "go_on": None, "text": None}
        return pages.refuse(409, (), "Another version is live by now.", "dashboard/outdated.html", values)
    except RuleFileError as error:
        told = [f"{found.path}, line {found.line}: {found.message}" for found in error.errors[:10]]
        return pages.refuse(400, sentence="It does not compile any more. " + " ".join(told))
    except PublishingError as error:
        return pages.refuse(400, sentence=f"Nothing was changed: {error}.")
    logs.log.info(
        "published", {"operator": by, subject.thing: subject.name, "version": made.version, "kind": made.kind}
    )
    return redirect(url_for(".show_history", **subject.args), 303)
