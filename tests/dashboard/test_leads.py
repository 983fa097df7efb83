"""The operators' lists of leads: how leads are found in them, and exported."""

import csv
import io
import json
import logging
import re
import socket
import struct

import pytest
from brand import OWNER, id_of, text_of
from lxml import html


@pytest.fixture
def known(brand):
    """Three leads by what they are."""
    return brand, {
        "good": id_of(brand.lead(email="Ann@Example.com", phone="(415) 555-2671", irpid="bright")),
        "refused": id_of(brand.lead(email="kim@example.com", years="9", irpid="young")),
        "test": id_of(brand.lead(email="tess@example.com", is_test="true")),
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"good", "refused", "test"}),
        ("?partner=young", {"refused"}),
        ("?reason=adult", {"refused"}),
        ("?valid=yes&test=no", {"good"}),
        ("?test=yes", {"test"}),
        ("?program=solar", set()),
        ("?since=2020-01-01", {"good", "refused", "test"}),
        ("?until=2020-01-01", set()),
        ("?email=ANN@example.com", {"good"}),
        ("?phone=415-555-2671", {"good"}),
    ],
)
def test_a_filter_in_the_address_finds_leads(known, query, found):
    brand, ids = known
    page = brand.operator.get("/dashboard/leads" + query).text
    assert {name for name, lead in ids.items() if lead in page} == found
    exported = brand.operator.get("/dashboard/leads.jsonl" + query).text
    assert {name for name, lead in ids.items() if lead in exported} == found


@pytest.mark.parametrize("find", ["ann@example.com", "ANN@EXAMPLE.COM ", "+1 415 555 2671", "415-555-2671"])
def test_a_person_is_found_by_a_form_and_stands_in_no_address(known, find):
    brand, ids = known
    page = brand.operator.post("/dashboard/leads", find=find)
    assert {name for name, lead in ids.items() if lead in page.text} == {"good"}
    addresses = html.fromstring(page.text).xpath("//@href | //@action | //@formaction")
    told = re.sub("[0-9A-Z]{26}", "", " ".join(addresses))  # an id may hold anything
    assert "ann" not in told.lower() and "415" not in told
    assert next(csv_of(brand.operator.post("/dashboard/leads.csv", find=find)))["id"] == ids["good"]


def test_the_id_of_a_lead_leads_to_it(known):
    brand, ids = known
    response = brand.operator.post("/dashboard/leads", find=ids["good"].lower())
    assert response.status_code == 303 and response.location == f"/dashboard/leads/{ids['good']}"


@pytest.mark.parametrize("query", ["since=soon", "valid=perhaps", "after=x"])
def test_what_is_no_filter_is_told(shop, query):
    response = shop.operator.get(f"/dashboard/leads?{query}")
    assert response.status_code == 400 and "That does not work" in response.text
    assert "no phone number" not in response.text


def test_what_nobody_can_be_found_by_is_told_and_logged_nowhere(shop, caplog):
    with caplog.at_level(logging.INFO, "datapost"):
        response = shop.operator.post("/dashboard/leads", find="555 12345 of Boston")
    assert response.status_code == 400 and "phone is not a phone number" in response.text
    assert "Boston" not in caplog.text


def test_leads_come_in_pages(shop):
    ids = [id_of(shop.lead(email=f"ann{n}@example.com")) for n in range(52)]
    first = html.fromstring(shop.operator.get("/dashboard/leads?valid=yes").text)
    assert len(first.xpath("//table[@class='found']/tbody/tr")) == 50
    (older,) = first.xpath("//a[text()='Older leads']/@href")
    second = shop.operator.get(older).text
    assert [lead for lead in ids if lead in second] == ids[:2]
    assert "valid=yes" in older


# --- Exports ---


def csv_of(response):
    assert response.status_code == 200 and response.headers["Content-Disposition"].startswith("attachment")
    return csv.DictReader(io.StringIO(response.text))


def test_an_export_masks_sensitive_values_and_disarms_formulas(brand):
    brand.lead(email="ann@example.com", birth_date="1990-05-01", comment="=1+1")
    (row,) = csv_of(brand.operator.get("/dashboard/leads.csv"))
    assert row["fields.birth_date"] == "***" and json.loads(row["other_fields"]) == {"comment": "=1+1"}
    (line,) = brand.operator.get("/dashboard/leads.jsonl").text.splitlines()
    assert json.loads(line)["fields"] == {"email": "ann@example.com", "birth_date": "***", "comment": "=1+1"}


def test_sensitive_values_are_exported_when_asked_for_by_the_form_and_the_log_says_so(brand, caplog):
    brand.lead(email="ann@example.com", birth_date="1990-05-01")
    caplog.clear()
    assert "1990-05-01" not in brand.operator.get("/dashboard/leads.csv?sensitive=1").text
    with caplog.at_level(logging.INFO, "datapost"):
        (row,) = csv_of(brand.operator.post("/dashboard/leads.csv", sensitive="1", find="ann@example.com"))
    assert row["fields.birth_date"] == "1990-05-01"
    assert caplog.records[-1].args == {"operator": "owner", "form": "csv", "by": ["email"], "sensitive": True}


def test_an_export_has_all_leads_the_newest_first_and_reads_them_a_page_at_a_time(brand, monkeypatch):
    monkeypatch.setattr("dashboard.leads.EXPORT_PAGE", 2)
    ids = [id_of(brand.lead(email=f"ann{n}@example.com", **{f"extra{n}": "x"})) for n in range(5)]
    rows = list(csv_of(brand.operator.get("/dashboard/leads.csv")))
    assert [row["id"] for row in rows] == ids[::-1]
    assert [json.loads(row["other_fields"]) for row in rows] == [{f"extra{n}": "x"} for n in reversed(range(5))]
    refused = id_of(brand.lead(email="kim@example.com", years="9"))
    (row,) = csv_of(brand.operator.get("/dashboard/leads.csv?reason=adult"))
    assert row["id"] == refused


def test_a_csv_file_has_the_columns_of_the_programs_that_it_is_about(brand, tmp_path, clock):
    (tmp_path / "rules" / "solar.yaml").write_text("fields: {email: {}, roof: {}, ssn: {store: false}}")
    clock.passes(2)
    brand.lead("/leads/solar", email="sol@example.com", roof="flat", irpid="bright")

    def columns(operator, query=""):
        response = operator.get("/dashboard/leads.csv" + query)
        return [name.removeprefix("fields.") for name in csv_of(response).fieldnames if "fields" in name]

    default = ["email", "phone", "birth_date", "years", "irpid", "is_test"]
    assert columns(brand.operator) == [*default, "roof", "other_fields"]
    assert columns(brand.operator, "?program=default") == [*default, "other_fields"]
    assert columns(brand.sun) == columns(brand.operator, "?program=solar") == ["email", "roof", "other_fields"]
    assert columns(brand.operator, "?program=gone") == ["other_fields"]


def test_at_most_two_exports_are_read_at_once_and_the_others_are_told_so(shop):
    shop.lead(email="ann@example.com")

    def ask(method="GET", form="csv"):
        return shop.http.open(f"/dashboard/leads.{form}", method=method, auth=OWNER, buffered=False)

    held = [ask(), ask("POST", "jsonl")]
    for method in ["GET", "POST", "HEAD"]:
        response = ask(method)
        assert response.status_code == 503 and response.headers["Retry-After"] == "60"
        assert method == "HEAD" or "Other exports are being read now." in text_of(response)
    next(held[0].response)
    for response in held:  # one of them begun, the other not
        response.close()
    for _ in range(3):  # what is read to the end, or has nothing to read, keeps no place
        assert ask("HEAD").status_code == ask().status_code == 200


def test_an_export_that_cannot_begin_is_told_on_a_page_and_keeps_no_place(shop, tmp_path):
    shop.lead(email="ann@example.com")
    (tmp_path / "leads.db").rename(tmp_path / "gone.db")
    for form in ["csv", "jsonl"] * 3:
        response = shop.operator.get(f"/dashboard/leads.{form}")
        assert response.status_code == 503 and "cannot be read now" in response.text


def test_who_reads_an_export_slowly_is_given_time(shop):
    # Under gunicorn; whoever does not read an answer to a lead for a second is hung up on.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shop.operator.get("/dashboard/leads.csv", environ_overrides={"gunicorn.socket": ours})
        timeout = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)
    assert struct.unpack("ll", timeout) == (60, 0)
