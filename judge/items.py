"""The values of a lead with the places where they stand, and the items of lists that aliases pick of them."""

from collections import defaultdict
from itertools import zip_longest
from typing import NamedTuple

from judge.aliases import NUMBER, apart, read_alias
from judge.values import LONGEST_VALUE, Unusable, canonical, folded

MAX_FIELDS = 1000  # of a lead


class Leaf(NamedTuple):
    """A value of a lead: its dotted name, its text, and for each step of the name which item it is, where known."""

    name: str
    text: str
    steps: tuple = ()


class Leaves(list):
    """The leaves of a lead. The name of the element around them was dropped: an alias may begin with this `root`."""

    root = ""

    def under(self, root):
        self.root = root
        return self

    def spelled(self, name, names):
        """Return the name of a leaf as it is among `names`: with the root's name where only that is there."""
        if self.root and names and canonical(name) not in names and canonical(whole := f"{self.root}.{name}") in names:
            return whole
        return name


class Submitted(dict):
    """The fields of a lead, `{name: [value, …]}`; `remarks` tell what was assumed to read them, for the trace."""

    remarks = ()


def leaf_of(name, text, times):
    """Return the Leaf of a name in a form: `a[b][0]` is the first item of `a.b`, and `a[]` one more of `a`.

    `times` counts in a dict how often each name with `[]` came.
    """
    found = apart(name) if "[" in name else None
    if not found or any("=" in inner for inner in found[1]):
        return Leaf(name, text)
    steps = []
    for outer, inner in zip_longest(*found):
        if outer:
            steps.append([outer.removeprefix("."), None])
        if inner == "":
            times[name] = times.get(name, -1) + 1
            steps[-1][1] = times[name]
        elif inner is not None and NUMBER.fullmatch(inner):
            steps[-1][1] = int(inner)
        elif inner not in (None, "#text"):
            steps.append([inner, None])
    return Leaf(".".join(step for step, _ in steps), text, tuple(map(tuple, steps)))


def in_order(leaves):
    """Return the leaves of a form with the values of each name in the order of their items' numbers."""
    places = defaultdict(list)
    for place, leaf in enumerate(leaves):
        if leaf.steps:
            places[leaf.name].append(place)
    ordered = Leaves(leaves)
    for found in places.values():
        numbered = sorted((leaves[place] for place in found), key=lambda leaf: [n or 0 for _, n in leaf.steps])
        for place, leaf in zip(found, numbered, strict=True):
            ordered[place] = leaf
    return ordered


class _Selector(NamedTuple):
    """An alias that picks items. What it picks stands under `key`, and nowhere else if the field is not `stored`.

    Of a field that is sensitive or not stored (`hides`) it picks what stands under it, too.
    """

    key: str
    names: tuple
    tests: tuple  # of (depth, number of the item or None, names of the value beside or None, its text)
    stored: bool
    hides: bool


class Selectors:
    """The aliases of a program that pick items; false if it has none, and then they cost nothing."""

    def __init__(self, fields):
        self._selectors, self._beside, self._targets = [], defaultdict(set), defaultdict(set)
        for field in fields.values():
            for alias in field.aliases:
                self._add(alias, field)
        self._lengths = sorted({len(names) for names in self._targets})
        self.keys = {selector.key for selector in self._selectors}

    def _add(self, alias, field):
        try:
            key, steps = read_alias(alias).spellings[0], read_alias(alias).steps
        except Unusable:
            return
        if not steps:
            return
        names, tests = tuple(name for name, _ in steps), []
        for depth, (_, test) in enumerate(steps, 1):
            if isinstance(test, int):
                tests.append((depth, test, None, ""))
            elif test:
                beside = names[:depth] + test[0]
                self._beside[beside].add(depth)
                tests.append((depth, None, beside, test[1]))
        self._targets[names].add(tests[-1][0])
        self._selectors.append(_Selector(key, names, tuple(tests), field.store, field.sensitive or not field.store))

    def __bool__(self):
        return bool(self._selectors)

    def pairs(self, leaves, names):
        """Return Leaves as `(name, text)`: see `named`. More than MAX_FIELDS of them may not be all."""
        if not self._selectors and not leaves.root:
            return [leaf[:2] for leaf in leaves]
        if not self._selectors:
            return [(leaves.spelled(leaf.name, names), leaf.text) for leaf in leaves]
        return [(name, leaves[place].text) for place, name in self.named(leaves, names)]

    def named(self, leaves, names):
        """Yield the place of each leaf with its name: the key of each selector that picks it, else its own.

        What is picked counts under its own name as well where a field (one of `names`) has that.
        """
        picked = self._pick(leaves, ()) if self._selectors else {}
        if self._selectors and leaves.root:
            picked = self._pick(leaves, ((canonical(leaves.root), 0),)) | picked
        for place, leaf in enumerate(leaves):
            name = leaves.spelled(leaf.name, names)
            for key, _ in picked.get(place, ()):
                yield place, key
            if place not in picked or (canonical(name) in names and all(stored for _, stored in picked[place])):
                yield place, name

    def _pick(self, leaves, root):
        places = [(*root, *place) for place in _places(leaves)]
        beside, groups = defaultdict(set), defaultdict(lambda: defaultdict(list))
        for number, (leaf, place) in enumerate(zip(leaves, places, strict=True)):
            named = tuple(name for name, _ in place)
            for depth in self._beside.get(named, ()):
                if len(leaf.text) <= LONGEST_VALUE:
                    beside[named, depth, folded(leaf.text.strip())].add(place[:depth])
            for length in self._lengths:
                for depth in self._targets.get(named[:length], ()) if length <= len(named) else ():
                    groups[named[:length], depth][place[:depth]].append(number)
                    groups[named[:length], depth][place[depth - 1][1]].append(number)
        picked, count = defaultdict(list), 0
        for selector in self._selectors:
            if count > MAX_FIELDS:  # an item may say that it is everything
                break
            depth, item, names, text = selector.tests[-1]
            group = groups.get((selector.names, depth), {})
            for where in [item] if names is None else beside.get((names, depth, text), ()):
                for number in group.get(where, ()):
                    place = places[number]
                    rest = [name for name, _ in place[len(selector.names) :]]
                    if (not rest or selector.hides) and _holds(selector.tests, place, beside):
                        picked[number].append((".".join([selector.key, *rest]), selector.stored))
                        count += 1
        return picked


def _places(leaves):
    """Yield for each leaf its names, as they are compared, each with the number of the item."""
    times = defaultdict(int)
    for leaf in leaves:
        steps = leaf.steps or ((leaf.name, None),)
        place = []
        for name, number in steps:
            *parents, last = map(canonical, name.split("."))
            place += [*((parent, 0) for parent in parents), (last, number)]
        name, number = place.pop()
        place = tuple((parent, item or 0) for parent, item in place)
        if number is None:
            number = times[place, name]
            times[place, name] += 1
        yield (*place, (name, number))


def _holds(tests, place, beside):
    return all(
        place[depth - 1][1] == item if names is None else place[:depth] in beside.get((names, depth, text), ())
        for depth, item, names, text in tests
    )
