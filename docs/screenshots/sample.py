"""Three months of leads of a brand that does not exist: makes a folder with rules and leads.

    python docs/screenshots/sample.py /somewhere/new
    cd /somewhere/new && DATAPOST_OPERATORS=owner:owner DATAPOST_SECRET='of the sample' flask --app …/app.py run

Each lead is judged by the rules of its program and recorded at its time, as the service would have done.
The same leads come out each time, but for their ids and the day on which they end, which is today.
"""

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import database
import models
from judge.compiler import load
from judge.judgement import content, judge
from leads import daily

LOANS = """title: Acme home loans
currency: USD
timezone: America/New_York
partner: irpid
test_flag: is_test
customer: [email]
docs: link

fields:
  email:       {type: email, required: true, label: email address, aliases: [e-mail], example: ann@example.com}
  first_name:  {required: true, max_length: 80, label: first name}
  phone:       {type: phone, country: US}
  state:       {type: choice, one_of: [CA, NY, TX, FL], note: We do not serve this state}
  birth_date:  {type: date, formats: [YYYY-MM-DD, MM/DD/YYYY], sensitive: true, label: date of birth}
  loan_amount: {type: money, min: 50000, label: loan amount}
  consent:     {type: consent, required: true}
  irpid:       {label: partner id}
  is_test:     {type: boolean}

rules:
  - id: adult
    reject_if: age(birth_date) < 18
    note: Applicants must be 18 or older

  - id: jumbo-needs-phone
    when: loan_amount > 700000
    require: phone is present
    note: A phone number is needed for loans over 700,000

  - id: free-mail
    mode: observe
    reject_if: domain(email) in ['mailbox.example', 'quick.example']
    note: Please use an address of your own

  - id: duplicate
    unique: [email]
    within: 90 days
    note: This email address was already submitted

  - id: daily-cap
    limit: 40
    per: day
    by: [irpid]
    note: The number of leads for today is reached

sale_amount:
  - {when: loan_amount >= 250000, amount: 25.00}
  - {amount: 10.00}

examples:
  - name: a good lead
    lead: {email: ann@example.com, first_name: Ann, consent: "yes", state: CA, phone: (415) 555-2671,
           birth_date: "1990-05-01", loan_amount: "300000", irpid: "1001", is_test: "false"}
    expect: valid
    sale_amount: 25.00
  - name: nobody to write to
    lead: {first_name: Ann, consent: "yes"}
    expect: [email.required]
  - name: too young
    lead: {email: ann@example.com, first_name: Ann, consent: "yes", birth_date: "2020-01-01"}
    expect: [adult]
"""
SOLAR = """title: Sunny roofs
currency: USD
timezone: America/New_York
partner: irpid
customer: [email]

fields:
  email: {type: email, required: true, label: email address}
  phone: {type: phone, country: US, required: true}
  zip:   {type: postal_code, country: US}
  irpid: {}

rules:
  - id: duplicate
    unique: [email]
    within: 180 days
    note: This email address was already submitted

sale_amount: 40.00

examples:
  - name: a good lead
    lead: {email: ann@example.com, phone: (415) 555-2671, zip: "94110", irpid: "1001"}
    expect: valid
"""

# Leads a day, how many years of age are told, and how often something is wrong.
PARTNERS = {
    "brightleads": {"daily": 33, "duplicate": 0.06, "consent": 0.02, "young": 0.01},
    "mortgage-match": {"daily": 22, "duplicate": 0.04, "state": 0.08, "young": 0.02},
    "clickfarm-eu": {"daily": 15, "duplicate": 0.22, "email": 0.18, "young": 0.04, "free": 0.6},
    "homefinder": {"daily": 30, "duplicate": 0.03, "consent": 0.05},
    "newcomer": {"daily": 6, "consent": 0.3, "small": 0.2, "since": 12},
}
FIRST = [
    "Ann",
    "Ben",
    "Carla",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Ida",
    "Jack",
    "Kim",
    "Liam",
    "Mia",
    "Noah",
    "Olivia",
    "Paul",
    "Rosa",
    "Sam",
    "Tom",
    "Vera",
]
LAST = [
    "Adams",
    "Baker",
    "Clark",
    "Davis",
    "Evans",
    "Foster",
    "Garcia",
    "Hill",
    "Ivanov",
    "Jones",
    "King",
    "Lopez",
    "Miller",
    "Novak",
    "Owens",
    "Perez",
    "Reed",
]
DAYS = 90
KEY = "of the sample"


def lead_of(partner, habits, number, sent, day, dice):
    """Return the fields of a lead; what a partner does wrong is in its habits."""

    def happens(what):
        return dice.random() < habits.get(what, 0)

    first, last = dice.choice(FIRST), dice.choice(LAST)
    domain = "quick.example" if happens("free") else "example.com"
    email = f"{first}.{last}{number}@{domain}".lower()
    if sent and happens("duplicate"):
        email = dice.choice(sent)
    sent.append(email)
    year = 2015 if happens("young") else dice.randint(1955, 2003)
    fields = {
        "email": "" if happens("email") else email,
        "first_name": first,
        "last_name": last,
        "phone": f"({dice.choice(['415', '212', '305'])}) 555-{dice.randint(1000, 9999)}",
        "state": "WA" if happens("state") else dice.choice(["CA", "NY", "TX", "FL"]),
        "birth_date": f"{year}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}",
        "loan_amount": "20000" if happens("small") else str(dice.randrange(60, 690) * 1000),
        "consent": "no" if happens("consent") else "yes",
        "irpid": partner,
    }
    if partner == "homefinder" and day >= DAYS - 2:  # renamed on their side, without a word
        fields["mobile_number"] = fields.pop("phone")
    if dice.random() < 0.01:
        fields["is_test"] = "true"
    return fields


def main(folder):
    folder = Path(folder)
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "default.yaml").write_text(LOANS)
    (folder / "rules" / "solar.yaml").write_text(SOLAR)
    programs = {name: load(folder / "rules" / f"{name}.yaml") for name in ("default", "solar")}
    models.connect(f"sqlite:///{folder}/datapost.db", KEY)
    dice, now, sent = random.Random(7), datetime.now(UTC), {name: [] for name in PARTNERS}  # noqa: S311
    leads = []
    for day in range(DAYS + 1):
        midnight = (now - timedelta(days=DAYS - day)).replace(hour=5, minute=0, second=0, microsecond=0)
        weekend = 0.55 if midnight.weekday() >= 5 else 1
        for partner, habits in PARTNERS.items():
            if day < DAYS - habits.get("since", DAYS):
                continue
            for _ in range(round(habits["daily"] * weekend * dice.uniform(0.75, 1.25) * (0.8 + 0.4 * day / DAYS))):
                moment = midnight + timedelta(hours=dice.triangular(0, 23.9, 13))
                fields = lead_of(partner, habits, len(leads), sent[partner], day, dice)
                program = "solar" if partner in ("brightleads", "homefinder") and dice.random() < 0.2 else "default"
                leads.append((moment, program, fields))
    for moment, name, fields in sorted((lead for lead in leads if lead[0] <= now), key=lambda lead: lead[0]):
        program, texts = programs[name], {key: [value] for key, value in fields.items()}
        body = json.dumps(fields).encode()
        submission = models.Submission(name, "impact", body, "application/json", b"", moment, content(texts))
        models.record(submission, judge(program, texts, moment), rule_text=program.text)
    while database.transact(lambda: daily.roll_up(list(programs.values()))):
        pass
    database.disconnect()
    print(f"{len(leads)} leads in {folder}")


if __name__ == "__main__":
    main(sys.argv[1])
