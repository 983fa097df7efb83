"""Rules that are published from the browser: the gate, another version that is live by then, and who may."""

import html as entities
import re

import pytest
from brand import EXAMPLES, OPERATORS, OWNER, RULES, Operator, text_of, wait_for_backtests
from cast import Partner
from lxml import html

import database
import models
from leads import publishing
from web.settings import User

TEXT = RULES + EXAMPLES
VERA = ("vera", "only looks")
RIGHT = TEXT.replace("years < 18", "years < 21")


@pytest.fixture
def brand(make_app, database_url):
    """A brand whose rules live in the database, in each of the two kinds."""
    settings = {"operators": OPERATORS, "viewers": (User(*VERA),), "rules_from": "dashboard"}
    models.connect(database_url, "a key for tests")
    database.migrate()
    database.disconnect()
    app = make_app({"default": TEXT, "solar": TEXT}, database_url=database_url, **settings)
    partner = Partner(app)
    partner.operator, partner.sun, partner.viewer = (
        Operator(app),
        Operator(app, ("sun", "only solar")),
        Operator(app, VERA),
    )
    return partner


def draft(operator, text=RIGHT, program="default", **fields):
    """Send a text, and return the address of its gate when the backtest has ended."""
    answer = operator.post(f"/dashboard/programs/{program}/edit", text=text, start="1", **fields)
    assert answer.status_code == 303, text_of(answer)
    wait_for_backtests()
    return answer.location


def publish(operator, address, **fields):
    return operator.post(f"{address}/publish", **{"comment": "older ones only", "seen": "1"} | fields)


def live(name="default"):
    with database.read():
        return publishing.live(name)


def steps(operator, address):
    """Return each step of the gate with its state."""
    items = html.fromstring(operator.get(address).text).xpath("//ol[@class='gate']/li")
    return {item.xpath("string(b)"): item.get("class") for item in items}


def test_the_gate_shows_each_step_in_its_order(brand):
    address = draft(brand.operator)
    assert steps(brand.operator, address) == {
        "It compiles": "done",
        "Its examples pass": "done",
        "Its warnings are seen": "todo",
        "The difference to what is live": "done",
        "A backtest of 30 days": "done",
        "The contract is proved": "done",
        "A comment": "todo",
    }
    page = brand.operator.words(address)
    assert "It is based on version 1." in page and "Lines added: 1. Lines removed: 1." in page
    assert re.search("14 − - {id: adult, reject_if: years < 18.* 14 [+] - {id: adult, reject_if: years < 21", page)


def test_what_is_published_judges_the_next_lead_and_the_program_says_where_its_rules_come_from(brand, clock):
    assert brand.lead(email="ann@example.com", years="19")["valid"] == "true"
    answer = publish(brand.operator, draft(brand.operator))
    assert answer.status_code == 303 and answer.location.startswith("/dashboard/programs/default")
    brand.app.extensions["datapost"].rulebook._looked_at = -1000
    assert brand.lead(email="bob@example.com", years="19")["valid"] == "false"
    page = brand.operator.words("/dashboard/programs/default")
    assert "The rules are in the database: version 2 by owner," in page and "“older ones only”" in page
    assert "Version 2 is published." in brand.operator.words(answer.location) and "is published." not in page
    assert live().text == RIGHT and live().by == "owner"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"comment": "  "}, "Say in a comment what changes"),
        ({"seen": None}, "Tick that you have seen the warnings."),
    ],
)
def test_what_the_form_lacks_is_told_and_nothing_is_published(brand, fields, sentence):
    address = draft(brand.operator)
    sent = {name: value for name, value in ({"comment": "kept", "seen": "1"} | fields).items() if value is not None}
    answer = brand.operator.post(f"{address}/publish", **sent)
    assert answer.status_code == 400 and sentence in text_of(answer) and live().version == 1


def test_a_backtest_of_less_than_thirty_days_opens_no_gate(brand):
    address = draft(brand.operator, days="7")
    assert steps(brand.operator, address)["A backtest of 30 days"] == "stop"
    assert publish(brand.operator, address).status_code == 409 and live().version == 1


def test_a_text_that_is_live_already_opens_no_gate(brand):
    address = draft(brand.operator, TEXT)
    assert steps(brand.operator, address)["The difference to what is live"] == "stop"
    assert publish(brand.operator, address).status_code == 409 and live().version == 1


def test_of_two_who_wrote_on_the_same_version_one_is_shown_both_differences_and_goes_on(brand):
    mine, theirs = draft(brand.operator), draft(brand.operator, TEXT.replace("Home loans", "Houses"))
    publish(brand.operator, theirs, comment="another title")
    assert "Version 2 is live by now" in brand.operator.words(mine)
    answer = publish(brand.operator, mine)
    page = text_of(answer)
    assert answer.status_code == 409 and live().version == 2 and "Nothing was overwritten." in page
    assert "Version 2 was published by owner" in page and "“another title”" in page
    assert re.search("Theirs: from version 1 to version 2 .*title: Houses.* Yours: from version 1 .*years < 21", page)
    (link,) = re.findall(r'href="(/dashboard/programs/default/edit\?draft=[^"]*)"', answer.text)
    form = html.fromstring(brand.operator.get(entities.unescape(link)).text)
    assert form.xpath("//input[@name='based_on']/@value") == ["2"]
    assert form.xpath("//textarea")[0].text.removeprefix("\n") == RIGHT
    both = RIGHT.replace("Home loans", "Houses")
    assert publish(brand.operator, draft(brand.operator, both, based_on="2")).status_code == 303
    assert (live().version, live().text) == (3, both)


def test_a_viewer_sees_the_gate_and_can_do_none_of_it(brand):
    address = draft(brand.operator)
    page = brand.viewer.words(address)
    assert "It compiles" in page and "I have seen" not in page and "Change it further" not in page
    posts = [f"{address}/publish", *(f"/dashboard/programs/default/{word}" for word in ("edit", "check", "retire"))]
    posts += ["/dashboard/programs/default/rollback?version=1", "/dashboard/programs/default/deploy"]
    posts += ["/dashboard/lists", "/dashboard/list?list=x.txt", "/dashboard/new-program"]
    for path in posts:
        assert brand.viewer.post(path, text=RIGHT, comment="x", name="x").status_code == 403
    assert live().version == 1
    assert not html.fromstring(brand.viewer.get("/dashboard/programs/default/edit").text).xpath("//script")


def test_operators_of_one_program_publish_only_that_one(brand):
    address = draft(brand.operator)
    assert brand.sun.get(address).status_code == publish(brand.sun, address).status_code == 404
    assert publish(brand.sun, draft(brand.sun, program="solar")).status_code == 303
    for word in ["history", "retire", "rollback?version=1", "deploy", "compare?from=1&to=1", "version?version=1"]:
        assert brand.sun.get(f"/dashboard/programs/default/{word}").status_code == 403
        assert brand.sun.post(f"/dashboard/programs/default/{word}", comment="x").status_code in (403, 404, 405)
    assert live().version == 1 and live("solar").version == 2


def test_forms_of_other_sites_publish_nothing(brand):
    address = draft(brand.operator)
    for path in [f"{address}/publish", "/dashboard/programs/default/retire", "/dashboard/list?list=x.txt"]:
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert brand.http.post(path, data={"comment": "x", "seen": "1"}, auth=OWNER, headers=headers).status_code == 403
    assert live().version == 1


def test_what_is_published_is_kept_to_the_letter(brand):
    text = "# what for: größer\u200b\n\n" + RIGHT + "\n# the end"
    publish(brand.operator, draft(brand.operator, text.replace("\n", "\r\n")))
    assert live().text == text


def test_a_new_program_brings_its_list_along(brand):
    begun = brand.operator.post("/dashboard/new-program", name="cover", starter="solar").location
    text = html.fromstring(brand.operator.get(begun).text).xpath("//textarea")[0].text.removeprefix("\n")
    address = draft(brand.operator, text, "cover", starter="solar", based_on="0")
    assert "With it comes the list suppressed.txt" in brand.operator.words(address)
    assert publish(brand.operator, address, comment="a new one").status_code == 303
    assert live("cover").version == 1
    with database.read():
        assert publishing.live("suppressed.txt", "list").version == 1


def test_a_number_that_no_version_has_is_answered_as_such(brand):
    huge, page = str(10**30), "/dashboard/programs/default"
    for address in (f"version?version={huge}", f"compare?from={huge}&to=1", f"rollback?version={huge}"):
        assert brand.operator.get(f"{page}/{address}").status_code == 404
    assert brand.operator.get(f"{page}/edit?version={huge}").status_code == 200
    assert brand.operator.post(f"{page}/rollback?version=1", comment="why", based_on=huge).status_code == 409
    assert (
        brand.operator.post("/dashboard/list?list=a.txt", publish="1", comment="why", based_on=huge).status_code == 409
    )
    assert publish(brand.operator, draft(brand.operator, based_on=huge)).status_code == 409
    assert live().version == 1


@pytest.mark.parametrize(
    "address",
    ["list?list=a%00b", "list/history?list=a%00b", "programs/a%00b/history", "programs/a%00b/edit?starter=solar"],
)
def test_of_a_name_that_no_database_can_look_for_there_is_no_page(brand, address):
    assert brand.operator.get(f"/dashboard/{address}").status_code == 404
