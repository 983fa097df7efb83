"""The contract: what impact.com's engineer is told, and what of it is proved."""

import json
import re
from datetime import UTC, datetime

import pytest
from cast import REGEXES, RULES, Partner
from lxml import html
from markdown_it import MarkdownIt

from partners.contract import EXPRESSIONS, VALUES, contract
from web import answer as rendering
from web import payload
from web.formats import ANSWERED
from web.settings import Settings, User


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


def contract_text_of(make_app, tmp_path, head):
    app = make_app(f"{head}\nfields: {{a: {{}}}}")
    return " ".join(app.test_cli_runner().invoke(args=["contract", "default"]).output.split())


def test_the_days_of_a_campaign_are_told(make_app, tmp_path):
    text = contract_text_of(make_app, tmp_path, "starts: 2026-12-01\nends: 2027-03-31\ntimezone: America/New_York")
    assert "takes leads from 2026-12-01 up to the end of 2027-03-31 (time zone America/New_York)." in text
    assert "takes leads up to the end of 2099-03-31" in contract_text_of(make_app, tmp_path, "ends: 2099-03-31")
    assert "takes leads" not in contract_text_of(make_app, tmp_path, "").replace("takes leads from anybody", "")


def test_where_a_list_tells_what_a_test_is_it_is_not_named(make_app, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "insiders.txt").write_text("ann\n")
    text = contract_text_of(make_app, tmp_path, "test_if: listed(a, 'insiders.txt')")
    assert "insiders" not in text and "that our lists make a test" in text


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
