"""Conditions as people write them: a row of _SLIPS for each slip, and what to write instead.

Of a condition that cannot be read, quoted texts are taken out first, so that a word in one is no slip, and put back
into the advice.
"""

import re

LONGEST = 300  # characters of a condition that are looked through

_F = r"\b([A-Za-z]\w{0,63}(?:\([^()]{0,60}\))?)"  # a field, or a function of one
_V = r"('[0-9]+'|-?[0-9][0-9.]*|[A-Za-z]\w{0,63})"  # a text, a number or a word
_N = r"(-?[0-9][0-9.]*|'[0-9]+'|[A-Za-z]\w{0,63}(?:\([^()]{0,60}\))?)"


def advice(source):
    """Return what to write in the place of a condition that cannot be read, or nothing."""
    texts = []

    def kept(found):
        texts.append(found[0])
        return f"'{len(texts) - 1}'"

    bare = _QUOTED.sub(kept, source[:LONGEST])
    for pattern, write in _SLIPS:
        if found := pattern.search(bare):
            told = write(found) if callable(write) else found.expand(write)
            return _KEPT.sub(lambda place: texts[int(place[1])], told) if told else ""
    return ""


_QUOTED = re.compile("'[^']*'|\"[^\"]*\"")
_KEPT = re.compile("'([0-9]{1,3})'")


def _text(written):
    """Return a word that was meant as a text in quotes, and all else as it is."""
    return f"'{written}'" if re.match("[A-Za-z]", written) and "(" not in written else written


def _with(use, negated=2):
    """Return the advice to call a function with a field and a text."""

    def write(found):
        no = "not " if found[negated] else ""
        return f"write {no}{use}({found[1]}, {_text(found[found.lastindex])})"

    return write


def _signs(signs):
    def write(found):
        return f"write {found[1]} {signs[found[2].lower()]} {found[3]}"

    return write


def _number(found):
    return f"write numbers without commas: {found[1].replace(',', '')}"


def _listed(found):
    texts = [_text(part.strip(" ()[]")) for part in found[3].split(",")]
    return f"write {found[1]} {'not ' if found[2] else ''}in [{', '.join(text for text in texts if text)}]"


_COMPARED = {"greater than": ">", "more than": ">", "bigger than": ">", "above": ">", "over": ">", "after": ">"}
_COMPARED |= {"less than": "<", "smaller than": "<", "lower than": "<", "below": "<", "under": "<", "before": "<"}
_COMPARED |= {"at least": ">=", "at most": "<=", "up to": "<=", "gt": ">", "lt": "<", "gte": ">=", "lte": "<="}
_COMPARED |= {"greater than or equal to": ">=", "less than or equal to": "<="}
_WORDS_COMPARED = "|".join(sorted(_COMPARED, key=len, reverse=True))
_SIGNS = {"=<": "<=", "=>": ">=", "<>": "!=", "===": "==", "!==": "!=", "=": "==", "eq": "==", "ne": "!=", "≠": "!="}
_SIGNS |= {"≤": "<=", "≥": ">=", "~=": "=="}
_NOTHING = "empty|blank|null|none|nil|undefined|unset|nothing"

_SLIPS = [
    (re.compile(pattern), write)
    for pattern, write in [
        ("[“”‘’„«»]", "use straight quotes: ' and not ’"),
        ("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]", "it holds a character that is not seen: type it again"),
        (r"\{\{|\}\}", "leave {{ and }} out"),
        (r"(?i)\b([0-9]{1,3}(?:,[0-9]{3})+)(?![0-9,])", _number),
        (r"\b([0-9]+),([0-9]{1,2})(?![0-9,])", r"write \1.\2, with a point"),
        (r"[$€£] ?([0-9][0-9.]*)|\b([0-9][0-9.]*) ?[%€$]",
         lambda found: f"write the number alone: {found[1] or found[2]}"),
        (r"\b([0-9][0-9.]{0,9}) ?([kKmM])\b", lambda found: (
            f"write the number with all its zeros: {found[1]}{'000' if found[2] in 'kK' else '000000'}"
            if "." not in found[1] else "write the number with all its zeros")),
        (r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})\b", r"write the day in quotes: '\1'"),
        (r"\$([A-Za-z]\w{0,63})", r"leave the $ out: write \1"),
        ("&&", "write and, not &&"),
        ("[|][|]", "write or, not ||"),
        (rf"{_F} ?(=<|=>|<>|===|!==|≠|≤|≥|~=) ?{_N}", _signs(_SIGNS)),
        (rf"(?i){_F} (?:(?:does not|doesn't|is not|isn't|not) equals?(?: to)?|ne) {_V}",
         lambda found: f"write {found[1]} != {_text(found[2])}"),
        (rf"(?i){_F} (?:is )?(?:equals?(?: to)?|eq) {_V}",
         lambda found: f"write {found[1]} == {_text(found[2])}"),
        (rf"(?i){_F} is not ('[0-9]+'|[0-9][0-9.]*)", r"write \1 != \2"),
        (rf"(?i){_F} is ('[0-9]+'|[0-9][0-9.]*)", r"write \1 == \2"),
        (rf"(?i){_F} (does not |doesn't |not )?(?:contains?|includes?|has) {_V}", _with("contains")),
        (rf"(?i){_F} (does not |doesn't |not )?(?:starts?|begins?)[ _]with {_V}", _with("starts_with")),
        (rf"(?i){_F} (does not |doesn't |not )?ends?[ _]with {_V}", _with("ends_with")),
        (rf"(?i){_F} (not )?(?:is )?(?:in )?between {_N} (?:and|to|-) {_N}",
         lambda found: f"write {'not ' if found[2] else ''}{found[3]} <= {found[1]} <= {found[4]}"),
        (rf"(?i){_F} (?:is )?({_WORDS_COMPARED}) {_N}", _signs(_COMPARED)),
        (rf"(?i){_F} (?:like|matches|match|=~) ", r"write contains(\1, 'part') or starts_with(\1, 'part'); a pattern: "
         "stands at the field"),
        (rf"(?i){_F} (?:does not|doesn't) exists?\b", r"write \1 is missing"),
        (rf"(?i){_F} exists?\b", r"write \1 is present"),
        (rf"(?i){_F} (?:is not|isn't|not) (?:present|given|there|set)\b", r"write \1 is missing"),
        (r"(?i)^(?:has|have) ([A-Za-z]\w{0,63})$", r"write \1 is present"),
        (r"(?i)^unless ", "write not (…), with what follows unless in the brackets"),
        (r"(?i)^(?:if|when|where) ", r"leave its first word out: the key says that already"),
        (rf"{_F} (<=?|>=?|==|!=) {_N} (and|or) (<=?|>=?|==|!=) ?{_N}", r"write \1 \2 \3 \4 \1 \5 \6"),
        (r"\b(AND|OR|NOT|IN|IS)\b", "write and, or, not, in and is in small letters"),
        (rf"{_F} (not )?in (\(?{_V}(?:, ?{_V})*\)?)", _listed),
        (r"!(?!=) ?\(?([A-Za-z]?)", lambda found: "write not, and a space, in the place of !"),
        (rf"{_F} ?(=) ?{_N}", lambda found: f"write == to compare: {found[1]} == {_text(found[3])}"),
        ("[^=<>!]=[^=]", "write == to compare"),
        (";", "leave the ; out"),
        (r"^[^\[\](]*,", "write and, or or, in the place of the comma"),
    ]
]  # fmt: skip

# Words behind `is` with which a comparison begins that is written out.
COMPARING = {words.partition(" ")[0] for words in _COMPARED} | {"between", "equal", "in", "like"}

# What may stand behind `is` for people, and what for us.
TESTS = dict.fromkeys(_NOTHING.split("|"), "missing") | dict.fromkeys(
    ["filled", "set", "given", "defined", "known", "there", "something", "existing", "provided"], "present"
)
