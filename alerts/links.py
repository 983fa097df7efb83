"""Addresses of pages, for messages: made of DATAPOST_URL, since nobody asks for them in a request."""

from urllib.parse import urlsplit

from flask import current_app


def link(url, endpoint, **values):
    """Return the address of a page of the service at `url`; "" where it is not known where that is, or which page."""
    if not (url and endpoint):
        return ""
    place, anchor = urlsplit(url), values.pop("_anchor", "")
    adapter = current_app.url_map.bind(place.netloc, place.path or "/", url_scheme=place.scheme)
    return adapter.build(endpoint, values, force_external=True) + (f"#{anchor}" if anchor else "")
