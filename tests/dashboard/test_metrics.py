"""What Prometheus reads of the service: the same from every process, and totals that never fall."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from brand import record
from cast import Partner
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

import database
import models
from leads import daily
from models import Delivery, Lead

TOKEN = "a-token-of-metrics"
LOGIN = {"Authorization": f"Bearer {TOKEN}"}
RULES = """
fields: {email: {type: email, required: true}, irpid: {}, is_test: {type: boolean}}
test_flag: is_test
partner: irpid
rules:
  - {id: daily-cap, limit: 4, per: day}
sale_amount: 12.50
"""
SENDER = 'x"} evil_total{a="b'


@pytest.fixture
def shop(make_app, database_url):
    return Partner(make_app(RULES, database_url=database_url, metrics_token=TOKEN))


@pytest.fixture(autouse=True)
def tables(database_url):
    models.connect(database_url, "a key for tests")
    database.migrate()


def scrape(shop):
    """Return the samples of a scrape, by name and labels."""
    response = shop.app.test_client().get("/metrics", headers=LOGIN)
    assert response.status_code == 200
    families = parsed(response.text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_without_the_setting_there_is_none(make_app):
    assert Partner(make_app()).app.test_client().get("/metrics", headers=LOGIN).status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic abc", f"bearer{TOKEN}", "Bearer é"])
def test_without_the_token_nothing_is_shown(shop, header):
    response = shop.app.test_client().get("/metrics", headers={"Authorization": header} if header else {})
    assert response.status_code == 401 and response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "datapost_" not in response.text


def test_it_speaks_openmetrics(shop):
    response = shop.app.test_client().get("/metrics", headers=LOGIN)
    assert response.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert response.text.endswith("# EOF\n")


def test_leads_are_counted_by_what_came_of_them(shop):
    shop.lead(email="ann@acme.example"), shop.lead(email="no address"), shop.lead()
    shop.lead(email="bob@acme.example", is_test="yes")
    shop.post(b"<", "application/xml")
    found = scrape(shop)
    assert found["datapost_leads_total", "accepted", "default"] == 1
    assert found["datapost_leads_total", "default", "rejected"] == 3
    assert found["datapost_refusals_total", "default", "email.invalid"] == 1
    assert found["datapost_refusals_total", "default", "email.required"] == 1
    assert found["datapost_refusals_total", "body.unreadable", "default"] == 1
    assert found["datapost_payout_total", "default"] == 12.5
    assert found["datapost_cap_used_ratio", "daily-cap", "default"] == 0.25
    assert abs(found[("datapost_last_lead_timestamp_seconds",)] - datetime.now(UTC).timestamp()) < 60
    assert found[("datapost_rules_broken",)] == 0


def test_totals_stay_when_leads_are_deleted(shop):
    for number in range(3):
        shop.lead(email=f"a{number}@acme.example")
    later = datetime.now(UTC) + daily.SETTLED_AFTER * 3
    programs = list(shop.app.extensions["datapost"].rulebook.programs.values())
    while database.transact(lambda: daily.roll_up(programs, later)):
        pass
    database.transact(Lead.delete().execute)
    found = scrape(shop)
    assert (found["datapost_leads_total", "accepted", "default"], found["datapost_payout_total", "default"]) == (
        3,
        37.5,
    )


@pytest.mark.parametrize("evening", [["21:00", "23:59"], ["23:59"]])
def test_totals_do_not_fall_at_midnight_while_the_evening_before_is_still_to_be_counted(shop, evening):
    (program,) = shop.app.extensions["datapost"].rulebook.programs.values()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for moment in evening:
        record(
            program, midnight + timedelta(hours=int(moment[:2]) - 24, minutes=int(moment[3:])), email="ann@acme.example"
        )
    record(program, midnight + timedelta(seconds=30), email="bob@acme.example")
    for minutes in (4, 5, 6):  # the newest day comes first
        more = True
        while more:
            more = database.transact(
                partial(daily.roll_up, [program], midnight + timedelta(minutes=minutes, seconds=2))
            )
            assert totals(shop) == len(evening) + 1


def totals(shop):
    found = scrape(shop)
    return sum(found["datapost_leads_total", *labels] for labels in [("accepted", "default"), ("default", "rejected")])


def test_a_token_of_other_letters_is_compared_as_it_is_sent(make_app):
    client = Partner(make_app(RULES, metrics_token="tökén")).app.test_client()
    sent = {"HTTP_AUTHORIZATION": "Bearer tökén".encode().decode("latin-1")}  # as servers hand on bytes (PEP 3333)
    assert client.get("/metrics", environ_overrides=sent).status_code == 200


def test_no_label_is_a_text_of_a_sender(shop):
    shop.lead(email=SENDER, irpid=SENDER), shop.lead(**{SENDER: "x", "email": "ann@acme.example", "irpid": SENDER})
    response = shop.app.test_client().get("/metrics", headers=LOGIN)
    assert "evil" not in response.text and "ann" not in response.text


def test_deliveries_that_wait_or_are_dead_are_counted(shop):
    lead = shop.lead(email="ann@acme.example")["uniqueid"]
    row = {"lead": lead, "attempts": 0, "error": "", "remote_id": "", "rules": "", "due_at": datetime.now(UTC)}
    rows = [row | {"destination": name, "state": state} for name, state in [("crm", "waiting"), ("inbox", "dead")]]
    database.transact(Delivery.insert_many(rows).execute)
    found = scrape(shop)
    assert (found["datapost_delivery_waiting", "crm"], found[("datapost_delivery_dead",)]) == (1, 1)
    assert 0 <= found[("datapost_delivery_oldest_seconds",)] < 60


def test_a_broken_rule_file_is_counted(shop, tmp_path, clock):
    (tmp_path / "rules/default.yaml").write_text("fields: {email: {type: emial}}")
    clock.passes(2)
    assert scrape(shop)[("datapost_rules_broken",)] == 1


def test_a_store_that_is_gone_is_told_as_such(shop, monkeypatch):
    def gone():
        raise database.StoreError("gone")

    monkeypatch.setattr("dashboard.metrics.database.read", gone)
    assert shop.app.test_client().get("/metrics", headers=LOGIN).status_code == 503


def test_every_name_that_grafana_asks_for_is_scraped(shop):
    shop.lead(email="ann@acme.example"), shop.lead()
    text = shop.app.test_client().get("/metrics", headers=LOGIN).text
    docs = Path(__file__).parents[2] / "docs"
    board = json.loads((docs / "grafana.json").read_text())
    asked = {target["expr"] for panel in board["panels"] for target in panel["targets"]}
    asked |= set(re.findall(r"(?m)^ +expr: (.+)$", (docs / "operations.md").read_text()))
    names = {name for expr in asked for name in re.findall(r"datapost_\w+", expr)}
    assert len(asked) >= 10
    for name in names:
        assert name in text or name.startswith("datapost_delivery_waiting"), name


@pytest.mark.parametrize(
    ("path", "traced"),
    [("/leads", False), ("/leads/solar?email=a", False), ("/dashboard/leads?q=ann", False), ("/dashboard", True)],
)
def test_what_keeps_leads_out_of_traces_fits_no_host(path, traced):
    guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (left_out,) = re.findall("OTEL_PYTHON_FLASK_EXCLUDED_URLS='(.+?)'", guide)
    assert bool(re.search(left_out, f"https://leads.acme.example{path}")) != traced
