"""The library apprise, which knows a hundred more ways to tell somebody. It is an extra: nothing needs it.

What it logs quotes addresses, so that none of it is heard.
"""

import logging
import threading
from functools import cache
from importlib.util import find_spec

HOW = "pip install apprise"
_loading = threading.Lock()


@cache
def is_installed():
    return find_spec("apprise") is not None


@cache
def _asset():
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL + 10)
    from apprise import AppriseAsset  # here, since to load it takes 0.2 s

    return AppriseAsset(app_id="Datapost", app_desc="Datapost", async_mode=False, storage_mode="memory")


def service_at(address):
    """Return what apprise makes of an address, or None if it cannot read it."""
    with _loading:
        try:
            asset = _asset()
            from apprise import Apprise

            return Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
        except Exception:  # of a reader of one of its services, and its text may quote the address
            return None


def tell(service, title, body):
    """Tell a service a plain text; tell whether it was taken."""
    from apprise import Apprise, NotifyFormat

    by = Apprise(asset=_asset())
    by.add(service)
    return bool(by.notify(body, title, body_format=NotifyFormat.TEXT, interpret_escapes=False))


def host_of(service):
    """Return the host that a service calls, as far as it says: many have one of their own, and take none."""
    return service.host if any("{host}" in template for template in service.templates) else None
