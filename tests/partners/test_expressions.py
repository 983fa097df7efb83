"""The expressions that impact.com is given take the right value from every answer, and nothing else."""

import json
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from xml.sax.saxutils import unescape

import pytest
import re2
from cast import REGEXES, ROOT, RULES, SAMPLES, Partner
from hypothesis import given
from hypothesis import strategies as st

import models
from database import StoreError, secret
from judge.schema import FieldSpec
from judge.types import TYPES
from judge.values import clean
from partners.contract import (
    EMAILS,
    EXPRESSIONS,
    HOSTILE,
    MAX_LENGTH,
    expected,
    hostile_answers,
    misread,
    prove,
    read_by_parser,
    samples,
)
from web import answer as rendering
from web.answer import Answer, render
from web.formats import ANSWERED, FORMATS
from web.login import FAILURES_OF_AN_ADDRESS
from web.settings import User
from web.statuses import STATUSES


def answered(response):
    """Return the format and the text of an answer."""
    return "json" if response.mimetype == FORMATS["json"].mimetype else "xml", response.get_data(as_text=True)


# --- The expressions ---


@pytest.mark.parametrize(("name", "form", "regex"), REGEXES)
def test_an_expression_has_one_group_and_only_words_that_java_python_and_re2_understand_alike(name, form, regex):
    assert re.compile(regex).groups == re2.compile(regex).groups == 1
    assert regex.startswith(r"\A") and regex.endswith(r"[\s\S]*")
    inner = regex.replace(r"[\s\S]", "").replace(r"\A", "").replace(r"\\", "")
    assert not re.search(r"\\[^trn{]|\(\?[^:]|\$|\^(?![<\"])|\.", inner)


@pytest.mark.parametrize("form", ANSWERED)
def test_they_read_the_documents_that_impact_com_publishes(form):
    for name, values in {
        "valid": ["true", "98", "10.00", "177", "name@email.com", "Lead submitted successfully"],
        "invalid": ["", "", "", "", "", "No email address was submitted"],
    }.items():
        document = (SAMPLES / f"{name}.{form}").read_text()
        assert misread(document, form, dict(zip(EXPRESSIONS, values, strict=True))) == []


def test_every_expression_takes_the_right_value_from_hostile_answers_and_nothing_from_rejections(program):
    count, mistakes = prove(program)
    assert count > 300 and mistakes == []


def test_the_hostile_addresses_are_ones_that_datapost_takes():
    parse = TYPES["email"].make(FieldSpec(type="email"), None)
    assert [parse(email) for email in EMAILS] == list(EMAILS)
    assert max(map(len, EMAILS)) == MAX_LENGTH["email"]
    with pytest.raises(ValueError, match="invalid"):
        parse("&" * 243 + "@example.com")


LETTERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
PIECES = st.lists(st.sampled_from([*HOSTILE, '"', "\\", "<", "&", "'", "]]>", "</note>"]) | LETTERS, min_size=1)
NOTE = PIECES.map(lambda pieces: " ".join(clean("".join(pieces)).split())[:500]).filter(bool)


@given(NOTE, st.sampled_from(["", *EMAILS]), st.booleans(), st.sampled_from(ANSWERED))
def test_whatever_a_note_says_it_is_read_as_the_note(note, email, valid, form):
    answer = Answer(True, "7Z" * 13, "1.00", "0f" * 32, email, note) if valid else Answer(False, note=note)
    assert misread(render(answer, form), form, expected(answer)) == []


@given(NOTE, st.sampled_from(ANSWERED), st.integers(0), st.sampled_from(list(EXPRESSIONS)))
def test_of_an_answer_that_is_cut_off_nothing_false_is_taken(note, form, end, name):
    document = render(Answer(False, note=note), form)
    regex = EXPRESSIONS[name]["regex"][form]
    assert name == "note" or re.search(regex, document[: end % len(document)]) is None


@pytest.mark.skipif(not shutil.which("java"), reason="there is no Java on this machine")
def test_in_java_they_take_the_same_by_find_and_by_matches_and_so_do_the_xpaths(program, tmp_path):
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, check=True).stdout
    if "jdk.compiler" not in modules:
        pytest.skip("the Java of this machine runs no source files")
    cases = []
    for answer in hostile_answers(program):
        for form in ANSWERED:
            document = render(answer, form)
            for name, value in expected(answer).items():
                cases.append(("regex", form, EXPRESSIONS[name]["regex"][form], document, value))
                if form == "xml" and len(cases) % 7 == 0:  # Java takes a millisecond to set up for each
                    cases.append(("xpath", form, f"string({EXPRESSIONS[name]['xpath']})", document, value))
    (tmp_path / "cases").write_text(
        "".join(f"{kind} {packed(expression)} {packed(document)}\n" for kind, _, expression, document, _ in cases)
    )
    line = ["java", "-XX:TieredStopAtLevel=1", ROOT / "tests" / "Expressions.java", tmp_path / "cases"]
    output = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    for (kind, form, _, _, value), taken in zip(cases, output, strict=True):
        for found in taken.split(" "):
            text = b64decode(found[1:]).decode()
            if kind == "regex":
                text = unescape(text) if form == "xml" else json.loads(f'"{text}"')
            assert text == value


def packed(text):
    return b64encode(text.encode()).decode()


# --- The answers of the real service ---


def test_error_answers_of_every_kind_are_read_as_rejections(make_app, monkeypatch):
    partner = Partner(make_app(users=(User("impact", "secret"), User("bob", "b", frozenset({"solar"}))), max_body=99))
    partner.app.config["PROPAGATE_EXCEPTIONS"] = False

    def fails(error):
        def record(*_):
            raise error

        return record

    posts = {
        400: lambda query: partner.post(b"<a", path=f"/leads{query}"),
        401: lambda query: partner.post(path=f"/leads{query}", auth=None),
        403: lambda query: partner.post(path=f"/leads{query}", auth=("bob", "b")),
        404: lambda query: partner.post(path=f"/leads/none{query}"),
        405: lambda query: partner.http.get(f"/leads{query}"),
        413: lambda query: partner.post(b"a" * 100, path=f"/leads{query}"),
        415: lambda query: partner.post(b"x", "image/png", path=f"/leads{query}"),
        503: lambda query: (monkeypatch.setattr(models, "record", fails(StoreError("down"))), partner.post())[1],
        500: lambda query: (monkeypatch.setattr(models, "record", fails(KeyError("x"))), partner.post())[1],
        429: lambda query: [
            partner.post(path=f"/leads{query}", auth=("impact", str(n))) for n in range(FAILURES_OF_AN_ADDRESS + 1)
        ][-1],
    }
    assert posts.keys() >= STATUSES.keys() - {200}
    for status, post in posts.items():
        for query in ("?format=xml", "?format=json"):
            response = post(query)
            assert response.status_code == status
            form, document = answered(response)
            note = read_by_parser(document, form)["note"]
            assert 0 < len(note) <= MAX_LENGTH["note"]
            assert misread(document, form, dict.fromkeys(EXPRESSIONS, "") | {"note": note}) == []


@pytest.mark.parametrize("note", HOSTILE)
def test_notes_of_rules_and_addresses_of_leads_are_read_as_they_are_and_replays_too(make_app, note):
    quoted = json.dumps(note, ensure_ascii=False)
    rules = RULES.replace("note: Applicants must be 18 or older", f"note: {quoted}")
    partner = Partner(make_app(rules.replace("customer: [email]", "customer: [email]\nretry_key: [first_name]")))
    for number, form in enumerate(ANSWERED):
        refused = partner.post("years=17&email=a@example.com", path=f"/leads?format={form}")
        assert misread(*answered(refused)[::-1], dict.fromkeys(EXPRESSIONS, "") | {"note": note}) == []
        email = f"o'brien&co{number}@example.com"
        body = json.dumps({"email": email, "first_name": form})
        for _ in "first", "replayed":
            lead = partner.post(body, path=f"/leads?format={form}")
            values = {"success": "true", "uniqueid": lead.headers["Datapost-Lead"], "sale_amount": "10.00"}
            values |= {"customerid": secret.keyed_hash("customer", [email]), "email": email}
            assert misread(*answered(lead)[::-1], values | {"note": "Lead submitted successfully"}) == []
        assert lead.headers["Idempotent-Replayed"] == "true"


def test_a_note_is_one_line_so_that_every_way_of_reading_takes_the_same(make_app):
    rules = RULES.replace("note: Applicants must be 18 or older", 'note: "Too\\r\\nyoung \\n"')
    assert Partner(make_app(rules)).lead(years="17", email="a@example.com")["note"] == "Too young"


# --- Templates of a brand ---


def test_a_brand_may_indent_its_answers(program, brand):
    for form in ANSWERED:
        text = (rendering.TEMPLATES / f"response.{form}").read_text()
        (brand / f"response.{form}").write_text(text.replace("\n<", "\n\t  <").replace(": {{", " :\n {{"))
    assert prove(program)[1] == []
    assert "\t" in samples(program)["valid"]["xml"]


def test_a_brand_may_put_the_note_behind_valid(program, brand):
    for form, note in (("xml", "<note>{{ note }}</note>\n"), ("json", '"note": {{ note|tojson }},\n')):
        text = (rendering.TEMPLATES / f"response.{form}").read_text()
        text = re.sub(r'.*"note".*\n|.*<note/>.*\n', "", text).replace("email|tojson }},", "email|tojson }}")
        (brand / f"response.{form}").write_text(re.sub(r"(.*[<\"]valid[>\"].*\n)", rf"\1{note}", text, count=1))
    assert prove(program)[1] == []
    assert re.search(r"valid.*\W+note.*\W+uniqueid", samples(program)["valid"]["json"])


def test_of_a_rejection_that_carries_values_no_regular_expression_takes_them(program, brand):
    for form in ANSWERED:
        text = (rendering.TEMPLATES / f"response.{form}").read_text()
        (brand / f"response.{form}").write_text("{% set uniqueid, email = 'X' * 26, 'a@b.com' %}" + text)
    lines = [line for line in prove(program)[1] if "a rejection" in line]
    assert lines and not any("the regular expression" in line for line in lines)


def test_a_template_that_the_expressions_do_not_fit_is_told_and_not_proved(program, brand):
    (brand / "response.xml").write_text(
        "<dataPostResponse><note>{{ note }}</note><valid>true</valid></dataPostResponse>"
    )
    mistakes = prove(program)[1]
    assert "xml, success: the XPath takes 'true' from a rejection that says ''" in mistakes
    assert any(line.startswith("xml, note: the regular expression (RE2) takes ''") for line in mistakes)


@pytest.mark.parametrize("text", ["{% if %}", "{% if valid %}<dataPostResponse/>{% else %}{{ nothing }}{% endif %}"])
def test_a_template_that_cannot_be_rendered_is_told_once_and_not_proved(program, brand, caplog, text):
    (brand / "response.json").write_text(text)
    mistakes = [line for line in prove(program)[1] if "cannot be rendered" in line]
    assert len(mistakes) == 1 and "templates/default/response.json cannot be rendered (" in mistakes[0]
    assert not caplog.records
