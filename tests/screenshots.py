"""Take the pictures of docs/screenshots again: `make screenshots`."""

import sys
import tempfile
import time
from base64 import b64encode
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import converting
import sample
from brand import record
from browser import CHROMIUM, DESKTOP, MISSING, PHONE, start
from cast import ROOT

import database
from alerts.digest import of_day
from alerts.links import link as alerts_link
from alerts.sources import Scope, standing
from app import create_app
from delivery.outbox import Delivered
from leads import daily, publishing, search
from partners.pages import link
from web.settings import Settings, User

PICTURES = ROOT / "docs" / "screenshots"


SITE = "https://leads.example.com"


def take(browser, app, path, name):
    """Photograph the first screens of a page, on a phone and on a desktop, as it looks at an address of its own."""
    for suffix, size, factor, screens in (("phone", PHONE, 1.5, 2), ("desktop", DESKTOP, 1, 1.5)):
        context = browser.new_context(viewport=size, device_scale_factor=factor, color_scheme="light")
        context.route(f"{SITE}/**", partial(answer, app.test_client()))
        page = context.new_page()
        page.goto(f"{SITE}{path}")
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"] * screens}
        page.screenshot(path=PICTURES / f"{name}-{suffix}.png", full_page=True, clip=clip)
        context.close()


def answer(client, route):
    """Answer a request of the browser from the app, without a server."""
    asked = route.request
    headers = {"Content-Type": asked.headers.get("content-type", "")}
    given = {"method": asked.method, "data": asked.post_data_buffer, "headers": headers}
    response = client.open(asked.url.removeprefix(SITE), base_url=SITE, **given)
    route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.data)


def change(client):
    """Make three versions and a draft, and return the path of its gate once its backtest has run."""
    younger = sample.LOANS.replace("< 18", "< 21").replace("18 or older", "21 or older")
    publishing.publish("default", younger, "ben", "Applicants from 21")
    publishing.rollback("default", "owner", "Too few leads were left")
    text = sample.LOANS.replace("domain(email) in", "domain(email) == 'spam.example' or domain(email) in")
    text = text.replace("    mode: observe\n", "")
    given = {"text": text, "based_on": "3", "days": "30", "start": "1"}
    path = client.post("/dashboard/programs/default/edit", data=given).location
    while "<progress" in client.get(path).text:
        time.sleep(0.2)
    return path.removeprefix("/dashboard")


def take_dashboard(browser, folder):
    """Photograph the operators' pages of a brand that does not exist."""
    sample.main(folder)
    owner = User("owner", "owner")
    app = create_app(Settings(secret=sample.KEY, operators=(owner,), rules_from="dashboard"))
    app.extensions["datapost"].rulebook.programs  # noqa: B018  the first reading publishes the files
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Basic {b64encode(b'owner:owner').decode()}"
    with database.read():
        (refused,), _ = search.page(search.Filter(reason="duplicate", partner="clickfarm-eu"), size=1)
    pictures = [
        ("dashboard-phone", "?days=30", PHONE, 2.6, "light"),
        ("dashboard-desktop", "?days=30", DESKTOP, 1.6, "light"),
        ("dashboard-dark", "?days=30", DESKTOP, 1, "dark"),
        ("dashboard-lead", f"/leads/{refused.id}", DESKTOP, 1.6, "light"),
        ("dashboard-program", "/programs/default", DESKTOP, 1.6, "light"),
        ("dashboard-editor", "/programs/default/edit", DESKTOP, 1.1, "light"),
        ("dashboard-gate", change(client), DESKTOP, 1.6, "light"),
        ("dashboard-history", "/programs/default/history", DESKTOP, 0.9, "light"),
    ]
    for name, path, size, screens, scheme in pictures:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        context.route(f"{SITE}/**", partial(answer, client))
        page = context.new_page()
        page.goto(f"{SITE}/dashboard{path}")
        if path.endswith("/edit"):
            page.evaluate("ace.edit('editor').find('unique'); ace.edit('editor').focus()")
            page.locator("#findings .notice").wait_for()
            page.locator("#word").get_by_text("unique:").wait_for()
        clip = {"x": 0, "y": 0, "width": size["width"], "height": int(size["height"] * screens)}
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True, clip=clip)
        context.close()
    database.disconnect()


def take_impact(browser, folder):
    """Photograph the pages about impact.com of a small brand, with one thing of each kind that an owner meets there."""
    (folder / "impact").mkdir()
    (folder / "impact" / "default.yaml").write_text(converting.RULES.replace("Home loans", "Acme home loans"))
    settings = {"rules": f"{folder}/impact", "database_url": f"sqlite:///{folder}/impact.db", **converting.ACCOUNT}
    app = create_app(Settings(secret=sample.KEY, operators=(User("owner", "owner"),), **settings))
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Basic {b64encode(b'owner:owner').decode()}"
    partners = ["brightleads", "mortgage-match", "clickfarm-eu"]
    came = [converting.NOW - timedelta(hours=30 + 4 * number) for number in range(30)]
    ids = [converting.lead(number, partner=partners[number % 3], at=at) for number, at in enumerate(came)]
    for number, one in enumerate(ids[1:]):
        cents = {"amount": Decimal("6.00")} if number == 1 else {}
        state = ("PENDING", "APPROVED", "PENDING", "REVERSED")[number % 4]
        converting.action(one, id=f"1000.4636.{158130 + number}", state=state, **cents)
    converting.finding(ids[0])
    converting.finding(ids[2], "amount_differs", found="6.00", action="1000.4636.158131", amount=Decimal("4.00"))
    refused = converting.lead(30, valid=False, partner="clickfarm-eu")
    converting.action(refused, id="1000.4636.158160")
    converting.finding(refused, "rejected_here", action="1000.4636.158160")
    converting.reconciled()
    for one, days, why in ((ids[5], 2, "fake"), (ids[11], 6, "wrong number"), (ids[14], 9, "fake")):
        locking_at = converting.NOW + timedelta(days=days, hours=1)
        converting.reversal(one, reason=why, partner="clickfarm-eu", locking_at=locking_at, proposed_by="crm")
    for one, state in ((ids[8], "queued"), (ids[4], "done")):
        converting.reversal(one, state, submitted_at=converting.NOW, done_at=converting.NOW)
    for name, size, screens in (("dashboard-impact", DESKTOP, 1.4), ("dashboard-reversals", PHONE, 1.7)):
        context = browser.new_context(viewport=size, color_scheme="light")
        context.route(f"{SITE}/**", partial(answer, client))
        page = context.new_page()
        page.goto(f"{SITE}/dashboard/{name.partition('-')[2]}")
        clip = {"x": 0, "y": 0, "width": size["width"], "height": int(size["height"] * screens)}
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True, clip=clip)
        context.close()
    database.disconnect()


def take_digest(browser, folder):
    """Photograph the daily summary of that brand, as a phone shows a mail."""
    if not (folder / "rules").exists():
        sample.main(folder)
    app, now = create_app(Settings(secret=sample.KEY)), datetime.now(UTC)
    now = now.replace(hour=13, minute=0) - timedelta(days=now.hour < 14)
    programs = app.extensions["datapost"].rulebook.programs
    for number in range(11):
        lead = {"email": f"kim{number}@example.com", "first_name": "Kim", "state": "CA", "irpid": "harbor-mortgage"}
        record(
            programs["default"],
            now - timedelta(hours=20, minutes=9 * number),
            **lead,
            consent="yes" if number % 4 else "no",
        )
    while database.transact(lambda: daily.roll_up(list(programs.values()))):
        pass
    with database.write():
        yesterday = f"{now.astimezone(programs['default'].spec.timezone).date() - timedelta(days=1)}"
        Delivered.insert(program="default", day=yesterday, destination="crm", sent=92, dead=0).execute()
    with app.app_context():
        with database.read():
            concerns = standing(Scope(programs, app.extensions["datapost"].rulebook, now))
        message = of_day(programs.values(), now, [_alert(concern, now) for concern in concerns], SITE)
    (folder / "digest.html").write_text(message.html, encoding="utf-8")
    context = browser.new_context(viewport=PHONE, device_scale_factor=1.5, color_scheme="light")
    page = context.new_page()
    page.goto(f"file://{folder}/digest.html")
    page.screenshot(path=PICTURES / "digest-phone.png", full_page=True)
    context.close()
    database.disconnect()


def _alert(concern, now):
    """Return a Concern as an alert that came up in the night."""
    since = (now - timedelta(hours=6)).isoformat()
    named = {key: getattr(concern, key) for key in ("key", "kind", "program", "subject", "grave", "sentence")}
    advice = f"{concern.advice} See {alerts_link(SITE, concern.endpoint or 'dashboard.start', **concern.values)}"
    return named | {"advice": advice, "since": since, "told_at": None, "gone_at": None}


def main():
    if not CHROMIUM:
        sys.exit(MISSING)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, start() as browser:
        database, rules = f"sqlite:///{folder}/leads.db", str(ROOT / "rules" / "examples")
        users = (User("impact", "of these pictures"),)
        app = create_app(Settings(secret="of these pictures", rules=rules, database_url=database, users=users))
        with app.app_context():
            address = link("insurance", "")
        take(browser, app, address, "posting-instructions")
        with chdir(folder):
            take_dashboard(browser, Path(folder))
            take_impact(browser, Path(folder))
            take_digest(browser, Path(folder))


if __name__ == "__main__":
    main()
