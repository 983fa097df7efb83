"""Programs that the tests of the documents for partners share."""

# All types and limits, all words of rules, and all that can be said of a field.
MONSTER = """
title: Everything at once
respond: json
invalid_status: 422
timezone: America/New_York
starts: 2020-01-01
ends: 2899-12-31
partner: irpid
test_flag: is_test
customer: [email]
retry_key: [click_id]
blanks: [N/A, none]
docs: public
fields:
  email: {type: email, required: true, label: email address, aliases: [e-mail, contact.email],
          disposable: reject, role: reject, free: reject}
  name: {required: true, min_length: 2, max_length: 80, example: "Ann \\"O'Neill\\" $HOME \\\\ `x` Zoë\\nLee"}
  campaign: {pattern: "[A-Z]{2}-[0-9]+|none", example: SP-17}
  phone: {type: phone, country: US, countries: [US, CA], kinds: [mobile], blanks: ['0000000000'],
          on_invalid: warn}
  zip: {type: postal_code, country: US}
  state: {type: region, country: US, one_of: [CA, NY]}
  nationality: {type: country, default: US}
  born: {type: date, formats: [ISO, MM/DD/YYYY, D-MMM-YY, epoch], min: "1900-01-01", sensitive: true}
  called: {type: datetime, max: today}
  move_in: {type: date, formats: [M/D/YYYY, 'MMMM D, YYYY'], min: today}
  credit: {type: range, min: 300, max: 850, sensitive: true}
  call_at: {type: datetime, formats: ['M/D/YYYY h:mm A', MM/DD/YYYY HH:mm, ISO, epoch]}
  children: {type: integer, min: 0, max: 20}
  acres: {type: number}
  loan: {type: money, min: 50000, label: loan amount}
  owner: {type: boolean, default: "no", yes: [owns], no: [rents]}
  rent: {type: money, required: not owner}
  deed: {required: {all: [owner, (acres / 3 > 1) == owner]}}
  consent: {type: consent, required: true, yes: [granted]}
  plan: {type: choice, one_of: [basic, full]}
  page: {type: url}
  address: {type: ip}
  session: {type: uuid}
  ssn: {type: id, standard: us.ssn, store: false}
  irpid: {}
  click_id: {}
  is_test: {type: boolean}
rules:
  - {id: adult, reject_if: age(born) < 18, note: Applicants must be 18 or older}
  - {id: jumbo, when: loan > 700000, require: phone is present}
  - {id: poor, require: low(credit) >= 580}
  - {id: odd, when: plan == 'full', reject_if: (children > 2) == owner}
  - {id: odder, when: (children > 3) == owner, reject_if: (children > 2) == owner}
  - {id: nobody, listed: {email: blocked.txt}, note: This address is blocked}
  - {id: campaigns, not_listed: {campaign: campaigns.txt}}
  - {id: hours, open: [Mon-Sun 00:00-24:00], closed: [2099-12-25]}
  - {id: shut, closed: [2099-12-26]}
  - {id: person, unique: {any_of: [email, phone]}, within: 90 days, across: all}
  - {id: cap, limit: 20000, per: day, by: [irpid]}
  - {id: money, budget: 7654321, per: month}
  - {id: caps, limit: {hidden-partner: 7654321, default: 7654322}, per: total, by: [irpid]}
  - {id: looked-up, reject_if: "listed(campaign, 'blocked.txt')"}
  - {id: hidden-rule, public: false, reject_if: name == 'hidden-condition', note: hidden-note}
  - {id: watched-rule, mode: observe, reject_if: name == 'hidden-watched', note: hidden-observed}
  - {id: off-rule, mode: off, reject_if: name == 'hidden-off', note: hidden-off-note}
sale_amount:
  - {when: name == 'hidden-name', amount: 76.54}
  - {when: "listed(name, 'campaigns.txt')", amount: loan * 0.07654321, at_most: 80}
  - {amount: 12.34}
examples:
  - name: hidden
    lead: {email: ann@acme.example, name: hidden-condition, rent: "10", consent: "yes", campaign: hidden-AA}
    expect: [campaign.pattern]
  - name: refused by what is hidden
    lead: {email: ann@acme.example, name: hidden-condition, rent: "10", consent: "yes"}
    expect: [hidden-rule]
  - name: valid
    lead: {email: ann@acme.example, name: Ann, rent: "10", consent: "yes", campaign: XY-999, state: California}
    expect: valid
"""

LISTS = {"blocked.txt": "hidden-entry@example.org\n", "campaigns.txt": "XY-999\nSP-17\n"}

# What a page could be broken with, wherever a rule file takes a text.
BAD = "<script>alert(1)</script> | `x` **b** [l](javascript:1) & \"q\" 's' </code></pre> ```"
HOSTILE = f"""
title: &bad {BAD!r}
docs: public
blanks: ["<script>alert(3)</script> | `z` **b**"]
fields:
  email: {{type: email, required: true, label: *bad, note: *bad, aliases: [*bad]}}
  truth: {{type: boolean, yes: [*bad], blanks: [*bad]}}
  text: {{example: *bad, one_of: [*bad, b], label: *bad}}
  other: {{required: "text == '<script>alert(2)</script>|`y`'", default: *bad, pattern: "(?s).*|`<script>`"}}
rules:
  - {{id: r, reject_if: "text == '<script>alert(2)</script>|`y`'", note: *bad}}
  - {{id: s, reject_if: "(length(text) > 7) == (other == '9') or text == '<script>|`y`'", note: Another}}
"""
HOSTILE = HOSTILE.replace(repr(BAD), '"' + BAD.replace("\\", "\\\\").replace('"', '\\"') + '"')
