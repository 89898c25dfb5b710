"""How numbers are written on pages for people."""

from __future__ import annotations

_SIGNIFICANT_DIGITS = 6


def plain(value: float) -> str:
    """The number without an exponent and without trailing zeros: 160 for 160.0, and six significant digits at most
    where it is not whole."""
    if value == round(value):
        return str(round(value))
    digits = f"{value:.{_SIGNIFICANT_DIGITS}g}"
    return digits if "e" not in digits else f"{value:.12f}".rstrip("0")
