"""English numbers in words: cardinals, ordinals, decimals, fractions, money, telephone numbers, strings of digits.
Dates and times are in ``dates``, units in ``abbreviations``."""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

LONGEST_CARDINAL_DIGITS = 9
"""Longer numbers without separators are read digit by digit: nobody can follow thirteen digits as one number."""
LONGEST_NUMBER_DIGITS = 33
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
}
_OF_CODES = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "KRW": "₩",
    "RUB": "₽",
}
CURRENCIES |= {code: CURRENCIES[symbol] for code, symbol in _OF_CODES.items()}
CURRENCIES |= {
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "NZD": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "SEK": ("Swedish krona", "Swedish kronor", "ore", "ore"),
    "CNY": ("Chinese yuan", "Chinese yuan", "fen", "fen"),
}
SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "tn": "trillion"}
_SCALE_WORDS = "hundred|thousand|million|billion|trillion"
_DENOMINATORS = {2: "half", 4: "quarter"}
_MOST_FRACTION = 20
"""Larger denominators, and those below the numerator, make no fraction: 24/7 is two numbers."""

Rewrite = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def digits(text: str) -> str:
    """Read ``0472`` as zero four seven two."""
    return " ".join(str(num2words(int(digit))) for digit in text if digit.isdigit())


def cardinal(text: str) -> str:
    """Read ``1,204`` as one thousand two hundred four. Numbers with leading zeros, and long ones, are read digit by
    digit."""
    plain = text.replace(",", "")
    if (len(plain) > 1 and plain.startswith("0")) or len(plain) > LONGEST_NUMBER_DIGITS:
        return digits(plain)
    if "," not in text and len(plain) > LONGEST_CARDINAL_DIGITS:
        return digits(plain)
    return _words(int(plain), "cardinal")


def year(text: str) -> str:
    """Read ``1984`` as nineteen eighty four. Pairs are read from 1100 to 2099, except for whole thousands."""
    return _words(int(text), "year")


def ordinal(text: str) -> str:
    """Read ``21`` as twenty first."""
    return _words(int(text.replace(",", "")), "ordinal")


def amount(whole: str | None, fraction: str | None = None) -> str:
    """Read ``3`` and ``14`` as three point one four. Without a fraction it is the cardinal."""
    return f"{cardinal(whole or '0')} point {digits(fraction)}" if fraction else cardinal(whole or "0")


def fraction(over: str, under: str) -> str:
    """Read ``3/4`` as three quarters. What is no proper fraction, or has a denominator above twenty, is two numbers."""
    top, bottom = int(over), int(under)
    if not 0 < top < bottom <= _MOST_FRACTION or (top, bottom) == (9, 11):
        return f"{cardinal(over)} {cardinal(under)}"
    name = _DENOMINATORS.get(bottom) or _words(bottom, "ordinal")
    return f"{cardinal(over)} {name}" if top == 1 else f"{cardinal(over)} {name}s".replace("halfs", "halves")


def plural(words: str) -> str:
    """Return the plural of words that end in a number: nineties for ``ninety``."""
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}es" if words.endswith("x") else f"{words}s"


def money(symbol: str, whole: str, cents: str | None, scale: str | None) -> str:
    """Read ``$4.50`` as four dollars and fifty cents, and ``$2.5 million`` as two point five million dollars."""
    one, many, cent, cents_name = CURRENCIES[symbol]
    if scale:
        return f"{amount(whole, cents)} {SCALES.get(scale.lower(), scale)} {many}"
    number = int(whole.replace(",", ""))
    if cents is not None and len(cents) != 2:
        return f"{amount(whole, cents)} {many}"
    parts = []
    if number or not cents or not int(cents):
        parts.append(f"{cardinal(whole)} {one if number == 1 else many}")
    if cents and int(cents):
        parts.append(f"{cardinal(str(int(cents)))} {cent if int(cents) == 1 else cents_name}")
    return " and ".join(parts)


def _power(sign: str, exponent: str) -> str:
    if sign:
        return f"to the minus {cardinal(exponent)}"
    return {"2": "squared", "3": "cubed"}.get(exponent) or f"to the {ordinal(exponent)}"


def _words(number: int, to: str) -> str:
    words: str = num2words(number, to=to)
    return words.replace(",", "").replace(" and ", " ").replace("-", " ")


def _range_of_money(m: re.Match[str]) -> str:
    lowest = f"{cardinal(m[2])} to " if m[2] else ""
    return f" {lowest}{money(m[1], m[3], m[4], m[5])} "


_WHOLE = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
_CURRENCY = "|".join([r"[$€£¥₹₩₽]", *(rf"\b{code}\b" for code in CURRENCIES if code.isalpha())])
_MONEY: tuple[Rewrite, ...] = (
    # €99,95 and €1.234,56, as they are written where the comma is the point.
    (
        re.compile(rf"({_CURRENCY})(\s?)(\d{{1,3}}(?:\.\d{{3}})+|\d+),(\d\d)(?!,?\d)"),
        lambda m: f"{m[1]}{m[2]}{m[3].replace('.', ',')}.{m[4]}",
    ),
    (
        re.compile(rf"(?<![\w.,])(\d{{1,3}}(?:\.\d{{3}})+|\d+),(\d\d)(?=\s?(?:{_CURRENCY})(?!\s?\d))"),
        lambda m: f"{m[1].replace('.', ',')}.{m[2]}",
    ),
    # $5, $1,234.56, $2.5 million, $5M, $5-10
    (
        re.compile(
            rf"(?:\bUS)?({_CURRENCY})\s?(?:({_WHOLE})\s?[-–]\s?\1?)?({_WHOLE})(?:\.(\d+))?"
            rf"(?:\s?((?i:{_SCALE_WORDS}|mn|bn|tn|[mbk]))\b)?(?=(/\w)?)"
        ),
        _range_of_money,
    ),
    # 100 USD, 20 €
    (
        re.compile(rf"(?<![\w.,])({_WHOLE})(?:\.(\d+))?(?:\s({_SCALE_WORDS}))?\s?({_CURRENCY})(?!\s?[\w.]*\d)"),
        lambda m: f" {money(m[4], m[1], m[2], m[3])} ",
    ),
    (re.compile(r"(?<= )/(?=(?:hour|day|week|month|year|person|unit|mo|yr)\b)"), lambda _: " per "),
    (re.compile(rf"\b({_WHOLE})\s?¢"), lambda m: f" {cardinal(m[1])} {'cent' if m[1] == '1' else 'cents'} "),
)
_REWRITES: tuple[Rewrite, ...] = (
    # 555-0172, 212-555-0123, (212) 555-0123, +1 212 555 0123: groups of digits, as a telephone number is read.
    (
        re.compile(
            r"(?<![\w-])(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])?\d{3}[-.]\d{4}(?![\w-])"
            r"|\+\d{1,3}(?:[- ]\d{2,4}){2,5}"
        ),
        lambda m: f" {', '.join(digits(group) for group in re.findall(r'[0-9]+', m[0]))} ",
    ),
    # Numbers of cards and of persons.
    (
        re.compile(r"(?<![\w-])(?:\d{4}(?:[- ]\d{4}){2,}|\d{3}-\d{2}-\d{4})(?![\w-])"),
        lambda m: f" {', '.join(digits(group) for group in re.findall(r'[0-9]+', m[0]))} ",
    ),
    (re.compile(r"\b(\d{1,3}(?:,\d{3})+|\d{1,12})(?:st|nd|rd|th)\b", re.IGNORECASE), lambda m: f" {ordinal(m[1])} "),
    (
        re.compile(r"(?<![\d/⁄.])(?:(\d+)\s)?(\d{1,3})[/⁄](\d{1,3})(?![\d/⁄])"),
        lambda m: (
            f" {cardinal(m[1])} and {fraction(m[2], m[3])} ".replace(" and one ", " and a ")
            if m[1]
            else f" {fraction(m[2], m[3])} "
        ),
    ),
    (re.compile(r"(?<=[\d%])\s?[-–]\s?(?=\d)"), lambda _: " to "),
    (re.compile(r"(?<=\d)\s?×\s?(?=\d)"), lambda _: " times "),
    (re.compile(r"(?<=\d)\s\*\s(?=\d)"), lambda _: " times "),
    (re.compile(r"(?<=[\w)])\^(-?)(\d+)"), lambda m: f" {_power(m[1], m[2])} "),
    # 1.2.3 and 192.168.0.1
    (re.compile(r"\d+(?:\.\d+){2,}"), lambda m: f" {' point '.join(map(cardinal, m[0].split('.')))} "),
    (re.compile(rf"({_WHOLE})s\b"), lambda m: f" {plural(cardinal(m[1])).removeprefix('one ')} "),
    (re.compile(r"(?<=[A-Za-z])\.(?=\d)"), lambda _: " point "),
    (re.compile(rf"({_WHOLE})?\.(\d+)"), lambda m: f" {amount(m[1], m[2])} "),
    (re.compile(r"(?<=\d):(?=\d)"), lambda _: " to "),
    (re.compile(r"(?<!\d)(1[1-9]\d\d|20[1-9]\d)(?!\s?%)(?![\d,]\d)"), lambda m: f" {year(m[1])} "),
    (re.compile(_WHOLE), lambda m: f" {cardinal(m[0])} "),
)


def speak_money(text: str) -> str:
    """Return the text with its amounts of money in words. Other numbers stay as they are."""
    for pattern, spoken in _MONEY:
        text = pattern.sub(spoken, text)
    return text


def speak_numbers(text: str) -> str:
    """Return the text with every number in words, without hyphens. Nothing else is changed."""
    for pattern, spoken in _REWRITES:
        text = pattern.sub(spoken, text)
    return text
