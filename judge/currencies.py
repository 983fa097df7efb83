"""The currencies of ISO 4217 that money is paid in, by their three letters."""

import re

_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
    TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CODES = frozenset(_CODES.split())
_MEANT = {
    "$": "USD", "US$": "USD", "DOLLAR": "USD", "DOLLARS": "USD", "US DOLLAR": "USD", "US DOLLARS": "USD",
    "€": "EUR", "EURO": "EUR", "EUROS": "EUR", "£": "GBP", "POUND": "GBP", "POUNDS": "GBP", "STERLING": "GBP",
    "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "¥": "JPY", "YEN": "JPY", "RMB": "CNY", "₹": "INR",
}  # fmt: skip


def currency(text):
    """Return the code of a currency. Raises ValueError with the end of a sentence about the text."""
    if isinstance(text, str) and text in CODES:
        return text
    shouted = re.sub(r"[\s.]+", " ", str(text)).strip().upper()
    meant = shouted if shouted in CODES else _MEANT.get(shouted)
    raise ValueError(
        f'is not a currency. Did you mean "{meant}"?'
        if meant
        else "is not a currency: write its three capital letters (ISO 4217), such as USD or EUR"
    )
