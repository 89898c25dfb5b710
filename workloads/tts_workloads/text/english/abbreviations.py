"""English abbreviations and units, written out as they are said. Numbers are in ``numbers``, dates in ``dates``, Roman
numerals in ``roman``."""

from __future__ import annotations

import re

from tts_workloads.text.english.numbers import amount, cardinal
from tts_workloads.text.english.tables import table, word_set

ABBREVIATIONS = table("""
    mr: mister        mrs: missus        ms: miz           dr: doctor             prof: professor
    rev: reverend     gen: general       col: colonel      capt: captain          lt: lieutenant
    sgt: sergeant     gov: governor      sen: senator      rep: representative    sr: senior
    jr: junior        vs: versus         etc: et cetera    approx: approximately  dept: department
    ext: extension    tel: telephone     est: established  min: minutes           mins: minutes
    sec: seconds      secs: seconds      hr: hour          hrs: hours             inc: incorporated
    ltd: limited      corp: corporation  co: company       assn: association      univ: university
    govt: government  ave: avenue        blvd: boulevard   rd: road               hwy: highway
    mt: mount         ft: fort
""")
"""The words for abbreviations with a full stop. Without the stop, these abbreviations are other words."""
BEFORE_A_NUMBER = table("""
    no: number    nos: numbers  vol: volume  fig: figure     p: page    pp: pages  ch: chapter  sec: section
    art: article  ver: version  v: version   apt: apartment  ca: circa
""")
LATIN = {
    "e.g.": "for example",
    "i.e.": "that is",
    "ph.d.": "P H D",
    "a.k.a.": "also known as",
    "c.f.": "compare",
    "cf.": "compare",
}
UNITS = table("""
    km: kilometer   m: meter     cm: centimeter    mm: millimeter   mi: mile        yd: yard    ft: foot    in: inch
    kg: kilogram    g: gram      mg: milligram     lb: pound        lbs: pound      oz: ounce   sq: square
    l: liter        L: liter     ml: milliliter    mL: milliliter   gal: gallon     tsp: teaspoon    tbsp: tablespoon
    ms: millisecond  s: second   sec: second       secs: second     min: minute     mins: minute
    h: hour         hr: hour     hrs: hour
    Hz: hertz       kHz: kilohertz    MHz: megahertz    GHz: gigahertz
    kB: kilobyte    KB: kilobyte      MB: megabyte      GB: gigabyte     TB: terabyte   Mbit: megabit   Gbit: gigabit
    V: volt         kV: kilovolt      A: amp            mA: milliamp     W: watt        kW: kilowatt    MW: megawatt
    Ah: amp hour    mAh: milliamp hour    Wh: watt hour    kWh: kilowatt hour
    ohm: ohm        kohm: kilohm      Mohm: megohm      dB: decibel
    Pa: pascal      hPa: hectopascal  kPa: kilopascal   MPa: megapascal  psi: pound per square inch
    mmHg: millimeter of mercury
    °C: degree Celsius    °F: degree Fahrenheit    °: degree
    mph: mile per hour    kph: kilometer per hour
    bps: bit per second   fps: frame per second    rpm: revolution per minute
""")
"""Units after a number, in the singular. ``in`` is inches only with its stop, or after ``sq``."""
_WITHOUT_PLURAL = {"hertz", "kilohertz", "megahertz", "gigahertz"}
_PLURALS = {"foot": "feet", "inch": "inches"}
_POWERS = {"2": "square ", "3": "cubic "}

TITLES = word_set("mr mrs ms dr prof rev gen col capt lt sgt gov sen rep")
"""Abbreviations that stand before a name."""
LETTER = "\u2060"
"""Stands before a letter that is read by its name, though it could be a word."""

_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_MEASURE = re.compile(
    rf"(?<![\w.$€£,])((?:\d{{1,3}}(?:,\d{{3}})+|\d+)?)(?:\.(\d+))?(?<=\d)([\s-]?)(?:(sq)\.? ?)?({_UNIT})"
    rf"(?:(?:\^|(?<=m)|(?<=ft))([23]))?(?:/({_UNIT})(?:\^([23]))?)?(?![\w°/^])(?:\.(?=\s+[a-z\d]|[,;:]))?"
)
# The context of a capital letter shows whether it is a unit or only a letter.
_NUMBERED_BEFORE = re.compile(
    r"\b(?:apartment|apt\.?|figure|fig\.?|gate|group|part|room|route|row|seat|section|table|type)\s\Z", re.IGNORECASE
)
_INITIAL_AFTER = re.compile(r"\.?\s+[A-Z]")
_BESIDE_AMPS = "battery|breaker|charger|circuit|current|fuse|motor|supply"
_AFTER_AMPS = re.compile(rf"\s*(?:[,;:)]|\.?\s*\Z|\.\s)| (?:{_BESIDE_AMPS}|and|at|for|from|of|or|per|to)\b")
_AMP_OF = re.compile(rf" (?:{_BESIDE_AMPS})\b")
_RANGE = re.compile(rf"(?<=\d)\s?[-–]\s?(?=\d[\d.,]*\s?(?:{_UNIT})(?!\w))")
_INCHES = re.compile(r"(?<![\w.])(\d+)(?:\.(\d+))? ?in\.(?!\w)")
_FEET_AND_INCHES = re.compile(r"(?<![\w.'])(\d+)'(?!\w*')(?:\s?(\d{1,2})(?:\"|''))?(?!\w)")
_SHORT = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\.(?!\w)", re.IGNORECASE)
_BEFORE_NUMBER = re.compile(rf"\b({'|'.join(BEFORE_A_NUMBER)})\.\s?(?=\d)", re.IGNORECASE)
_BEFORE_ROMAN = re.compile(r"\b([Vv]ol|[Ff]ig|[Ss]ec|[Cc]h|pp?)\.\s?(?=(?:[IVX]+|[ivxl]{2,})\b)")
_BEFORE_LETTER = re.compile(r"\b[Aa]pt\.\s?(?=[A-Z]\b)")
_LATIN = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, LATIN))})", re.IGNORECASE)
_INITIALS = re.compile(r"\b(?:[A-Za-z]\.){2,}(?!\w)")
_INITIAL = re.compile(r"\b([A-Z])\.(?=\s?[A-Z])")


def expand_abbreviations(text: str) -> str:
    """Return the text with abbreviations written out without their stops, and with initials marked as letters."""
    text = _LATIN.sub(lambda m: f" {LATIN[m[1].lower()]} ", text)
    text = _BEFORE_NUMBER.sub(lambda m: f"{BEFORE_A_NUMBER[m[1].lower()]} ", text)
    text = _BEFORE_ROMAN.sub(lambda m: f"{BEFORE_A_NUMBER[m[1].lower()]} ", text)
    text = _BEFORE_LETTER.sub(f"apartment {LETTER}", text)
    text = re.sub(r"\bv(?=\d+\.\d)", "version ", text)
    text = _INITIALS.sub(lambda m: spelled(m[0]), text)
    text = _INITIAL.sub(lambda m: spelled(m[1]) if is_initial(text[: m.start()]) else m[0], text)
    text = re.sub(r"\bSt\.(?= ?[A-Z])", "Saint", text)
    text = re.sub(r"\b(?<=[a-z] )St\.|\bst\.", "street", text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=[a-z] )Dr\.(?! ?[A-Z])", "drive", text)
    text = re.sub(r"\b([A-Z]{1,2})&([A-Z]{1,2})\b", lambda m: f"{spelled(m[1])} and {spelled(m[2])}", text)
    for short, long in (("and/or", "and or"), ("w/o", "without"), ("w/", "with")):
        text = re.sub(rf"(?<!\w){short}(?!\S/)", f"{long} ", text)
    return _SHORT.sub(lambda m: ABBREVIATIONS[m[1].lower()], text)


def is_initial(before: str) -> bool:
    """Tell whether a capital letter with a stop is somebody's initial: it begins the text or follows a capitalised
    word."""
    word = re.search(r"(\S+)\s*\Z", before)
    return word is None or word[1].strip(f"\"'({LETTER}")[:1].isupper()


def spelled(letters: str) -> str:
    """Return the letters of ``U.S.``, each marked to be read by its name."""
    return "".join(f" {LETTER}{letter.upper()} " for letter in letters if letter.isalpha())


def expand_units(text: str) -> str:
    """Return the text with measures written out: ``5 km/h`` is five kilometers per hour."""
    text = _RANGE.sub(" to ", text)
    text = _FEET_AND_INCHES.sub(_feet, text)
    text = _INCHES.sub(lambda m: f" {amount(m[1], m[2])} {_measured('inch', m[1] == '1' and not m[2])} ", text)
    return _MEASURE.sub(_measure, text)


def _measure(m: re.Match[str]) -> str:
    whole, fraction, gap, square, unit, power, per, per_power = m.groups()
    is_word = unit == "in" and not square
    is_letter = gap == " " and unit in {"s", "W", "V", "L", "A"} and not _is_unit(m, unit)
    is_plural = unit == "s" and whole.endswith("0") and not fraction
    if is_word or is_letter or is_plural:
        return m[0]
    # A measure before a noun has no plural: a five-mile run.
    before_noun = gap == "-" or (unit == "A" and _AMP_OF.match(m.string, m.end()) is not None)
    one = before_noun or (whole == "1" and not fraction)
    area = _POWERS.get(power or "", "square " if square else "")
    rate = f" per {_per(per, per_power)}" if per else ""
    return f" {amount(whole, fraction)} {area}{_measured(UNITS[unit], one)}{rate} "


def _is_unit(m: re.Match[str], letter: str) -> bool:
    """Whether a letter that stands apart from its number is a unit. It is in "60 W", and not in "60 W. Smith Street"
    and "row 5 A"."""
    before, after = m.string[: m.start()], m.string[m.end() :]
    if letter == "s" or _NUMBERED_BEFORE.search(before) or _INITIAL_AFTER.match(after):
        return False
    return letter != "A" or bool(_AFTER_AMPS.match(after))


def _per(unit: str, power: str | None) -> str:
    if power and unit in {"s", "sec", "min", "h"}:
        return f"{UNITS[unit]} {'squared' if power == '2' else 'cubed'}"
    return f"{_POWERS.get(power or '', '')}{UNITS[unit]}"


def _feet(m: re.Match[str]) -> str:
    return (
        f" {cardinal(m[1])} foot {cardinal(m[2])} " if m[2] else f" {cardinal(m[1])} {_measured('foot', m[1] == '1')} "
    )


def _measured(unit: str, one: bool) -> str:
    first, *rest = unit.split(" ", 1)
    if one or first in _WITHOUT_PLURAL:
        return unit
    if rest == ["hour"]:
        return f"{unit}s"
    return " ".join([_PLURALS.get(first, f"{first}s"), *rest])
