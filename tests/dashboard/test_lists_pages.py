"""Lists that rules name: edited, uploaded and published with a comment, by those whose programs name them."""

import io

import pytest
from brand import OPERATORS, RULES, Operator, text_of
from cast import Partner

import database
from leads import publishing
from web.settings import User

NAMING = RULES.replace("sale_amount", "  - {id: blocked, listed: {email: blocked.txt}}\nsale_amount")
BLOCKED, THEIRS = "/dashboard/list?list=blocked.txt", "/dashboard/list?list=theirs.txt"


@pytest.fixture
def shop(make_app, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "blocked.txt").write_text("# whom we know\nann@example.com\n")
    (tmp_path / "rules" / "theirs.txt").write_text("bob@example.com\n")
    settings = {"operators": OPERATORS, "viewers": (User("vera", "only looks"),), "rules_from": "dashboard"}
    rules = {"default": NAMING, "solar": NAMING.replace("blocked.txt", "theirs.txt")}
    partner = Partner(make_app(rules, **settings))
    database.migrate()
    partner.operator, partner.sun = Operator(partner.app), Operator(partner.app, ("sun", "only solar"))
    partner.viewer, partner.book = (
        Operator(partner.app, ("vera", "only looks")),
        partner.app.extensions["datapost"].rulebook,
    )
    partner.book.refresh()
    return partner


def live(name="blocked.txt"):
    with database.read():
        return publishing.live(name, "list")


def test_lists_are_told_with_the_programs_that_name_them(shop):
    page = shop.operator.words("/dashboard/lists")
    assert "blocked.txt 1 value; version 1 by deploy" in page and "Named by default ." in page
    assert "blocked.txt" not in shop.sun.words("/dashboard/lists") and "theirs.txt" in shop.sun.words(
        "/dashboard/lists"
    )


def test_a_list_is_edited_seen_as_a_difference_and_published(shop):
    text = "# whom we know\r\nann@example.com\r\neve@example.com\r\n"
    page = shop.operator.words(BLOCKED, text=text, based_on="1", check="1")
    assert "+ eve@example.com" in page and live().version == 1
    answer = shop.operator.post(BLOCKED, text=text, based_on="1", publish="1", comment="Eve asked")
    assert answer.location == "/dashboard/list/history?list=blocked.txt"
    assert (live().text, live().comment) == (text.replace("\r\n", "\n"), "Eve asked")
    assert "Version 2 Live Published by owner" in shop.operator.words(answer.location)
    shop.book._looked_at = -1000
    assert shop.lead(email="eve@example.com")["valid"] == "false"


def test_a_file_takes_the_place_of_the_text_to_the_letter(shop):
    file = (io.BytesIO("# größer\r\neve@example.com\r\n".encode()), "mine.txt")
    shop.operator.post(BLOCKED, text="x", file=file, based_on="1", publish="1", comment="a file")
    assert live().text == "# größer\r\neve@example.com\r\n"
    answer = shop.operator.post(BLOCKED, file=(io.BytesIO(b"\xff\xfe"), "x"), based_on="2", publish="1", comment="x")
    assert answer.status_code == 400 and "not UTF-8" in text_of(answer) and live().version == 2


def test_what_the_rules_say_of_a_list_is_told_before_it_is_published(shop):
    page = shop.operator.words(BLOCKED, text="ann@example.com\nnobody\n", based_on="1", check="1")
    assert "blocked.txt:2: this line is not a valid email address" in page
    page = shop.operator.words(BLOCKED, text="", based_on="1", check="1")
    assert "is empty: if that is meant" in page and "What changes, and why" in page


def test_a_list_without_a_comment_is_not_published(shop):
    answer = shop.operator.post(BLOCKED, text="a@example.com", based_on="1", publish="1", comment=" ")
    assert answer.status_code == 400 and live().version == 1 and "say in a comment" in text_of(answer)


def test_of_two_who_wrote_on_the_same_version_one_is_shown_both_differences_and_goes_on(shop):
    publishing.publish("blocked.txt", "zoe@example.com\n", "owner", "Zoe", thing="list")
    answer = shop.operator.post(BLOCKED, text="eve@example.com", based_on="1", publish="1", comment="Eve")
    page = text_of(answer)
    assert answer.status_code == 409 and "+ zoe@example.com" in page and "+ eve@example.com" in page
    assert 'name="based_on" value="2"' in answer.text and live().version == 2


def test_a_list_is_for_those_whose_are_all_programs_that_name_it(shop):
    assert shop.sun.get(BLOCKED).status_code == 403
    assert shop.sun.post(BLOCKED, text="x", based_on="1", publish="1", comment="x").status_code == 403
    assert shop.sun.get("/dashboard/list/history?list=blocked.txt").status_code == 403
    assert shop.sun.get(THEIRS).status_code == 200
    publishing.publish("default", NAMING.replace("blocked.txt", "theirs.txt"), "owner", "both")
    shop.book._looked_at = -1000
    assert shop.sun.get(THEIRS).status_code == 403


def test_a_list_that_no_program_names_is_for_who_published_it_and_for_operators_of_all_programs(shop):
    publishing.publish("default", RULES, "owner", "without the list")
    publishing.publish("suns.txt", "a", "sun", "new", thing="list")
    shop.book._looked_at = -1000
    assert shop.sun.get(BLOCKED).status_code == 403 and shop.operator.get(BLOCKED).status_code == 200
    assert shop.sun.get("/dashboard/list?list=suns.txt").status_code == 200
    notes = str(shop.sun.post("/dashboard/programs/solar/check", text=NAMING).json["notes"])
    assert "here only lists that the file in use names" in notes


def test_an_example_tells_nobody_who_is_on_the_list_of_another_program(shop):
    text = NAMING + "examples: [{name: who, lead: {email: ann@example.com}, expect: valid}]"
    notes = str(shop.sun.post("/dashboard/programs/solar/check", text=text).json["notes"])
    assert "here only lists that the file in use names (theirs.txt)" in notes and "rules say" not in notes


def test_a_viewer_reads_no_list_and_sees_that_there_is_one(shop):
    assert "blocked.txt 1 value" in shop.viewer.words("/dashboard/lists")
    for path in [
        BLOCKED,
        "/dashboard/list/history?list=blocked.txt",
        "/dashboard/list/version?list=blocked.txt&version=1",
    ]:
        assert shop.viewer.get(path).status_code == 403


def test_a_new_list_is_named_as_rules_write_it(shop):
    assert shop.operator.post("/dashboard/lists", list="new.txt").location == "/dashboard/list?list=new.txt"
    shop.operator.post("/dashboard/list?list=new.txt", text="a\n", based_on="0", publish="1", comment="new")
    assert live("new.txt").version == 1
    for name in ["../x.txt", "/etc/passwd", ".env", "", "default.yaml"]:
        assert shop.operator.post("/dashboard/lists", list=name).status_code == 400


def test_a_list_rolls_back_too(shop):
    publishing.publish("blocked.txt", "zoe@example.com\n", "owner", "Zoe", thing="list")
    address = "/dashboard/list/rollback?list=blocked.txt&version=1"
    assert "zoe@example.com" in shop.operator.words(address)
    assert shop.operator.post(address, based_on="2").status_code == 303 and live().version == 3


def test_a_list_over_the_limit_is_refused_with_a_sentence(shop):
    answer = shop.operator.post(BLOCKED, text="a\n" * 200_000, based_on="1", publish="1", comment="x")
    assert answer.status_code == 413 and "The list is too long" in text_of(answer)
