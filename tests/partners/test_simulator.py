"""impact.com's side: what it would make of each answer, and what is wrong with an answer that is wrong."""

import json
import socket
import threading
from datetime import UTC, datetime

import pytest
from cast import RULES, Partner, serving
from werkzeug.security import generate_password_hash

from judge.compiler import load
from judge.judgement import content
from partners.samples import freshened
from partners.simulator import POSTED, Case, Endpoint, NoAnswer, body_of, cases_of, marked, simulate
from web.answer import Answer, render
from web.formats import FORMATS
from web.payload import decode
from web.settings import User

EXAMPLES = """
examples:
  - {name: good, lead: {email: ann@example.com, first_name: Ann}, expect: valid}
  - {name: no address, lead: {first_name: Ann}, expect: [email.required]}
  - {name: twice, after: [{email: bob@example.com}], lead: {email: bob@example.com}, expect: [duplicate]}
"""


@pytest.fixture
def program_of(tmp_path):
    """Make a program from the text of its rule file."""

    def make(text=RULES + EXAMPLES):
        path = tmp_path / "default.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return make


def run(app, *line, **options):
    return app.test_cli_runner().invoke(args=["simulate", "default", *line], **options)


def outcomes(program, *answers, cases=None, repeat=1):
    """Simulate against a service that gives these answers in turn, the last of them for ever."""
    left = list(answers)
    cases = cases or [Case("good", [{"email": "ann@example.com"}], [])]
    return list(simulate(program, cases, lambda *_: left.pop(0) if len(left) > 1 else left[0], repeat))


def reply(answer, status=200, form="xml", seconds=0.01):
    return status, FORMATS[form].mimetype, render(answer, form), seconds


DAY = Case("good", [{"day": "2001-02-03"}], [])  # no other day can be made


def valid(order_id, amount="10.00", customer="c" * 64):
    return Answer(True, order_id, amount, customer, "ann@example.com", "Lead submitted successfully")


# --- Against the real service ---


def test_the_table_shows_conversions_and_rejections(make_app):
    app = make_app(RULES + EXAMPLES)
    with serving(app) as url:
        result = run(app, "--url", url)
    rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert rows[0].split() == ["LEAD", "FORMAT", "OUTCOME", "ORDER", "ID", "AMOUNT", "CUSTOMER"]
    lead = Partner(app).stored()[0]
    assert rows[1].split() == ["good", "xml", "conversion", lead.id, "10.00", lead.customerid]
    # An answer that is slow brings a line of its own.
    rejected = ["no", "address", "xml", "rejected", "No email address was submitted"]
    assert rejected in [row.split(maxsplit=4) for row in rows]
    assert rows[-1] == "12 posts: 6 conversions, 6 without one; all as the rules say"
    assert [lead.content_type for lead in Partner(app).stored()[:3]] == [FORMATS[name].mimetype for name in POSTED]


def test_leads_are_marked_as_tests_where_the_program_can_tell_and_then_it_asks_nothing(make_app):
    rules = RULES.replace("fields:", "test_flag: is_test\nfields:\n  is_test: {type: boolean}") + EXAMPLES
    app = make_app(rules)
    with serving(app) as url:
        result = run(app, "--url", url)
    assert result.exit_code == 0
    assert "They are marked as tests (is_test)" in result.stderr and "REAL" not in result.stderr
    assert "at most 50 a day are valid, and impact.com pays for those that reach it" in result.stderr
    assert all(lead.test for lead in Partner(app).stored())
    assert result.stdout.endswith("all as the rules say\n")


def test_the_tests_before_an_example_use_up_no_cap_which_is_said_and_no_failure(make_app):
    rules = "test_flag: is_test\nfields: {is_test: {type: boolean}}\nrules: [{id: cap, limit: 1, per: day}]\n"
    app = make_app(rules + "examples: [{name: second, after: [{}], lead: {}, expect: [cap]}]")
    with serving(app) as url:
        result = run(app, "--url", url)
    assert result.exit_code == 0
    expected = "remark: the example expects cap, but posted now it is valid: the leads before it are tests"
    assert expected in result.stdout


def test_tests_that_are_used_up_are_named(make_app):
    rules = "test_flag: is_test\ntest_limit: 1\nfields: {is_test: {type: boolean}}\n"
    app = make_app(rules + "examples: [{name: one, lead: {}, expect: valid}]")
    with serving(app) as url:
        result = run(app, "--url", url)
    assert result.exit_code == 1
    assert "PROBLEM: the test leads of today are used up: wait until midnight, or raise test_limit" in result.stdout


def test_an_example_of_another_hour_is_held_against_the_rules_of_now(make_app):
    rules = RULES.replace("sale_amount:", "  - {id: late, reject_if: year(now()) > 2001, note: Too late}\nsale_amount:")
    app = make_app(rules + "examples: [{name: then, at: 2001-01-01, lead: {email: a@example.com}, expect: valid}]")
    with serving(app) as url:
        result = run(app, "--url", url)
    assert result.exit_code == 0
    assert "remark: the example expects valid, but posted now it is late: it is another day or hour" in result.stdout
    assert result.stdout.endswith("all as the rules say, 3 remarks\n")


def test_a_lead_of_a_file_is_posted_in_every_format_and_held_against_nothing(make_app, tmp_path):
    app = make_app(RULES + EXAMPLES)
    (tmp_path / "lead.xml").write_text("<lead><contact><email>o'brien&amp;co@example.com</email></contact></lead>")
    with serving(app) as url:
        result = run(app, "--url", url, "--lead", str(tmp_path / "lead.xml"), "--format", "json")
        assert "; read without a problem" in run(app, "--url", url, "--lead", str(tmp_path / "lead.xml")).output
    posts = json.loads(result.stdout)["posts"]
    assert result.exit_code == 0 and [post["conversion"] for post in posts] == [True] * 3
    assert all(post["email"].startswith("o'brien&co.") for post in posts)
    (tmp_path / "lead.xml").write_text("<lead>")
    assert "lead.xml: The XML is not well-formed" in run(app, "--lead", str(tmp_path / "lead.xml")).output


def test_without_examples_a_lead_is_made_of_those_of_the_fields(make_app):
    app = make_app("fields: {email: {type: email, required: true, example: zoe@example.com}}")
    with serving(app) as url:
        result = run(app, "--url", url)
    assert "has no examples" in result.stderr and result.stdout.count("conversion ") == 3


def test_a_lead_made_of_the_fields_is_held_against_the_rules_too(program_of):
    program = program_of("fields: {email: {type: email, required: true}, state: {type: region, country: US}}")
    found = outcomes(program, reply(Answer(False, note="No")), cases=cases_of(program))
    assert len(found) == 3 and all("but the lead is not valid" in outcome.problems[0] for outcome in found)


# --- Who posts, and where to ---


def test_a_hashed_password_is_read_from_the_environment_or_standard_input(make_app, monkeypatch):
    app = make_app(RULES + EXAMPLES, users=(User("impact", generate_password_hash("s3cret", "pbkdf2:sha256:1")),))
    with serving(app) as url:
        assert run(app, "--url", url, input="s3cret\n").exit_code == 0
        assert "there is no password for impact" in run(app, "--url", url, input="").output
        monkeypatch.setenv("DATAPOST_PASSWORD", "s3cret")
        result = run(app, "--url", url, "--user", "impact")
    assert result.exit_code == 0 and "s3cret" not in result.output


def test_a_wrong_password_is_tried_once(make_app):
    app = make_app(RULES + EXAMPLES)
    with serving(app) as url:
        result = run(app, "--url", url, "--user", "bob", input="wrong\n")
    assert result.exit_code == 1
    assert "1 posts: 0 conversions" in result.stdout
    assert "The user name or the password is missing or wrong" in result.stdout
    assert "PROBLEM: status 401: no more is posted" in result.stdout


def test_real_leads_for_another_machine_need_a_yes_and_no_password_leaves_this_one(make_app):
    app = make_app(RULES + EXAMPLES)
    url = "https://leads.example.invalid"
    assert "say --yes to post real leads to another machine" in run(app, "--url", url).output
    assert "name the user to post as: --user NAME" in run(app, "--url", url, "--yes").output
    result = run(app, "--url", url, "--yes", "--user", "impact", input="")
    assert "there is no password for impact" in result.output
    result = run(app, "--url", url, "--yes", "--user", "impact", input="x\n")
    assert result.exit_code == 1 and "there is no host leads.example.invalid: look at --url" in result.output
    assert "WITHOUT ENCRYPTION" in run(app, "--url", "http://leads.example.invalid", "--user", "x", input="").output


def test_where_nothing_answers_it_says_to_start_the_service(make_app):
    app = make_app(RULES + EXAMPLES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        result = run(app, "--url", url)
    assert result.exit_code == 1
    assert f"Error: nothing answers at {url}: start the service (make run)" in result.output


def test_https_where_there_is_none_and_a_service_that_hangs_up_are_told(make_app):
    def hang_up(listener):
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(10)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=[listener])
        thread.start()
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        for scheme, why in (("https", "does not speak https|hung up"), ("http", "hung up without an answer")):
            with pytest.raises(NoAnswer, match=why):
                Endpoint(f"{scheme}://{place}/leads/default")("text/plain", b"x")
        thread.join()


def test_a_redirect_is_not_followed():
    seen = []

    def redirect(environ, start_response):
        seen.append(environ["PATH_INFO"])
        start_response("307 Temporary Redirect", [("Location", "/elsewhere"), ("Content-Type", "text/html")])
        return [b""]

    with serving(redirect) as url:
        status, *_ = Endpoint(f"{url}/leads/default", ("a", "b"))("text/plain", b"x")
    assert status == 307 and seen == ["/leads/default"]


# --- Answers that are wrong ---

WRONG = {
    "a rejection carries an Order ID": (
        200,
        FORMATS["xml"].mimetype,
        render(valid("1"), "xml").replace("<valid>true", "<valid>false"),
        0.01,
    ),
    "XPath and regular expression take different texts: success, uniqueid": (
        200,
        FORMATS["xml"].mimetype,
        render(valid("1"), "xml").replace("<dataPostResponse>", "<dataPostResponse><!-- hello -->"),
        0.01,
    ),
    "the Order ID '' is not 1 to 64 letters and digits": reply(valid("")),
    "the Order ID 'a-1' is not": reply(valid("a-1")),
    "the amount '1000000.00' does not fit (8,2)": reply(valid("1", "1000000.00")),
    "the amount '10.001' does not fit (8,2)": reply(valid("1", "10.001")),
    "expected the amount 10.00": reply(valid("1", "9.00")),
    "the customer is too long or an e-mail address": reply(valid("1", customer="ann@example.com")),
    "status 307, a redirect": (307, "text/html", "", 0.01),
    "status 503: it is not known whether": reply(Answer(False, note="Later"), 503),
    "status 404: no more is posted": reply(Answer(False, note="There is no such address"), 404),
    "the answer cannot be read: it is text/html": (200, "text/html", "<h1>Hello</h1>", 0.01),
    "the answer cannot be read: it is not well-formed XML": (200, FORMATS["xml"].mimetype, "<dataPostResponse>", 0.01),
    "the answer cannot be read: it is no JSON": (200, FORMATS["json"].mimetype, '{"valid": true}', 0.01),
    "expected valid, but the lead is not valid": reply(Answer(False, note="No")),
}


@pytest.mark.parametrize("problem", WRONG)
def test_an_answer_that_impact_com_could_not_use_is_a_problem(program_of, problem):
    found = outcomes(program_of(), WRONG[problem])[0]
    assert any(line.startswith(problem) for line in found.problems), found


def test_a_rejection_for_another_reason_than_the_rules_give_is_a_problem(program_of):
    case = Case("no address", [{"first_name": "Ann"}], ["email.required"])
    found = outcomes(program_of(), reply(Answer(False, note="Closed")), cases=[case])[0]
    assert found.problems == ["expected email.required, whose note is: No email address was submitted"]
    found = outcomes(program_of(), reply(valid("1")), cases=[case])[0]
    assert found.problems == ["expected email.required, but the lead is valid"]


def test_an_order_id_that_repeats_is_a_problem(program_of):
    first, second, third = outcomes(program_of(), reply(valid("1")), reply(valid("2")), reply(valid("1")))
    assert (first.problems, second.problems) == ([], [])
    assert third.problems == ["the Order ID 1 came before: impact.com would take it for the same"]


def test_a_slow_answer_is_a_warning(program_of):
    found = outcomes(program_of(), reply(valid("1"), seconds=2.4))[0]
    assert found.warnings == ["the answer took 2.4 s; impact.com may not wait so long"] and not found.problems


def test_the_status_that_a_program_chose_for_rejections_is_a_warning(program_of):
    program = program_of("invalid_status: 422\n" + RULES)
    found = outcomes(program, reply(Answer(False, note="No"), 422))[0]
    assert found.warnings == ["status 422: it is not known whether impact.com reads such an answer"]
    assert found.decided


def test_after_a_refused_login_nothing_more_is_posted(program_of):
    for status in (401, 403, 404, 405, 429):
        program = program_of("fields: {day: {type: date}}\nrules: [{id: once, unique: [day]}]")
        found = outcomes(program, reply(Answer(False, note="No"), status), cases=[DAY], repeat=3)
        assert len(found) == 1 and not found[0].remarks


# --- The leads ---


def test_every_format_says_the_same_of_a_lead(program_of):
    lead = {"email": "o'brien&co@example.com", "E-Mail Address": "<é>", "contact.phone": ["1", "2"], "empty": ""}
    bodies = [decode(body_of(lead, form), FORMATS[form].mimetype) for form in POSTED]
    assert content(bodies[0]) == content(bodies[1]) == content(bodies[2])
    assert body_of({"a<b": "1"}, "xml") is None and body_of({"a<b": "1"}, "form") is not None


def test_a_lead_that_a_format_cannot_hold_is_not_posted_in_it_and_that_is_said(program_of):
    case = Case("odd", [{"1": "x", "email": "ann@example.com"}], [])
    found = outcomes(program_of(), reply(valid("1")), reply(valid("2")), cases=[case])
    assert [outcome.status for outcome in found] == [0, 200, 200]
    assert found[0].remarks == ["not posted: xml cannot hold this lead"] and not found[0].problems


FRESH = """
customer: [email]
retry_key: [click]
fields:
  email: {type: email, aliases: [mail]}
  phone: {type: phone, country: US}
  code: {pattern: "[0-9]{5}"}
  click: {type: uuid}
  name: {}
rules:
  - {id: suppressed, reject_if: email == 'no@example.com'}
  - {id: twice, unique: {any_of: [email, phone, code]}}
"""


def test_what_must_not_repeat_is_new_in_each_lead_and_judged_as_before(program_of):
    now, program = datetime.now(UTC), program_of(FRESH)
    lead = {
        "mail": "ann@example.com",
        "phone": "(415) 555-2671",
        "code": "12345",
        "click": "7f6ff2e0-97a0-4d1c-8ac6-6fd3f2ad7b2e",
        "name": "Ann",
    }
    (fresh,) = freshened(program, [lead], now)
    assert fresh["name"] == "Ann" and fresh["mail"].endswith("@example.com")
    assert fresh["phone"].startswith("(415) 555-") and len(fresh["code"]) == 5
    assert all(fresh[name] != lead[name] for name in ("mail", "phone", "code", "click"))
    for kept in {"email": "no@example.com"}, {"phone": "nonsense"}:
        assert freshened(program, [kept], now) == [kept]


def test_a_value_that_two_leads_share_stays_shared_but_not_the_key_of_a_repeated_request(program_of):
    lead = {"email": "ann@example.com", "click": "7f6ff2e0-97a0-4d1c-8ac6-6fd3f2ad7b2e"}
    first, second = freshened(program_of(FRESH), [lead, lead], datetime.now(UTC))
    assert first["email"] == second["email"] != lead["email"]
    assert len({first["click"], second["click"], lead["click"]}) == 3


def test_a_number_with_a_check_digit_is_made_new_too_and_what_cannot_be_is_said(program_of):
    program = program_of("fields: {iban: {type: id, standard: iban}}\nrules: [{id: once, unique: [iban]}]")
    lead = {"iban": "GB82 WEST 1234 5698 7654 32"}
    kept = sum(freshened(program, [lead], datetime.now(UTC)) == [lead] for _ in range(20))
    assert kept < 20
    program = program_of("fields: {day: {type: date}}\nrules: [{id: once, unique: [day]}]")
    found = outcomes(program, reply(Answer(False, note="This day was already submitted")), cases=[DAY])[0]
    assert found.remarks == ["it may repeat an earlier post: no other day could be made"]


def test_a_test_is_marked_under_the_fields_own_name_whatever_the_example_says(program_of):
    program = program_of("test_flag: is_test\nfields: {is_test: {type: boolean, aliases: [trial]}, email: {}}")
    assert marked(program, {"Trial": "no", "email": "a"}) == {"email": "a", "is_test": "true"}


def test_the_leads_before_an_example_are_posted_before_it(program_of):
    names = [outcome.example for outcome in outcomes(program_of(), reply(valid("1")), cases=cases_of(program_of())[2:])]
    assert names[:2] == ["twice, before it", "twice"]


def test_a_hostile_name_steers_no_terminal(make_app):
    rules = RULES.replace("sale_amount:", '  - {id: no, reject_if: "true", note: "\\u202e[31m"}\nsale_amount:')
    app = make_app(rules + 'examples: [{name: "\\u202ex", lead: {email: a@example.com}, expect: ["no"]}]')
    with serving(app) as url:
        assert "\u202e" not in run(app, "--url", url).output
