"""Whether impact.com can be asked, and whether what the rule files name is there: `flask doctor` asks it."""

from datetime import UTC, datetime, timedelta

from impact.api import Api, Later, Refused, Unsure

NOT_THERE = "A-00000000"  # a submission that nobody made
NOTHING = "no rule file has impact:, so that it is not asked what became of leads"
NO_ACCOUNT = (
    "{}: no account is set (DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN), so that it is not asked: "
    "flask reconcile --file reads what it exports"
)
NO_PROGRAM = "an account is set, and no rule file has impact:, so that it is not asked: write campaign and event_type"
UNSEEN = "whether it may write Actions, only the first reversal tells"


def look(settings, programs):
    """Yield whether something is right, and a sentence on it. Raises StoreError."""
    named = [program for _, program in sorted(programs.items()) if program.spec.impact]
    if not Api.is_set(settings):
        names = ", ".join(program.name for program in named)
        yield True, NO_ACCOUNT.format(names) if named else NOTHING
    elif not named:
        yield False, NO_PROGRAM
    else:
        yield from _asked(Api(settings), named)


def _asked(api, named):
    may = []
    try:
        for program in named:
            yield _campaign(api, program)
        for scope, work in SCOPES.items():
            if sentence := _refused(work, api, named[0].spec.impact.campaign):
                yield False, sentence
            else:
                may.append(scope)
    except (Unsure, Refused) as error:
        yield False, str(error)
    except Later as error:
        yield True, f"it cannot be looked at now: {error}"
    if len(may) == len(SCOPES):
        yield True, f"its token may read {' and '.join(may)}; {UNSEEN}"


def _campaign(api, program):
    """Return whether a program's campaign is there. Raises what is the same for all programs."""
    asked = program.spec.impact
    try:
        name = api.campaign(asked.campaign)
    except Refused as error:
        if error.status == 404:
            told = f"there is no campaign {asked.campaign} in this account"
            return False, f"{program.name}: {told}: look up the id of the program there, and write it under impact:"
        if error.status in (0, 401) or 300 <= error.status < 400:
            raise
        return False, f"{program.name}: campaign {asked.campaign} cannot be looked up: {error}"
    told = f"campaign {asked.campaign} is {name or 'there'}"
    return (
        True,
        f"{program.name}: {told}; whether its event type is {asked.event_type} cannot be looked up: compare it there",
    )


def _refused(work, api, campaign):
    """Return why a call is refused, or nothing."""
    try:
        work(api, campaign)
    except Refused as error:
        if error.status in (0, 401):
            raise
        return str(error)
    return ""


def _list(api, campaign):
    now = datetime.now(UTC)
    next(api.actions(campaign, by="update", since=now - timedelta(hours=1), until=now), None)


def _submission(api, _campaign):
    try:
        api.submission(NOT_THERE)
    except Refused as error:
        if error.status not in (400, 404):  # that there is none is what is expected
            raise


SCOPES = {"Actions": _list, "Submissions": _submission}
