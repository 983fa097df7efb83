"""Which email addresses lead to one mailbox, as its provider says. What is known of providers is a table of data.

It tells who a person is, and never where to write: what is stored and answered stays as it was submitted. Two
domains are one only where the provider says so: others give one name at each of them to different people.
"""

import re
from typing import NamedTuple


class Provider(NamedTuple):
    """A row of PROVIDERS: what stands between name and tag, whether dots count, and the domain that the others are."""

    domains: str
    tag: str = "+"
    dots: bool = True
    domain: str = ""

    @property
    def names(self):
        """The domains, each for itself: `a.{b,c}` is a.b and a.c."""
        found = re.findall(r"([a-z.]+)(?:\{([^}]+)\})?", self.domains)
        return [name + ending.strip() for name, endings in found for ending in endings.split(",")]


_MICROSOFT = """
    hotmail.{at,be,ca,cl,co.il,co.nz,co.th,co.uk,com,com.ar,com.au,com.br,com.gr,com.mx,com.pe,com.tr,com.vn,cz,de,dk,
        es,fr,hu,id,ie,in,it,jp,kr,lv,my,ph,pt,sa,sg,sk}
    live.{be,co.uk,com,com.ar,com.mx,de,es,eu,fr,it,nl}
    outlook.{at,be,cl,co.il,co.nz,co.th,com,com.ar,com.au,com.br,com.gr,com.pe,com.tr,com.vn,cz,de,dk,es,fr,hu,id,ie,in,
        it,jp,kr,lv,my,ph,pt,sa,sg,sk}
    msn.com passport.com
"""

PROVIDERS = [
    # support.google.com/mail/answer/7436150 (dots), answer/22370 (tags), answer/10313 (googlemail.com).
    Provider("gmail.com googlemail.com", dots=False, domain="gmail.com"),
    # Tags since 2013 (zdnet.com/article/microsoft-adds-support-for-custom-email-addresses-in-office-365); the domains
    # as validator.js has them (src/lib/normalizeEmail.js). A dot counts, and each domain has people of its own.
    Provider(_MICROSOFT),
    # support.apple.com/118230: who has mac.com or me.com has the same name at icloud.com, but not the other way round.
    Provider("icloud.com me.com mac.com"),
    # fastmail.help/hc/en-us/articles/360060591053
    Provider("fastmail.com fastmail.fm"),
    # proton.me/support/addresses-and-aliases: "+aliases" of every address.
    Provider("proton.me protonmail.com protonmail.ch pm.me"),
    # help.yahoo.com/kb/SLN28815.html: a nickname and a keyword, joined by a hyphen, which no Yahoo ID has; nobody else
    # gets the nickname. The domains as validator.js has them. A plus is no tag here: such mail bounces.
    Provider("yahoo.{ca,co.uk,com,de,fr,in,it} ymail.com rocketmail.com", tag="-"),
]


_BY_DOMAIN = {domain: provider for provider in PROVIDERS for domain in provider.names}


def mailbox(address):
    """Return the address that stands for all of one mailbox, in small letters: `patdoe@…` for `pat.doe+x@gmail.com`."""
    local, _, domain = address.rpartition("@")
    provider = _BY_DOMAIN.get(domain)
    if provider is None:
        return address
    name = local.partition(provider.tag)[0]
    name = name if provider.dots else name.replace(".", "")
    return f"{name or local}@{provider.domain or domain}"


def provider_of(address):
    """Return the row of PROVIDERS for an address in small letters, or None."""
    return _BY_DOMAIN.get(address.rpartition("@")[2])
