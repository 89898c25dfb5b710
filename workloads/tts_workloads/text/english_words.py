"""English words that sound otherwise beside other words, and words younger than the dictionary. How all others sound,
``lexicon`` and ``letter_to_sound`` know."""

from __future__ import annotations

from typing import NamedTuple

from tts_workloads.text.lexicon import Pronunciation

ADDITIONS = {
    "bass": "B EY S", "chatbot": "CH AE T B AA T", "covid": "K OW V IH D", "jpeg": "JH EY P EH G",
    "json": "JH EY S AH N", "kilohertz": "K IH L AH HH ER T S", "kubectl": "K Y UW B K AH N T R OW L",
    "kubernetes": "K UW B ER N EH T IY Z", "invalid": "IH N V AE L AH D",
    "lead": "L IY D", "metadata": "M EH T AH D EY T AH", "miz": "M IH Z",
    "nginx": "EH N JH IH N EH K S", "openai": "OW P AH N EY AY", "pytorch": "P AY T AO R CH",
    "vocoder": "V OW K OW D ER", "wound": "W UW N D", "yaml": "Y AE M AH L",
}  # fmt: skip
"""Pronunciations that go into a new voice's lexicon beside the dictionary's, or in place of one that
is rarely meant."""
INITIALISMS = frozenset(["AD", "AI", "AKA", "AM", "ER", "ID", "IO", "IT", "LA", "UN", "US", "WHO"])
"""Spelled where they are written in capitals, though they are words."""


class Heteronym(NamedTuple):
    """One spelling, two words."""

    noun: str
    """As a noun or an adjective."""
    verb: str
    verb_is_usual: bool = False
    """What is said where the neighbours do not tell."""


HETERONYMS = {
    "abuse": Heteronym("AH B Y UW S", "AH B Y UW Z"),
    "advocate": Heteronym("AE D V AH K AH T", "AE D V AH K EY T"),
    "alternate": Heteronym("AO L T ER N AH T", "AO L T ER N EY T"),
    "appropriate": Heteronym("AH P R OW P R IY AH T", "AH P R OW P R IY EY T"),
    "associate": Heteronym("AH S OW S IY AH T", "AH S OW S IY EY T"),
    "attribute": Heteronym("AE T R AH B Y UW T", "AH T R IH B Y UW T"),
    "close": Heteronym("K L OW S", "K L OW Z", verb_is_usual=True),
    "combine": Heteronym("K AA M B AY N", "K AH M B AY N", verb_is_usual=True),
    "conduct": Heteronym("K AA N D AH K T", "K AH N D AH K T"),
    "conflict": Heteronym("K AA N F L IH K T", "K AH N F L IH K T"),
    "content": Heteronym("K AA N T EH N T", "K AH N T EH N T"),
    "contract": Heteronym("K AA N T R AE K T", "K AH N T R AE K T"),
    "convict": Heteronym("K AA N V IH K T", "K AH N V IH K T"),
    "coordinate": Heteronym("K OW AO R D AH N AH T", "K OW AO R D AH N EY T"),
    "delegate": Heteronym("D EH L AH G AH T", "D EH L AH G EY T"),
    "deliberate": Heteronym("D IH L IH B ER AH T", "D IH L IH B ER EY T"),
    "desert": Heteronym("D EH Z ER T", "D IH Z ER T"),
    "duplicate": Heteronym("D UW P L AH K AH T", "D UW P L AH K EY T"),
    "estimate": Heteronym("EH S T AH M AH T", "EH S T AH M EY T"),
    "excuse": Heteronym("IH K S K Y UW S", "IH K S K Y UW Z", verb_is_usual=True),
    "graduate": Heteronym("G R AE JH AH W AH T", "G R AE JH AH W EY T"),
    "house": Heteronym("HH AW S", "HH AW Z"),
    "live": Heteronym("L AY V", "L IH V", verb_is_usual=True),
    "lives": Heteronym("L AY V Z", "L IH V Z", verb_is_usual=True),
    "moderate": Heteronym("M AA D ER AH T", "M AA D ER EY T"),
    "object": Heteronym("AA B JH EH K T", "AH B JH EH K T"),
    "objects": Heteronym("AA B JH EH K T S", "AH B JH EH K T S"),
    "perfect": Heteronym("P ER F IH K T", "P ER F EH K T"),
    "present": Heteronym("P R EH Z AH N T", "P R IH Z EH N T"),
    "presents": Heteronym("P R EH Z AH N T S", "P R IH Z EH N T S"),
    "produce": Heteronym("P R OW D UW S", "P R AH D UW S", verb_is_usual=True),
    "progress": Heteronym("P R AA G R EH S", "P R AH G R EH S"),
    "project": Heteronym("P R AA JH EH K T", "P R AH JH EH K T"),
    "projects": Heteronym("P R AA JH EH K T S", "P R AH JH EH K T S"),
    "rebel": Heteronym("R EH B AH L", "R IH B EH L"),
    "record": Heteronym("R EH K ER D", "R IH K AO R D"),
    "records": Heteronym("R EH K ER D Z", "R IH K AO R D Z"),
    "refuse": Heteronym("R EH F Y UW S", "R AH F Y UW Z", verb_is_usual=True),
    "separate": Heteronym("S EH P ER AH T", "S EH P ER EY T"),
    "sow": Heteronym("S AW", "S OW", verb_is_usual=True),
    "tear": Heteronym("T IH R", "T EH R"),
    "use": Heteronym("Y UW S", "Y UW Z", verb_is_usual=True),
    "uses": Heteronym("Y UW S AH Z", "Y UW Z AH Z", verb_is_usual=True),
    "wind": Heteronym("W IH N D", "W AY N D"),
}


class Beside(NamedTuple):
    """What else a word may be, where one of these stands beside it."""

    sounds: str
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()


BESIDE = {
    "bass": Beside(
        "B AE S", frozenset(["caught", "fried", "grilled", "largemouth", "sea", "smallmouth", "striped"]),
        frozenset(["boat", "fish", "fishing"]),
    ),
    "dove": Beside(
        "D OW V", frozenset(["he", "i", "she", "they", "we", "who", "you"]),
        frozenset(["back", "deep", "deeper", "down", "for", "headfirst", "in", "into", "off", "straight", "under"]),
    ),
    "invalid": Beside("IH N V AH L AH D", after=frozenset(["chair", "chairs", "who"])),
    "minute": Beside(
        "M AY N UW T", frozenset(["extremely", "most", "so", "too", "very"]),
        frozenset(["amount", "amounts", "change", "changes", "detail", "details", "differences", "fraction",
                   "particles", "quantities", "traces"]),
    ),
    "polish": Beside(
        "P OW L IH SH", frozenset(["learn", "learning", "speak", "speaking", "speaks"]),
        frozenset(["army", "border", "cities", "city", "cuisine", "food", "government", "history", "immigrants",
                   "language", "man", "people", "president", "sausage", "sausages", "troops", "woman", "zloty"]),
    ),
}  # fmt: skip
READ_NOW, READ_BEFORE = ("R", "IY", "D"), ("R", "EH", "D")

_DETERMINERS = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "my", "your", "his", "her", "its", "our", "their", "no",
    "any", "some", "each", "every", "another",
])  # fmt: skip
_BEFORE_NOUNS = _DETERMINERS | frozenset([
    "of", "in", "with", "for", "by", "from", "at", "on", "is", "are", "was", "were", "very", "so", "too", "as",
    "be", "been", "get", "more", "most",
])  # fmt: skip
_BEFORE_VERBS = frozenset([
    "to", "will", "would", "can", "could", "shall", "should", "may", "might", "must", "not", "cannot", "can't",
    "don't", "doesn't", "didn't", "won't", "wouldn't", "couldn't", "shouldn't", "i", "you", "we", "they",
    "let's", "please", "who", "i'll", "you'll", "we'll", "they'll", "he'll", "she'll", "help", "and", "or",
])  # fmt: skip
_AFTER_COMMANDS = _DETERMINERS | frozenset(["all", "it", "them", "us", "me"])
_BEFORE_READ_BEFORE = frozenset([
    "have", "has", "had", "was", "were", "been", "be", "is", "are", "having", "he", "she", "it", "i've",
    "you've", "we've", "they've", "well", "already", "ever", "never",
])  # fmt: skip


def in_context(word: str, before: str, after: str) -> Pronunciation | None:
    """How a heteronym sounds between its neighbours, all in small letters; a neighbour is empty beyond a pause. None
    for any other word."""
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
