"""Reads the length that a sound file's headers promise. A shorter file was cut off, which decoders do not report: they
decode the rest, and the clip's text would then be longer than its sound. Decoding is in ``sound``."""

from __future__ import annotations

UNKNOWN = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})
"""Lengths that a header has if the length was unknown, as when the file was written into a pipe."""
MP3_FRAMES_LOST = 2
"""Frames that an MP3 decoder may leave out besides those that the encoder says it added."""


def promised_bytes(data: bytes) -> int:
    """Return the bytes that the file has at least if it is whole, or 0 where no header says so. Knows WAV, RF64,
    Wave64, AIFF, AU, MP4 and Ogg."""
    kind = data[:4]
    if kind == b"RIFF":
        return _known(int.from_bytes(data[4:8], "little"), 8)
    if kind == b"FORM":
        return _known(int.from_bytes(data[4:8], "big"), 8)
    if kind in {b"RF64", b"BW64"} and data[12:16] == b"ds64":
        return _known(int.from_bytes(data[20:28], "little"), 8)
    if kind == b"riff":
        return int.from_bytes(data[16:24], "little")
    if kind == b".snd":
        return _known(int.from_bytes(data[8:12], "big"), int.from_bytes(data[4:8], "big"))
    if kind == b"OggS":
        return _end_of_pages(data)
    return _end_of_boxes(data) if data[4:8] == b"ftyp" else 0


def promised_samples(data: bytes) -> int:
    """Return the samples of each channel that a decoder gives at least if the file is whole, or 0 where no header says
    so. Knows FLAC, and MP3 with a count of its frames."""
    if data[:4] == b"fLaC":
        return int.from_bytes(data[21:26], "big") & (2**36 - 1)
    start = 0
    if data[:3] == b"ID3":
        # Seven bits of each byte.
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=False))
    first = data[start : start + 200]
    if len(first) < 200 or first[0] != 0xFF or first[1] & 0xE6 != 0xE2:
        return 0  # no frame of layer III
    samples_per_frame = 1152 if first[1] & 0x18 == 0x18 else 576
    frames, added = _mp3_counts(first)
    return max(0, (frames - MP3_FRAMES_LOST) * samples_per_frame - added)


def _mp3_counts(first: bytes) -> tuple[int, int]:
    """Frames of an MP3 file, and the samples before and after its sound, as the encoder wrote them into its first frame
    (Xing's and Fraunhofer's headers)."""
    for tag in (b"Xing", b"Info"):
        at = first.find(tag, 0, 48)
        if at >= 0 and first[at + 7] & 1:
            both = int.from_bytes(first[at + 141 : at + 144], "big")
            return int.from_bytes(first[at + 8 : at + 12], "big"), (both >> 12) + (both & 0xFFF)
    return (int.from_bytes(first[50:54], "big"), 0) if first[36:40] == b"VBRI" else (0, 0)


def _known(length: int, before: int) -> int:
    return 0 if length in UNKNOWN else before + length


def _end_of_pages(data: bytes) -> int:
    """Where the last Ogg page that begins in the file ends (RFC 3533)."""
    at = 0
    while data[at : at + 4] == b"OggS":
        segments = sum(data[at + 26 : at + 27])
        at += 27 + segments + sum(data[at + 27 : at + 27 + segments])
    return at


def _end_of_boxes(data: bytes) -> int:
    """Where the last top-level box that begins in an MP4 file ends (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return 0  # to the end of the file, or no box
        at += size
    return at
