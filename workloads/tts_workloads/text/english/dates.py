"""English dates, times of day and decades in words, American order: the month before the day."""

from __future__ import annotations

import re

from tts_workloads.text.english.abbreviations import spelled
from tts_workloads.text.english.numbers import Rewrite, cardinal, ordinal, plural, year
from tts_workloads.text.english.tables import table

_MONTH_NAMES = "January February March April May June July August September October November December"
MONTHS = tuple(_MONTH_NAMES.split())
_SHORT_MONTHS = {"Sept": 9} | {month[:3]: number for number, month in enumerate(MONTHS, 1) if month != "May"}
_SHORT_DAYS = table("""
    Mon: Monday    Tue: Tuesday  Tues: Tuesday  Wed: Wednesday  Thu: Thursday  Thurs: Thursday  Fri: Friday
    Sat: Saturday  Sun: Sunday
""")


def date(month: int, day: str, in_year: str | None) -> str:
    """Read ``3``, ``5`` and ``2024`` as March fifth, twenty twenty four."""
    spoken = f"{MONTHS[month - 1]} {ordinal(day)}"
    return f"{spoken}, {_year(in_year)}" if in_year else spoken


def time(hour: str, minute: str | None, half: str | None) -> str:
    """Read ``10:05`` as ten oh five, and ``7:00`` as seven o'clock. With ``p`` for ``half`` the letters P M follow."""
    spoken = cardinal(str(int(hour)))
    if minute is None or int(minute) == 0:
        if half is None:
            spoken += " hundred" if int(hour) > 12 else " o'clock"
    else:
        spoken += f" {'oh ' if minute.startswith('0') else ''}{cardinal(str(int(minute)))}"
    return f"{spoken} {spelled(half + 'm')}" if half else spoken


def clock(hours: str, minutes: str, seconds: str, half: str | None) -> str:
    """Read ``2``, ``30`` and ``15`` as two hours thirty minutes and fifteen seconds. With ``p`` it is a time of day."""
    parts = [
        f"{cardinal(str(int(n)))} {unit}{'' if int(n) == 1 else 's'}"
        for n, unit in (
            (hours, "hour"),
            (minutes, "minute"),
            (seconds, "second"),
        )
    ]
    if half is None:
        return f"{parts[0]} {parts[1]} and {parts[2]}"
    return f"{time(hours, minutes, None)} and {parts[2]} {spelled(half + 'm')}"


def decade(text: str) -> str:
    """Read ``1990`` as nineteen nineties, and ``90`` as nineties."""
    return plural(year(text) if len(text) == 4 else cardinal(text))


def _year(text: str) -> str:
    if len(text) == 2:
        return f"oh {cardinal(text[1])}" if text[0] == "0" else cardinal(text)
    return year(text)


def _numeric(m: re.Match[str]) -> str:
    first, second = int(m[1]), int(m[3])
    if 1 <= first <= 12 and 1 <= second <= 31:
        return f" {date(first, m[3], m[4])} "
    if 1 <= second <= 12 and 1 <= first <= 31:
        return f" {date(second, m[1], m[4])} "
    return m[0]


def _iso(m: re.Match[str]) -> str:
    if not (1 <= int(m[2]) <= 12 and 1 <= int(m[3]) <= 31):
        return m[0]
    return f" {date(int(m[2]), str(int(m[3])), m[1])} {'at ' if m[4] else ''}"


def _month(name: str) -> int:
    return _SHORT_MONTHS.get(name.capitalize()) or MONTHS.index(name.capitalize()) + 1


# In small letters, may and march are words.
_SHORT_MONTH = "|".join(sorted(_SHORT_MONTHS, key=len, reverse=True))
_MONTH = rf"({'|'.join(MONTHS)}|{'|'.join(MONTHS).upper()}|(?:{_SHORT_MONTH})\b\.?)"
_DAY = r"(3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?![\d:.,]\d|\d|%)"
_YEAR = r"(?:,?\s+((?:1[1-9]|20)\d\d)(?![\d,]\d|\d))?"
_REWRITES: tuple[Rewrite, ...] = (
    (re.compile(r"(?<![\w/])(\d{1,2})(/)(\d{1,2})/((?:1[1-9]|20)?\d\d)(?![\w/])"), _numeric),
    (re.compile(r"(?<![\w.-])(\d{1,2})([.-])(\d{1,2})\2((?:1[1-9]|20)\d\d)(?![\w-])"), _numeric),
    (re.compile(r"(?<![\w-])((?:1[1-9]|20)\d\d)-(\d\d)-(\d\d)(T(?=\d)|(?![\w-]))"), _iso),
    (
        re.compile(rf"\b(the )?{_DAY} (?:of )?{_MONTH}(?!\w){_YEAR}"),
        lambda m: f" the {ordinal(m[2])} of {MONTHS[_month(m[3].rstrip('.')) - 1]}{', ' + year(m[4]) if m[4] else ''} ",
    ),
    (
        re.compile(rf"\b{_MONTH} (?:the )?{_DAY}{_YEAR}(?!\w)"),
        lambda m: f" {date(_month(m[1].rstrip('.')), m[2], m[3])} ",
    ),
    # A short month or day elsewhere: only with its stop and its capital, or before a number.
    (
        re.compile(rf"\b({'|'.join(sorted(_SHORT_MONTHS, key=len, reverse=True))})(?:\.|(?= \d))"),
        lambda m: MONTHS[_SHORT_MONTHS[m[1]] - 1],
    ),
    (
        re.compile(rf"\b({'|'.join(sorted(_SHORT_DAYS, key=len, reverse=True))})\.(?=,| [A-Z\d])"),
        lambda m: _SHORT_DAYS[m[1]],
    ),
    (
        re.compile(
            r"(?:(?<=\d:\d\d)|(?<=\d[ap]m)|(?<=\d [ap]m))\s?[-–]\s?(?=\d{1,2}(?::\d\d|\s?[ap]\.?m))", re.IGNORECASE
        ),
        lambda _: " to ",
    ),
    (
        re.compile(
            r"(?<![\w.:])(\d{1,2}):([0-5]\d):([0-5]\d)(?![:\d]|\.\d)(?:\s?([ap])(?:\.\s?m\b\.?|m\b))?", re.IGNORECASE
        ),
        lambda m: f" {clock(m[1], m[2], m[3], m[4])} ",
    ),
    (
        re.compile(r"(?<![\w.:])([01]?\d|2[0-3])(?::([0-5]\d))?\s?([ap])(?:\.\s?m\b\.?|m\b)", re.IGNORECASE),
        lambda m: f" {time(m[1], m[2], m[3])} ",
    ),
    (re.compile(r"(?<![\w.:])([01]?\d|2[0-3]):([0-5]\d)(?![:\d])"), lambda m: f" {time(m[1], m[2], None)} "),
    (re.compile(r"(?<![\w.])'?((?:1[1-9]|20)\d0|[2-9]0)'?s\b"), lambda m: f" {decade(m[1])} "),
    (re.compile(r"(?<!\w)'(\d\d)\b"), lambda m: f" {_year(m[1])} "),
    # A range of years, before it could be anything else: 1990-1995, 1990-95.
    (
        re.compile(r"(?<![\w-])((?:1[1-9]|20)\d\d)\s?[-–]\s?((?:1[1-9]|20)\d\d|\d\d)(?![\w-])"),
        lambda m: f" {year(m[1])} to {_year(m[2])} ",
    ),
)


def speak_dates(text: str) -> str:
    """Return the text with its dates, times and decades in words. Other numbers stay as they are."""
    for pattern, spoken in _REWRITES:
        text = pattern.sub(spoken, text)
    return text
