"""Take the pictures of docs/screenshots again: `make screenshots`."""

import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from browser import CHROMIUM, DESKTOP, MISSING, PHONE, start

from app import create_app
from documents import link
from settings import Settings, User

ROOT = Path(__file__).parent.parent
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
    response = client.get(route.request.url.removeprefix(SITE), base_url=SITE)
    route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.data)


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


if __name__ == "__main__":
    main()
