"""The folder of rule files: when a changed file or list is used, and what stays while one is broken."""

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from cast import NEVER

from judge import rulebook
from judge.judgement import judge
from judge.rulebook import RuleBook

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_folder_keeps_its_good_programs_beside_the_errors_of_the_others(tmp_path):
    (tmp_path / "good.yaml").write_text("fields: {email: {}}")
    (tmp_path / "bad.yaml").write_text("fields: {}")
    (tmp_path / "named.yml").write_text("fields: {email: {}}")
    (tmp_path / ".good.yaml.swp").write_text("x")
    book = RuleBook(tmp_path)
    assert list(book.programs) == ["good"]
    assert len(book.errors) == 2 and "rename the file to named.yaml" in str(book.errors[1])


def test_an_empty_folder_is_an_error(tmp_path):
    assert "there is no rule file here" in str(RuleBook(tmp_path).errors[0])


def test_a_folder_that_is_none_is_not_called_empty():
    assert "cannot be read (Not a directory): DATAPOST_RULES names it" in str(RuleBook(__file__).errors[0])


@pytest.fixture
def book(tmp_path, clock):
    """A rules folder with one program."""
    (tmp_path / "solar.yaml").write_text("title: one\nfields: {a: {}}")
    (tmp_path / "lists").mkdir()
    book = RuleBook(tmp_path)
    book.refresh()
    return book


@pytest.fixture
def later(book, clock):
    """Let the next lead come after so many seconds, and return the titles of the programs that it finds."""

    def later(seconds):
        clock.passes(seconds)
        book.refresh()
        return {name: program.spec.title for name, program in book.programs.items()}

    return later


@pytest.fixture
def save(book, later, clock):
    """Write a file, and let the next lead come after so many seconds."""

    def save(text, name="solar.yaml", after=2):
        clock.wall = 0  # the file gets the time that it is
        (book.folder / name).write_text(text)
        return later(after)

    return save


ANN = {"a": ["ann@example.com"]}
BY_LIST = "title: by list\nfields: {a: {type: email}}\nrules: [{id: r, listed: {a: blocked.txt}}]"


def test_a_changed_file_is_read_again(save):
    assert save("title: two\nfields: {a: {}}") == {"solar": "two"}


def test_a_file_that_was_changed_just_now_may_not_be_whole_yet(save, later):
    assert save("title: two\nfields: {a: {}}", after=0.3) == {"solar": "one"}
    assert later(0.3) == {"solar": "two"}


def test_the_time_that_a_copied_file_brings_along_does_not_tell_when_it_was_changed(book, save, later):
    for hours in (-1, 1):
        save(f"title: {hours}\nfields: {{a: {{}}}}", after=0)
        os.utime(book.folder / "solar.yaml", (time.time() + hours * 3600,) * 2)
        assert later(0.3) != {"solar": str(hours)}
        assert later(20) == {"solar": str(hours)}


def test_while_leads_come_a_changed_file_is_used_within_a_second(save, later):
    save("title: two\nfields: {a: {}}", after=0)
    titles = [later(0.1)["solar"] for _ in range(10)]
    assert titles[0] == "one" and titles[-1] == "two"


def test_a_broken_edit_changes_nothing_and_is_told_until_it_is_mended(book, save, caplog):
    with caplog.at_level("ERROR"):
        assert save("title: two\nfields: {}") == {"solar": "one"}
    assert [*map(str, book.errors)] == [f'{book.folder}/solar.yaml:2: "fields:" is empty']
    assert set(caplog.messages) == set(map(str, book.errors))
    assert save("title: three\nfields: {a: {}}") == {"solar": "three"}
    assert book.errors == []


def test_a_new_file_is_a_new_program(save):
    assert save("title: new\nfields: {a: {}}", "loans.yaml") == {"solar": "one", "loans": "new"}


def test_a_mistake_of_ours_in_one_file_does_not_keep_others_from_being_read(book, save, monkeypatch):
    load_file = rulebook.load
    monkeypatch.setattr(rulebook, "load", lambda path: load_file(path) if "solar" in path else 1 / 0)
    (book.folder / "loans.yaml").write_text("fields: {a: {}}")
    assert save("title: two\nfields: {a: {}}") == {"solar": "two"}
    assert [*map(str, book.errors)] == [f"{book.folder}/loans.yaml:1: the file cannot be used: ZeroDivisionError"]


# --- The first lead after a silence ---


def test_a_program_whose_file_went_in_a_silence_takes_no_more_leads(book, save, later):
    save("fields: {a: {}}", "loans.yaml")
    (book.folder / "loans.yaml").unlink()
    assert later(20) == {"solar": "one"}


def test_while_leads_come_a_file_that_is_gone_may_be_about_to_come_back(book, later):
    (book.folder / "solar.yaml").unlink()
    titles = [later(0.1) for _ in range(10)]
    assert titles[3] == {"solar": "one"} and titles[-1] == {}


def test_a_program_whose_file_went_is_gone_though_another_file_came_just_now(book, later, clock):
    (book.folder / "solar.yaml").unlink()
    clock.passed += 20
    (book.folder / "loans.yaml").write_text("title: new\nfields: {a: {}}")
    assert "solar" not in later(0)


def test_a_stricter_rule_is_used_though_another_file_was_removed_meanwhile(book, save, later):
    save("fields: {a: {}}", "loans.yaml")
    save("title: strict\nfields: {a: {}}", after=0)
    (book.folder / "loans.yaml").unlink()
    assert later(20) == {"solar": "strict"}


def test_a_file_that_is_still_being_written_does_not_hold_up_the_others(book, save, later):
    save("title: two\nfields: {a: {}}", after=0.3)
    titles = [save(f"# {turn}", "loans.yaml", after=0.1)["solar"] for turn in range(10)]
    assert titles[0] == "one" and titles[-1] == "two"


def test_a_file_from_the_future_is_used_by_the_first_lead_too(book, later, clock):
    (book.folder / "solar.yaml").write_text("title: two\nfields: {a: {}}")
    clock.wall = -3600  # as after the clock was set back, or where a file server's clock is ahead
    assert later(20) == {"solar": "two"}


def test_a_folder_that_is_gone_takes_its_programs_along(book, later):
    shutil.rmtree(book.folder)
    assert later(20) == {}
    assert "this folder of rule files cannot be read (No such file or directory)" in str(book.errors[0])


class Arrivals:
    """Tells when a second thread has come to look, by the clock that it asks."""

    def __init__(self, clock):
        self.clock, self.first, self.second = clock, threading.get_ident(), threading.Event()

    def __getattr__(self, name):
        if threading.get_ident() != self.first:
            self.second.set()
        return getattr(self.clock, name)


def test_of_two_first_leads_at_once_neither_is_judged_by_the_old_rules(book, save, later, clock, monkeypatch):
    load_file, arrivals = rulebook.load, Arrivals(clock)

    def judge_one():
        book.refresh()
        return book.programs["solar"].spec.title

    with ThreadPoolExecutor(1) as threads:
        others = []

        def load_slowly(path):
            others.append(threads.submit(judge_one))
            assert arrivals.second.wait(NEVER)
            return load_file(path)

        monkeypatch.setattr(rulebook, "time", arrivals)
        monkeypatch.setattr(rulebook, "load", load_slowly)
        assert save("title: two\nfields: {a: {}}", after=20) == {"solar": "two"}
        assert [other.result() for other in others] == ["two"]


def test_while_leads_come_they_do_not_wait_for_a_long_list_that_is_read(book, save, later, monkeypatch):
    load_file, found = rulebook.load, []
    with ThreadPoolExecutor(1) as threads:

        def load_slowly(path):
            threads.submit(book.refresh).result()
            found.append(book.programs["solar"].spec.title)
            return load_file(path)

        monkeypatch.setattr(rulebook, "load", load_slowly)
        save("title: two\nfields: {a: {}}", after=0.3)
        assert later(0.3) == {"solar": "two"}
    assert found == ["one"]


# --- Lists ---


def refused(book):
    return judge(book.programs["solar"], ANN, NOW).codes == ["r"]


@pytest.fixture(params=["blocked.txt", "lists/blocked.txt"])
def blocked(request, save, book):
    """The name of a list, in the rules folder or elsewhere, and a program that refuses by it."""
    save("no@example.com\n", request.param)
    save(BY_LIST.replace("blocked.txt", request.param))
    assert not refused(book)
    return request.param


def test_a_changed_list_is_read_again(blocked, book, save):
    save("Ann@Example.com  # asked us to\n", blocked)
    assert refused(book)


def test_a_list_is_used_when_it_has_been_still_for_a_second(blocked, book, save, later):
    save("ann@example.com\n", blocked, after=0.9)
    assert not refused(book)
    later(0.3)
    assert refused(book)


def test_a_rule_file_waits_for_its_list_that_is_still_being_written(blocked, book, save, later):
    save("half\n", "new.txt", after=0)
    save(BY_LIST.replace("by list", "new").replace("blocked.txt", "new.txt"), after=0.6)
    assert save("ann@example.com\n", "new.txt", after=0.6) == {"solar": "by list"}
    assert later(0.6) == {"solar": "new"} and refused(book)


def test_a_new_program_waits_for_its_list_that_is_still_being_written(save, later):
    save("no@example.com\n", "lists/new.txt", after=0)
    assert save(BY_LIST.replace("blocked.txt", "lists/new.txt"), "loans.yaml", after=0.7) == {"solar": "one"}
    assert later(0.5) == {"solar": "one", "loans": "by list"}


def test_a_list_that_went_in_a_silence_is_told_and_the_last_good_rules_stay(blocked, book, later):
    (book.folder / blocked).unlink()
    later(20)
    assert "cannot be read: No such file or directory" in str(book.errors[0])
    assert not refused(book)


def test_a_list_that_was_being_written_at_the_start_is_read_again(blocked, book, clock):
    clock.wall = 0
    (book.folder / blocked).write_text("ann")
    started = RuleBook(book.folder)
    (book.folder / blocked).write_text("ann@example.com\n")
    clock.passes(20)
    started.refresh()
    assert refused(started)


@pytest.mark.parametrize("name", ["later.txt", "lists/later.txt"])
def test_a_file_that_waits_for_its_list_is_read_when_the_list_comes(book, save, name):
    save(f"fields: {{a: {{}}}}\nrules: [{{id: r, listed: {{a: {name}}}}}]")
    assert "the list" in str(book.errors[0])
    assert "cannot be read: No such file or directory" in str(book.errors[0])
    save("x\n", name)
    assert book.errors == []


def test_a_process_that_starts_while_a_file_is_broken_takes_the_rules_of_the_last_lead(book, save):
    save("fields: {}")
    started = RuleBook(book.folder, {"solar": "title: stored\nfields: {a: {}}"}.get)
    assert started.programs["solar"].spec.title == "stored"
    assert started.errors


def test_rules_of_the_last_lead_that_do_not_load_any_more_do_not_stop_a_process(book, save):
    save("fields: {}")
    lost = "fields: {a: {}}\nrules: [{id: r, listed: {a: gone.txt}}]"
    started = RuleBook(book.folder, {"solar": lost}.get)
    assert started.programs == {}
    assert [*map(str, started.errors)] == [f'{book.folder}/solar.yaml:1: "fields:" is empty']
