"""What impact.com's engineer is told: expressions that take the right value from every answer, and nothing else."""

import json
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from xml.sax.saxutils import unescape

import pytest
import re2
from cast import ROOT, RULES, SAMPLES, Partner
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from markdown_it import MarkdownIt

import models
from database import StoreError, secret
from judge.compiler import load
from judge.schema import FieldSpec
from judge.types import TYPES
from judge.values import clean
from partners.contract import (
    EMAILS,
    EXPRESSIONS,
    HOSTILE,
    MAX_LENGTH,
    VALUES,
    contract,
    expected,
    hostile_answers,
    misread,
    prove,
    read_by_parser,
    samples,
)
from web import answer as rendering
from web import payload
from web.answer import Answer, render
from web.formats import ANSWERED, FORMATS
from web.login import FAILURES_OF_AN_ADDRESS
from web.settings import Settings, User
from web.statuses import STATUSES

REGEXES = [(name, form, row["regex"][form]) for name, row in EXPRESSIONS.items() for form in ANSWERED]
ALL = "email: {type: email, required: true}"


@pytest.fixture(scope="module")
def program():
    return load(ROOT / "rules" / "default.yaml")


@pytest.fixture
def brand(tmp_path, monkeypatch):
    """The folder for a brand's own templates of the program `default`."""
    folder = tmp_path / "templates"
    shutil.copytree(rendering.TEMPLATES, folder)
    monkeypatch.setattr(rendering, "ours", rendering.environment_of(folder))
    (folder / "default").mkdir()
    return folder / "default"


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


# --- The contract ---


def test_the_contract_has_the_keys_that_programs_read(program):
    made = contract(program, "https://leads.example.com", Settings(users=(User("impact", "secret"),)))
    assert list(made) == ["url", "method", "authentication", "content_types", "samples", "success", "values"]
    assert made["url"] == "https://leads.example.com/leads/default"
    assert list(made["values"]) == list(VALUES)
    for value in made["values"].values():
        assert list(value) == ["xpath", "regex", "max_length", "alphabet"]
    sizes = {name: value["max_length"] for name, value in made["values"].items()}
    assert sizes == {"uniqueid": 26, "sale_amount": 9, "customerid": 64, "email": 254, "note": 500}
    assert all(payload.kind(name) in ("form", "multipart", "json", "xml") for name in made["content_types"])
    assert json.loads(json.dumps(made)) == made


def test_users_who_may_post_are_named_and_their_passwords_never(make_app):
    users = (User("impact", "old-pw"), User("impact", "new-pw"), User("bob", "b-pw", frozenset({"solar"})))
    runner = make_app(users=users).test_cli_runner()
    for form in ("md", "json"):
        text = runner.invoke(args=["contract", "default", "--format", form]).stdout
        assert "impact" in text and "bob" not in text and "-pw" not in text
    assert json.loads(text)["authentication"] == {"scheme": "basic", "realm": "Datapost", "users": ["impact"]}


def test_the_realm_is_the_one_that_a_401_names(partner):
    assert (
        f'realm="{contract_of(partner)["authentication"]["realm"]}"'
        in partner.post(auth=None).headers["WWW-Authenticate"]
    )


def contract_of(partner):
    return json.loads(partner.app.test_cli_runner().invoke(args=["contract", "default", "--format", "json"]).stdout)


def test_an_open_service_is_said_to_be_open(make_app):
    app = make_app(open=True)
    assert contract_of(Partner(app))["authentication"] == {"scheme": "none"}
    assert "takes leads from anybody" in app.test_cli_runner().invoke(args=["contract", "default"]).output


def test_the_samples_are_what_the_service_answers_to_the_examples(make_app, tmp_path):
    rules = RULES + (
        "examples: [{name: bad, lead: {email: x}, expect: [email.invalid]}, "
        '{name: good, lead: {email: "o\'brien@example.com"}, expect: valid}]'
    )
    for form in ANSWERED:
        partner = Partner(make_app(rules, database_url=f"sqlite:///{tmp_path}/{form}.db"))
        made = contract_of(partner)["samples"]
        for name, email in (("valid", "o'brien@example.com"), ("invalid", "x")):
            real = partner.post(f"email={email}", path=f"/leads?format={form}").get_data(as_text=True)
            assert without_ids(made[name][form]) == without_ids(real)


def without_ids(text):
    return re.sub(r"[0-9A-HJKMNP-TV-Z]{26}", "ULID", text)


def test_the_samples_are_of_an_hour_at_which_the_program_is_open(make_app):
    hour = datetime.now(UTC).hour
    opened = f"{hour:02}:00-{hour:02}:59"  # by a clock that is twelve hours off
    rules = f"""
timezone: Etc/GMT+12
fields: {{email: {{}}}}
rules: [{{id: hours, open: ["{opened}"]}}]
examples: [{{name: good, lead: {{email: x}}, expect: valid}}]
"""
    assert contract_of(Partner(make_app(rules)))["samples"]["valid"]["xml"]


def test_without_examples_the_samples_are_made_of_the_fields(make_app):
    rules = "fields: {email: {type: email, required: true%s}, state: {type: region, country: US, required: true}}"
    made = contract_of(Partner(make_app(rules % ", example: zoe@example.com")))["samples"]
    assert "<email>zoe@example.com</email>" in made["valid"]["xml"]
    made = contract_of(Partner(make_app(rules % "")))["samples"]
    assert "<email>ann@example.com</email>" in made["valid"]["xml"]
    assert "<note>No email was submitted; No state was submitted</note>" in made["invalid"]["xml"]


def test_where_no_sample_can_be_made_that_is_said(make_app):
    runner = make_app("fields: {ssn: {type: id, standard: us.ssn, required: true}}").test_cli_runner()
    result = runner.invoke(args=["contract", "default"])
    assert "no valid answer can be shown: write an example" in result.stderr
    assert "no such answer can be shown" in result.stdout
    result = make_app("fields: {email: {}}").test_cli_runner().invoke(args=["contract", "default", "--format", "json"])
    assert json.loads(result.stdout)["samples"]["invalid"] == {"xml": None, "json": None}
    assert "no invalid answer" in result.stderr


def test_the_text_can_be_sent_as_it_is(flask):
    text = flask("contract", "default", "--url", "https://leads.example.com/").stdout
    assert "https://leads.example.com/leads/default`" in text and "127.0.0.1" not in text and "developer" not in text
    assert not re.search(r"\{[{%]|None|\n\n\n", text)
    for name, _, regex in REGEXES:
        assert f"`{regex}`" in text and f"`{EXPRESSIONS[name]['xpath']}`" in text
    for question in ("Content-Type", "How long", "repeat", "not 200", "addresses"):
        assert question in text[text.index("What we do not know") :]
    for step in ("partner account", "payout of zero", "reversed"):
        assert step in text[text.index("Going live") :]


def test_the_engineer_is_told_what_the_mark_of_a_test_means(make_app):
    app = make_app(RULES.replace("fields:", "test_flag: is_test\nfields:\n  is_test: {type: boolean}"))
    text = app.test_cli_runner().invoke(args=["contract", "default"]).output
    assert "Can a partner set `is_test`, in the body or in the query string (`?is_test=true`)?" in text
    assert "you record it as a conversion, which we pay until it is reversed. At most 50 a day are" in text


def test_its_tables_are_whole(flask):
    text = flask("contract", "default", "--url", "https://leads.example.com").stdout
    page = html.fromstring(MarkdownIt().enable("table").render(text))
    rows = [row.text_content().split()[0] for row in page.xpath("//table[1]/tbody/tr")]
    assert rows[0] == "URL" and rows[-1] == "fields"
    assert not [line.text_content() for line in page.iter("p") if line.text_content().startswith("|")]


def test_of_a_local_address_it_says_that_the_public_one_goes_there(flask):
    assert "public `https://` address goes there" in flask("contract", "default").stdout


@pytest.mark.parametrize(
    "url", ["leads.example.com", "ftp://x", "https://a:b@x", "https://x/?a", "https://x:y", "https://", "https://ü"]
)
def test_an_address_that_is_none_is_refused(flask, url):
    result = flask("contract", "default", "--url", url)
    assert result.exit_code == 2 and "such as https://leads.example.com" in result.output


def test_a_program_that_there_is_not_is_named_with_the_nearest(flask):
    result = flask("contract", "defualt")
    assert result.exit_code == 1 and 'Did you mean "default"?' in result.output


def test_prove_says_what_was_tried_and_fails_where_an_expression_does(flask, brand):
    result = flask("contract", "default", "--prove")
    assert result.exit_code == 0 and result.output.startswith("proved on ")
    (brand / "response.json").write_text('{"dataPostResponse": {"valid": true, "note": {{ note|tojson }}}}')
    rendering.template.cache_clear()
    result = flask("contract", "default", "--prove", "--format", "json")
    assert result.exit_code == 1 and json.loads(result.output)["proved"] is False
    result = flask("contract", "default")
    assert result.exit_code == 1 and "do not send this: json" in result.stderr
