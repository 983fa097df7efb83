"""`deliver:` of a rule file: which valid leads go where, and what of them.

A destination is a name here. Its address and its secrets are settings (`DATAPOST_DELIVER_CRM` of `crm`), so that who
edits rules can neither send people elsewhere nor read them.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from judge.meant import closest, nearest
from judge.values import canonical
from judge.written import Condition, Model, Unshown, YesNo, as_list

# What Datapost itself knows of a lead, as it may stand under `fields:` beside the fields that the file declares.
SOURCES = {
    "$id": "the lead's id, which impact.com knows as uniqueid",
    "$program": "the name of the program, such as default",
    "$partner": "the partner who sent it, if partner: names a field",
    "$subpartner": "the sub-partner, if partner: names a second field",
    "$received_at": "when it came, in UTC",
    "$sale_amount": "what it is worth, such as 25.00",
    "$customerid": "the code of the customer that impact.com gets, if customer: names fields",
    "$note": "the note of the answer",
}

_SETTING = "DATAPOST_DELIVER_"
_NAME = "(?!private$)(?!.*_(secret|token)$)[a-z][a-z0-9_]{0,39}"  # the others are settings
_LONGEST_NAME = 100  # of a field in the message

# --- to: ---

_ADDRESS = re.compile(r"(?i)^(https?|mailto|hubspot|smtps?):|://|@|^www\.|\.[a-z]{2,}([/:?]|$)")

# What a destination may be called, by what its address holds.
_CALLED = [("mailto:|@", "inbox"), ("hub(spot|api)", "hubspot"), ("zapier", "zapier"), ("google", "sheet")]
_CALLED += [("make\\.com|integromat", "make"), ("", "crm")]


def _destination(value):
    """Read the name of a destination; an address, which may be a secret, is shown in no message."""
    if isinstance(value, list):
        names = list(filter(is_name, value))
        told = " and ".join(f"- to: {name}" for name in (names if len(names) > 1 else ["crm", "inbox"])[:5])
        raise Unshown(f"is a list under to: write an entry for each, {told}, with what goes there under it")
    if not isinstance(value, str) or not value:
        if value == "":
            raise ValueError("is empty")
        return value
    if is_address(value):
        name = next(name for holds, name in _CALLED if re.search(holds, value.lower()))
        raise Unshown(
            "is an address under to:, which never stands in a rule file: write a name, to: "
            f"{name}, and have the address set as {_SETTING}{name.upper()}"
        )
    if len(value) > 100:
        raise Unshown("is too long under to: write the name of a destination, such as crm")
    if value == "private":
        told = f"is no name of a destination, since {_SETTING}PRIVATE is another setting"
        raise ValueError(f"{told}: write another name, such as private_crm")
    if ending := re.search("_(secret|token)$", value):
        told = f"is no name of a destination, since {_SETTING}{value.upper()[:60]} is the {ending[1]} of another"
        raise ValueError(f"{told}: write {value[: ending.start()] or 'crm'}")
    if not re.fullmatch(_NAME, value):
        told = "is no name of a destination: start with a small letter, then up to 39 small letters, digits and _"
        raise ValueError(f"{told}. Write {meant}, for example" if (meant := _as_name(value)) else told)
    return value


def is_address(text):
    """Tell whether a text is an address, of the web or of mail, and so perhaps a secret."""
    return bool(_ADDRESS.search(text[:2000]))


def _as_name(text):
    """Return the name of a destination that was meant by a text, or nothing."""
    name = re.sub("[^a-z0-9]+", "_", text.lower()).strip("_").removeprefix(_SETTING.lower())
    name = re.sub("^[0-9_]+|_(secret|token)$", "", name)
    return name if is_name(name) else ""


def is_name(text):
    """Tell whether a text may be shown as the name of a destination."""
    return isinstance(text, str) and bool(re.fullmatch(_NAME, text))


def setting(key):
    """Return what to write in the place of a key that says where a destination is, or lets one in; or nothing."""
    ending = next((ending for words, ending in _SETTINGS if re.fullmatch(words, key.lower())), None)
    if ending is None:
        return ""
    return f"where a destination is, and what lets us in, are settings: of crm it is {_SETTING}CRM{ending}"


# Keys that say where a destination is, and how the setting ends that does.
_SETTINGS = [("(web)?(url|uri|address|hook|hook_url|endpoint|host)|link|e?mail", "")]
_SETTINGS += [("(signing_)?secrets?", "_SECRET")]
_SETTINGS += [("((access|auth|api)?_?(token|key))|password|authorization|headers?", "_TOKEN")]

# --- fields: ---


def _mapping(value):
    """Read what goes along as `{name in the message: source}`; a list has the names that the fields have."""
    if value == "":
        raise ValueError("is empty")
    value = as_list(value)
    if isinstance(value, list):
        if not all(isinstance(source, str) for source in value):
            raise Unshown("is no list of fields: write [email, zip], or {Email: email} without a - before each")
        names = [source.removeprefix("$") for source in value]
        if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
            raise Unshown(f"names {twice[:_LONGEST_NAME]} twice under fields: keep one")
        value = dict(zip(names, value, strict=True))
    for name, source in value.items() if isinstance(value, dict) else ():
        if source == "":
            every = ", ".join(list(value)[:5])
            advice = f"[{every}], in brackets" if not any(value.values()) else f"{name[:60]}: and a field behind it"
            raise Unshown(f"has nothing behind {name[:60] or 'a colon'} under fields: write {advice}")
        if not name.strip() or len(name) > _LONGEST_NAME:
            raise Unshown(f"has a name under fields: that is empty or has more than {_LONGEST_NAME} characters")
        if name.startswith("$") and name in SOURCES and isinstance(source, str):
            raise Unshown(f"is the wrong way around under fields: write {source[:60]}: {name}, the name there first")
    return value


_DESTINATION = {"type": "string", "pattern": rf"^{_NAME}$"}
_SOURCE = {"type": "string", "minLength": 1, "examples": [*SOURCES]}
_NAMES_AND_SOURCES = {"anyOf": [
    {"type": "string", "minLength": 1, "pattern": "^[^,]*$"},
    {"type": "array", "items": _SOURCE, "minItems": 1, "uniqueItems": True},
    {"type": "object", "minProperties": 1, "additionalProperties": _SOURCE}]}  # fmt: skip


class Deliver(Model):
    to: Annotated[str, BeforeValidator(_destination), WithJsonSchema(_DESTINATION)] = Field(
        description="The destination, by name: where crm is, the setting DATAPOST_DELIVER_CRM says."
    )
    when: Condition | None = Field(None, description="Only valid leads that fit this condition go there.")
    fields: (
        Annotated[dict[str, str], BeforeValidator(_mapping), Field(min_length=1), WithJsonSchema(_NAMES_AND_SOURCES)]
        | None
    ) = Field(
        None,
        description="What goes there: [email, zip], or {Email: email, lead_id: $id}: names there, and what they hold. "
        "The whole lead, if left out.",
    )
    format: Literal["json", "form"] = Field("json", description="How a web address gets it; json if left out.")
    tests: YesNo = Field(False, description="true: test leads go there, too.")
    erasures: YesNo = Field(False, description="true: it is told when a lead that went there is erased.")


# --- What hangs on the other parts of the file ---


def compile_deliver(compiler, entry):
    """Compile an entry: its condition goes to `program.deliver`, under the name of its destination."""
    program = compiler.program
    when = compiler.condition(entry.when, "when") if entry.when else None
    if entry.to in program.deliver:
        compiler.complain("to", "to: it stands there twice: keep one entry, with both conditions joined by or")
    program.deliver[entry.to] = when
    fields = entry.fields or {}
    for name, source in fields.items():
        if why := _why_not(program, name, source):
            compiler.complain_at(("fields", name), f"fields: {why}")
    if {"id", "lead_id"} <= fields.keys() and "$id" not in fields.values():
        told = "the lead's id goes along as id, or as lead_id where that is another: both are taken here"
        compiler.complain("fields", f"fields: {told}. Write a name for it, such as datapost_id: $id")


def _why_not(program, name, source):
    """Return why a source cannot be sent, and what to write; None if it can be."""
    fields = program.spec.fields
    if source in fields:
        forgotten = f"{source} is checked and then forgotten (store: false), so that nothing of it can be sent"
        return None if fields[source].store else f"{forgotten}: leave it out"
    if source in SOURCES:
        return None
    if is_address(source):
        return f"{name[:60]} holds an address, and only fields are sent: addresses are settings ({_SETTING}…)"
    return f'there is no field "{source[:_LONGEST_NAME]}"{_instead(program, name, source)}'


def _instead(program, name, source):
    """Return what to write in the place of a source that there is not, as the end of a sentence."""
    fields, bare = program.spec.fields, source.strip("${}[]<>% ").lower()
    if meant := {canonical(field): field for field in fields}.get(canonical(bare)) or program.field_of(bare):
        signs = " alone" if source.startswith(("$", "{", "[", "<", "%")) else ""
        return f": write {meant}{signs}"
    if (meant := f"${bare}") in SOURCES:
        return f": write {meant}" if "$" in source else f". What Datapost itself knows begins with $: write {meant}"
    if not source.startswith("$") and (near := nearest(source, fields)):
        return near
    if meant := _MEANT.get(re.sub("[^a-z]", "", bare)) or closest(f"${bare}", SOURCES):
        return f'. Did you mean "{meant}"?'
    if name in fields:
        return f". If it is to be called so there, write it the other way around, {source[:60]}: {name}"
    return f": write one of this file, or one of {', '.join(SOURCES)}"


# What they are called elsewhere, less all that is no letter.
_MEANT = {
    word: source
    for source, words in {
        "$id": "uniqueid leadid uuid guid transactionid oid",
        "$program": "campaign campaignid programid programname form offer",
        "$partner": "partnerid publisher affiliate irpid mediapartner source",
        "$subpartner": "subid subpartnerid subpublisher subaffiliate subsource",
        "$received_at": "received date time datetime timestamp createdat created submittedat now today",
        "$sale_amount": "amount price payout value worth revenue saleamount",
        "$customerid": "customer customercode",
        "$note": "message reason comment notes",
    }.items()
    for word in words.split()
}
