"""A request: as a lead of a program, and with the format in which it wants its answer."""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from uuid import uuid4

from flask import g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_accept_header

import database
from judge.judgement import content, judge, unreadable
from models import Submission
from web import payload
from web.formats import ANSWERED, KINDS
from web.payload import PayloadError, UnsupportedPayload
from web.service import service

CUT_OFF = "The body did not arrive whole: send the request again"

_FORMAT = re.compile(rb"format=(?i:(xml|json))")


def begin():
    """Give a request its number, its clock, and the time that its answer may wait for the store."""
    ours = g._get_current_object()
    ours.started = time.perf_counter()
    database.set_deadline(database.ANSWER_WAIT)
    given = request.headers.get("X-Request-Id", "")
    ours.request_id = given if re.fullmatch("[A-Za-z0-9_-]{1,64}", given) else uuid4().hex


def milliseconds():
    """Return how long the request has taken."""
    return round((time.perf_counter() - g.started) * 1000, 1)


def read(program, body, content_type="", query=b""):
    """Return the fields of a submission to `program`, as `payload.decode` does. Raises PayloadError."""
    if content_type == payload.ENCODED:
        return payload.decode(body, content_type)
    meaning = program.names, program.spec.query_wins, program.selectors, program.unpack, program.blanks
    return payload.decode(body, content_type, query, *meaning)


def judge_body(program, body, content_type, now):
    """Return the verdict on a body that is not stored; its trace says what only the store would decide."""
    try:
        verdict = judge(program, read(program, body, content_type), now)
    except PayloadError as error:
        verdict = unreadable(program, str(error))
    for rule in dict.fromkeys(claim.rule for claim in verdict.claims):
        verdict.say(rule, "decided when the lead is posted")
    return verdict


def read_submission(program, user):
    """Return the request as a Submission, its fields, and what is wrong with a body that is no lead."""
    asked = request._get_current_object()  # once: each look through Flask's `request` takes a microsecond
    received_at, body, query = datetime.now(UTC), body_of(asked), _query(asked)
    content_type, key = asked.headers.get("Content-Type", ""), asked.headers.get("Idempotency-Key", "").strip()
    problem = None
    try:
        fields = read(program, body, content_type, query)
        same = content(fields) if key or program.spec.retry_key else ""
    except UnsupportedPayload:
        raise
    except PayloadError as error:
        fields, same, problem = {}, repr((body, content_type, query)), str(error)
    if program.forgets:  # what is checked and then forgotten stands in no stored body either
        body = b"" if problem else payload.encode(program.without_forgotten(fields))
        content_type, query = payload.ENCODED, b""
    submission = Submission(program.name, user.name, body, content_type, query, received_at, same, key)
    return submission, fields, problem


def body_of(request):
    """Return the body of a request, whole. Raises PayloadError and RequestEntityTooLarge."""
    limit = service().settings.max_body
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedPayload("The body is compressed: send it without a Content-Encoding")
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise UnsupportedPayload("The body is compressed: send it without a Transfer-Encoding but chunked")
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge
    try:
        body = request.get_data(parse_form_data=False)
    except RequestEntityTooLarge:
        raise
    except Exception:  # what werkzeug and servers raise for a client who hung up, and chunks that are none
        raise PayloadError(CUT_OFF) from None
    # Werkzeug cuts a chunked body at its limit and a short one where the client hung up, both in
    # silence; half a lead must not be judged. Its limit is one byte above ours (see create_app).
    if len(body) > limit:
        raise RequestEntityTooLarge
    if request.content_length is not None and len(body) < request.content_length:
        raise PayloadError(CUT_OFF)
    return body


def _query(request):
    """Return the query string as bytes, without the `format` that is meant for us."""
    return b"&".join(part for part in request.query_string.split(b"&") if not _FORMAT.fullmatch(part))


def choose_format(otherwise):
    """Return `xml` or `json`: as asked for, else as accepted, else as sent, else as the program says."""
    asking = request._get_current_object()
    # Of the bytes: request.args would raise for a query string that is no UTF-8.
    for part in asking.query_string.split(b"&"):
        if asked := _FORMAT.fullmatch(part):
            return asked[1].decode().lower()
    # No client names so many types; werkzeug takes 5 ms for a kilobyte, and gunicorn lets 32 through.
    if accepted := _preferred_format(asking.headers.get("Accept", "")[:1000]):
        return accepted
    return answer_format(asking.headers.get("Content-Type", ""), _sent(asking), otherwise)


def answer_format(content_type, body, otherwise):
    """Return the format of an answer that nobody chose: JSON is answered in JSON."""
    return "json" if payload.kind(content_type, body) == "json" else otherwise


def _sent(request):
    try:
        return request.get_data(parse_form_data=False)
    except Exception:  # too large, cut off, or no chunks
        return b""


@lru_cache(256)  # a sender has one Accept header for all its leads
def _preferred_format(header):
    """Return the format that Accept prefers, if it prefers one by its name and not by a wildcard."""
    wildcard, named = 0, {}
    for accepted, quality in parse_accept_header(header, MIMEAccept):
        mimetype = accepted.partition(";")[0].strip().lower()
        if mimetype in ("*/*", "application/*"):
            wildcard = max(quality, wildcard)
        elif (kind := KINDS.get(mimetype)) in ANSWERED:
            named[kind] = max(quality, named.get(kind, 0))
    xml, json = (named.get(kind, wildcard) for kind in ANSWERED)
    preferred = "xml" if xml > json else "json" if json > xml else None
    return preferred if preferred in named else None
