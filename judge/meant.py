"""What people write in the place of a word of the rule language, and what they mean: tables, and how they are read."""

import difflib
import re
from functools import cache
from zoneinfo import available_timezones

import judge.numbers
from judge.values import Refused


def _table(rows):
    """Return `{word: [what it may mean]}` of rows of words, what is meant before the colon."""
    meant = {}
    for line in rows.strip().splitlines():
        right, _, words = line.partition(":")
        for word in words.split(","):
            meant.setdefault(word.strip(), []).append(right.strip())
    return meant


# Types of fields as other systems call them.
TYPES = _table("""
    integer: int, whole number, count, digits
    number: float, decimal, numeric, double, percent
    money: currency, amount, price, dollar, dollars, usd
    text: string, str, varchar, char, textarea, name, txt
    choice: select, dropdown, enum, radio, list, option, options, picklist
    postal_code: zip, zipcode, zip_code, zip code, postcode, postal, postal code
    region: state, province
    boolean: bool, checkbox, flag, yes/no, yesno, true/false
    phone: tel, telephone, mobile, cell, phone_number
    email: mail, e-mail, email_address
    url: website, link, uri, web
    date: day, birthday, dob, birthdate
    datetime: timestamp, date_time, date-time, moment, time
    consent: tcpa, opt-in, optin, opt_in, accepted
    uuid: guid
    ip: ip_address, ipv4, ipv6
    id: ssn
""")

# Keys as other systems call them; each is proposed where it may stand.
KEYS = _table("""
    required: mandatory, obligatory, is_required, require, must
    one_of: values, options, choices, allowed, enum, allowed_values, select
    pattern: regex, regexp, match, matches
    note: message, error, error_message, reason, comment, text, description
    min: minimum, least, from
    max: maximum, most
    min_length: minlength, min_len
    max_length: maxlength, max_len, length
    label: name, title, caption, display
    default: default_value
    aliases: alias, synonyms, also
    formats: format, date_format
    reject_if: if, block_if, reject, deny_if, refuse_if, block, invalid_if, reject_when
    require: must, accept_if, allow_if, valid_if, require_if, condition_met
    unique: dedupe, duplicate, duplicates, dedup, distinct
    within: window, days, for
    limit: cap, caps, max, maximum, quota
    per: period, every, interval
    id: name, rule, key
    listed: blacklist, blocklist, list, suppress, suppression
    not_listed: whitelist, allowlist
    open: hours, opening_hours, schedule
    sale_amount: price, payout, amount, payouts, bid
    amount: price, payout, value, worth
    at_most: max, maximum, cap
    title: name, program
    timezone: tz, time_zone, zone
    currency: money, currency_code, iso_currency
    starts: start, start_date, from
    ends: end, end_date, until
    when: condition, only_if, where, if, filter
    partner: publisher, affiliate, source
    test_flag: test, is_test
    examples: example, tests
    deliver: send, forward, destinations, destination, deliveries, webhook, webhooks, deliver_to, send_to
    to: destination, dest, target, send_to, deliver_to, into, name, id
    fields: field, data, mapping, map, values, send, columns, payload, body
    format: type, content_type, as, encoding
    tests: test, test_leads, include_tests
    erasures: erase, erased, erasing, deletions, deleted
    campaign: campaign_id, campaignid, program, program_id, programid, offer
    event_type: event_type_id, eventtype, eventtypeid, event, action_tracker, action_tracker_id
    event_type: actiontracker, actiontrackerid
    reversals: reversal, reverse, reversed, reject, refunds
    reasons: reason, codes, reason_codes, why
    expect: expected, result, valid
    lead: fields, data, input
""")


def type_meant(word):
    """Return the type that a word means, or None."""
    return next(iter(TYPES.get(str(word).lower().strip(), [])), None)


def key_meant(word, keys):
    """Return which of `keys` a word means, or None."""
    return next((key for key in KEYS.get(word.lower().strip(), []) if key in keys), None)


def closest(word, words):
    """Return the likeliest of `words`, or None."""
    return next(iter(difflib.get_close_matches(word[:100], list(words)[:300], n=1)), None)  # each costs 10 µs


def nearest(word, words):
    """Return `. Did you mean "…"?` with the likeliest of `words`, or nothing."""
    found = closest(word, words)
    return f'. Did you mean "{found}"?' if found else ""


# --- Numbers ---


def as_number(text):
    """Return an amount that people write otherwise (55,00, $55, 1.055,00) as rule files want it, or None."""
    try:
        value = judge.numbers.money(None, None)(str(text).strip()[:40])
    except Refused:
        return None
    return f"{value:.2f}" if value % 1 or re.search("[.,][0-9]{1,2}$", str(text).strip(" $€£")) else f"{int(value)}"


# --- Time zones ---

_ZONES = _table("""
    America/New_York: est, edt, et, eastern, new york city, nyc, us eastern, washington, boston, miami, atlanta
    America/Chicago: cst, cdt, ct, central, us central, dallas, houston, austin
    America/Denver: mst, mdt, mt, mountain, us mountain
    America/Los_Angeles: pst, pdt, pt, pacific, us pacific, la, san francisco, seattle, california
    America/Anchorage: akst, akdt, alaska
    Pacific/Honolulu: hst, hawaii
    America/Phoenix: arizona
    Europe/London: bst, gmt, uk, england
    Europe/Berlin: cet, cest, germany
    Europe/Athens: eet, eest
    Asia/Kolkata: ist, india
    Australia/Sydney: aest, aedt
    UTC: z, zulu, utc+0, gmt+0
""")


def zone_meant(text):
    """Return the time zone that a word, a city or an abbreviation means, or None."""
    word = re.sub(r"[\s_-]+", " ", str(text)[:60].lower()).strip()
    if word in _ZONES or word in _cities():
        return _ZONES[word][0] if word in _ZONES else _cities()[word]
    coast = re.match(r"(?:us |america )?(eastern|central|mountain|pacific)\b", word)  # Central Standard Time
    return _ZONES[coast[1]][0] if coast else None


@cache
def _cities():
    """Return the zones by name and by city, in small letters and with blanks."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    plain = {zone.lower().replace("_", " ").replace("-", " "): zone for zone in zones}
    return {zone.rpartition("/")[2]: plain[zone] for zone in plain} | plain
