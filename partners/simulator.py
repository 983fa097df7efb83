"""impact.com's side: posts leads as it would, and reads the answers as the contract tells it to."""

import base64
import http.client
import json
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from urllib.parse import urlencode, urlsplit

import xmltodict
from werkzeug.http import parse_options_header

from judge.examples import expected_codes, judge_example, judge_in_turn, named, values_of
from judge.items import leaf_of
from judge.judgement import content
from judge.verdict import TEST_LIMIT
from partners.contract import Unreadable, made_example, read_by_parser, read_by_regex
from partners.marks import is_marked, marked
from partners.samples import alike, freshened
from web import payload
from web.formats import ANSWERED, FORMATS

POSTED = ("xml", "json", "form")
SLOW = 2.0  # seconds; impact.com's own limit is not known, other lead systems give up after two
SILENCE = 60  # seconds
LARGEST_ANSWER = 1_000_000  # bytes
HOPELESS = (401, 403, 404, 405, 429)  # what every further post would be answered; and guesses are counted


class NoAnswer(Exception):
    """The service cannot be reached, or says nothing. The text says why and what to do."""


@dataclass(frozen=True)
class Case:
    """Leads that are posted one after the other. `expect` is what an example says of the last one, if it is one."""

    name: str
    leads: list
    expect: list | None = None


@dataclass
class Outcome:
    """What impact.com would make of one answer. A warning is to be thought about, a problem is wrong."""

    example: str
    format: str
    status: int
    milliseconds: int
    conversion: bool = False
    order_id: str = ""
    amount: str = ""
    customer: str = ""
    email: str = ""
    note: str = ""
    decided: bool = False  # it is the program's word on the lead, and not about the request
    remarks: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    problems: list = field(default_factory=list)


def cases_of(program):
    """Return the program's examples, or a lead of values that its fields take where it has none."""
    examples = program.spec.examples
    if not examples:
        example = made_example(program)
        return [Case(example.name, [example.lead], judge_example(program, example, datetime.now(UTC)).codes)]
    return [Case(example.name, [*example.after, example.lead], expected_codes(example)) for example in examples]


def are_tests(program, cases):
    """Tell whether all leads of the cases can be posted as tests."""
    return program.spec.has_tests and all(is_marked(program, marked(program, lead)) for c in cases for lead in c.leads)


def simulate(program, cases, post, repeat=1):
    """Post every case in every format, each time as other people, and yield an Outcome for each post.

    It ends early where an answer shows that no further one would be better.
    """
    order_ids = set()
    for _, case, body_format in product(range(repeat), cases, POSTED):
        for outcome in _outcomes(program, case, body_format, post, order_ids):
            yield outcome
            if outcome.status in HOPELESS and not outcome.decided:
                return


def _outcomes(program, case, body_format, post, order_ids):
    """Post the leads of a case, as other people, and yield an Outcome for each."""
    now, given = datetime.now(UTC), [marked(program, lead) for lead in case.leads]
    leads = freshened(program, given, now)
    verdicts, last = judge_in_turn(program, leads, now), len(leads) - 1
    for number, (lead, verdict) in enumerate(zip(leads, verdicts, strict=True)):
        outcome = _post(program, post, case.name if number == last else f"{case.name}, before it", body_format, lead)
        if outcome.decided and case.expect is not None:
            _compare(outcome, verdict, case.expect if number == last else verdict.codes, tests=number > 0)
        _check_order_id(outcome, order_ids)
        if outcome.decided and outcome.problems and (labels := alike(program, given[number], lead)):
            outcome.remarks.append(f"it may repeat an earlier post: no other {labels[0]} could be made")
        yield outcome


# --- The leads ---


def body_of(lead, body_format):
    """Return the lead as a body of this format, or None where the format cannot say the same as a form does."""
    form = urlencode({name: values_of(value) for name, value in lead.items()}, doseq=True).encode()
    try:
        if body_format == "xml":
            body = xmltodict.unparse({"lead": _tree(lead, lambda name: name.replace(" ", "_"))}).encode()
        else:
            body = form if body_format == "form" else json.dumps(_tree(lead), ensure_ascii=False).encode()
        said = payload.decode(body, FORMATS[body_format].mimetype)
    except (ValueError, TypeError, AttributeError):  # a name that is none in XML, or what XML cannot hold
        return None
    return body if content(said) == content(payload.decode(form, FORMATS["form"].mimetype)) else None


def _tree(lead, spelled=str):
    """Return the lead with the items of its lists (`cars[0].year`) as lists of objects."""
    tree = {}
    for name, value in lead.items():
        *parents, (last, item) = leaf_of(name, "", {}).steps or [(name, None)]
        node = tree
        for parent, number in parents:
            node = _item(node, spelled(parent), number) if number is not None else node.setdefault(spelled(parent), {})
        if item is None:
            node[spelled(last)] = value
        else:
            _item(node, spelled(last), item)["#text"] = value
    return tree


def _item(node, name, number):
    items = node.setdefault(name, [])
    items += [{} for _ in range(number + 1 - len(items))]
    return items[number]


# --- The posts ---


class Endpoint:
    """The address of a program, posted to with these credentials (name and password, or None)."""

    def __init__(self, url, credentials=None):
        self.url, self.parts, self.headers = url, urlsplit(url), {"User-Agent": "datapost-simulate"}
        if credentials:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            self.headers["Authorization"] = f"Basic {token}"

    def __call__(self, content_type, body):
        """Return status, content type and text of the answer, and how long it took. Raises NoAnswer."""
        import urllib3  # here, since every process of the service would load it for 20 ms and never use it

        headers, started = self.headers | {"Content-Type": content_type}, time.perf_counter()
        try:
            with urllib3.PoolManager(timeout=SILENCE) as pool:  # which verifies certificates
                response = pool.request(
                    "POST", self.url, body=body, headers=headers, retries=False, redirect=False, preload_content=False
                )
                raw = response.read(LARGEST_ANSWER)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswer(_why(_cause(error), self.parts)) from None
        seconds = time.perf_counter() - started
        mimetype = parse_options_header(response.headers.get("Content-Type"))[0] or "of no type"
        return response.status, mimetype, raw.decode(errors="replace"), seconds


def _cause(error):
    """Return the failure of the network that urllib3 tells of."""
    parts = (error.__cause__, *error.args, error.__context__)
    return next((part for part in parts if isinstance(part, OSError | http.client.HTTPException)), error)


def _why(error, parts):
    place = f"{parts.scheme}://{parts.netloc}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{place} cannot be trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"{place} does not speak https as it should ({error.reason})"
    if isinstance(error, socket.gaierror):
        return f"there is no host {parts.hostname}: look at --url"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing answers at {place}: start the service (make run), or say where it is with --url"
    if isinstance(error, TimeoutError):
        return f"{place} did not answer within {SILENCE} seconds"
    return f"{place} hung up without an answer ({type(error).__name__})"


def _post(program, post, name, body_format, lead):
    body = body_of(lead, body_format)
    if body is None:
        return Outcome(name, body_format, 0, 0, remarks=[f"not posted: {body_format} cannot hold this lead"])
    status, mimetype, text, seconds = post(FORMATS[body_format].mimetype, body)
    outcome = Outcome(name, body_format, status, round(seconds * 1000))
    if seconds > SLOW:
        outcome.warnings.append(f"the answer took {seconds:.1f} s; impact.com may not wait so long")
    if 300 <= status < 400:
        outcome.problems.append(f"status {status}, a redirect: use the address that it leads to")
    else:
        _read(outcome, mimetype, text)
    outcome.decided = (200 <= status < 300 or status == program.spec.invalid_status) and status not in (401, 429)
    if status in HOPELESS and not outcome.decided:
        outcome.problems.append(f"status {status}: no more is posted, since it would be answered alike")
    elif not 200 <= status < 400:
        unread = f"status {status}: it is not known whether impact.com reads such an answer"
        (outcome.warnings if outcome.decided else outcome.problems).append(unread)
    return outcome


def _read(outcome, mimetype, text):
    """Read the answer in both ways, and say where they disagree or where impact.com could not use it."""
    formats = [name for name in ANSWERED if FORMATS[name].mimetype == mimetype]
    if not formats:
        outcome.problems.append(f"the answer cannot be read: it is {mimetype}, neither XML nor JSON")
        return
    try:
        taken = read_by_parser(text, formats[0])
        by_regex = read_by_regex(text, formats[0])
    except (Unreadable, ValueError) as error:
        outcome.problems.append(f"the answer cannot be read: {error}")
        return
    valid = outcome.conversion = bool(taken["success"])
    outcome.order_id, outcome.note, outcome.email = taken["uniqueid"], taken["note"], taken["email"]
    outcome.amount, outcome.customer = taken["sale_amount"], taken["customerid"]
    differing = [name for name in taken if taken[name] != by_regex[name]]
    checks = {
        "a rejection carries an Order ID": not valid and outcome.order_id,
        f"XPath and regular expression take different texts: {', '.join(differing)}": differing,
        f"the Order ID {outcome.order_id!r} is not 1 to 64 letters and digits": valid
        and not re.fullmatch("[0-9A-Za-z]{1,64}", outcome.order_id),
        f"the amount {outcome.amount!r} does not fit (8,2)": valid
        and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,2})?", outcome.amount),
        "the customer is too long or an e-mail address": valid
        and (len(outcome.customer) > 255 or "@" in outcome.customer),
    }
    outcome.problems += [sentence for sentence, wrong in checks.items() if wrong]


def _check_order_id(outcome, seen):
    if outcome.conversion and outcome.order_id in seen:
        outcome.problems.append(f"the Order ID {outcome.order_id} came before: impact.com would take it for the same")
    seen.add(outcome.order_id)


def _compare(outcome, verdict, expect, tests):
    """Hold the answer against the rule file: what it says of the lead now goes before what the example expects."""
    codes = sorted(verdict.codes)
    if codes != sorted(expect):
        cause = (
            "the leads before it are tests, which use up no cap"
            if tests and verdict.test
            else "it is another day or hour"
        )
        outcome.remarks.append(f"the example expects {named(expect)}, but posted now it is {named(codes)}: {cause}")
    if TEST_LIMIT.note in outcome.note:
        outcome.problems.append("the test leads of today are used up: wait until midnight, or raise test_limit")
    elif outcome.conversion != verdict.valid:
        outcome.problems.append(f"expected {named(codes)}, but the lead is {'not ' * verdict.valid}valid")
    elif verdict.valid and outcome.amount != str(verdict.sale_amount):
        outcome.problems.append(f"expected the amount {verdict.sale_amount}")
    elif not verdict.valid and outcome.note != verdict.note:
        outcome.problems.append(f"expected {named(codes)}, whose note is: {verdict.note}")
