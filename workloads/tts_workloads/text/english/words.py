"""English words that sound different next to different words, and words newer than the dictionary, all with their
stress. Other words are in ``lexicon`` and ``letter_to_sound``."""

from __future__ import annotations

from typing import NamedTuple

from tts_workloads.text.english.lexicon import Pronunciation
from tts_workloads.text.english.tables import word_set

ADDITIONS = {
    "bass": "B EY1 S",
    "chatbot": "CH AE1 T B AA2 T",
    "covid": "K OW1 V IH0 D",
    "jpeg": "JH EY1 P EH2 G",
    "json": "JH EY1 S AH0 N",
    "kilohertz": "K IH1 L AH0 HH ER2 T S",
    "kubectl": "K Y UW1 B K AH0 N T R OW2 L",
    "kubernetes": "K UW2 B ER0 N EH1 T IY0 Z",
    "invalid": "IH0 N V AE1 L AH0 D",
    "lead": "L IY1 D",
    "metadata": "M EH1 T AH0 D EY2 T AH0",
    "miz": "M IH1 Z",
    "nginx": "EH2 N JH IH0 N EH1 K S",
    "openai": "OW2 P AH0 N EY2 AY1",
    "pytorch": "P AY1 T AO2 R CH",
    "vocoder": "V OW1 K OW2 D ER0",
    "wound": "W UW1 N D",
    "yaml": "Y AE1 M AH0 L",
}
"""Pronunciations that a new voice's lexicon has besides the dictionary's, or in place of one that is rarely
meant."""
INITIALISMS = word_set("AD AI AKA AM ER ID IO IT LA UN US WHO")
"""Words that are spelled where they are written in capitals."""


class Heteronym(NamedTuple):
    """Two words of one spelling, and how each sounds."""

    noun: str
    """How it sounds as a noun or an adjective."""
    verb: str
    verb_is_usual: bool = False
    """Whether it is read as the verb where its neighbours do not tell."""


HETERONYMS = {
    "abuse": Heteronym("AH0 B Y UW1 S", "AH0 B Y UW1 Z"),
    "advocate": Heteronym("AE1 D V AH0 K AH0 T", "AE1 D V AH0 K EY2 T"),
    "alternate": Heteronym("AO1 L T ER0 N AH0 T", "AO1 L T ER0 N EY2 T"),
    "appropriate": Heteronym("AH0 P R OW1 P R IY0 AH0 T", "AH0 P R OW1 P R IY0 EY2 T"),
    "associate": Heteronym("AH0 S OW1 S IY0 AH0 T", "AH0 S OW1 S IY0 EY2 T"),
    "attribute": Heteronym("AE1 T R AH0 B Y UW2 T", "AH0 T R IH1 B Y UW0 T"),
    "close": Heteronym("K L OW1 S", "K L OW1 Z", verb_is_usual=True),
    "combine": Heteronym("K AA1 M B AY2 N", "K AH0 M B AY1 N", verb_is_usual=True),
    "conduct": Heteronym("K AA1 N D AH2 K T", "K AH0 N D AH1 K T"),
    "conflict": Heteronym("K AA1 N F L IH2 K T", "K AH0 N F L IH1 K T"),
    "content": Heteronym("K AA1 N T EH2 N T", "K AH0 N T EH1 N T"),
    "contract": Heteronym("K AA1 N T R AE2 K T", "K AH0 N T R AE1 K T"),
    "convict": Heteronym("K AA1 N V IH2 K T", "K AH0 N V IH1 K T"),
    "coordinate": Heteronym("K OW0 AO1 R D AH0 N AH0 T", "K OW0 AO1 R D AH0 N EY2 T"),
    "delegate": Heteronym("D EH1 L AH0 G AH0 T", "D EH1 L AH0 G EY2 T"),
    "deliberate": Heteronym("D IH0 L IH1 B ER0 AH0 T", "D IH0 L IH1 B ER0 EY2 T"),
    "desert": Heteronym("D EH1 Z ER0 T", "D IH0 Z ER1 T"),
    "duplicate": Heteronym("D UW1 P L AH0 K AH0 T", "D UW1 P L AH0 K EY2 T"),
    "estimate": Heteronym("EH1 S T AH0 M AH0 T", "EH1 S T AH0 M EY2 T"),
    "excuse": Heteronym("IH0 K S K Y UW1 S", "IH0 K S K Y UW1 Z", verb_is_usual=True),
    "graduate": Heteronym("G R AE1 JH AH0 W AH0 T", "G R AE1 JH AH0 W EY2 T"),
    "house": Heteronym("HH AW1 S", "HH AW1 Z"),
    "live": Heteronym("L AY1 V", "L IH1 V", verb_is_usual=True),
    "lives": Heteronym("L AY1 V Z", "L IH1 V Z", verb_is_usual=True),
    "moderate": Heteronym("M AA1 D ER0 AH0 T", "M AA1 D ER0 EY2 T"),
    "object": Heteronym("AA1 B JH EH0 K T", "AH0 B JH EH1 K T"),
    "objects": Heteronym("AA1 B JH EH0 K T S", "AH0 B JH EH1 K T S"),
    "permit": Heteronym("P ER1 M IH2 T", "P ER0 M IH1 T"),
    "permits": Heteronym("P ER1 M IH2 T S", "P ER0 M IH1 T S"),
    "perfect": Heteronym("P ER1 F IH0 K T", "P ER0 F EH1 K T"),
    "present": Heteronym("P R EH1 Z AH0 N T", "P R IH0 Z EH1 N T"),
    "presents": Heteronym("P R EH1 Z AH0 N T S", "P R IH0 Z EH1 N T S"),
    "produce": Heteronym("P R OW1 D UW2 S", "P R AH0 D UW1 S", verb_is_usual=True),
    "progress": Heteronym("P R AA1 G R EH2 S", "P R AH0 G R EH1 S"),
    "project": Heteronym("P R AA1 JH EH2 K T", "P R AH0 JH EH1 K T"),
    "projects": Heteronym("P R AA1 JH EH2 K T S", "P R AH0 JH EH1 K T S"),
    "rebel": Heteronym("R EH1 B AH0 L", "R IH0 B EH1 L"),
    "record": Heteronym("R EH1 K ER0 D", "R IH0 K AO1 R D"),
    "records": Heteronym("R EH1 K ER0 D Z", "R IH0 K AO1 R D Z"),
    "refuse": Heteronym("R EH1 F Y UW2 S", "R AH0 F Y UW1 Z", verb_is_usual=True),
    "separate": Heteronym("S EH1 P ER0 AH0 T", "S EH1 P ER0 EY2 T"),
    "sow": Heteronym("S AW1", "S OW1", verb_is_usual=True),
    "tear": Heteronym("T IH1 R", "T EH1 R"),
    "use": Heteronym("Y UW1 S", "Y UW1 Z", verb_is_usual=True),
    "uses": Heteronym("Y UW1 S AH0 Z", "Y UW1 Z AH0 Z", verb_is_usual=True),
    "wind": Heteronym("W IH1 N D", "W AY1 N D"),
}


class Beside(NamedTuple):
    """How else a word sounds where one of these words stands before or after it."""

    sounds: str
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()


BESIDE = {
    "bass": Beside(
        "B AE1 S",
        before=word_set("caught fried grilled largemouth sea smallmouth striped"),
        after=word_set("boat fish fishing"),
    ),
    "dove": Beside(
        "D OW1 V",
        before=word_set("he i she they we who you"),
        after=word_set("back deep deeper down for headfirst in into off straight under"),
    ),
    "invalid": Beside(
        "IH1 N V AH0 L AH0 D",
        after=word_set("chair chairs who"),
    ),
    "minute": Beside(
        "M AY0 N UW1 T",
        before=word_set("extremely most so too very"),
        after=word_set("amount amounts change changes detail details differences fraction particles quantities traces"),
    ),
    "polish": Beside(
        "P OW1 L IH0 SH",
        before=word_set("learn learning speak speaking speaks"),
        after=word_set("""
            army border cities city cuisine food government history immigrants language man people president sausage
            sausages troops woman zloty
        """),
    ),
}
READ_NOW, READ_BEFORE = ("R", "IY1", "D"), ("R", "EH1", "D")

_DETERMINERS = word_set("""
    a an the this that these those my your his her its our their no any some each every another
""")
_BEFORE_NOUNS = _DETERMINERS | word_set("""
    of in with for by from at on is are was were very so too as be been get more most
""")
_BEFORE_VERBS = word_set("""
    to will would can could shall should may might must not cannot can't don't doesn't didn't won't wouldn't couldn't
    shouldn't i you we they let's please who i'll you'll we'll they'll he'll she'll help and or
""")
_AFTER_COMMANDS = _DETERMINERS | word_set("all it them us me")
_BEFORE_READ_BEFORE = word_set("""
    have has had was were been be is are having he she it i've you've we've they've well already ever never
""")


def in_context(word: str, before: str, after: str) -> Pronunciation | None:
    """Return how a heteronym sounds between its neighbours, all in small letters. A neighbour beyond a pause is empty.
    Returns None for a word that is no heteronym."""
    if word == "read":
        return READ_BEFORE if before in _BEFORE_READ_BEFORE else READ_NOW
    beside = BESIDE.get(word)
    if beside is not None and (before in beside.before or after in beside.after):
        return tuple(beside.sounds.split())
    found = HETERONYMS.get(word)
    if found is None:
        return None
    commands = not before and after in _AFTER_COMMANDS
    verb = before not in _BEFORE_NOUNS and (found.verb_is_usual or commands or before in _BEFORE_VERBS)
    return tuple((found.verb if verb else found.noun).split())
