"""A program as OpenAPI 3.1, for partners' tools.

Any lead is answered, whatever its fields: the schemas of the bodies say what is accepted, and the
answers are as exact as the contract.
"""

import json

import yaml

from judge.limits import given_limits
from judge.types import TYPES
from judge.verdict import NOTE_LENGTH, VALID_NOTE
from judge.wordschema import any_of_words
from partners.markdown import md, md_code
from partners.snippets import ENCODE
from web.answer import TEMPLATES, is_ours
from web.formats import ANSWERED, FORMATS, KINDS
from web.settings import version
from web.statuses import STATUSES

_FIXED = yaml.safe_load((TEMPLATES / "openapi.yaml").read_text(encoding="utf-8"))


def describe(program, doc):
    """Return the OpenAPI document of a program, whose Instructions are `doc`."""
    base, _, _ = doc.url.partition("/leads")
    accepted = _FIXED["accepted"] | {"note": {"const": VALID_NOTE}}
    note = {"type": "string", "minLength": 1, "maxLength": NOTE_LENGTH}
    paths = [f"/leads/{doc.name}", *(["/leads"] if doc.name == "default" else [])]
    return {
        "openapi": _FIXED["openapi"],
        "info": {"title": doc.title, "version": version(), "description": _overview(doc)},
        "servers": [{"url": base or "/"}],
        "paths": {path: {"post": _operation(program, doc, path)} for path in paths},
        "components": {
            "schemas": {
                "Lead": _lead(program, doc),
                "Accepted": _answer({"valid": {"const": True}} | accepted),
                "AcceptedXml": _answer({"valid": {"const": "true"}} | accepted),
                "Rejected": _answer(_FIXED["rejected"] | {"note": note}),
            },
            "securitySchemes": {"login": {"type": "http", "scheme": "basic"}},
        },
    }


def _overview(doc):
    rules = [f"- {md(' '.join([rule.said.words, *rule.notes]).strip())}" for rule in doc.rules]
    return "\n\n".join([" ".join(doc.posting), *(["Rules:\n\n" + "\n".join(rules)] if rules else [])])


def _operation(program, doc, path):
    content = {"schema": {"$ref": "#/components/schemas/Lead"}}
    if doc.accepted:
        content["examples"] = {"lead": {"value": doc.accepted[0].lead}}
    return {
        "operationId": "postLead" if path == "/leads" else "postLeadToProgram",
        "summary": "Post a lead",
        "description": " ".join(doc.repeats + doc.tests),
        "security": [{"login": []}] if doc.login else [],
        "parameters": _FIXED["parameters"],
        "requestBody": {
            "required": False,
            "content": dict.fromkeys([*(FORMATS[kind].mimetype for kind in ENCODE), *KINDS], content),
        },
        "responses": {str(status): _response(program, doc, status, text) for status, text in _statuses(doc)},
    }


def _statuses(doc):
    return [(status, text) for status, text in doc.statuses.items() if doc.login or status != 401]


def _response(program, doc, status, text):
    invalid = program.spec.invalid_status
    told = {"accepted": doc.accepted, "rejected": doc.rejected}
    shown = [(f"{name}-{e.kind}", e) for name, exchanges in told.items() for e in exchanges if e.status == status]
    schemas = [{"$ref": "#/components/schemas/Accepted"}] * (status == 200)
    # An answer that is given again has the status that it had under the rules of its day.
    schemas += [{"$ref": "#/components/schemas/Rejected"}]
    return {
        "description": text,
        "headers": {name: _header(name, status, invalid) for name in _headers(status, invalid)},
        "content": {
            FORMATS[answer_format].mimetype: {
                "schema": _document(program, answer_format, schemas),
                "examples": {
                    name: {"value": json.loads(exchange.answer) if answer_format == "json" else exchange.answer}
                    for name, exchange in shown
                    if exchange.answer_format == answer_format
                },
            }
            for answer_format in ANSWERED
        },
    }


def _headers(status, invalid):
    named = _FIXED["headers_of"]
    return dict.fromkeys(
        ["X-Request-Id", *(named["decided"] if status in (200, invalid) else []), *named.get(status, [])]
    )


def _header(name, status, invalid):
    # A request that did not arrive whole is answered 400, and not stored.
    sometimes = name == "Idempotent-Replayed" or (name == "Datapost-Lead" and status not in (200, invalid))
    ambiguous = status == invalid != 200 and status in STATUSES and name != "X-Request-Id"
    return _FIXED["headers"][name] | {"required": not (sometimes or ambiguous)}


def _document(program, answer_format, schemas):
    if not is_ours(program.name, answer_format):
        return {}
    if answer_format == "xml":
        schemas = [{"$ref": schema["$ref"].replace("Accepted", "AcceptedXml")} for schema in schemas]
    either = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    if answer_format == "xml":
        return either
    return _object({"dataPostResponse": either})


def _answer(properties):
    return _object(properties) | {"xml": {"name": "dataPostResponse"}}


def _object(properties):
    closed = {"properties": properties, "additionalProperties": False}
    return {"type": "object", "required": list(properties)} | closed


def _lead(program, doc):
    return {
        "type": "object",
        "description": " ".join(doc.posting),
        "properties": {field.name: _property(program, program.fields[field.name], field) for field in doc.fields},
        "required": [field.name for field in doc.fields if field.required.words == "yes"],
        "xml": {"name": "lead"},
    }


def _accepted(field):
    return [f"{md(code)} or {md(meaning)}" for code, meaning in field.codes.items()] or map(md, field.allowed)


def _property(program, rule, field):
    spec = rule.spec
    said = [f"{md(takes.words)} {takes.code and md_code(takes.code)}".strip() for takes in field.takes]
    required = field.required.words == "yes"
    when = [f"Required {md(field.required.words)} {field.required.code and md_code(field.required.code)}".strip()]
    told = [
        f"{md(field.label)}: {'; '.join(said)}.",
        *(when if field.required.words not in ("yes", "no") else []),
        *([f"In any case: {', '.join(_accepted(field))}."] if field.allowed else []),
        *map(md, field.remarks),
    ]
    schema, absent = _taken(spec), _absent([*program.spec.blanks, *spec.blanks])
    if spec.multiple:
        items = {"type": "array", "items": {"anyOf": [schema, absent]}}
        schema = {"anyOf": [schema, items | ({"minItems": 1} if required else {})]}
    if not required:
        schema = {"anyOf": [schema, absent]}
    told = {"title": field.label, "description": " ".join(told)}
    told |= {} if spec.default is None else {"default": spec.default}
    return told | schema | ({"examples": [field.example]} if field.example else {})


def _taken(spec):
    """Return what one value of a field takes where it is there."""
    schema = {**TYPES[spec.type].described(spec)}
    if "anyOf" in schema and spec.one_of:  # the limits ask for what a code means, and not for the code
        return schema
    for limit, given in given_limits(spec):
        key, value = limit.schema
        schema |= {key: value(given)} if value(given) is not None else {}
    return {"anyOf": [schema, any_of_words(spec.codes)]} if spec.codes else schema


def _absent(blanks):
    """Return what takes that which counts as absent: nothing, and the words under `blanks`."""
    nothing = {"type": ["string", "null"], "pattern": "^[^!-~]*$"}  # and texts in which there is nothing to see
    return {"description": "It counts as missing."} | (any_of_words(["", *blanks], [None]) if blanks else nothing)
