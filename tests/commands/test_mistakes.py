"""A rule file with 25 mistakes, each with what is told of it: side by side, as a specification of the messages.

Each message stands below its mistake, and begins with the number of its line.
"""

from judge.types import TYPES

FILE = """\
titel: Acme home loans
### 1: "titel" is not a known key. Did you mean "title"?
timezone: CST
### 2: "CST" is not a time zone. Did you mean "America/Chicago"?
partner irpid
### 3: the colon is missing: write "partner: irpid"
fields:
  email:\u00a0{type: email, required: true}
### 5: a no-break space (U+00A0) stands where only an ordinary space may: delete it and type a space
  first_name:
      max_length: 80
    required: true
### 8: this line is indented by 4 spaces, as no line above: indent it by 6, as line 7 is, or 2, as line 6 is
  phone
    type: phone
    country: US
### 9: the colon is missing: write "phone:"
  zip: {type: zip, country: US}
### 12: field "zip": "zip" is not one of TYPES. Did you mean "postal_code"?
  state: {type: choice, one_of: [CA, NY}
### 13: the [ is not closed before the }: write ] first
  born: {type: date, formats: [YYYY-MM-DD]
### 14: the { that is opened in this line is never closed: write } at its end
  years: {type: integer, min: abc}
### 15: field "years": min: "abc" is not a value that this field can have: it takes a whole number
  owner: {type: boolean, required: ture}
### 16: field "owner": required: "ture": there is no field "ture". Did you mean "true"?
  amount: {type: money, min: 50,000}
### 17: within { } a comma divides 50,000: write 50000
  irpid:
\t  pattern: "[0-9]+"
### 19: this line is indented with a tab: indent with spaces
rules:
  - id: adult
    reject_if: age(born) is less than 18
### 22: rule "adult": reject_if: "age(born) is less than 18" cannot be read as a condition: write age(born) < 18
  - id: jumbo
    when: amount >= 750,000
    require: phone is not empty
### 24: rule "jumbo": when: "amount >= 750,000" cannot be read as a condition: write numbers without commas: 750000
### 25: rule "jumbo": require: "phone is not empty": there is no "empty" here: write phone is present
  - id: us
    reject_if: zip == IL
### 27: rule "us": reject_if: "zip == IL": there is no field "IL"; a text stands in quotes: 'IL'. The fields are FIELDS
  - id: few
    reject_if: years >= 5 and <= 9
### 29: rule "few": reject_if: "years >= 5 and <= 9" cannot be read as a condition: write years >= 5 and years <= 9
  - id: test
    reject_if: zip contains 'test'
    note: Sorry: no tests
### 31: rule "test": reject_if: "zip contains 'test'" cannot be read as a condition: write contains(zip, 'test')
### 32: a text that holds ": " wants quotes: write note: "Sorry: no tests"
  - id: again
    unique: [email]
    within: 3 months
    note: 'You can't apply again'
### 35: rule "again": "3 months" is not a length of time: write it as "90 days" (minutes, hours, days or weeks)
### 36: the apostrophe ends the text: put it in double quotes, "You can't apply again"
  - id: cap
    limit: 10 per day
    per: day
### 38: rule "cap": "10 per day" is not a number of leads: write it as 200
sale_amount: 55,00
### 40: "55,00" is not an amount: write 55.00
examples:
  - name: "a good lead
    lead: {email: ann@example.com}
    expect: valid
### 42: the quote " that is opened in this line is never closed: write it behind the text
"""
FIELDS = "email, first_name, phone, zip, state, born, years, owner, amount, irpid"


def text_and_messages():
    lines = FILE.splitlines()
    text = "\n".join(line for line in lines if not line.startswith("### "))
    told = [line.removeprefix("### ").replace("TYPES", ", ".join(TYPES)).replace("FIELDS", FIELDS) for line in lines]
    return text, [line for line, written in zip(told, lines, strict=True) if written.startswith("### ")]


def test_a_file_of_25_mistakes_is_told_all_of_them_each_with_what_to_write(flask, tmp_path):
    text, messages = text_and_messages()
    (tmp_path / "loans.yaml").write_text(text, encoding="utf-8")
    result = flask("rules", "check", "loans.yaml")
    assert result.exit_code == 1 and len(messages) == 25
    assert result.output.splitlines() == [f"loans.yaml:{message}" for message in messages]
