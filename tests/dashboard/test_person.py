"""A person who asks: found, told what is stored and where it went, taken along, and erased after a question."""

import json
import re

import pytest
from brand import OPERATORS, RULES, SOLAR, Operator, id_of, text_of
from cast import Partner, wait_for

import database
import models
from leads.persons import Inquiry
from web.settings import User

ANN, VERA = "ann@example.com", ("vera", "only looks")
PERSON = "/dashboard/person"


@pytest.fixture
def brand(make_app, database_url):
    rules = {"default": RULES, "solar": RULES}
    app = make_app(rules, operators=OPERATORS, viewers=(User(*VERA),), database_url=database_url)
    database.migrate()
    return cast(app)


@pytest.fixture
def shop(make_app):
    return cast(make_app({"default": RULES, "solar": RULES}, operators=OPERATORS, viewers=(User(*VERA),)))


def cast(app):
    partner = Partner(app)
    partner.owner, partner.sun, partner.vera = Operator(app), Operator(app, SOLAR), Operator(app, VERA)
    partner.ann = id_of(partner.lead(email=ANN, birth_date="1990-01-31", irpid="bright", phone="415 555 2671"))
    partner.again = id_of(partner.lead(email=ANN.upper(), irpid="young"))
    partner.sunny = id_of(partner.lead("/leads/solar", email=ANN, irpid="sunflower"))
    partner.bob = id_of(partner.lead(email="bob@example.com"))
    return partner


def search(operator, who=ANN):
    """Return the address of what is found."""
    response = operator.post(PERSON, who=who)
    assert response.status_code == 303
    wait_for("inquiry")
    return response.location


def erase(operator, found, who=ANN, **fields):
    response = operator.post(f"{found}/erase", who=who, **fields)
    wait_for("inquiry")
    return response


def stored(lead_id):
    with database.read():
        return models.Lead.get_by_id(lead_id)


def erasures():
    with database.read():
        return [(row.kind, row.leads) for row in models.Erasure.select()]


def logged(caplog):
    return " ".join(f"{record.msg} {record.args}" for record in caplog.records)


def change(**values):
    database.transact(Inquiry.update(**values).execute)


@pytest.mark.parametrize("who", [ANN, " ANN@Example.com", "415-555-2671"])
def test_a_person_is_found_by_email_or_phone_and_the_page_tells_what_is_stored_and_where_it_went(brand, who):
    page = brand.owner.words(search(brand.owner, who))
    if "@" in who:
        assert "3 leads with this email address Program Leads default 2 solar 1" in page
    assert f"uniqueid {brand.ann} Amount 10.00 Customer id {stored(brand.ann).customerid} Email {ANN}" in page
    assert "From bright, for default" in page and "Date of birth ***" in page and "1990-01-31" not in page
    assert "backups and exports that were made" in page


@pytest.mark.parametrize(("who", "sentence"), [("", "not a phone number"), ("ann@", "not an email address")])
def test_what_is_neither_is_told_on_the_page(shop, who, sentence):
    response = shop.owner.post(PERSON, who=who)
    assert response.status_code == 400 and sentence in text_of(response)


def test_nobody_is_found(shop):
    page = shop.owner.words(search(shop.owner, "nobody@example.com"))
    assert "No lead with this email address" in page and "Erase" not in page


def test_what_was_typed_stands_in_no_address_log_or_row_and_on_no_page_that_follows(brand, caplog):
    caplog.set_level("DEBUG")
    found = search(brand.owner, "Joe@example.com")
    brand.owner.post(PERSON, who="joe@")
    pages = [brand.owner.get(found), erase(brand.owner, found, "joe@example.com")]
    found = search(brand.owner)
    wrong = erase(brand.owner, found, "joe@example.com")
    pages += [brand.owner.get(found + "/erase"), wrong]
    assert wrong.status_code == 400
    told = [page.text + str(page.headers) for page in pages]
    with database.read():
        rows = [str(row) for row in Inquiry.select().dicts()]
    assert not re.search("joe@", " ".join([found, logged(caplog), *told, *rows]), re.IGNORECASE)
    assert all(page.headers["Cache-Control"] == "no-store" for page in pages)


def test_an_export_is_json_with_all_that_is_stored_only_if_so_wished_and_logged(brand, caplog):
    caplog.set_level("INFO", "datapost")
    found = search(brand.owner)
    masked = brand.owner.post(found)
    assert masked.headers["Content-Disposition"] == 'attachment; filename="person.json"'
    data = json.loads(masked.text)
    assert (data["found"], data["programs"], data["sensitive_values"]) == ({"default": 2, "solar": 1}, None, False)
    assert [lead["id"] for lead in data["leads"]] == [brand.sunny, brand.again, brand.ann]
    assert data["leads"][2]["received_from"]["partner"] == "bright"
    assert data["leads"][2]["answered_to_impact"]["sale_amount"] == "10.00"
    assert "1990-01-31" not in masked.text and "submission" not in masked.text
    full = json.loads(brand.owner.post(found, sensitive="1").text)["leads"][2]
    assert full["fields"]["birth_date"] == "1990-01-31" and "1990-01-31" in full["submission"]["body"]
    told = [record.args for record in caplog.records if record.msg == "export"]
    assert [(one["operator"], one["by"], one["sensitive"]) for one in told] == [
        ("owner", ["email"], False),
        ("owner", ["email"], True),
    ]
    assert ANN not in logged(caplog)


def test_the_question_names_how_many_leads_of_which_programs_and_erases_nothing(brand):
    page = brand.owner.words(search(brand.owner) + "/erase")
    assert "Erase all that is known of this person in 3 leads, for ever? Program Leads default 2 solar 1" in page
    assert stored(brand.ann).email == ANN and erasures() == []


def test_an_erasure_leaves_the_record_of_the_command_and_nothing_of_the_person(brand, caplog):
    caplog.set_level("INFO", "datapost")
    found = search(brand.owner)
    assert erase(brand.owner, found).location == found
    page = brand.owner.words(found)
    assert "3 leads were erased: nothing is left of the person" in page and "default 2 solar 1" in page
    assert "Backups and exports that were made before still hold the person" in page
    assert "more than the question named" not in page and "files may still" not in page
    assert erasures() == [("email", 3)] and stored(brand.ann).fields == {} and stored(brand.bob).email
    assert "person erased" in logged(caplog) and "owner" in logged(caplog) and ANN not in logged(caplog)


@pytest.mark.parametrize("who", ["", "bob@example.com", "415 555 2671"])
def test_nothing_is_erased_unless_the_same_is_written_once_more(shop, who):
    response = erase(shop.owner, search(shop.owner), who, forgets="1")
    assert response.status_code == 400 and "Nothing was erased" in text_of(response)
    assert "checked" in response.text and erasures() == [] and stored(shop.ann).email == ANN


def test_a_second_click_is_shown_what_came_of_the_first(shop):
    found = search(shop.owner)
    assert [erase(shop.owner, found).location for _ in range(2)] == [found, found]
    assert shop.owner.get(found + "/erase").location == found and len(erasures()) == 1


def test_a_lead_that_came_between_the_question_and_the_answer_is_told(shop):
    found = search(shop.owner)
    late = id_of(shop.lead(email=ANN))
    erase(shop.owner, found)
    page = shop.owner.words(found)
    assert "4 leads were erased" in page and "1 more than the question named came after the search" in page
    assert stored(late).email == ""


def test_leads_that_another_operator_erased_between_are_told(shop):
    first, second = search(shop.owner), search(shop.owner)
    erase(shop.owner, first)
    erase(shop.owner, second)
    page = shop.owner.words(second)
    assert "There was nothing left to erase" in page and "The question named 3 leads" in page and len(erasures()) == 1


def test_the_places_are_forgotten_if_so_ticked(shop):
    erase(shop.owner, (found := search(shop.owner)), forgets="1")
    assert "It is forgotten, too" in shop.owner.words(found)
    assert stored(id_of(shop.lead(email=ANN))).valid


# --- Who may ---


def test_a_viewer_looks_and_takes_a_masked_export_and_neither_unmasks_nor_erases(shop):
    found = search(shop.vera)
    page = shop.vera.words(found)
    assert "3 leads" in page and "Erase this person" not in page and "Everything, with" not in page
    assert "1990-01-31" not in page + shop.vera.post(found).text
    refused = [shop.vera.post(found, sensitive="1"), shop.vera.get(found + "/erase"), erase(shop.vera, found)]
    assert [response.status_code for response in refused] == [403, 403, 403]
    assert stored(shop.ann).email == ANN and erasures() == []


def test_an_operator_of_some_programs_sees_exports_and_erases_what_is_in_these_and_is_told_of_more(brand):
    found = search(brand.sun)
    page, question = brand.sun.words(found), brand.sun.words(found + "/erase")
    assert "1 lead with this email address" in page and "There may be more in other programs" in page
    exported = brand.sun.post(found).text
    for text in (brand.sun.get(found).text, question, exported):
        assert brand.ann not in text and "default" not in text and "bright" not in text
    erase(brand.sun, found)
    done = brand.sun.words(found)
    assert "1 lead was erased" in done and "there may be more in other programs" in done
    assert erasures() == [("email", 1)] and stored(brand.sunny).email == "" and stored(brand.ann).email == ANN


def test_who_has_no_lead_in_the_others_programs_is_told_the_same(shop):
    pages = [shop.sun.words(search(shop.sun, who)) for who in ("nobody@example.com", "bob@example.com")]
    nobody, bob = (page.partition(" Datapost 0")[0] for page in pages)  # the time of the page stands at its end
    assert nobody == bob and "No lead with this email address" in bob


def test_what_somebody_else_searched_for_is_not_shown(shop):
    found = search(shop.owner)
    for response in (shop.sun.get(found), shop.vera.get(found), shop.sun.post(found), shop.owner.get(PERSON + "/01X")):
        assert response.status_code == 404 and "This search is not kept any more" in text_of(response)
    assert erase(shop.sun, found).location == found and erasures() == []


@pytest.mark.parametrize("path", ["", "/{}", "/{}/erase"])
def test_forms_of_other_sites_are_refused(shop, path):
    found = search(shop.owner).rpartition("/")[2]
    headers = {"Sec-Fetch-Site": "cross-site"}
    address = PERSON + path.format(found)
    response = shop.owner.http.post(address, data={"who": ANN}, auth=shop.owner.auth, headers=headers)
    assert response.status_code == 403 and erasures() == []


# --- While it runs ---


@pytest.mark.parametrize(("state", "words"), [("searching", "7 of 90 leads are read"), ("erasing", "goes on without")])
def test_a_page_says_that_it_goes_on_and_looks_again_by_itself(shop, state, words):
    found = search(shop.owner)
    change(state=state, report={"read": 7, "total": 90, "asked": 3, "erased": 0})
    response = shop.owner.get(found)
    assert words in text_of(response) and response.headers["Refresh"] == "2"
    assert shop.owner.post(found).status_code == 404 and shop.owner.get(found + "/erase").status_code == 303


@pytest.mark.parametrize("state", ["searching", "erasing", "failed"])
def test_work_that_was_cut_off_is_told(shop, state):
    found = search(shop.owner)
    with database.read():
        began = Inquiry.select().get().started_at.replace(year=2020)
    change(
        state=state, renewed_at=began, report={"read": 7, "total": 90} | ({"asked": 3} if state == "erasing" else {})
    )
    response = shop.owner.get(found)
    assert "It was cut off" in text_of(response) and "Refresh" not in response.headers
    assert ("Some leads may be erased already" if state == "erasing" else "Nothing was changed") in text_of(response)


def test_files_that_may_still_hold_the_person_are_told(shop):
    erase(shop.owner, (found := search(shop.owner)))
    with database.read():
        report = Inquiry.select().get().report
    change(report=report | {"still_in_files": True})
    assert "The database’s files may still hold the person" in shop.owner.words(found)


def test_more_searches_at_once_than_there_is_room_for_are_told_to_wait(shop):
    first, second = search(shop.owner), search(shop.owner)
    change(state="erasing")
    response = shop.owner.post(PERSON, who=ANN)
    assert response.status_code == 503 and "Other searches or erasures are running" in text_of(response)
    assert first != second


def test_of_many_leads_the_newest_are_listed_and_the_rest_is_in_the_export(shop):
    for number in range(60):
        shop.lead(email=ANN, note=str(number))
    found = search(shop.owner)
    assert shop.owner.get(found).text.count('class="id"') == 50
    assert "The newest 50. The export has all of them." in shop.owner.words(found)
    assert len(json.loads(shop.owner.post(found).text)["leads"]) == 63


def test_the_list_of_leads_leads_there(shop):
    assert 'href="/dashboard/person"' in shop.vera.get("/dashboard/leads").text
    assert shop.vera.get(PERSON).status_code == 200 and shop.http.get(PERSON).status_code == 401
