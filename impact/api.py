"""impact.com's brand API, version 14: what is asked of it, and what it answers, as impact.com's public documents say.

Sources: integrations.impact.com/brand-api-reference, read in November 2026. There is no sandbox: every call acts on the
live account. At most 200 calls an hour are made, by all processes together.
"""

import base64
from datetime import UTC, timedelta
from urllib.parse import quote, urlencode

from impact import answers, quota
from impact.told import ApiError, Later, Refused, Seen, Submission, Unsure
from web import accounts
from web.calling import Forbidden, Unreached, call
from web.settings import version

__all__ = ["Api", "ApiError", "Later", "Refused", "Seen", "Submission", "Unsure", "is_set"]

VERSION = "14"  # IR-Version: without it, the account's default version answers
SECONDS = 60  # of a call: a long list takes its time
MOST = 64 * 1024 * 1024  # bytes of an answer: a page has about 1,000 for each action
PAGE_SIZE = 5_000  # at least 2,000, at most 20,000
MOST_PAGES = 10  # more are an error there
LONGEST_SPAN = timedelta(days=44)  # it takes 45
SHORTEST_SPAN = timedelta(minutes=1)


def is_set(settings):
    """Tell whether there is an account to ask with."""
    return bool(settings.impact_sid and settings.impact_token)


class Api:
    """The account at impact.com. Each call takes one of the hour (quota.py).

    All methods raise Refused, Later or Unsure; and StoreError where the hour's calls cannot be counted.
    """

    is_set = staticmethod(is_set)

    def __init__(self, settings):
        self._url = f"{settings.impact_url}/Advertisers/{settings.impact_sid}"
        self._private = settings.deliver_private or accounts.is_here(settings.impact_url)
        self._token = settings.impact_token
        login = base64.b64encode(f"{settings.impact_sid}:{settings.impact_token}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {login}",
            "Accept": "application/json",
            "IR-Version": VERSION,
            "User-Agent": f"Datapost/{version()}",
        }

    def actions(self, campaign, *, by, since, until):
        """Yield the actions of a campaign, as Seen, each once.

        `by` says whose date is meant: "event", "locking", or "update" of the action, which a change from pending to
        approved is not. The span is of at most 44 days, else ValueError. Where it holds more than may be listed at
        once, it is asked for by halves.
        """
        if not timedelta() <= until - since <= LONGEST_SPAN:
            raise ValueError(f"a span is of at most {LONGEST_SPAN.days} days")
        return self._spans(campaign, by, since, until)

    def _spans(self, campaign, by, since, until):
        told, spans = set(), [(since, until)]
        while spans:
            since, until = spans.pop()
            first, pages, total = self._page(campaign, by, since, until, 1)
            if pages > MOST_PAGES:
                if until - since < SHORTEST_SPAN:
                    raise Unsure("impact.com has more actions of one minute than it lists: no list of them is whole")
                middle = since + (until - since) / 2
                spans += [(middle, until), (since, middle)]
                continue
            for seen in self._pages(campaign, by, since, until, first, pages, total):
                if seen.id not in told:  # on two pages, where another one came meanwhile
                    told.add(seen.id)
                    yield seen

    def _pages(self, campaign, by, since, until, rows, pages, total):
        """Yield the actions of all pages. More pages may have come to be since the first one was asked for.

        Where actions left the list meanwhile, as who is updated again does, others moved to pages that were read
        already: it is read again.
        """
        page, ids, totals = 1, set(), []
        while True:
            yield from rows
            ids |= {seen.id for seen in rows}
            totals += [] if total is None else [total]
            if page >= min(pages, MOST_PAGES):
                break
            page += 1
            rows, pages, total = self._page(campaign, by, since, until, page)
        if totals and totals[-1] < totals[0]:
            first = self._page(campaign, by, since, until, 1)
            yield from self._pages(campaign, by, since, until, *first)
        elif totals and len(ids) < totals[0]:
            raise Unsure(f"impact.com says that it lists {totals[0]} actions, and lists {len(ids)}: ask again later")

    def _page(self, campaign, by, since, until, page):
        start, end = SPANS[by]
        asked = {"CampaignId": campaign, start: _written(since), end: _written(until + SECOND), "Page": page}
        answer = self._read("GET", f"/Actions?{urlencode(asked | {'PageSize': PAGE_SIZE})}", READ_ACTIONS)
        return answers.actions(answer, page, PAGE_SIZE)

    def action(self, action_id):
        """Return an action as Seen, or None where there is none of this id."""
        try:
            return answers.action(self._read("GET", f"/Actions/{_quoted(action_id)}", READ_ACTIONS))
        except Refused as error:
            if error.status != 404:
                raise
            return None

    def reverse(self, code, action="", event_type="", oid=""):
        """Have an action reversed, which its id names, or its event type and order id; return the submission's id.

        After Unsure it may be reversed, or not: look before this is said again.
        """
        if not action and not (event_type and oid):
            raise ValueError("name the action, or the event type and the order id")
        named = {"ActionId": action} if action else {"ActionTrackerId": event_type, "OrderId": oid}
        return self._write("DELETE", {"DispositionCode": code} | named)

    def restore(self, action):
        """Have an action be as it was before it was reversed or changed; return the submission's id."""
        return self._write("PUT", {"ActionId": action, "Reason": "RESET"})

    def submission(self, batch):
        """Return the Submission of this id: what became of a write. It is kept for 90 days, and is Refused after."""
        return answers.submission(self._read("GET", f"/APISubmissions/{_quoted(batch)}", READ_SUBMISSIONS))

    def campaign(self, campaign):
        """Return the name of a campaign."""
        return answers.campaign(self._read("GET", f"/Campaigns/{_quoted(campaign)}", READ_CAMPAIGNS))

    def _write(self, method, fields):
        return answers.batch(self._read(method, "/Actions", WRITE_ACTIONS, urlencode(fields).encode()))

    def _read(self, method, path, scope, body=b""):
        """Return what is answered, as an object."""
        quota.take(keep=quota.KEPT if "?" in path else 0)  # of the lists
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        try:
            reply = call(method, self._url + path, body, self._headers | form, self._private, SECONDS, MOST)
        except Forbidden as error:
            raise Refused(f"impact.com is not called: {error} (DATAPOST_IMPACT_URL)", 0) from None
        except Unreached as error:
            raise Unsure(f"impact.com does not answer: {error}") from None
        if reply.status == 429:
            seconds = quota.quiet(_reset(reply.headers))
            raise Later(
                f"impact.com answers 429, so many calls came in an hour: it is asked again in {seconds} s", seconds
            )
        if not 200 <= reply.status < 300:
            raise self._error(reply, scope, method)
        answer = answers.read(reply.body)
        if answers.refuses(answer):
            raise self._error(reply, scope, method)
        return answer

    def _error(self, reply, scope, method):
        """Return what is raised where an answer is none that was asked for."""
        words = answers.refusal(reply.body.replace(self._token.encode(), b"..."))
        if not 200 <= reply.status < 500 or reply.status == 408:  # it may have read the whole of it, or not
            told = f" ({words})" if words else ""
            what = READ_FAILED if method == "GET" else WRITE_UNSURE
            return Unsure(f"impact.com answers {reply.status}{told}: {what}")
        advice = ADVICE.get(reply.status, "") if reply.status != 403 else NO_SCOPE.format(scope)
        if 300 <= reply.status < 400:
            advice = f"that is a redirect, which is not followed: write {accounts.API} as DATAPOST_IMPACT_URL"
        return Refused(
            f"impact.com answers {reply.status}: {': '.join(filter(None, (advice, words))) or NO_WORDS}", reply.status
        )


READ_ACTIONS, WRITE_ACTIONS = "Actions (read)", "Actions (write)"
READ_SUBMISSIONS, READ_CAMPAIGNS = "Submissions (read)", "Campaigns (read)"
NO_SCOPE = "its Auth Token lacks the scope {}, which is given at impact.com under Settings, API"
NO_WORDS = "it does not say why"
READ_FAILED = "that is a fault there, and nothing was changed: ask again later"
WRITE_UNSURE = "whether it did something is not known"
ADVICE = {
    401: "the Account SID or the Auth Token is wrong: set DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN as it shows "
    "them under Settings, API",
    404: "there is none of that id in this account",
}
SECOND = timedelta(milliseconds=999)  # what is written has whole seconds, and nothing of the span is left out
SPANS = {
    "event": ("ActionDateStart", "ActionDateEnd"),
    "locking": ("LockingDateStart", "LockingDateEnd"),
    "update": ("StartDate", "EndDate"),
}


def _written(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(name):
    """Return an id as a part of a path, of which none leads elsewhere."""
    if not str(name).strip("."):
        raise ValueError("an id is none of dots alone")
    return quote(str(name), safe="")


def _reset(headers):
    """Return after how many seconds 429 says that there are calls again, or None."""
    text = (headers.get("X-RateLimit-Reset") or headers.get("Retry-After") or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
