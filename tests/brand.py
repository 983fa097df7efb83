"""A brand with two operators, one of all programs and one of solar."""

import json

from cast import wait_for
from lxml import html

import models
from judge.judgement import content, judge
from web.settings import User

OWNER = ("owner", "of the brand")


SOLAR = ("sun", "only solar")


OPERATORS = (User(*OWNER), User(*SOLAR, frozenset({"solar"})))


RULES = """
title: Home loans
partner: irpid
test_flag: is_test
customer: [email]
fields:
  email: {type: email, required: true, label: email address}
  phone: {type: phone, country: US}
  birth_date: {type: date, sensitive: true, label: date of birth}
  years: {type: integer}
  irpid: {}
  is_test: {type: boolean}
rules:
  - {id: adult, reject_if: years < 18, note: Applicants must be 18 or older}
  - {id: old, mode: observe, reject_if: years > 80}
  - {id: duplicate, unique: [email]}
sale_amount: 10.00
"""


class Operator:
    """Somebody who looks at the pages in a browser without scripts."""

    def __init__(self, app, auth=OWNER):
        self.http, self.auth = app.test_client(), auth

    def get(self, path, **options):
        return self.http.get(path, auth=self.auth, **options)

    def post(self, path, **fields):
        return self.http.post(path, auth=self.auth, data=fields, headers={"Sec-Fetch-Site": "same-origin"})

    def words(self, path, **fields):
        """Return the text that a page shows, with single spaces."""
        response = self.post(path, **fields) if fields else self.get(path)
        assert response.status_code == 200, response.text
        return text_of(response)


def text_of(response):
    return " ".join(" ".join(html.fromstring(response.text).find("body").itertext()).split())


def id_of(answer):
    return answer["headers"]["Datapost-Lead"]


def record(program, moment, **fields):
    texts = {name: [value] for name, value in fields.items()}
    body = json.dumps(fields).encode()
    submission = models.Submission(program.name, "impact", body, "application/json", b"", moment, content(texts))
    return models.record(submission, judge(program, texts, moment), rule_text=program.text)


EXAMPLES = """
examples:
  - name: a good lead
    lead: {email: ann@example.com}
    expect: valid
  - name: too young
    lead: {email: ann@example.com, years: "9"}
    expect: [adult]
"""


def wait_for_backtests():
    wait_for("backtest")
