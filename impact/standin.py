"""A server that stands in for impact.com's API, for tests and rehearsals: it behaves as its documents say.

That is with all awkward sides: XML unless JSON is asked for, texts for numbers, `Oid` in answers where requests say
OrderId, empty dates, pages, a change to approved that is no update. Where the documents are silent (what comes of an
action that is locked, or reversed already) it says something of its own, and nobody may rely on that.
"""

import threading
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from itertools import count

from impact.standinhttp import Handler

SID, TOKEN = "IRstandin", "stand-in-token"
SCOPES = ("Actions read", "Actions write", "Submissions read", "Campaigns read")


class StandIn:
    """A stand-in for one account, as a context manager: `url` is where it is, `settings` what a service has of it.

    `actions` holds what there is by its id, as dicts with the names of what `add` is given, and `updated_at`; tests may
    change them. `calls` are (method, path, parameters), `writes` those of them that change something. What is awkward:

    - `fail(method, status)`: the next calls of a method fail, and take no effect.
    - `lose_answers`: so many writes take effect, and are not answered; True for all.
    - `queued_for`: so many times a submission is not complete, when it is asked for.
    - `delayed`: writes take effect by `settle()` only.
    - `error_type`: what becomes of the next writes, which take no effect; "" for what the documents say.
    - `page_size`: so many actions a page has, whatever is asked for.
    - `scopes`: what the token may do.
    - `now`: a function, the clock.
    """

    def __init__(self, port=0):
        self.actions, self.submissions, self.campaigns = {}, {}, {"1000": "Acme Campaign"}
        self.calls, self.failing, self.waiting = [], [], []
        self.lose_answers, self.queued_for, self.delayed, self.error_type, self.page_size = 0, 0, False, "", None
        self.scopes, self.now = set(SCOPES), lambda: datetime.now(UTC)
        self.lock, self._numbers = threading.RLock(), count(158133)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads, self._server.standin = True, self
        self.sid, self.token = SID, TOKEN
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.settings = {"impact_sid": SID, "impact_token": TOKEN, "impact_url": self.url}

    def __enter__(self):
        # It looks ten times a second whether it is to end; twice is what the library does.
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.1], name="standin", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def writes(self):
        return [call for call in self.calls if call[0] != "GET"]

    def add(
        self, oid, amount="10.00", state="PENDING", partner="10000", campaign="1000", event_type="2240", currency="USD",
        event_at=None, locking_at=None, appears_at=None, id=None,
    ):  # fmt: skip
        """Have an action, and return its id. It locks 14 days after its event, and is seen from `appears_at` on."""
        event_at = event_at or self.now()
        id = id or f"{campaign}.4636.{next(self._numbers)}"
        self.campaigns.setdefault(campaign, f"Campaign {campaign}")
        self.actions[id] = {
            "oid": oid,
            "amount": amount,
            "state": state,
            "partner": partner,
            "campaign": campaign,
            "event_type": event_type,
            "currency": currency,
            "event_at": event_at,
            "locking_at": locking_at or event_at + timedelta(days=14),
            "appears_at": appears_at or event_at,
            "updated_at": appears_at or event_at,
        }
        return id

    def change(self, id, **values):
        """Change an action. Its update is noted, unless all that it becomes is approved."""
        self.actions[id] |= values
        if values != {"state": "APPROVED"}:
            self.actions[id]["updated_at"] = self.now()

    def fail(self, method, status, times=1, body=b"", **headers):
        """Have the next calls of a method fail by a status, or answer a body that is no JSON; `Some_Header="5"`."""
        self.failing += [(method, status, body, headers)] * times

    def settle(self):
        """Have what was written, and delayed, take effect."""
        with self.lock:
            waiting, self.waiting = self.waiting, []
            for id, change in waiting:
                self.change(id, **change)

    def visible(self):
        """Return the actions that are seen now, by their ids."""
        return {id: row for id, row in self.actions.items() if row["appears_at"] <= self.now()}

    def submit(self, change, fields):
        """Take a write, and return its submission's id."""
        error, ids = self._found(fields)
        error = self.error_type or error or self._locked(ids[0])
        if not error and change.get("state") == self.actions[ids[0]]["state"] == "REVERSED":
            error = "ACTION_ALREADY_REVERSED"
        batch = f"A-{len(self.submissions) + 1:08d}-standin"
        self.submissions[batch] = {"error": error, "asked": 0}
        if not error:
            self.waiting.append((ids[0], change))
            if not self.delayed:
                self.settle()
        return batch

    def _found(self, fields):
        """Return why no action is found, or "", and the ids of those that are named."""
        seen = self.visible()
        if "ActionId" in fields:
            ids = [id for id in seen if id == fields["ActionId"]]
        else:
            of_type = [id for id, row in seen.items() if row["event_type"] == fields["ActionTrackerId"]]
            if not of_type:
                return "ACTIONTRACKER_NOT_FOUND", []
            ids = [id for id in of_type if seen[id]["oid"] == fields["OrderId"]]
        return "" if ids else "ACTION_REF_NOT_FOUND", ids

    def _locked(self, id):
        return "ACTION_LOCKED" if self.actions[id]["locking_at"] <= self.now() else ""

    def poll(self, batch):
        """Return the status, error type and error reason of a submission, or None."""
        if not (row := self.submissions.get(batch)):
            return None
        row["asked"] += 1
        if row["asked"] <= self.queued_for:
            return ("Queued" if row["asked"] == 1 else "In Progress"), "", ""
        return "Complete", row["error"], row["error"] and "What was named cannot be changed"
