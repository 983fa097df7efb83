"""The posting instructions as partners get them: who sees them, that they are whole, and that what they show runs."""

import re
import shutil
from urllib.parse import parse_qs, urlsplit

import pytest
from cast import RULES_FOLDER, Partner
from lxml import html
from markdown_it import MarkdownIt
from programs import HOSTILE, LISTS, MONSTER

from partners.instructions import instructions
from partners.pages import link
from web.settings import Settings, User

SMALL = "docs: {}\nfields: {{email: {{type: email, required: true}}}}"
RULES = {name: SMALL.format(name) for name in ("public", "link", "operators")} | {"other": SMALL.format("link")}
OPERATORS = (User("ops", "see"), User("half", "see", frozenset({"link"})))
FORMS = ["/docs/{}", "/docs/{}.md", "/docs/{}/openapi.json"]


def get(app, path, **options):
    return app.test_client().get(path, **options)


def link_to(app, name, base=""):
    with app.app_context():
        return link(name, base)


@pytest.fixture
def app(make_app):
    return make_app(RULES, operators=OPERATORS)


PROGRAMS = ["default", "insurance", "education", "solar", "newsletter", "monster", "hostile"]


# --- Who sees them ---


@pytest.mark.parametrize("form", FORMS)
def test_public_instructions_are_for_everybody(app, form):
    assert get(app, form.format("public")).status_code == 200


@pytest.mark.parametrize("form", FORMS)
def test_instructions_by_link_need_its_key(app, form):
    key = parse_qs(urlsplit(link_to(app, "link")).query)["key"][0]
    other = parse_qs(urlsplit(link_to(app, "other")).query)["key"][0]
    assert re.fullmatch("[0-9a-f]{32}", key)
    path = form.format("link")
    assert get(app, f"{path}?key={key}").status_code == 200
    for wrong in ["", "?key=", f"?key={key[:-1]}", f"?key={other}", f"?key={key.upper()}x", "?key=%FF%E9é"]:
        assert get(app, path + wrong).status_code == 404


def test_a_wrong_key_and_an_unknown_program_are_one_page(app):
    pages = [get(app, path) for path in ("/docs/link", "/docs/link?key=no", "/docs/none", "/docs/none?key=no")]
    texts = {re.sub("[0-9a-f]{32}", "ID", page.get_data(as_text=True)) for page in pages}
    assert len(texts) == 1 and "Was the whole link copied?" in texts.pop()
    assert {page.status_code for page in pages} == {404}


@pytest.mark.parametrize("form", FORMS)
def test_instructions_for_operators_are_behind_their_login(app, form):
    path = form.format("operators")
    refused = get(app, path)
    assert refused.status_code == 401 and "Datapost operators" in refused.headers["WWW-Authenticate"]
    assert get(app, path, auth=("ops", "wrong")).status_code == 401
    assert get(app, path, auth=("impact", "secret")).status_code == 401
    assert get(app, path, auth=("ops", "see")).status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic é", "Basic /////w==", "Bearer x", "basic b3BzOg==", "Digest x=y"])
def test_a_login_that_cannot_be_read_is_none(app, header):
    assert get(app, "/docs/operators", headers={"Authorization": header}).status_code == 401
    assert get(app, "/docs/link", headers={"Authorization": header}).status_code == 404


def test_an_operator_sees_the_programs_that_are_his_and_no_others(app):
    assert get(app, "/docs/link", auth=("half", "see")).status_code == 200
    assert get(app, "/docs/operators", auth=("half", "see")).status_code == 404
    assert get(app, "/docs/none", auth=("ops", "see")).status_code == 404
    assert get(app, "/docs/link", auth=("half", "wrong")).status_code == 404


def test_a_key_does_not_open_what_is_for_operators(app):
    with app.app_context():
        key = link("link", "").partition("?")[2]
    assert get(app, f"/docs/operators?{key}").status_code == 401


def test_without_operators_nobody_sees_what_is_for_them(make_app):
    assert get(make_app(RULES), "/docs/operators").status_code == 404


def test_without_a_secret_no_link_works_and_the_log_says_so_once(make_app, tmp_path, caplog):
    app = make_app(RULES)
    service = app.extensions["datapost"]
    service.settings = Settings(rules=service.settings.rules)
    assert link_to(app, "link") is None and link_to(app, "public") == "/docs/public"
    for key in ("", "?key=", "?key=" + "0" * 32):
        assert get(app, "/docs/link" + key).status_code == 404
    assert [record.getMessage() for record in caplog.records].count(
        "DATAPOST_SECRET is not set, so no link to posting instructions works: anybody could work out its key"
    ) == 1


def test_the_key_is_in_no_log_and_is_not_passed_on(app, caplog):
    address = link_to(app, "link")
    page = get(app, address)
    assert page.headers["Referrer-Policy"] == "no-referrer" and page.headers["Cache-Control"] == "no-store"
    get(app, address + "0")
    assert caplog.records and address.partition("=")[2] not in caplog.text


def test_the_links_of_the_page_work_and_carry_the_key(app):
    page = html.fromstring(get(app, link_to(app, "link")).get_data(as_text=True))
    addresses = [a.get("href") for a in page.iter("a") if not a.get("href").startswith("#")]
    assert len(addresses) == 2
    assert [get(app, address).mimetype for address in addresses] == ["application/json", "text/markdown"]


def test_the_command_lists_the_addresses(flask):
    assert flask("docs").output == f"default               link       {link_to_default(flask)}\n"
    assert '"docs": "link"' in flask("docs", "default", "--format", "json").output
    assert 'Did you mean "default"?' in flask("docs", "defualt").output
    assert "https://leads.example.com/docs/default?key=" in flask("docs", "--url", "https://leads.example.com/").output


def link_to_default(flask):
    return re.search(r"http://127\.0\.0\.1:8000/docs/default\?key=[0-9a-f]{32}", flask("docs", "default").output)[0]


# --- What they show ---


@pytest.fixture
def every(make_app, tmp_path):
    """A service with our programs, one with everything, and one that means harm."""
    (tmp_path / "rules").mkdir()
    for name, entries in LISTS.items():
        (tmp_path / "rules" / name).write_text(entries)
    examples = {path.stem: path.read_text() for path in (RULES_FOLDER / "examples").glob("*.yaml")}
    shutil.copy(RULES_FOLDER / "examples" / "suppressed.txt", tmp_path / "rules")
    default = (RULES_FOLDER / "default.yaml").read_text()
    return make_app(examples | {"monster": MONSTER, "hostile": HOSTILE, "default": default})


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_field_rule_and_reason_is_on_the_page_and_in_the_markdown(every, name):
    doc = instructions(every.extensions["datapost"].rulebook.programs[name], "http://localhost/leads")
    address = link_to(every, name)
    page = html.fromstring(get(every, address).get_data(as_text=True))
    text = " ".join(page.text_content().split())
    markdown = get(every, address.replace(name, f"{name}.md", 1)).get_data(as_text=True)
    for field in doc.fields:
        assert field.name in text and f"`{field.name}`" in markdown
        assert " ".join(field.label.split()) in text
    for sentence in [rule.said.words for rule in doc.rules] + [reason.note for reason in doc.reasons]:
        assert " ".join(sentence.split()) in text
    for exchange in doc.accepted + doc.rejected[:1]:
        assert exchange.body.splitlines()[-1] in markdown or exchange.kind == "form"
    assert len(page.findall(".//h2")) == markdown.count("\n## ") == (8 if doc.rules else 7)
    ids = {element.get("id") for element in page.iter() if element.get("id")}
    assert {a.get("href")[1:] for a in page.iter("a") if a.get("href").startswith("#")} <= ids


@pytest.mark.parametrize("form", FORMS)
def test_what_is_hidden_is_shown_in_no_form(every, form):
    text = get(every, form.format("monster")).get_data(as_text=True)
    for secret in ["hidden", "watched", "off-rule", "XY-999", "76.54", "7654321", "7,654,321", ".txt"]:
        assert secret not in text


def test_what_a_rule_file_says_stays_text_on_the_page(every):
    response = get(every, "/docs/hostile")
    page = html.fromstring(response.get_data(as_text=True))
    assert not list(page.iter("script", "b", "l"))
    assert all(a.get("href").startswith(("#", "/docs/")) for a in page.iter("a"))
    assert "<script>alert(1)</script> | `x` **b** [l](javascript:1)" in page.text_content()
    assert "script" not in response.headers["Content-Security-Policy"].replace("'none'", "")


def test_what_a_rule_file_says_stays_text_in_the_markdown(every):
    rendered = MarkdownIt("commonmark").enable("table").render(get(every, "/docs/hostile.md").get_data(as_text=True))
    page = html.fromstring(rendered)
    assert not list(page.iter("script", "b", "img"))
    assert all(a.get("href").startswith("#") for a in page.iter("a"))
    text = page.text_content()
    assert text.count("<script>alert(1)</script> | `x` **b** [l](javascript:1)") >= 6
    assert "The whole value" not in text and "(?s).*|`<script>`" in text
    for table in page.iter("table"):
        widths = {len(row) for row in table.iter("tr")}
        assert len(widths) == 1


def test_the_address_is_the_one_that_was_asked(make_app):
    app = make_app(RULES, trusted_proxies=1)
    page = get(app, "/docs/public", base_url="http://leads.example.com", headers={"X-Forwarded-Proto": "https"})
    assert "POST https://leads.example.com/leads/public" in page.get_data(as_text=True)


@pytest.mark.parametrize("host", ["", "a b", "[::1", "leads.example.com/x", '"><b>'])
def test_to_a_host_that_is_none_no_address_is_shown(app, host):
    for form in FORMS:
        answer = get(app, form.format("public"), headers={"Host": host})
        assert answer.status_code == 400 and "POST" not in answer.get_data(as_text=True)
        assert get(app, form.format("link"), headers={"Host": host}).status_code == 404


def test_an_open_service_shows_no_login(make_app):
    assert "your-password" not in get(make_app(RULES, open=True), "/docs/public").get_data(as_text=True)


def test_a_changed_rule_is_shown_and_a_broken_file_shows_the_last_good_one(make_app, tmp_path, clock):
    app = make_app(RULES)
    path = tmp_path / "rules" / "public.yaml"
    path.write_text("docs: public\nfields: {town: {}}")
    clock.passes(2)
    assert "<code>town</code>" in get(app, "/docs/public").get_data(as_text=True)
    path.write_text("fields: [")
    clock.passes(2)
    assert "<code>town</code>" in get(app, "/docs/public").get_data(as_text=True)


def test_showing_them_stores_no_lead(every):
    for form in FORMS:
        get(every, form.format("monster"))
    assert Partner(every).stored() == []


def test_a_long_name_breaks_between_its_parts(make_app):
    rules = (
        "docs: public\nfields: {email: {type: email, aliases: ['prospect.contact.email[@preferred=1]', contact.email]}}"
    )
    page = get(make_app({"default": rules}), "/docs/default").text
    assert "<code>prospect<wbr>.contact<wbr>.email[@preferred=1]</code>" in page
    assert "<code>contact.email</code>" in page
