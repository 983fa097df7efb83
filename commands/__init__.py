"""`flask …`: the commands. Knows no dashboard."""

from functools import wraps

import click

from commands.alerts import alerts
from commands.backup import backup, restore
from commands.database import copy_to, migrate
from commands.deliver import deliver
from commands.doctor import doctor
from commands.feedback import feedback
from commands.integration import show_contract, show_docs, simulate_posts
from commands.leads import leads
from commands.privacy import erase_leads, purge_leads
from commands.publishing import adopt_file, publish_file, retire_program, roll_back
from commands.reconcile import reconcile_programs
from commands.reversals import group as reversals
from commands.reversals import reverse
from commands.rules import rules
from commands.secret import rotate_secret
from commands.start import example, hash_password
from commands.versions import pull_rules, show_log
from database import StoreError

leads.add_command(purge_leads)
leads.add_command(erase_leads)
for command in (publish_file, show_log, roll_back, pull_rules, adopt_file, retire_program):
    rules.add_command(command)

GROUPS = {
    "Rules and leads": (rules, leads, deliver, alerts),
    "Partners and impact.com": (
        show_contract,
        show_docs,
        simulate_posts,
        example,
        feedback,
        reconcile_programs,
        feedback,
        reverse,
        reversals,
    ),
    "The database": (backup, restore, migrate, copy_to, rotate_secret),
    "This installation": (doctor, hash_password),
}
COMMANDS = [command for group in GROUPS.values() for command in group]


def _plainly(command):
    """Have a command say in a sentence that the store cannot be read, as where published rules are asked for."""
    for inner in getattr(command, "commands", {}).values():
        _plainly(inner)
    if command.callback:
        command.callback = _told(command.callback)


def _told(callback):
    @wraps(callback)
    def run(*arguments, **options):
        try:
            return callback(*arguments, **options)
        except StoreError as error:
            raise click.ClickException(f"the store cannot be used: {error}") from None

    return run


for one in COMMANDS:
    _plainly(one)


def show_in_groups(root):
    """Let the help of `flask` list our commands in groups, before Flask's own: by itself it mixes all by name.

    It has begun to write its list when it loads the app. So none is left for that list, and ours follow as its epilog.
    """
    groups = GROUPS | {"Flask's own": tuple(root.commands.values())}
    for command in (command for group in groups.values() for command in group):
        command.hidden = True

    def write(_context, formatter):
        for title, group in groups.items():
            with formatter.section(title):
                formatter.write_dl([(command.name, command.get_short_help_str(200)) for command in group])

    root.format_epilog = write


def instead_of(command, problems):
    """Return a command of the same name that only says why none can be used."""

    def refuse(**_):
        raise click.ClickException("\n".join(problems))

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(command.name, context_settings=anything, callback=refuse, short_help=command.short_help)
