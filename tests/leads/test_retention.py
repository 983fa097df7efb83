"""What is personal goes by age. What is counted and known as a duplicate stays."""

import json
from contextlib import suppress
from datetime import timedelta

from cast import do_chores
from counted import NOW, collect, count_all, program
from purged import PERSONAL, PROGRAM, RULES, ann, everything, post, purge, purge_some, stored

import database
import models
from judge.judgement import judge
from leads import daily, retention
from models import Lead, Refusal, Submission


def test_after_mask_after_only_the_decision_is_left(ledger):
    old, young = ann(NOW - timedelta(days=90, seconds=1)), ann(NOW - timedelta(days=89))
    assert purge() == [(1, 0)]
    masked = stored(old)
    assert masked.fields == {"email": "***", "phone": "***", "irpid": "7"}
    assert (masked.email, masked.phone, bytes(masked.body), bytes(masked.query)) == ("", "", b"", b"")
    assert masked.masked_at == NOW
    assert masked.trace == [*old.trace, {"check": "privacy", "result": "masked"}]
    for kept in ("partner", "reasons", "note", "amount", "customerid", "valid", "received_at", "rules", "observed"):
        assert getattr(masked, kept) == getattr(old, kept)
    assert stored(young).email == "ann@example.com"
    assert purge() == [(0, 0)]


def test_after_delete_after_the_lead_and_its_reasons_are_gone_and_it_stays_counted(ledger):
    old, refused = ann(NOW - timedelta(days=400)), ann(NOW - timedelta(days=380))
    young = ann(NOW - timedelta(days=300))
    assert (refused.reasons, refused.observed) == (["duplicate"], ["known"])
    assert purge() == [(1, 2)]
    assert stored(old) is stored(refused) is None
    assert stored(young).masked_at == NOW
    with database.read():
        assert {row.lead for row in Refusal.select()} == {young.id}
    assert collect(500, PROGRAM).totals.submissions == 3


def test_a_lead_that_came_late_is_deleted_only_when_it_is_counted(ledger, monkeypatch):
    ann(NOW - timedelta(days=300))
    assert purge() == [(1, 0)]
    late = ann(NOW - timedelta(days=400))  # by a clock that is wrong
    with monkeypatch.context() as patched:
        patched.setattr(daily, "roll_up", lambda *_: False)
        assert purge() == [(0, 0)]
        database.transact(lambda: retention.purge_some([PROGRAM], NOW + timedelta(days=2)))
        assert stored(late)
    assert purge() == [(0, 1)]
    assert collect(500, PROGRAM).totals.submissions == 2


def test_nothing_of_a_masked_lead_is_left_in_the_tables(ledger):
    ann(NOW - timedelta(days=91))
    assert all(text in everything() for text in PERSONAL)
    purge()
    assert not [text for text in PERSONAL if text in everything()]


def test_duplicates_of_masked_and_deleted_leads_are_still_found(ledger):
    first = ann(NOW - timedelta(days=299))
    purge()
    assert stored(first).masked_at
    assert ann().reasons == ["duplicate"]
    short = program("default", RULES.replace("delete_after: 365", "delete_after: 200"))
    assert purge(NOW, short)[0][1] == 1
    assert stored(first) is None
    assert ann().reasons == ["duplicate"]


def test_each_program_has_its_own_time_and_none_keeps_everything(ledger):
    quick = program("quick", RULES.replace("{mask_after: 90 days, delete_after: 365 days}", "{mask_after: 1 day}"))
    late = program("late", RULES.replace("{mask_after: 90 days, delete_after: 365 days}", "{delete_after: 10 days}"))
    never = program("never", RULES.replace("privacy:", "#"))
    leads = [ann(NOW - timedelta(days=999), to=one) for one in (quick, late, never)]
    assert purge(NOW, quick, late, never) == [(1, 0), (0, 1), (0, 0)]
    assert [bool(lead and lead.masked_at) for lead in map(stored, leads)] == [True, False, False]
    assert stored(leads[2]).email


def test_what_is_due_can_be_asked_before(ledger):
    ann(NOW - timedelta(days=91))
    ann(NOW - timedelta(days=400))
    with database.read():
        assert retention.due(PROGRAM, NOW) == (1, 1)
    assert purge() == [(1, 1)]
    with database.read():
        assert retention.due(PROGRAM, NOW) == (0, 0)


def test_the_service_purges_in_small_batches_once_a_day(ledger, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for number in range(5):
        ann(NOW - timedelta(days=91, seconds=number))
    count_all(programs=[PROGRAM])

    def turn(now=NOW):
        more = purge_some(now)
        with database.read():
            return more, Lead.select().where(Lead.masked_at.is_null()).count()

    assert [turn() for _ in range(4)] == [(True, 3), (True, 1), (True, 0), (False, 0)]
    ann(NOW - timedelta(days=91) + timedelta(hours=1))
    tomorrow = NOW + timedelta(days=1)
    count_all(tomorrow, [PROGRAM])
    assert turn(tomorrow - timedelta(seconds=1)) == (False, 1)  # it was done today already
    assert turn(tomorrow) == (True, 0)


def test_the_service_deletes_nothing_that_is_not_counted_yet(ledger):
    lead = ann(NOW - timedelta(days=400))
    assert not purge_some()
    assert stored(lead)
    count_all(programs=[PROGRAM])
    assert purge_some()
    assert stored(lead) is None


def test_a_repeated_request_gets_its_first_answer_when_the_lead_was_masked(ledger):
    first = models.record(submission("k"), judge(PROGRAM, {"email": ["ann@example.com"]}, NOW))
    soon = program("default", RULES.replace("90 days", "1 minute"))
    later = NOW + timedelta(hours=2)
    assert purge(later, soon) == [(1, 0)]
    again = models.record(submission("k"), judge(PROGRAM, {"email": ["ann@example.com"]}, NOW))
    assert (again.id, again.replayed, again.valid, again.amount, again.email) == (first.id, True, True, "10.00", "")


def submission(key):
    return Submission("default", "impact", b"email=ann@example.com", "", b"", NOW, "same", key)


def test_names_that_no_rule_file_knows_are_not_kept_of_a_masked_lead(ledger):
    post(b"email=a@example.com&ann@example.com=1", at=NOW - timedelta(days=91))
    purge()
    assert "ann@example.com" not in everything()


# --- The commands ---


def test_purge_says_what_it_would_do_and_what_it_did(service):
    assert service.flask("leads", "purge", "--dry-run").output == (
        "default: 1 lead would be masked, 1 lead would be deleted\n"
    )
    assert len(service.stored()) == 5
    assert service.flask("leads", "purge").output == "default: 1 lead masked, 1 lead deleted\n"
    assert len(service.stored()) == 4
    mistaken = service.flask("leads", "purge", "--program", "defalt").output
    assert 'there is no program defalt. Did you mean "default"?' in mistaken


def test_purge_of_a_program_that_is_given_empty_is_refused(service):
    result = service.flask("leads", "purge", "--program", "")
    assert (result.exit_code, result.output.startswith("Error: --program is empty")) == (1, True)


def test_purge_names_programs_whose_leads_nobody_purges(service):
    ann(to=program("gone", RULES))
    output = service.flask("leads", "purge").output
    assert "gone: kept as they came, since there is no rule file that says how long" in output


def test_purge_tells_programs_what_was_done_to_the_leads_of_each(service):
    ann(to=program("gone", RULES))

    def purged(*options):
        return json.loads(service.flask("leads", "purge", "--format", "json", *options).stdout)

    done = {"program": "default", "masked": 1, "deleted": 1, "kept_as_they_came": False, "still_in_files": False}
    kept = {"program": "gone", "masked": 0, "deleted": 0, "kept_as_they_came": True, "still_in_files": False}
    assert purged("--dry-run") == [done | {"dry_run": True}, kept | {"dry_run": True}]
    assert purged() == [done | {"dry_run": False}, kept | {"dry_run": False}]
    assert purged()[0] == done | {"masked": 0, "deleted": 0, "dry_run": False}


def test_purge_tells_programs_of_a_program_that_keeps_its_leads(make_app):
    runner = make_app({"keep": "fields: {a: {}}"}).test_cli_runner()
    (row,) = json.loads(runner.invoke(args=["leads", "purge", "--format", "json"]).stdout)
    assert (row["program"], row["kept_as_they_came"]) == ("keep", True)


def test_the_chores_of_the_service_count_and_purge(service):
    do_chores()
    assert [bool(lead.masked_at) for lead in service.stored()] == [True, False, False, False]
    with database.read():
        assert daily.Day.select().count() >= 2


def test_a_masked_lead_is_shown_and_explained_as_one_and_a_backtest_passes_over_it(service, tmp_path):
    service.flask("leads", "purge")
    lead = service.stored()[0]
    shown = service.flask("leads", "show", lead.id)
    assert "  privacy               masked\n" in shown.stdout
    assert "the values of this lead were removed on" in shown.stderr
    assert "were removed" in service.flask("leads", "show", lead.id, "--body").output
    explained = json.loads(service.flask("leads", "explain", lead.id, "--format", "json").output)
    assert "it cannot be judged again" in explained["rules_of_that_day"]["error"]
    path = tmp_path / "default.yaml"
    path.write_text(RULES)
    report = json.loads(service.flask("rules", "backtest", str(path), "--since", "200d", "--format", "json").output)
    assert (report["judged"], report["values_removed"]) == (3, 1)
    with suppress(FileNotFoundError):
        path.unlink()
