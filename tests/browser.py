"""The browser in which pages are tested and photographed, what every page must be, and a service for it to look at."""

import shutil
from contextlib import contextmanager
from threading import Thread

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "chromium is missing: install it with make chromium as root, or in Debian with apt-get install chromium"
# Nothing of it may ask the internet for anything.
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# Each width and each set of colors once: where a thing stands has nothing to do with its color.
LOOKS = [(PHONE, "light"), (DESKTOP, "dark")]
AXE = """() => axe.run({resultTypes: ["violations"]}).then(
    found => found.violations.map(one => [one.id, one.nodes.map(node => node.html)])
)"""


@contextmanager
def start():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@contextmanager
def serving(app):
    """Serve an app on a port of its own, and give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def assert_usable(page):
    """Have everybody be able to use a page, on a phone and on a desktop, by day and by night: axe finds nothing in it.

    The context needs `bypass_csp=True`, since axe runs as a script in the page.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(AXE) == [], f"{page.url} {size} {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{page.url} {size} {scheme}"
