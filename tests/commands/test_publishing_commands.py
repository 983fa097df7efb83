"""`flask rules publish`, `rollback`, `adopt` and `retire`: what becomes live, and what is refused."""

import pytest
from cast import RULES, Partner

from app import create_app
from web.published import LIST

OTHER = RULES.replace("Applicants must be 18 or older", "Older, please")
NAMING = RULES.replace("rules:\n", "rules:\n  - {id: bad, listed: {email: bad.txt}, note: No}\n")
EXAMPLE = "examples: [{name: a child, lead: {email: ann@example.com, years: '9'}, expect: %s}]\n"


# --- publish ---


def test_a_file_becomes_live_with_who_and_why(owner):
    output = owner.rules("publish", owner.write(OTHER), "--comment", "kinder words")
    assert "-    note: Applicants must be 18 or older\n+    note: Older, please\n" in output
    assert "--- default, version 1\n+++ default.yaml\n" in output
    last = output.splitlines()[-1]
    assert last.startswith("default: version 2, published by ann, ") and last.endswith("within two seconds")
    assert owner.log() == [(2, "publish", "ann", "kinder words"), (1, "seed", "deploy", "as the deploy brought it")]
    assert owner.child() == "Older, please"


def test_warnings_are_shown_as_rules_check_shows_them(owner):
    output = owner.rules("publish", owner.write(OTHER), "--comment", "kinder", "--by", "bob")
    assert "default.yaml:1: warning: there are no examples" in output
    assert owner.log()[0] == (2, "publish", "bob", "kinder")


def test_a_text_is_published_to_the_letter(owner):
    (owner.folder / "default.yaml").write_bytes(text := OTHER.replace("\n", "\r\n").encode() + b"# the end")
    owner.rules("publish", "default.yaml", "--comment", "from Windows")
    assert owner.live().encode() == text


def test_what_does_not_compile_is_refused_with_its_lines(owner):
    path = owner.write("fields: {email: {typ: email, requird: true}}")
    assert owner.rules("publish", path, "--comment", "x", status=1).splitlines() == [
        'default.yaml:1: field "email": "requird" is not a known key. Did you mean "required"?',
        'default.yaml:1: field "email": "typ" is not a known key. Did you mean "type"?',
        "default: nothing was published",
    ]
    assert owner.live() == RULES


def test_what_fails_its_examples_is_refused(owner):
    output = owner.rules("publish", owner.write(OTHER + EXAMPLE % "valid"), "--comment", "x", status=1)
    assert 'default.yaml:17: example "a child"' in output and "adult" in output
    assert owner.live() == RULES


def test_who_names_another_version_than_is_live_is_refused_and_sees_what_changed(owner):
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder", "--based-on", "1", "--by", "bob")
    output = owner.rules("publish", owner.write(RULES), "--comment", "mine", "--based-on", "1", status=1)
    assert "version 2 by bob is live, and this is based on version 1" in output
    assert "--- default, version 1\n+++ default, version 2\n" in output and "+    note: Older, please\n" in output
    assert len(owner.log()) == 2


def test_a_text_that_is_live_already_is_published_no_second_time(owner):
    assert "version 1 of default has this text already" in owner.rules(
        "publish", owner.write(RULES), "--comment", "again"
    )
    assert owner.json("publish", "default.yaml", "--comment", "again")["published"] is False
    assert len(owner.log()) == 1


@pytest.mark.parametrize("more", [["--comment", " "], ["--comment", "x" * 1001]])
def test_a_comment_says_something(owner, more):
    assert "comment" in owner.rules("publish", owner.write(OTHER), *more, status=1)


def test_without_a_comment_nothing_is_published(owner):
    assert "Missing option '--comment'" in owner.rules("publish", owner.write(OTHER), status=2)
    assert "Missing option '--comment'" in owner.rules("retire", "default", status=2)


def test_a_file_of_any_name_is_published_as_a_program(owner):
    owner.rules("publish", owner.write(OTHER, "draft-2.yaml"), "--program", "default", "--comment", "x")
    assert owner.live() == OTHER


def test_a_new_program_is_told_of_since_its_name_may_be_misspelt(owner):
    output = owner.rules("publish", owner.write(OTHER, "defalt.yaml"), "--comment", "x")
    assert 'defalt is a new program, with an address of its own: /leads/defalt. Did you mean "default"?' in output


def test_for_programs_it_says_all_in_one_object(owner):
    made = owner.json("publish", owner.write(OTHER), "--comment", "kinder")
    assert (made["thing"], made["name"], made["published"], made["version"]) == ("rules", "default", True, 2)
    assert made["errors"] == [] and "+    note: Older, please" in made["difference"]
    assert [warning.partition(": ")[0] for warning in made["warnings"]] == ["default.yaml:1"]
    refused = owner.json("publish", owner.write("fields: {}"), "--comment", "x", status=1)
    assert refused.keys() == made.keys()
    assert (refused["published"], refused["version"], refused["errors"]) == (
        False,
        None,
        ['default.yaml:1: "fields:" is empty'],
    )


def test_a_name_that_is_none_is_refused(owner):
    assert "write a name" in owner.rules("publish", owner.write(OTHER), "--comment", "x", "--by", " ", status=2)
    assert "--program is empty" in owner.rules("publish", "default.yaml", "--comment", "x", "--program", "", status=1)
    assert "cannot be the name of a program" in owner.rules(
        "publish", "default.yaml", "--comment", "x", "--program", "a/b", status=1
    )


# --- Lists ---


def test_lists_beside_rules_come_along_where_the_library_has_none(owner):
    owner.write("bob@example.com\n", "bad.txt")
    output = owner.rules("publish", owner.write(NAMING), "--comment", "with a list")
    assert "with it came the list bad.txt\n" in output
    assert owner.live("bad.txt", LIST) == "bob@example.com\n"
    assert Partner(create_app(owner.settings)).lead(email="bob@example.com")["note"] == "No"
    assert owner.log("bad.txt") == [(1, "publish", "ann", "with a list")]


def test_a_list_that_is_live_stays_and_that_is_told(owner):
    owner.write("bob@example.com\n", "bad.txt")
    owner.rules("publish", owner.write(NAMING), "--comment", "with a list")
    owner.write("eve@example.com\n", "bad.txt")
    made = owner.json("publish", owner.write(NAMING + "# more\n"), "--comment", "again")
    assert made["warnings"][-1].startswith("bad.txt is another text than the list that is live, which stays")
    assert made["lists"] == [] and owner.live("bad.txt", LIST) == "bob@example.com\n"


def test_a_list_that_is_nowhere_is_a_mistake(owner):
    output = owner.rules("publish", owner.write(NAMING), "--comment", "x", status=1)
    assert "there is no list bad.txt in the database" in output and "default.yaml:9: " in output


def test_a_file_that_is_no_yaml_is_published_as_a_list(owner):
    owner.write("bob@example.com\n", "bad.txt")
    owner.rules("publish", owner.write(NAMING), "--comment", "with a list")
    output = owner.rules("publish", owner.write("eve@example.com\n", "bad.txt"), "--comment", "Eve, not Bob")
    assert "-bob@example.com\n+eve@example.com\n" in output
    assert Partner(create_app(owner.settings)).lead(email="bob@example.com")["valid"] == "true"


def test_a_list_is_named_as_it_stands_below_the_rules_folder_or_as_is_said(owner):
    (owner.folder / "rules" / "lists").mkdir()
    owner.write("bob@example.com\n", "rules/lists/bad.txt")
    assert owner.json("publish", "rules/lists/bad.txt", "--comment", "x")["name"] == "lists/bad.txt"
    owner.write("eve@example.com\n", "new.txt")
    assert owner.json("publish", "new.txt", "--list", "lists/bad.txt", "--comment", "x")["version"] == 2
    (warning,) = owner.json("publish", owner.write("x@example.com\n", "bad.txt"), "--comment", "x")["warnings"]
    assert warning == 'no live rules name the list bad.txt. Did you mean "--list lists/bad.txt"?'


def test_a_list_that_breaks_live_rules_is_refused_with_what_breaks(owner):
    owner.write("bob@example.com\n", "bad.txt")
    good = "examples: [{name: good, lead: {email: ann@example.com}, expect: valid}]\n"
    owner.rules("publish", owner.write(NAMING + good), "--comment", "with a list")
    output = owner.rules("publish", owner.write("ann@example.com\n", "bad.txt"), "--comment", "Ann", status=1)
    assert 'rules/default.yaml:18: example "good"' in output
    assert "bad.txt is empty" in owner.rules("publish", owner.write("", "bad.txt"), "--comment", "x", status=1)
    assert owner.live("bad.txt", LIST) == "bob@example.com\n"


def test_lines_of_a_list_that_cannot_be_read_are_warned_of(owner):
    owner.write("bob@example.com\n", "bad.txt")
    owner.rules("publish", owner.write(NAMING), "--comment", "with a list")
    made = owner.json("publish", owner.write("bob@example.com\nBob, Mr\n", "bad.txt"), "--comment", "x")
    assert "rules/bad.txt:2: this line is not a valid email address" in made["warnings"][0]


def test_a_list_is_rolled_back_and_retired_by_its_name(owner):
    owner.write("bob@example.com\n", "bad.txt")
    owner.rules("publish", owner.write(NAMING), "--comment", "with a list")
    owner.rules("publish", owner.write("eve@example.com\n", "bad.txt"), "--comment", "Eve")
    owner.rules("rollback", "bad.txt")
    assert owner.live("bad.txt", LIST) == "bob@example.com\n"
    told = owner.rules("retire", "bad.txt", "--comment", "over", status=1)
    assert "bad.txt is named by default: take it out of their rules first" in told
    owner.rules("rollback", "default")
    owner.rules("retire", "bad.txt", "--comment", "over")
    assert owner.log("bad.txt")[0] == (4, "retire", "ann", "over")
    owner.rules("publish", owner.write(NAMING), "--comment", "with it again")
    assert owner.log("bad.txt")[0] == (5, "publish", "ann", "with it again")


# --- rollback ---


def test_an_earlier_version_becomes_live_again_as_one_more(owner):
    owner.rules("publish", owner.write(OTHER), "--comment", "kinder")
    output = owner.rules("rollback", "default")
    assert "--- default, version 2\n+++ default, version 1\n" in output and "rolled back by ann" in output
    assert owner.child() == "Applicants must be 18 or older"
    owner.rules("rollback", "default", "2", "--comment", "no, kinder")
    assert owner.log()[:2] == [(4, "rollback", "ann", "no, kinder"), (3, "rollback", "ann", "back to version 1")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (["default"], "default has no earlier version with another text"),
        (["default", "7"], "default has no version 7 with a text"),
        (["defalt"], 'nothing was ever published as defalt. Did you mean "default"?'),
        (["default", "1", "--based-on", "3"], "there is no version 3 of default: look at flask rules log default"),
    ],
)
def test_a_roll_back_that_cannot_be_is_refused(owner, line, why):
    assert why in owner.rules("rollback", *line, status=1)
    assert len(owner.log()) == 1


# --- adopt, retire ---


def test_a_file_that_changed_in_a_deploy_is_adopted_by_name(owner):
    (owner.folder / "rules" / "default.yaml").write_text(OTHER)
    assert owner.child() == "Applicants must be 18 or older"
    output = owner.rules("adopt", "default")
    assert "+++ rules/default.yaml\n" in output and "+    note: Older, please\n" in output
    assert owner.log()[0] == (2, "adopt", "ann", "the file of the deploy")
    assert owner.child() == "Older, please"
    assert "version 2 of default has the text of rules/default.yaml already" in owner.rules("adopt", "default")


def test_a_broken_file_or_none_is_not_adopted(owner):
    (owner.folder / "rules" / "default.yaml").write_text("fields: {}")
    assert 'rules/default.yaml:1: "fields:" is empty' in owner.rules("adopt", "default", status=1)
    (owner.folder / "rules" / "default.yaml").unlink()
    assert "there is no file rules/default.yaml in this deploy" in owner.rules("adopt", "default", status=1)


def test_a_new_file_may_be_adopted_before_the_next_start(owner):
    (owner.folder / "rules" / "solar.yaml").write_text(OTHER)
    owner.rules("adopt", "solar", "--comment", "now")
    assert owner.log("solar") == [(1, "adopt", "ann", "now")]


def test_a_retired_program_takes_no_leads_until_it_is_rolled_back(owner):
    assert owner.rules("retire", "default", "--comment", "over") == "default: version 2, retired by ann\n"
    assert Partner(create_app(owner.settings)).lead(email="ann@example.com")["status"] == 404
    assert "there is no program default: ann retired it" in owner.rules("try", "default", "-", status=1)
    assert "there is no program default that takes leads" in owner.rules(
        "retire", "default", "--comment", "x", status=1
    )
    owner.rules("rollback", "default")
    assert owner.child() == "Applicants must be 18 or older"
