"""Versions of rules and lists: what is published, by whom, and what is refused."""

import threading

import pytest
from cast import RULES

import database
from judge.rulefile import RuleFileError
from leads import publishing
from leads.deployed import changed_files
from leads.publishing import Outdated, PublishingError, adopt, keep, publish, retire, rollback, seed
from models import Published
from web.published import LIST, PublishedBook

OTHER = RULES.replace("years < 18", "years < 21")
LISTED = """
fields: {email: {type: email}}
rules: [{id: bad, listed: {email: bad.txt}, note: No}]
examples: [{name: good, lead: {email: ann@example.com}, expect: valid}]
"""

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def deploy(tmp_path):
    """A folder of rule files as a deploy brings it."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "solar.yaml").write_text(RULES)
    return folder


def read(function, *given, **more):
    with database.read():
        return function(*given, **more)


def history(name="solar", thing="rules"):
    return [(row.version, row.kind, row.by, row.comment) for row in read(publishing.history, name, thing)]


def book_of(folder):
    book = PublishedBook(str(folder))
    book.refresh()
    return book


def test_a_text_is_kept_to_the_letter_with_who_when_and_why():
    text = "# ours\r\n" + RULES + "\n\n# the end"
    row = publish("solar", text, "ann", " younger leads ", folder="rules")
    kept = read(publishing.live, "solar")
    assert (kept.text, kept.by, kept.comment, kept.kind) == (text, "ann", "younger leads", "publish")
    assert (row.version, row.id, row.thing) == (1, kept.id, "rules")
    assert abs((kept.at - read(database.now)).total_seconds()) < 60


def test_who_publishes_on_another_version_than_is_live_is_told_which_that_is():
    publish("solar", RULES, "ann", "first")
    publish("solar", OTHER, "bob", "older", based_on=1)
    with pytest.raises(Outdated, match="version 2 by bob is live, and this is based on version 1") as error:
        publish("solar", RULES, "ann", "again", based_on=1)
    assert error.value.live.version == 2
    assert len(history()) == 2


@pytest.mark.parametrize("version", [-1, 0, 2**31, 10**30])
def test_a_number_that_no_version_has_is_not_found(version):
    publish("solar", RULES, "ann", "first")
    assert read(publishing.find, "solar", version) is None


def test_a_new_program_is_based_on_nothing():
    with pytest.raises(Outdated, match="nothing is published"):
        publish("solar", RULES, "ann", "first", based_on=1)
    assert publish("solar", RULES, "ann", "first", based_on=0).version == 1


def test_of_two_at_once_exactly_one_wins():
    publish("solar", RULES, "ann", "first")
    outcomes, barrier = [], threading.Barrier(4)

    def one(number):
        barrier.wait()
        try:
            outcomes.append(publish("solar", f"{OTHER}# {number}\n", f"n{number}", "mine", based_on=1).by)
        except Outdated as error:
            outcomes.append(error.live.by)

    threads = [threading.Thread(target=one, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert set(outcomes) == {read(publishing.live, "solar").by}
    assert [row[0] for row in history()] == [2, 1]


@pytest.mark.parametrize(
    ("text", "why"), [("fields: {email: {type: emial}}", "emial"), (LISTED, "no list bad.txt in the database")]
)
def test_what_does_not_compile_is_not_published(text, why):
    with pytest.raises(RuleFileError, match=why):
        publish("solar", text, "ann", "broken")
    assert history() == []


def test_what_fails_its_examples_is_not_published():
    wrong = RULES + "examples: [{name: a, lead: {email: ann@example.com, years: '9'}, expect: valid}]\n"
    with pytest.raises(RuleFileError, match="adult"):
        publish("solar", wrong, "ann", "wrong")


@pytest.mark.parametrize(
    "name", ["", ".solar", "a/b", "a\\b", " solar", "a\0b", "a\ud800", "solar\u200b", "solar\u202e", "x" * 101]
)
def test_a_name_that_no_file_could_have_is_refused(name):
    with pytest.raises(PublishingError, match="cannot be the name of a program"):
        publish(name, RULES, "ann", "first")


@pytest.mark.parametrize("name", ["", "../bad.txt", "/etc/passwd", "lists/.bad", "solar.yaml", "solar.yml"])
def test_a_list_has_a_name_within_the_folder(name):
    with pytest.raises(PublishingError, match="cannot be the name of a list"):
        publish(name, "ann@example.com\n", "ann", "first", thing=LIST)


@pytest.mark.parametrize("comment", ["", "  ", "x" * 1001, "a\0b"])
def test_a_publication_says_why(comment):
    with pytest.raises(PublishingError, match="comment"):
        publish("solar", RULES, "ann", comment)


@pytest.mark.parametrize("text", [RULES + "# \0", RULES + "# \ud800"])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(PublishingError):
        publish("solar", text, "ann", "first")


def test_rules_bring_their_lists_along_and_those_that_are_there_stay():
    publish("solar", LISTED, "ann", "with its list", lists={"bad.txt": "x@example.com\n"})
    publish("home", LISTED, "bob", "with another", lists={"bad.txt": "y@example.com\n"})
    assert read(publishing.live, "bad.txt", LIST).text == "x@example.com\n"
    assert history("bad.txt", LIST) == [(1, "publish", "ann", "with its list")]


def test_rules_that_are_refused_leave_no_list_behind():
    with pytest.raises(RuleFileError):
        publish("solar", LISTED.replace("valid", "[bad]"), "ann", "wrong", lists={"bad.txt": "x@example.com\n"})
    assert read(Published.select().count) == 0


def test_a_list_is_refused_where_a_live_program_that_names_it_breaks():
    publish("solar", LISTED, "ann", "first", lists={"bad.txt": "x@example.com\n"})
    with pytest.raises(RuleFileError, match="is empty"):
        publish("bad.txt", "", "ann", "nobody", thing=LIST)
    with pytest.raises(RuleFileError, match="expected valid"):
        publish("bad.txt", "ann@example.com\n", "ann", "Ann is bad", thing=LIST)
    assert publish("bad.txt", "# nobody\n", "ann", "nobody", thing=LIST).version == 2


def test_a_roll_back_is_one_more_version_with_the_text_of_before():
    for text in (RULES, OTHER, OTHER):
        publish("solar", text, "ann", "one")
    row = rollback("solar", "bob")
    assert (row.version, row.text, row.kind, row.comment) == (4, RULES, "rollback", "back to version 1")
    assert rollback("solar", "bob", "no", version=3).text == OTHER


def test_there_is_nothing_to_roll_back_to_where_there_was_no_other_text():
    with pytest.raises(PublishingError, match="nothing was ever published as solar"):
        rollback("solar", "bob")
    publish("solar", RULES, "ann", "one")
    with pytest.raises(PublishingError, match="no earlier version with another text"):
        rollback("solar", "bob")
    with pytest.raises(PublishingError, match="has no version 7"):
        rollback("solar", "bob", version=7)


def test_a_list_is_rolled_back_too():
    publish("bad.txt", "x\n", "ann", "one", thing=LIST)
    publish("bad.txt", "y\n", "ann", "two", thing=LIST)
    assert rollback("bad.txt", "ann", thing=LIST).text == "x\n"


def test_a_retired_program_is_gone_until_somebody_publishes_it_again(tmp_path):
    publish("solar", RULES, "ann", "one")
    assert retire("solar", "ann", "over", based_on=1).version == 2
    assert "solar" not in book_of(tmp_path).programs
    with pytest.raises(PublishingError, match="no program solar that takes leads"):
        retire("solar", "ann", "over")
    assert rollback("solar", "ann").text == RULES
    assert "solar" in book_of(tmp_path).programs


def test_a_deploy_seeds_what_the_database_does_not_know_once(deploy):
    (deploy / "home.yaml").write_text(LISTED)
    (deploy / "bad.txt").write_bytes(b"x@example.com\r\n")
    assert {(row.name, row.version) for row in seed(str(deploy))} == {("bad.txt", 1), ("home", 1), ("solar", 1)}
    assert seed(str(deploy)) == []
    assert history("home") == [(1, "seed", "deploy", "as the deploy brought it")]
    assert read(publishing.live, "bad.txt", LIST).text == "x@example.com\r\n"


def test_two_machines_that_seed_at_once_make_one_version(deploy):
    barrier = threading.Barrier(2)

    def start():
        barrier.wait()
        seed(str(deploy))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history()) == 1


def test_a_retired_program_is_not_seeded_again(deploy):
    seed(str(deploy))
    retire("solar", "ann", "over")
    assert seed(str(deploy)) == []
    assert "solar" not in book_of(deploy).programs


def test_of_a_deploy_with_a_broken_new_file_nothing_is_published(deploy):
    (deploy / "home.yaml").write_text("fields: {email: {type: emial}}")
    with pytest.raises(RuleFileError, match="home.yaml:1"):
        seed(str(deploy))
    assert history() == []


def test_a_changed_file_overwrites_nothing_and_is_named_until_somebody_chooses(deploy):
    seed(str(deploy))
    (deploy / "solar.yaml").write_text(OTHER)
    assert seed(str(deploy)) == []
    book = book_of(deploy)
    assert book.programs["solar"].text == RULES
    assert [(file.name, file.text) for file in changed_files(deploy, book)] == [("solar", OTHER)]
    adopt("solar", "ann", str(deploy), "as in git", based_on=1)
    assert changed_files(deploy, book := book_of(deploy)) == []
    assert book.programs["solar"].text == OTHER


def test_who_keeps_the_live_text_is_not_asked_again(deploy):
    seed(str(deploy))
    (deploy / "solar.yaml").write_text(OTHER)
    assert keep("solar", "ann", str(deploy)).text == RULES
    assert changed_files(deploy, book_of(deploy)) == []


def test_what_is_published_here_is_no_changed_file(deploy):
    seed(str(deploy))
    publish("solar", OTHER, "ann", "older")
    assert changed_files(deploy, book_of(deploy)) == []


def test_a_changed_list_of_the_deploy_is_named_and_adopted(deploy):
    (deploy / "home.yaml").write_text(LISTED)
    (deploy / "bad.txt").write_text("x@example.com\n")
    seed(str(deploy))
    (deploy / "bad.txt").write_text("y@example.com\n")
    assert [(file.thing, file.name) for file in changed_files(deploy, book_of(deploy))] == [("list", "bad.txt")]
    adopt("bad.txt", "ann", str(deploy), "as in git", thing=LIST)
    assert book_of(deploy).lists == {"bad.txt": "y@example.com\n"}


def test_a_file_that_is_not_in_the_deploy_cannot_be_adopted(deploy):
    with pytest.raises(PublishingError, match="there is no file"):
        adopt("home", "ann", str(deploy), "as in git")
    with pytest.raises(PublishingError, match="there is no file"):
        adopt("../../etc/passwd", "ann", str(deploy), "a secret", thing=LIST)
