"""What the page of a program shows of `deliver:`, and the page that tries a lead."""

from brand import EXAMPLES, OPERATORS, RULES, Operator, text_of

DELIVER = """
deliver:
  - {to: crm, when: email is present, fields: {Email: email, ref: $id}, format: form, erasures: true}
  - {to: staging, tests: true}
"""


def pages_of(make_app, rules):
    return Operator(make_app({"default": rules}, operators=OPERATORS))


def test_the_page_of_a_program_shows_which_leads_go_where_and_what_of_them(make_app):
    page = text_of(pages_of(make_app, RULES + EXAMPLES + DELIVER).get("/dashboard/programs/default"))
    sentence = "Valid leads with email is present; it is told of those that are erased"
    assert f"Where valid leads go crm {sentence}: Email (email), ref ($id), as a form" in page
    assert "staging Every valid lead, tests too: the whole lead, as JSON" in page


def test_a_program_without_destinations_shows_none(make_app):
    page = text_of(pages_of(make_app, RULES + EXAMPLES).get("/dashboard/programs/default"))
    assert "Where valid leads go" not in page
