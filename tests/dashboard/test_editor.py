"""The page on which rules are written: its checks, its policy, and the text as a file."""

import json
from threading import Lock

import pytest
from brand import EXAMPLES, OPERATORS, OWNER, RULES, Operator, text_of
from cast import Partner
from lxml import html

from dashboard import editor
from judge.schema import json_schema
from web.pages import POLICY

TEXT = RULES + EXAMPLES


@pytest.fixture
def shop(make_app):
    partner = Partner(make_app({"default": TEXT, "solar": TEXT}, operators=OPERATORS))
    partner.operator, partner.sun = Operator(partner.app), Operator(partner.app, ("sun", "only solar"))
    return partner


def edit(operator, **fields):
    return operator.post("/dashboard/programs/default/edit", **fields)


def box(response):
    (found,) = html.fromstring(response.text).xpath("//textarea[@name='text']")
    return found.text.removeprefix("\n")


def check(operator, text, **fields):
    return operator.post("/dashboard/programs/default/check", text=text, **fields)


def test_a_script_is_told_what_stands_wrong_on_which_line(shop):
    answer = check(shop.operator, TEXT.replace("years < 18", "yeers < 18"))
    (note,) = [note for note in answer.json["notes"] if note["kind"] == "error"]
    assert note["line"] == 14 and 'Did you mean "years"?' in note["message"]
    assert {note["kind"] for note in check(shop.operator, TEXT).json["notes"]} == {"warning"}


@pytest.mark.parametrize("text", ["", "fields: [", "a: \x00", "\ufeff", "- " * 3000, "é" * 500])
def test_whatever_the_text_is_a_script_gets_an_answer(shop, text):
    answer = check(shop.operator, text)
    assert answer.status_code == 200 and answer.json["notes"]


def test_while_another_text_is_checked_a_script_is_asked_to_come_again(shop, monkeypatch):
    lock = Lock()
    lock.acquire()
    monkeypatch.setattr(editor, "checking", lock)
    answer = check(shop.operator, TEXT)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1" and answer.mimetype == "application/json"


def test_a_form_that_has_to_come_again_keeps_its_text(shop, monkeypatch):
    lock = Lock()
    lock.acquire()
    monkeypatch.setattr(editor, "checking", lock)
    answer = edit(shop.operator, text="title: mine\n", check="1")
    assert answer.status_code == 503 and "Try again in a moment." in text_of(answer) and box(answer) == "title: mine\n"


def test_the_editor_runs_scripts_from_here_alone_and_no_other_page_runs_any(shop):
    page = shop.operator.get("/dashboard/programs/default/edit")
    told = page.headers["Content-Security-Policy"]
    assert told == f"{POLICY}; script-src 'self'; connect-src 'self'" and "unsafe" not in told
    scripts = html.fromstring(page.text).xpath("//script")
    assert scripts and all(script.get("src").startswith("/static/") and not script.text for script in scripts)
    for path in ["", "/programs", "/programs/default", "/new-program", "/lists"]:
        assert shop.operator.get(f"/dashboard{path}").headers["Content-Security-Policy"] == POLICY


def test_the_editor_is_served_from_here_with_its_license(shop):
    page = html.fromstring(shop.operator.get("/dashboard/programs/default/edit").text)
    for path in [*page.xpath("//script/@src"), *page.xpath("//link[@rel='stylesheet']/@href"), "/static/ace/LICENSE"]:
        with shop.http.get(path) as answer:
            assert answer.status_code == 200 and answer.content_length > 1000


def test_words_are_explained_by_the_schema(shop):
    assert shop.operator.get("/dashboard/rules.schema.json").json == json.loads(json.dumps(json_schema()))
    assert shop.http.get("/dashboard/rules.schema.json").status_code == 401


def test_the_old_address_of_the_page_leads_to_the_new_one(shop):
    there = "/dashboard/programs/default/edit"
    assert shop.operator.get("/dashboard/programs/default/backtest").location == there
    answer = shop.operator.post("/dashboard/programs/default/backtest", text=TEXT, check="1")
    assert (answer.status_code, answer.location) == (307, there)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_taken_along_to_the_letter(make_app, tmp_path, end):
    app = make_app({"default": TEXT}, operators=OPERATORS)
    text = ("# Größe\u200b\n" + TEXT).replace("\n", end)
    (tmp_path / "rules" / "default.yaml").write_bytes(text.encode())
    operator = Operator(app)
    shown = box(operator.get("/dashboard/programs/default/edit"))
    assert shown == text.replace("\r\n", "\n")
    sent = shown.replace("\n", "\r\n")  # as browsers send it
    answer = edit(operator, text=sent, download="1")
    assert answer.data == text.encode() and answer.headers["Content-Disposition"].endswith("default.yaml")
    assert edit(operator, text=sent + "# more", download="1").data == (text + "# more").encode()


def test_where_rules_are_files_there_is_no_publish_and_the_page_says_where_the_file_belongs(shop, tmp_path):
    page = shop.operator.words("/dashboard/programs/default/edit")
    assert f"The file belongs to {tmp_path}/rules/default.yaml ." in page
    started = edit(shop.operator, text=TEXT.replace("18", "21"), start="1")
    assert shop.operator.post(started.location + "/publish", comment="x").status_code == 403
    assert shop.operator.get(started.location + "/file").text == TEXT.replace("18", "21")
    for path in ["/programs/default/history", "/programs/default/retire", "/list?list=x.txt"]:
        assert shop.operator.get(f"/dashboard{path}").status_code == 404


def test_a_text_over_the_limit_is_refused_with_a_sentence(shop):
    for path in ["edit", "check"]:
        answer = shop.operator.post(f"/dashboard/programs/default/{path}", text="#" * 300_000)
        assert answer.status_code == 413
        assert "The text is too long: with all that a form adds, 262,144 bytes come through" in text_of(answer)


def test_texts_are_escaped(shop):
    hostile = "</textarea><script>alert(1)</script>"
    answer = edit(shop.operator, text=hostile, check="1")
    assert box(answer) == hostile and "<script>alert" not in answer.text


def test_operators_of_one_program_edit_that_one(shop):
    assert shop.sun.get("/dashboard/programs/default/edit").status_code == 403
    assert check(shop.sun, TEXT).status_code == 403
    assert shop.sun.get("/dashboard/programs/solar/edit").status_code == 200


@pytest.mark.parametrize("path", ["edit", "check", "backtest"])
def test_forms_of_other_sites_are_refused(shop, path):
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = shop.http.post(f"/dashboard/programs/default/{path}", data={"text": TEXT}, auth=OWNER, headers=headers)
    assert answer.status_code == 403


def test_a_new_program_starts_from_an_example_and_goes_through_the_same_page(shop):
    begun = shop.operator.post("/dashboard/new-program", name="cars", starter="car-dealer")
    assert begun.location == "/dashboard/programs/cars/edit?starter=car-dealer"
    page = shop.operator.get(begun.location)
    assert "A new program: cars" in text_of(page) and "adf" in box(page).lower()
    fields = {"text": box(page), "starter": "car-dealer"}
    assert not [
        n for n in shop.operator.post("/dashboard/programs/cars/check", **fields).json["notes"] if n["kind"] == "error"
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Solar Roofs", "small letters, digits"),
        ("../x", "small letters, digits"),
        ("", "small letters, digits"),
        ("solar", "There is a program solar already."),
    ],
)
def test_the_name_of_a_new_program_is_checked(shop, name, sentence):
    answer = shop.operator.post("/dashboard/new-program", name=name, starter="solar")
    assert answer.status_code == 400 and sentence in text_of(answer)


def test_a_new_program_needs_a_login_for_its_name_and_a_text_to_start_from(shop):
    answer = shop.sun.post("/dashboard/new-program", name="other", starter="solar")
    assert answer.status_code == 400 and "Your login is for other programs than other" in text_of(answer)
    assert shop.operator.post("/dashboard/new-program", name="x", starter="../default").status_code == 400
    assert shop.operator.get("/dashboard/programs/nothing/edit").status_code == 404
