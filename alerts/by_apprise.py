"""Receivers that the library apprise knows.

It connects by itself: who is called is looked at before, and not again then. Nothing ends what it waits for, so that
it waits in a thread of its own.
"""

import queue
import threading

from alerts.markup import fitting_text
from delivery.answers import Outcome
from web import apprising
from web.calling import SECONDS, Forbidden, Unreached, Watch, may_be_called, resolve

MISSING = f"the library apprise is not installed: {apprising.HOW}"
FAILED = "apprise could not send it, and does not say why"
STILL = "the attempt before this one has not ended yet"
LATE = f"it did not answer within {SECONDS} seconds"
MOST = 20_000  # bytes
_running, _lock = set(), threading.Lock()


def send(settings, receiver, subject, lines, more):
    """Send by apprise, and return the Outcome; see kinds.send."""
    if not apprising.is_installed():
        return Outcome("pause", error=MISSING)
    with _lock:
        if receiver.address in _running:
            return Outcome("again", error=STILL, ours=True)
        _running.add(receiver.address)
    answered = queue.SimpleQueue()

    def attempt():
        try:
            answered.put(_attempt(settings, receiver.address, subject, lines, more))
        except (Forbidden, Unreached) as error:
            answered.put(error)
        except Exception:  # its text may quote the address
            answered.put(Outcome("again", error=FAILED))
        finally:
            with _lock:
                _running.discard(receiver.address)

    threading.Thread(target=attempt, name="apprise", daemon=True).start()
    try:
        found = answered.get(timeout=SECONDS)
    except queue.Empty:
        return Outcome("again", error=LATE)
    if isinstance(found, Exception):
        raise found
    return found


def _attempt(settings, address, subject, lines, more):
    service = apprising.service_at(address)
    if not service:
        return Outcome("pause", error="the library apprise cannot read its address")
    if host := apprising.host_of(service):
        with Watch() as watch:
            for found in resolve(host, service.port, watch):
                may_be_called(found, settings.deliver_private)
    most = min(service.body_maxlen, MOST)
    title = subject[: service.title_maxlen] if service.title_maxlen > 0 else ""
    lines = [text[: max(most // 2, 40)] for text in (lines if title else [subject, *lines])]
    taken = apprising.tell(service, title, fitting_text(lines, most, more))
    return Outcome("sent") if taken else Outcome("again", error=FAILED)
