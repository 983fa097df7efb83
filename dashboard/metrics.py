"""GET /metrics for Prometheus, in OpenMetrics: read from the database at each scrape, and the same from every process.

Totals are those of the days, whose rows stay when leads are deleted, and of the leads that no day counts yet; so they
never fall. A label is a name of a rule file, never a text of a sender. There is no histogram of how long answers take:
each process knows its own alone, and to add them up takes files or a shared table that is written with each lead; the
log has the milliseconds of each answer, and so has the proxy.
"""

import hmac
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from peewee import SQL, fn
from ulid import ULID
from werkzeug.exceptions import NotFound

import database
from alerts.caps import limits
from delivery.outbox import DEAD, WAITING
from leads.counts import REASON, REFUSED, VALID, Counts
from leads.daily import id_at, leads_between, money
from models import Day, Delivery, Lead
from web.service import rulebook, service
from web.settings import version

site = Blueprint("metrics", __name__)

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END_OF_IDS = "{"  # sorts behind every id
LATEST = 7  # days before which there may be another one that has leads and is not counted at all


@site.get("/metrics")
def scrape():
    token = service().settings.metrics_token
    if not token:
        raise NotFound
    said = request.headers.get("Authorization", "").encode("latin-1", "replace")  # the bytes that came (PEP 3333)
    if not hmac.compare_digest(said, f"Bearer {token}".encode()):
        return Response("Send the token of DATAPOST_METRICS_TOKEN: Authorization: Bearer …\n", 401, REALM)
    from prometheus_client.openmetrics.exposition import generate_latest  # here: who scrapes nothing never loads it

    with database.read():
        found = list(families(rulebook(), datetime.now(UTC)))
    return Response(generate_latest(_Found(found)), content_type=CONTENT_TYPE)


REALM = {"WWW-Authenticate": 'Bearer realm="Datapost"', "Content-Type": "text/plain; charset=utf-8"}


class _Found(list):
    """What prometheus-client asks for metrics."""

    def collect(self):
        return self


def families(book, now):
    """Yield the metrics, as prometheus-client has them. Within a reading."""
    from prometheus_client.metrics_core import CounterMetricFamily as Counted
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge
    from prometheus_client.metrics_core import InfoMetricFamily as Info

    programs = book.programs if book.known else {}
    leads = Counted("datapost_leads", "Leads that were judged, without tests.", labels=["program", "result"])
    refusals = Counted("datapost_refusals", "Leads that were rejected, by reason.", labels=["program", "reason"])
    payout = Counted("datapost_payout", "What accepted leads were answered with as sale_amount.", labels=["program"])
    caps = Gauge(
        "datapost_cap_used_ratio", "How much of a cap is used up, of its fullest group.", labels=["program", "rule"]
    )
    for name, program in sorted(programs.items()):
        totals = totals_of(program)
        leads.add_metric([name, "accepted"], totals.accepted)
        leads.add_metric([name, "rejected"], totals.rejected)
        payout.add_metric([name], float(money(totals.cents)))
        for code, count in sorted(totals.reasons.items()):
            refusals.add_metric([name, code], count)
        for rule, ratio in _used(program, now).items():
            caps.add_metric([name, rule], ratio)
    yield from (leads, refusals, payout, caps)
    yield from _deliveries(now)
    yield Gauge(
        "datapost_rules_broken", "Rule files that are broken.", value=len({error.path for error in book.errors})
    )
    newest = Lead.select(fn.MAX(Lead.id)).scalar()
    last = ULID.from_str(newest).timestamp if newest else 0
    yield Gauge("datapost_last_lead_timestamp_seconds", "When the last lead came, in seconds since 1970.", value=last)
    yield Info("datapost", "The service.", value={"version": version()})


@dataclass
class Totals:
    """What came of the leads of a program since its first one, tests left out; `cents` is the money of the accepted."""

    accepted: int = 0
    rejected: int = 0
    cents: int = 0
    reasons: Counter = field(default_factory=Counter)

    def add(self, counts):
        for _, what, count, cents in counts.items():
            if what == VALID:
                self.accepted += count
                self.cents += cents
            elif what == REFUSED:
                self.rejected += count
            elif what.startswith(REASON):
                self.reasons[what.removeprefix(REASON)] += count


def totals_of(program):
    """Return the Totals of a program: of its days, and of what none of them counts yet.

    The newest day is counted before those that are not finished, and what is left of these counts as well: else totals
    would fall for a moment at midnight, and a fall is a restart to Prometheus, after which it adds them all again.
    """
    totals, live, counted_to, closed = Totals(), Counts(), "", True
    columns = Day.counts, Day.starts, Day.counted_to, Day.closed
    days = list(Day.select(*columns).where(Day.program == program.name).order_by(Day.day).tuples())
    for number, (counts, starts, *row) in enumerate(days, 1):
        totals.add(Counts(counts))
        is_open = not closed or number > len(days) - LATEST
        if is_open and counted_to < (first := id_at(starts)):
            live.add_leads(leads_between(program.name, counted_to, first))
        counted_to, closed = row
    live.add_leads(leads_between(program.name, counted_to, END_OF_IDS))
    totals.add(live)
    return totals


def _used(program, now):
    """Return how much of each cap is used up, by its id: of a cap with groups, that of the fullest."""
    found = {}
    for limit in limits(program, now):
        ratio = float(limit.used / limit.limit) if limit.limit else 1.0
        found[limit.rule] = max(ratio, found.get(limit.rule, 0.0))
    return found


def _deliveries(now):
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    waiting = Gauge("datapost_delivery_waiting", "Leads that wait to be sent.", labels=["destination"])
    oldest = 0.0
    rows = Delivery.select(Delivery.destination, fn.COUNT(SQL("*")), fn.MIN(Delivery.lead)).where(WAITING)
    for destination, count, first in rows.group_by(Delivery.destination).tuples():
        waiting.add_metric([destination], count)
        oldest = max(oldest, now.timestamp() - ULID.from_str(first).timestamp)
    yield waiting
    yield Gauge("datapost_delivery_oldest_seconds", "How long the oldest lead waits to be sent.", value=oldest)
    dead = Delivery.select().where(DEAD).count()
    yield Gauge("datapost_delivery_dead", "Leads that are dead: they are sent again by hand alone.", value=dead)
