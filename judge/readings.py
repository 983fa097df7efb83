"""What follows from keys that may be written in several forms: `one_of` and `country` of a field, leads of examples."""


class Readings:
    """Properties of FieldSpec."""

    @property
    def codes(self):
        """The table of `one_of`, `{code: meaning}`; empty where it is a list."""
        return self.one_of if isinstance(self.one_of, dict) else {}

    @property
    def choices(self):
        """The values of `one_of`: of a table, what its codes mean."""
        return list(dict.fromkeys(self.codes.values())) if self.codes else self.one_of or []

    @property
    def country_field(self):
        """The field that says the country, or None."""
        return getattr(self.country, "field", None)

    @property
    def countries_named(self):
        """The countries that `country` names itself, the likeliest first."""
        written = self.country.default if self.country_field else self.country
        return written if isinstance(written, list) else [written] if written else []

    @property
    def home(self):
        """The country that an example is of."""
        return next(iter(self.countries_named), "US" if self.country else None)


def _lead(value, name=""):
    """Flatten a nested lead: `contact: {email: x}` is `contact.email: x`, `cars: [{year: 1}]` is `cars[0].year: 1`."""
    if isinstance(value, dict):
        members = [(name if key == "#text" and name else f"{name}.{key}" if name else key, value[key]) for key in value]
    elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
        members = [(f"{name}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {name: value}
    flat = {}
    for key, inner in members:
        flat |= _lead(inner, key)
    return flat


def fields_of_lead(value):
    """Return the fields of a lead in a rule file, names within names and items of lists joined to one name."""
    return _lead(value) if isinstance(value, dict) else value
