"""The list of leads: its headings, who it is, the number found, what can be chosen from, and what is looked for."""

import csv
import io
import json
import logging

import pytest
from brand import OPERATORS, OWNER, RULES, Operator, id_of, text_of
from cast import Partner
from lxml import html

import database
from web.settings import User

LOANS = RULES.replace("irpid: {}", "irpid: {}\n  first_name: {label: first name}\n  surname: {}\n  ssn: {store: false}")
HOSTILE = '"><script>alert(1)</script>\u202e' + "x" * 220


@pytest.fixture
def house(make_app, database_url):
    """A brand whose programs ask for a name; in solar it is sensitive."""
    solar = LOANS.replace("surname: {}", "surname: {sensitive: true}").replace("Home loans", "Sunny roofs")
    solar = solar.replace("{label: first name}", "{label: first name, sensitive: true}")
    viewer = User("vera", "looks only", viewer=True)
    settings = {"operators": (*OPERATORS, viewer), "database_url": database_url}
    house = Partner(make_app({"default": LOANS, "solar": solar + "timezone: America/New_York\n"}, **settings))
    database.migrate()
    house.operator, house.sun = Operator(house.app), Operator(house.app, ("sun", "only solar"))
    house.viewer = Operator(house.app, ("vera", "looks only"))
    ann = {"first_name": "Ann", "surname": "O'Neill", "birth_date": "1990-05-01"}
    house.ann = id_of(house.lead(email="ann@example.com", irpid="bright", **ann))
    house.kim = id_of(house.lead(email="kim@example.com", irpid=HOSTILE, years="9", first_name="Kim"))
    house.sol = id_of(house.lead("/leads/solar", email="sol@example.com", irpid="bright", **ann))
    return house


def rows(response):
    assert response.status_code == 200, response.text
    cells = html.fromstring(response.text).xpath("//table[@class='found']/tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row] for row in cells]


def ids(response):
    assert response.status_code == 200, text_of(response)
    return [link.rpartition("/")[2] for link in html.fromstring(response.text).xpath("//table//th/a/@href")]


def test_the_list_has_headings_and_tells_who_it_is_masked_where_it_is_sensitive(house):
    page = html.fromstring(house.operator.get("/dashboard/leads").text)
    headings = [heading.text_content() for heading in page.xpath("//thead//th")]
    assert headings == ["Came", "Who", "Decision", "Amount", "Partner, program", "Reasons"]
    sol, kim, ann = rows(house.operator.get("/dashboard/leads"))
    assert ann[1:] == ["Ann O'Neill", "Valid", "10.00", "bright · default", ""]
    assert kim[1] == "Kim" and kim[2] == "Refused" and kim[5] == "Applicants must be 18 or older"
    assert sol[1] == "sol@example.com" and sol[0].endswith(("EST", "EDT")) and ann[0].endswith("UTC")
    for operator in (house.operator, house.viewer):
        assert "1990" not in operator.get("/dashboard/leads").text


def test_the_number_found_and_the_export_stand_above_the_list(house):
    page = house.operator.words("/dashboard/leads?partner=bright")
    assert page.index("2 leads found, the newest first.") < page.index("Take all of them along as") < page.index("Came")
    assert "1 lead found" in house.operator.words("/dashboard/leads?partner=bright&program=solar")
    assert "3 leads, the newest first." in house.operator.words("/dashboard/leads")


def test_partner_and_reason_are_lists_to_choose_from(house):
    page = html.fromstring(house.operator.get("/dashboard/leads").text)
    assert page.xpath("//datalist[@id='partners']/option/@value") == ["bright"]  # nobody can type the other one
    page = html.fromstring(house.operator.get("/dashboard/leads?reason=gone.by").text)
    chosen = page.xpath("//select[@name='reason']/option")
    told = {option.get("value"): option.text for option in chosen}
    assert told["adult"] == "Applicants must be 18 or older (adult)"
    assert told["email.required"] == "No email address was submitted (email.required)"
    assert "phone.required" not in told and "old" not in told
    assert [option.get("value") for option in chosen if option.get("selected") is not None] == ["gone.by"]


def test_a_name_that_a_sender_made_up_breaks_nothing_and_is_found_by_the_links_and_forms(house):
    response = house.operator.get("/dashboard/leads", query_string={"partner": HOSTILE[:250]})
    assert ids(response) == [house.kim] and "<script>" not in response.text
    page = html.fromstring(response.text)
    assert page.xpath("//input[@name='partner']/@value") == [HOSTILE[:250]]
    (address,) = page.xpath("//button[contains(text(), 'CSV')]/@formaction")
    exported = csv.DictReader(io.StringIO(house.operator.post(address).text))
    assert [row["id"] for row in exported] == [house.kim]
    assert house.operator.get("/dashboard/partner", query_string={"partner": HOSTILE[:250]}).status_code == 200


def test_of_thousands_of_partners_those_with_the_most_leads_can_be_chosen(house, monkeypatch):
    monkeypatch.setattr("dashboard.leads.PARTNERS_NAMED", 1)
    monkeypatch.setattr("leads.figures.Day.select", lambda *_: Days([{"a": cell(2), "b": cell(9), "": cell(99)}]))
    page = html.fromstring(house.operator.get("/dashboard/leads?partner=nobody").text)
    assert page.xpath("//datalist/option/@value") == ["b"]


def cell(count):
    return {"valid": [count, 0]}


class Days:
    """Rows of days, however they are asked for."""

    def __init__(self, found):
        self._found = found

    def where(self, *_):
        return self

    order_by = limit = where

    def tuples(self):
        return [(counts,) for counts in self._found]


def test_the_filter_names_the_time_zone_of_its_days(house):
    text = house.operator.words("/dashboard/leads")
    assert "midnight of UTC, since these programs are of several time zones (America/New_York, UTC)" in text
    assert "midnight of America/New_York." in house.operator.words("/dashboard/leads?program=solar")
    assert "midnight of America/New_York." in house.sun.words("/dashboard/leads")


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({"find": "ann o'neill"}, ["ann"]),
        ({"find": "O'NEILL"}, ["ann"]),
        ({"find": "kim"}, ["kim"]),
        ({"find": "nobody"}, []),
        ({"find": "neill", "by": "surname"}, ["ann"]),
        ({"find": "9", "by": "years"}, ["kim"]),
        ({"find": "@example", "by": "email"}, ["sol", "kim", "ann"]),
        ({"find": "***", "by": "surname"}, []),
    ],
)
def test_a_name_or_a_declared_field_is_looked_for_by_a_form_and_stands_in_no_address_and_no_log(
    house, sent, found, caplog
):
    with caplog.at_level(logging.DEBUG):
        response = house.operator.post("/dashboard/leads", **sent)
        assert ids(response) == [getattr(house, name) for name in found]
        page = html.fromstring(response.text)
        addresses = page.xpath("//main//@action | //main//@formaction | //main//a/@href")
        assert not [address for address in addresses if "neill" in address.lower() or "find" in address]
        if found:
            form = page.xpath("//form[contains(@class, 'export')]")[0]
            kept = dict(form.form_values())
            exported = house.operator.post("/dashboard/leads.jsonl", **kept).text.splitlines()
            assert [json.loads(line)["id"] for line in exported] == [getattr(house, name) for name in found]
    logged = caplog.text + str([record.args for record in caplog.records if record.name == "datapost"])
    assert "neill" not in logged.lower()


@pytest.mark.parametrize("by", ["birth_date", "ssn", "nonsense"])
def test_nobody_is_found_by_what_is_masked(house, by):
    response = house.operator.post("/dashboard/leads", find="1990", by=by)
    assert response.status_code == 400 and "That does not work" in response.text
    assert house.operator.post("/dashboard/leads.csv", find="1990", by=by).status_code == 400
    options = html.fromstring(response.text).xpath("//select[@name='by']/option/@value")
    assert "birth_date" not in options and "ssn" not in options and "email" in options


def test_an_operator_of_one_program_finds_only_its_leads_and_fields(house):
    assert ids(house.sun.post("/dashboard/leads", find="example", by="email")) == [house.sol]
    assert ids(house.sun.post("/dashboard/leads", find="ann")) == []
    assert house.sun.post("/dashboard/leads", find="ann", by="surname").status_code == 400
    assert house.sun.get("/dashboard/leads.jsonl?name=ann").text == ""


def test_exports_take_the_same_filters_and_json_is_one_list(house):
    for query in ("?name=o'neill", "?field=surname=neill&field=email=ann", "?name=ann&partner=bright"):
        (lead,) = json.loads(house.operator.get("/dashboard/leads.json" + query).text)
        assert lead["id"] == house.ann and lead["fields"]["birth_date"] == "***"
        (line,) = house.operator.get("/dashboard/leads.jsonl" + query).text.splitlines()
        assert json.loads(line) == lead
    assert len(json.loads(house.operator.get("/dashboard/leads.json").text)) == 3
    assert json.loads(house.operator.get("/dashboard/leads.json?name=nobody").text) == []


def test_where_not_all_leads_were_looked_at_the_page_says_so_and_leads_on(house, monkeypatch):
    for name, value in {"AT_LEAST": 1, "MATCHED_AT_ONCE": 1}.items():
        monkeypatch.setattr(f"leads.looking.{name}", value)
    for name in ("LOOKS_FOR", "LOOKS_FURTHER_FOR"):
        monkeypatch.setattr(f"dashboard.leads.{name}", 1e-9)
    response = house.operator.post("/dashboard/leads", find="ann")
    assert "Not all leads were looked at." in text_of(response) and "none was found among the leads since" in text_of(
        response
    )
    for _ in range(2):
        (form,) = html.fromstring(response.text).xpath("//form[@class='more']")
        response = house.operator.post(form.action, **dict(form.form_values()))
    assert ids(response) == [house.ann]


def test_the_address_of_a_filtered_page_can_be_passed_on(house):
    query = "?program=default&valid=no&reason=adult&since=2020-01-01"
    response = house.operator.get("/dashboard/leads" + query)
    assert ids(response) == [house.kim]
    form = html.fromstring(response.text).xpath("//details//form")[0]
    given = {name: text for name, text in form.form_values() if text}
    again = house.http.get("/dashboard/leads", query_string=given, auth=OWNER)
    assert ids(again) == [house.kim]
