"""English numbers in words: cardinals, ordinals, decimals, years, times, money, strings of digits. What surrounds them
in a text is the affair of ``english_normalise``."""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

LONGEST_CARDINAL_DIGITS = 9
"""A longer number without separators is read digit by digit: nobody hears where thirteen digits end."""
LONGEST_NUMBER_DIGITS = 33
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}
SCALES = "hundred|thousand|million|billion|trillion"


def digits(text: str) -> str:
    """``0472``: zero four seven two."""
    return " ".join(str(num2words(int(digit))) for digit in text if digit.isdigit())


def cardinal(text: str) -> str:
    """``1,204``: one thousand two hundred four. Leading zeros and great length are read digit by digit."""
    plain = text.replace(",", "")
    if (len(plain) > 1 and plain.startswith("0")) or len(plain) > LONGEST_NUMBER_DIGITS:
        return digits(plain)
    if "," not in text and len(plain) > LONGEST_CARDINAL_DIGITS:
        return digits(plain)
    return _words(int(plain), "cardinal")


def year(text: str) -> str:
    """``1984``: nineteen eighty-four. From 1100 to 2099, but for the whole thousands."""
    return _words(int(text), "year")


def ordinal(text: str) -> str:
    """``21``: twenty-first."""
    return _words(int(text.replace(",", "")), "ordinal")


def decimal(whole: str, fraction: str) -> str:
    """``3`` and ``14``: three point one four."""
    return f"{cardinal(whole or '0')} point {digits(fraction)}"


def money(symbol: str, whole: str, cents: str | None, scale: str | None) -> str:
    """``$4.50``: four dollars and fifty cents; ``$2.5 million``: two point five million dollars."""
    one, many, cent, cents_name = CURRENCIES[symbol]
    if scale:
        return f"{decimal(whole, cents) if cents else cardinal(whole)} {scale} {many}"
    amount = int(whole.replace(",", ""))
    if cents is not None and len(cents) != 2:
        return f"{decimal(whole, cents)} {many}"
    parts = []
    if amount or not cents or not int(cents):
        parts.append(f"{cardinal(whole)} {one if amount == 1 else many}")
    if cents and int(cents):
        parts.append(f"{cardinal(str(int(cents)))} {cent if int(cents) == 1 else cents_name}")
    return " and ".join(parts)


def time(hour: str, minute: str) -> str:
    """``10:05``: ten oh five; ``7:00``: seven o'clock."""
    spoken_hour = cardinal(str(int(hour)))
    if int(minute) == 0:
        return f"{spoken_hour} o'clock"
    return f"{spoken_hour} {'oh ' if minute.startswith('0') else ''}{cardinal(str(int(minute)))}"


def _words(number: int, to: str) -> str:
    words: str = num2words(number, to=to)
    return words.replace(",", "").replace(" and ", " ").replace("-", " ")


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(rf"([$€£])\s?(\d[\d,]*)(?:\.(\d+))?(?:\s({SCALES})\b)?", re.IGNORECASE),
        lambda m: money(m[1], m[2].rstrip(","), m[3], m[4]) + ("," if m[2].endswith(",") else ""),
    ),
    # A time before am or pm is never o'clock.
    (
        re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?=\s?[ap]\.?m\b)", re.IGNORECASE),
        lambda m: time(m[1], m[2]).removesuffix(" o'clock") + " ",
    ),
    (re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b"), lambda m: time(m[1], m[2])),
    (re.compile(r"\b(\d{1,3}(?:,\d{3})+|\d{1,12})(?:st|nd|rd|th)\b", re.IGNORECASE), lambda m: ordinal(m[1])),
    # 555-0172 and 555-867-5309: groups of digits, as a telephone number is read.
    (
        re.compile(r"\b\d{3,4}(?:-\d{3,4})+\b"),
        lambda m: ", ".join(digits(group) for group in m[0].split("-")),
    ),
    (re.compile(r"(?<![\w.])-(?=\d)"), lambda _: "minus "),
    (re.compile(r"(?<=\d)\s?-\s?(?=\d)"), lambda _: " to "),
    (re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)?\.(\d+)\b"), lambda m: decimal(m[1], m[2])),
    (re.compile(r"\b(1[1-9]\d\d|20[1-9]\d)\b(?!\s?%)(?![\d,])"), lambda m: year(m[1])),
    (re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"), lambda m: f" {cardinal(m[0])} "),
)


def speak_numbers(text: str) -> str:
    """The text with every number in words, without hyphens; nothing else is changed."""
    for pattern, spoken in _PATTERNS:
        text = pattern.sub(spoken, text)
    return text
