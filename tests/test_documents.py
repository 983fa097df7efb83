"""The documents are held to the code: tables, commands and every example."""

import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from cast import ROOT, Partner, blocks, serving

from commands.doctor import CONNECTIONS
from database.engines import Postgres, Sqlite
from judge.compiler import compile_program, load
from judge.conditions import MOST_PARTS
from judge.examples import MAX_STEPS
from judge.functions import FUNCTIONS
from judge.grammar import LONGEST
from judge.rulefile import MAX_PARTS
from judge.rules import RULES
from judge.schema import FieldSpec, RuleFile, RuleSpec
from judge.types import TYPES
from web.login import FAILURES_AT_A_NAME, FAILURES_OF_AN_ADDRESS, LOGIN_WINDOW
from web.settings import SETTINGS, version
from web.worker import ARRIVAL, LONGEST_HEAD, MAX_CHUNKS

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
SCALE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
RULES_README = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")


def rows(document, head):
    """Return the first cells of the table that starts with `head`, without their ticks."""
    lines = document[document.index(head) :].split("\n\n")[0].splitlines()[2:]
    cells = [line.split("|")[1] for line in lines]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell) or [cell.strip()]]


# --- README ---


def test_the_readme_starts_with_the_two_commands():
    head = README.split("##")[0]
    assert head.index("make run") < head.index("make test")


def test_the_readme_is_read_in_some_minutes():
    assert len(README.split()) <= 1500


def test_the_settings_table_shows_every_setting_as_it_is():
    for row in SETTINGS:
        assert f"| `{row.name}` | {row.shown_default} | {row.help} |\n" in OPERATIONS
    names = rows(OPERATIONS, "| name | default | what |")
    assert names == [row.name for row in SETTINGS] + ["PORT", "HOST", "WEB_CONCURRENCY"]


def test_the_commands_table_names_every_command(make_app):
    made = []
    for name, command in make_app().cli.commands.items():
        made += [f"flask {name} {sub}" for sub in getattr(command, "commands", {})] or [f"flask {name}"]
    assert sorted(rows(OPERATIONS, "| command | what it does |")) == sorted(made)


def same_ids(text):
    """Replace what differs from run to run: ids, keyed hashes and keys."""
    text = re.sub(r"\?key=[0-9a-f]{32}\b", "?key=KEY", text)
    return re.sub(r"\b[0-9a-f]{64}\b", "HASH", re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ULID", text))


def run_curl(partner, arguments):
    """Do what curl would, as far as the documents use it."""
    options = iter(arguments)
    request = {"content_type": "application/x-www-form-urlencoded"}
    for option in options:
        if option == "-u":
            request["auth"] = tuple(next(options).split(":"))
        elif option == "-H":
            name, value = next(options).split(": ")
            assert name == "Content-Type"
            request["content_type"] = value
        elif option == "-d":
            request["body"] = next(options)
        else:
            request["path"] = re.fullmatch(r"http://127\.0\.0\.1:8000(/.*)", option)[1]
    return partner.post(**request).get_data(as_text=True)


def run_simulate(partner, arguments):
    """Run the command against a service at another port than the documents'."""
    with serving(partner.app) as url:
        output = partner.app.test_cli_runner().invoke(args=[*arguments, "--url", url]).output
    return output.replace(url, "http://127.0.0.1:8000").replace(str(Path.cwd()) + "/", "")


@pytest.mark.parametrize("name", ["README.md", "docs/protocol.md", "docs/operations.md"])
def test_every_example_answers_as_it_says(make_app, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "rules", "rules")
    partner = Partner(make_app({"default": (ROOT / "rules" / "default.yaml").read_text()}))
    Path("broken.yaml").write_text("fields:\n  email: {type: email, requird: true}\n")
    Path("lead.xml").write_text("<lead><email>ann@example.com</email><birth_date>2020-02-29</birth_date></lead>")
    for example in blocks((ROOT / name).read_text(encoding="utf-8"), "console"):
        line, _, expected = example.partition("\n")
        program, *arguments = shlex.split(line.removeprefix("$ "))
        if program == "curl":
            answer = run_curl(partner, arguments)
        elif arguments[0] == "simulate":
            answer = run_simulate(partner, arguments)
        else:
            answer = partner.app.test_cli_runner().invoke(args=arguments).output.replace(f"{tmp_path}/", "")
        trimmed = "\n".join(text.rstrip() for text in same_ids(answer).splitlines())
        assert trimmed == same_ids(expected).rstrip(), line


FORM, JSON, XML = "application/x-www-form-urlencoded", "application/json", "application/xml"
MULTIPART = "multipart/form-data; boundary=x"
STRICT = "fields: {a: {}, n: {type: integer}}"

# The body and type of each row, and what becomes of it: a status, or the stored fields and reasons.
CASES = {
    "a DOCTYPE, and so any entity": [(b"<!DOCTYPE l [<!ENTITY e 'x'>]><l><a>&e;</a></l>", XML, 400)],
    "XML, JSON or multipart that is not well-formed, or JSON that is neither an object nor an array of one": [
        (b"<a>", XML, 400),
        (b'{"a": 1', JSON, 400),
        (b"--x\r\n", MULTIPART, 400),
        (b"[1]", JSON, 400),
        (b'[{"a": 1}, {"a": 2}]', JSON, 400),
        (b'[{"a": 1}]', JSON, 200),
    ],
    "more than 32 levels": [
        (b"<a>" * 33 + b"</a>" * 33, XML, 400),
        (b'{"a":' * 33 + b"1" + b"}" * 33, JSON, 400),
        (b"<a>" * 32 + b"</a>" * 32, XML, 200),
    ],
    "more than 1,000 fields, or 10,000 elements of XML": [
        (b"&".join([b"a=1"] * 1001), FORM, 400),
        (b"<l>" + b"<a/>" * 1001 + b"</l>", XML, 400),
        (b"<l>" + b"<a><b/></a>" * 5000 + b"</l>", XML, 400),
        (b"&".join([b"a=1"] * 1000), FORM, 200),
    ],
    "a name of more than 250 characters": [(b"a" * 251 + b"=1", FORM, 400), (b"a" * 250 + b"=1", FORM, 200)],
    "a number of more than 1,000 characters in JSON, NaN or Infinity": [
        (b'{"b": %s}' % (b"9" * 1001), JSON, 400),
        (b'{"b": %s}' % (b"9" * 1000), JSON, 200),
        (b'{"b": NaN}', JSON, 400),
        (b'{"b": -Infinity}', JSON, 400),
    ],
    "bytes that are no text in their encoding, or an encoding that the web does not use, such as UTF-7": [
        (b"a=%C0%AF", FORM + "; charset=utf-8", 400),
        (b"<?xml version='1.0' encoding='utf-8'?><l><a>\xff</a></l>", XML, 400),
        (b"a=1", FORM + "; charset=utf-7", 400),
    ],
    "bytes that are no UTF-8, where no encoding is named": [
        (b"a=Andr%E9", FORM, ({"a": "André"}, [])),
        (b'{"a": "Andr\xe9"}', JSON, ({"a": "André"}, [])),
    ],
    "a control character in XML": [(b"<l><a>\x00</a></l>", XML, 400), (b"<l><a>&#1;</a></l>", XML, 400)],
    "a control character, or half a surrogate pair, in a field that the rules name": [
        (b"a=x%00", FORM, ({"a": "x\ufffd"}, ["a.invalid"])),
        (b'{"a": "\\ud800"}', JSON, ({"a": "\ufffd"}, ["a.invalid"])),
    ],
    "the same in any other field, or in a name": [
        (b"b=x%00", FORM, ({"b": "x\ufffd"}, [])),
        (b'{"a\\ud800": 1}', JSON, ({"a\ufffd": "1"}, [])),
    ],
    "more than 2,100 characters in a field of any type but text": [
        (b"n=" + b"1" * 2101, FORM, ({"n": "1" * 2101}, ["n.invalid"])),
        (b"a=" + b"1" * 2101, FORM, ({"a": "1" * 2101}, [])),
    ],
    "a file with content, a picture, sound, film or font, or a compressed body": [
        (b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n1\r\n--x--\r\n", MULTIPART, 415),
        (b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n\r\n--x--\r\n", MULTIPART, 200),
        (b"<l/>", "image/svg+xml", 415),
    ],
    "a body that is too large": [(b"a=" + b"x" * 262_143, FORM, 413), (b"b=" + b"x" * 262_142, FORM, 200)],
}


@pytest.mark.parametrize("row", CASES)
def test_what_comes_is_answered_as_the_protocol_says(make_app, row):
    partner = Partner(make_app(STRICT))
    for body, content_type, expected in CASES[row]:
        response = partner.post(body, content_type)
        if isinstance(expected, int):
            assert response.status_code == expected
        else:
            lead = partner.stored()[-1]
            assert (response.status_code, lead.fields, lead.reasons) == (200, *expected)


def test_every_row_of_what_comes_is_tried():
    on_the_connection = 3  # the last rows: see test_worker.py and test_framing.py
    assert rows(PROTOCOL, "| what comes | what happens |")[:-on_the_connection] == list(CASES)
    assert f"chunks that are none, or more than {MAX_CHUNKS:,} |" in PROTOCOL
    assert f"takes more than {ARRIVAL} seconds" in PROTOCOL
    assert f"head is over {LONGEST_HEAD // 1024} KB" in PROTOCOL


def anchors(text):
    """Return the anchors of a document's headings, as the places where it is shown make them."""
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"(?m)^#+ (.*)", text)}


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/*.md")], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", path.read_text(encoding="utf-8")):
        place = path.parent / target if target else path
        assert place.exists(), target
        assert not anchor or anchor in anchors(place.read_text(encoding="utf-8")), f"{target}#{anchor}"


def test_the_makefile_has_the_targets_that_the_documents_name():
    makefile = (ROOT / "Makefile").read_text()
    documents = README + CONTRIBUTING + SECURITY + (ROOT / ".ci" / "run").read_text()
    for target in re.findall(r"(?m)(?:^ *|`)make (\w+)", documents):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


# --- Architecture and contributing ---


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+(?:\.\w+)+)`", ARCHITECTURE)) - {"__init__.py"}))
def test_what_the_architecture_names_is_there(name):
    if not name.endswith((".py", ".toml")):
        module, _, member = name.rpartition(".")
        assert hasattr(import_module(module), member)
    else:
        assert (ROOT / name).exists()


def test_every_room_is_in_the_architecture():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {name.rstrip("/") for name in rows(ARCHITECTURE, "| room | what it does |")} == rooms | {
        "app.py", "models.py", "gunicorn.conf.py",
    }  # fmt: skip


def test_every_module_of_the_rules_is_in_the_architecture():
    named = rows(ARCHITECTURE, "| modules of `judge/` | what they are for |")
    assert sorted(named) == sorted(path.stem for path in (ROOT / "judge").glob("[!_]*.py"))


def test_the_commits_to_learn_from_are_there():
    named = re.findall(r'See\s+([0-9a-f]{7})\s+"([^"]+)"', CONTRIBUTING)
    assert len(named) == 7
    for commit, subject in named:
        found = subprocess.run(["git", "show", "-s", "--format=%s", commit], cwd=ROOT, capture_output=True, text=True)
        if found.returncode and not (ROOT / ".git").exists():
            pytest.skip("there is no history here")
        assert found.stdout.strip() == " ".join(subject.split())


# --- SECURITY.md ---


def test_security_names_the_limits_that_there_are():
    assert f"{FAILURES_OF_AN_ADDRESS} failed logins from one address within five minutes" in SECURITY
    assert f"{FAILURES_AT_A_NAME} failed logins at one name within five minutes" in SECURITY
    assert LOGIN_WINDOW.total_seconds() == 5 * 60


def test_security_names_the_settings_and_commands_that_there_are(make_app):
    assert set(re.findall(r"DATA[A-Z_]+", SECURITY)) <= {row.name for row in SETTINGS}
    assert set(re.findall(r"`flask ([\w-]+)`", SECURITY)) <= set(make_app().cli.commands)


# --- rules/README.md ---


@pytest.mark.parametrize("number", range(len(blocks(RULES_README, "yaml"))))
def test_every_example_of_the_rules_readme_is_a_rule_file_that_loads(number):
    text = blocks(RULES_README, "yaml")[number]
    compile_program("readme", "rules/README.md", text, "", datetime.now(UTC))


def test_the_contents_of_the_rules_readme_name_every_part_in_its_order():
    contents = RULES_README.partition("## Contents\n")[2].partition("\n## ")[0]
    parts = re.findall(r"^###? (.+)$", RULES_README.partition("## Contents\n")[2], re.MULTILINE)
    assert re.findall(r"\[(.+?)\]\(#", contents) == parts


def test_every_link_within_the_rules_readme_leads_to_a_part():
    parts = {part.lower().replace(" ", "-") for part in re.findall(r"^##+ (.+)$", RULES_README, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", RULES_README)) <= parts


def test_the_types_of_the_rules_readme_are_those_that_there_are():
    assert rows(RULES_README, "| type | what it takes |") == list(TYPES)


def test_the_keys_of_the_rules_readme_are_those_that_there_are():
    assert sorted(rows(RULES_README, "| key | what it does |")) == sorted(FieldSpec.model_fields)


def test_the_words_of_the_rules_readme_are_those_that_there_are():
    assert rows(RULES_README, "| word | the lead is invalid when |") == list(RULES)
    for key in [*RuleSpec.model_fields, *RuleFile.model_fields]:
        assert re.search(rf"\b{key}:?\b", RULES_README), key


def test_the_functions_of_the_rules_readme_are_those_that_there_are():
    cells = RULES_README[RULES_README.index("| in a condition | is |") :].split("\n\n")[0]
    assert set(re.findall(r"(\w+)\(", cells)) == set(FUNCTIONS)


def test_how_long_a_file_may_be_is_said_as_it_is():
    words = " ".join(RULES_README.split())
    for length in (f"{MAX_PARTS:,} parts", f"{MAX_STEPS:,}", f"{MOST_PARTS} comparisons", f"{LONGEST:,} characters"):
        assert f"at most {length}" in words, length


def test_every_reason_code_is_named_in_the_rules_readme():
    from judge.limits import LIMITS

    for code in ["invalid", "required", *(limit.code for limit in LIMITS.values())]:
        assert f"`<field>.{code}`" in RULES_README


# --- The others ---


def test_the_changelog_has_lines_for_the_newest_version():
    newest = CHANGELOG.split("\n## ")[1]
    assert newest.startswith(version())
    assert "\n- " in newest


def test_the_changelog_tells_each_change_once_under_the_version_that_brought_it():
    told = re.findall(r"^- .*(?:\n  .*)*", CHANGELOG, re.MULTILINE)
    assert len(told) > 50
    assert len(told) == len(set(told))


def test_the_changelog_names_the_document_that_says_how_to_put_a_copy_in_its_place():
    (name,) = re.findall(r"(\S+) says how to put a copy in its place", CHANGELOG)
    assert "puts one in the place of the file. By\nhand, stop the service" in (ROOT / name).read_text(encoding="utf-8")


def test_the_page_of_scale_reckons_with_the_connections_and_batches_that_there_are():
    text = " ".join(SCALE.split())
    assert f"carries `(max_connections - 3) / {CONNECTIONS}` processes: {(100 - 3) // CONNECTIONS} with the 100" in text
    assert f"up to {Postgres.writers} connections for leads and {CONNECTIONS - Postgres.writers} for" in text
    assert f"commits up to {Sqlite.batch} leads together" in text


def test_the_benchmark_finds_where_its_figures_stand_on_the_page_of_scale():
    begin, end = re.findall(r'"(<!-- .*? -->)\\n"', (ROOT / "bench" / "scale.py").read_text(encoding="utf-8"))
    assert SCALE.index(f"\n{begin}\n") < SCALE.index(f"\n{end}\n")


def test_the_benchmark_measures_the_full_job():
    program = load(ROOT / "bench" / "datapost" / "default.yaml")
    types = [field.type for field in program.spec.fields.values()]
    assert len(types) == 10 and {"email", "phone"} <= set(types)
    rules = program.spec.rules
    assert len(rules) == 4 and any(rule.unique for rule in rules) and any(rule.limit for rule in rules)
    assert not program.warnings


def test_the_procfile_migrates_and_starts_gunicorn_with_its_configuration():
    assert (ROOT / "Procfile").read_text() == "release: flask migrate\nweb: gunicorn\n"
    assert (ROOT / "gunicorn.conf.py").exists()


def test_no_environment_file_is_committed():
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
