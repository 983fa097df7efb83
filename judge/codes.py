"""`one_of` as a table of codes: a lead may have the code or what it means, and the meaning is the value."""

from judge.values import Refused, Text


def by_code(table, parse):
    """Return the function from text to value for which each code of the table is what it means."""
    meanings = {Text(code): meaning for code, meaning in table.items()}
    return lambda text: parse(meanings.get(Text(text), text))


def wrong_codes(table, parse, is_free):
    """Yield the codes that cannot be used, each with a sentence; `is_free`: the type takes any text, so codes too."""
    values, first = {code: _read(parse, meaning) for code, meaning in table.items()}, {}
    for code, value in values.items():
        own, known = Text(code), first.setdefault(Text(code), code)
        also = _read(parse, code)
        if not own:
            yield code, "a code is empty, and a lead with that has no value: write a code, or leave the row out"
        elif value == "":
            yield code, f'the code "{code}" means nothing: write what it means, or leave the row out'
        elif known != code:
            yield code, f'"{code}" is the same code as "{known}": keep one'
        elif other := next((other for other, taken in values.items() if own == taken or also == taken), None):
            if values[other] != value:
                yield code, f'"{code}" is a code, and also what the code "{other}" means: write another meaning there'
        elif also is not None and not is_free and also != value:
            yield code, f'"{code}" is a value itself, and would be taken for "{table[code]}": leave the row out'


def _read(parse, text):
    try:
        return parse(text)
    except Refused:
        return None
