"""How long it takes to judge a lead: `python bench/judging.py` prints medians in microseconds.

A lead of 10 fields is judged by 10, 20 and 40 rules without claims; the time should grow linearly
with the rules. Each figure is the median of 2,000 leads, no two of them alike.
"""

import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from judge.compiler import compile_program
from judge.judgement import judge

LEADS = 2000
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

FIELDS = """
fields:
  email:      {type: email, required: true}
  first_name: {required: true, max_length: 80}
  last_name:  {required: true, max_length: 80}
  phone:      {type: phone, country: US}
  zip:        {type: postal_code, country: US}
  state:      {type: choice, one_of: [CA, NY, TX]}
  birth_date: {type: date}
  loan:       {type: money, min: 1000}
  owner:      {type: boolean}
  irpid:      {pattern: "[0-9]{1,9}"}
rules:
"""

RULES = [
    "reject_if: age(birth_date) < 18",
    "reject_if: irpid in ['1234', '9876']",
    "when: loan > 700000\n    require: phone is present",
    "reject_if: domain(email) == 'acme.example'",
    "reject_if: state == 'TX' and loan < 2000",
    "require: owner or loan < 500000",
    "reject_if: {any: [zip == '00000', first_name == last_name]}",
    "reject_if: loan * 0.01 > 100000",
    "require: email is present",
    "open: 00:00-24:00",
]


def program(count):
    rules = "".join(f"  - id: rule-{n}\n    {RULES[n % len(RULES)]}\n" for n in range(count)) or "  []"
    return compile_program("bench", "bench.yaml", FIELDS + rules, "hash", NOW)


def lead(number):
    return {
        "email": [f"ann{number}@example.com"],
        "first_name": ["Ann"],
        "last_name": ["Lee"],
        "phone": [f"(415) 555-{number % 10000:04d}"],
        "zip": [f"{94000 + number % 999}"],
        "state": ["CA"],
        "birth_date": ["1980-12-31"],
        "loan": [f"{1000 + number}.50"],
        "owner": ["yes"],
        "irpid": [str(number)],
    }


def median(made):
    times = []
    for number in range(LEADS):
        fields = lead(number)
        started = time.perf_counter()
        verdict = judge(made, fields, NOW)
        times.append((time.perf_counter() - started) * 1e6)
        if verdict.fields["email"] != fields["email"][0]:
            raise SystemExit("the lead was not judged")
    return statistics.median(times)


if __name__ == "__main__":
    for count in (0, 10, 20, 40):
        print(f"10 fields, {count:2} rules: {median(program(count)):6.1f} µs")
