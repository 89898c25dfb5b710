"""What English text becomes: sentences, words as they are read aloud, and phonemes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_workloads import text
from tts_workloads.text.english import lexicon
from tts_workloads.text.english.front_end import BOUNDARY, PADDING, English
from tts_workloads.text.english.normalise import PAUSES, normalise

FRONT_END = English.for_training()

NUMBERS = """
3.14 | three point one four
.5 | zero point five
1,000s of people | thousands of people
Python 3.11's | python three point one one's
1,000,000 | one million
1,234.5 | one thousand two hundred thirty four point five
12345678901 | one two three four five six seven eight nine zero one
007 | zero zero seven
-5 | minus five
1st, 21st and 101st | first , twenty first and one hundred first
3-4 | three to four
3–4 | three to four
1/2 | one half
3/4 cup | three quarters cup
5 1/2 miles | five and a half miles
2½ cups | two and a half cups
24/7 | twenty four seven
2:1 | two to one
3x4 | three by four
3 × 4 | three times four
5 * 3 = 15 | five times three equals fifteen
10² | ten squared
10^6 | ten to the sixth
3.2×10^8 | three point two times ten to the eighth
6.6 x 10⁻³⁴ | six point six times ten to the minus thirty four
1.2.3 | one point two point three
H.323 | h point three hundred twenty three
No. 5 | number five
#1 | number one
pp. 12-15 | pages twelve to fifteen
1066 | one thousand sixty six
2000 people | two thousand people
Route 66 | route sixty six
١٢٣ | one hundred twenty three
555-0172 | five five five , zero one seven two
call 555-867-5309 | call five five five , eight six seven , five three zero nine
(212) 555-0123 | two one two , five five five , zero one two three
1-800-555-0199 | one , eight zero zero , five five five , zero one nine nine
+1 212 555 0123 | one , two one two , five five five , zero one two three
4111 1111 1111 1111 | four one one one , one one one one , one one one one , one one one one
"""
DATES = """
March 3rd, 2024 | march third , twenty twenty four
March 3, 2024 was a Sunday. | march third , twenty twenty four was a sunday .
It was in March 2024. | it was in march twenty twenty four .
on 3 March 2024 | on the third of march , twenty twenty four
the 4th of July | the fourth of july
12/25/2023 | december twenty fifth , twenty twenty three
25/12/2023 | december twenty fifth , twenty twenty three
2024-01-31T12:00 | january thirty first , twenty twenty four at twelve o'clock
2023-12-25 | december twenty fifth , twenty twenty three
9/11 | nine eleven
Jan. 5 | january fifth
Sat., Jan. 5 | saturday , january fifth
May 5 | may fifth
may 5 people | may five people
1905 | nineteen oh five
2005 | two thousand five
2010 | twenty ten
1800 | eighteen hundred
the 1990s | the nineteen nineties
the '90s | the nineties
in the 80s | in the eighties
1990-1995 | nineteen ninety to nineteen ninety five
2019–20 | twenty nineteen to twenty
3:45 p.m. | three forty five P M
at 10am or 10 PM | at ten A M or ten P M
at 7:00 | at seven o'clock
at 15:00 | at fifteen hundred
at 10:05 | at ten oh five
2:30:15 | two hours thirty minutes and fifteen seconds
at 2:30:01 p.m. | at two thirty and one second P M
10:30-11:45 | ten thirty to eleven forty five
3pm-5pm | three P M to five P M
"""
MONEY = """
$1 | one dollar
$1,234.56 | one thousand two hundred thirty four dollars and fifty six cents
$0.99 | ninety nine cents
$1.234 | one point two three four dollars
$5M | five million dollars
$2.5 million | two point five million dollars
$5-10 | five to ten dollars
-$5 | minus five dollars
$3.50/hour | three dollars and fifty cents per hour
99¢ | ninety nine cents
€20 | twenty euros
£1.50 | one pound and fifty pence
¥500 | five hundred yen
₹500 | five hundred rupees
€99,95, €5 | ninety nine euros and ninety five cents , five euros
-₩1000 | minus one thousand won
USD 100 or 1,500 EUR | one hundred dollars or one thousand five hundred euros
CHF 20, 2 million CHF | twenty swiss francs , two million swiss francs
€99,95 | ninety nine euros and ninety five cents
€1.234,56, 9,50 € | one thousand two hundred thirty four euros and fifty six cents , nine euros and fifty cents
20 €, 5 £ | twenty euros , five pounds
$5 and $3 | five dollars and three dollars
50% | fifty percent
0.5% | zero point five percent
"""
MEASURES = """
5 km | five kilometers
1 km | one kilometer
100 km/h | one hundred kilometers per hour
1,500 m | one thousand five hundred meters
2.5kg | two point five kilograms
20–30 km, 5-7 lbs., 2 tsp. salt | twenty to thirty kilometers , five to seven pounds , two teaspoons salt
He ran 100m in 9.58s. | he ran one hundred meters in nine point five eight seconds .
a 5-km run | a five kilometer run
72°F | seventy two degrees fahrenheit
-5°C | minus five degrees celsius
20 m² | twenty square meters
5'10" | five foot ten
6 ft. tall | six feet tall
5 in. long | five inches long
5 in the morning | five in the morning
16GB | sixteen gigabytes
3 GHz | three gigahertz
70mph | seventy miles per hour
220 V, 60 W, 2 L, 5 A | two hundred twenty volts , sixty watts , two liters , five amps
a 5 A fuse, row 5 A, 5 A students | a five amp fuse , row five A , five A students
60 W Smith Street | sixty w smith street
10 Ω, 4.7kΩ | ten ohms , four point seven kilohms
32 psi, 101 kPa | thirty two pounds per square inch , one hundred one kilopascals
120 mmHg | one hundred twenty millimeters of mercury
10 m3, 5 cm2 and 2 ft^2 | ten cubic meters , five square centimeters and two square feet
9.8 m/s², 5 kg/m^3 | nine point eight meters per second squared , five kilograms per cubic meter
3000 mAh, 2 kWh | three thousand milliamp hours , two kilowatt hours
5 mins. later, 30 secs | five minutes later , thirty seconds
60 fps | sixty frames per second
"""
ABBREVIATIONS = """
Dr. Smith lives on Elm Dr. | doctor smith lives on elm drive
St. John's St. | saint john's street
Mr. & Mrs. Smith | mister and missus smith
e.g. this, i.e. that | for example this , that is that
Acme Inc. said | acme incorporated said
vs. | versus
Apt. 4B, Apt. C | apartment four B , apartment C
It was apt. | it was apt .
ca. 1850, cf. the first, in mins. or secs. | circa eighteen fifty , compare the first , in minutes or seconds
vol. II, pp. xi-xii | volume two , pages eleven to twelve
Mt. Everest | mount everest
w/o | without
and/or | and or
George W. Bush | george W bush
J. K. Rowling | J K rowling
U.S.A. rules | U S A rules
AT&T | A T and T
NASA and the FBI | NASA and the FBI
CDs and URLs | CD's and URL's
COVID-19 | COVID nineteen
B2B | B two B
MP3 file | MP three file
A4 paper | A four paper
v2.0 | version two point zero
Chapter IV | chapter four
Part I | part one
World War II | world war two
King Henry VIII | king henry the eighth
Elizabeth II | elizabeth the second
I am | i am
www.example.com | W W W dot example dot com
https://example.com/a-b?x=1. | example dot com slash A dash B question mark X equals one .
foo@bar.com | foo at bar dot com
example.co.uk and example.ai | example dot co dot U K and example dot A I
jane@example.de, youtu.be/x1 | jane at example dot D E , youtu dot be slash X one
the end.It is | the end . it is
first.last@mail.example.org is it | first dot last at mail dot example dot org is it
"""
ROMAN_NUMERALS = """
He took part in the race. | he took part in the race .
the class is over | the class is over
volume is low | volume is low
Henry VIII. | henry the eighth .
Charles V. | charles the fifth .
Pope John Paul II. | pope john paul the second .
Elizabeth II's crown | elizabeth the second's crown
Charles I's head, Charles I was king | charles the first's head , charles the first was king
Mary L. | mary l .
Mary I know. Mary I'd like. | mary i know . mary i'd like .
Henry Iverson | henry iverson
George Vincent | george vincent
Charles Lindbergh flew. | charles lindbergh flew .
Phase IIb, stage IIIA, Type IC | phase two B , stage three A , type one C
The Book I read | the book i read
The grade I got | the grade i got
On stage I sing | on stage i sing
a type I'd like | a type i'd like
the part i like | the part i like
Part I is long, in part I. | part one is long , in part one .
Book I of the Aeneid | book one of the aeneid
type I diabetes | type one diabetes
Parts I and II, chapters IV–VI | parts one and two , chapters four to six
World Wars I and II | world wars one and two
act iii, scene ii | act three , scene two
page xii, pages iv, v and ix | page twelve , pages four , five and nine
the class mix, page mm, Class C, Part D | the class mix , page mm , class c , part d
Super Bowl LVIII | super bowl fifty eight
the XXI century, the XIXth century | the twenty first century , the nineteenth century
MMXXIV and MCMXCIX | twenty twenty four and nineteen ninety nine
The IV drip | the IV drip
MD, DC, CD, MIX, CIVIL, did, I | MD , DC , CD , MIX , CIVIL , did , i
IIII, section VVV | IIII , section VVV
"""
WRITING = """
A man has a plan A. | a man has a plan A .
Is vitamin A good? | is vitamin A good ?
HELLO WORLD AGAIN | hello world again
iPhone and GitHub | iPhone and GitHub
naïve café, Straße | naive cafe , strasse
rock 'n' roll | rock n roll
“Don’t,” he said. | don't , he said .
wait -- what | wait , what
well - no | well , no
well... | well ,
*bold* and **very** | bold and very
C# and C++ | c sharp and c plus plus
#winning | hashtag winning
(see below) | see below ,
What?! | what !
hello 😀 | hello
π is 3 | pi is three
"""
SPOKEN = [
    tuple(part.strip() for part in line.split("|"))
    for table in (NUMBERS, DATES, MONEY, MEASURES, ABBREVIATIONS, ROMAN_NUMERALS, WRITING)
    for line in table.strip().splitlines()
]


@pytest.mark.parametrize(("written", "spoken"), SPOKEN)
def test_text_is_read_aloud(written: str, spoken: str) -> None:
    words, unspeakable = normalise(written)
    assert " ".join(words) == spoken
    assert not unspeakable


PHONEMES = """
Hello world. | HH AH0 L OW1 _ W ER1 L D .
hello, world | HH AH0 L OW1 , W ER1 L D .
Really?! | R IH1 L IY0 !
it's | IH0 T S .
A | EY1 .
plan A | P L AE1 N _ EY1 .
The hour, the day | DH IY0 _ AW1 ER0 , DH AH0 _ D EY1 .
NASA | N AE1 S AH0 .
FBI | EH2 F B IY2 AY1 .
tell us | T EH1 L _ AH2 S .
the US | DH AH0 _ Y UW1 _ EH1 S .
XKCD | EH1 K S _ K EY1 _ S IY1 _ D IY1 .
xkcd | EH1 K S _ K EY1 _ S IY1 _ D IY1 .
10am | T EH1 N _ EY1 _ EH1 M .
X'AB | EH1 K S _ EY1 _ B IY1 .
CDs | S IY1 D IY0 Z .
GitHub | G IH1 T HH AH0 B .
PyTorchs | P AY1 T AO2 R CH AH0 Z .
Kubernetes's | K UW2 B ER0 N EH1 T IY0 Z AH0 Z .
I use it. | AY1 _ Y UW1 Z _ IH0 T .
the use of it | DH AH0 _ Y UW1 S _ AH0 V _ IH0 T .
to record a record | T UW0 _ R IH0 K AO1 R D _ AH0 _ R EH1 K ER0 D .
Record your name. | R IH0 K AO1 R D _ Y AO0 R _ N EY1 M .
They live. | DH EY0 _ L IH1 V .
live music | L IH1 V _ M Y UW1 Z IH0 K .
a live show | AH0 _ L AY1 V _ SH OW1 .
Close it, it is close. | K L OW1 Z _ IH0 T , IH0 T _ IH0 Z _ K L OW1 S .
She has read it. | SH IY0 _ HH AE0 Z _ R EH1 D _ IH0 T .
Please read it. | P L IY1 Z _ R IY1 D _ IH0 T .
in the desert | IH0 N _ DH AH0 _ D EH1 Z ER0 T .
to desert us | T UW0 _ D IH0 Z ER1 T _ AH2 S .
a minute, a minute amount | AH0 _ M IH1 N AH0 T , AH0 _ M AY0 N UW1 T _ AH0 M AW1 N T .
He dove into it. | HH IY0 _ D OW1 V _ IH1 N T UW0 _ IH0 T .
a white dove | AH0 _ W AY1 T _ D AH1 V .
to perfect it | T UW0 _ P ER0 F EH1 K T _ IH0 T .
The Polish people polish. | DH AH0 _ P OW1 L IH0 SH _ P IY1 P AH0 L _ P AA1 L IH0 SH .
a bass guitar, a sea bass | AH0 _ B EY1 S _ G IH0 T AA1 R , AH0 _ S IY1 _ B AE1 S .
to sow, the sow | T UW0 _ S OW1 , DH AH0 _ S AW1 .
an invalid chair is invalid | AE0 N _ IH1 N V AH0 L AH0 D _ CH EH1 R _ IH0 Z _ IH0 N V AE1 L AH0 D .
to permit it, a permit | T UW0 _ P ER0 M IH1 T _ IH0 T , AH0 _ P ER1 M IH2 T .
an object to object to | AE0 N _ AA1 B JH EH0 K T _ T UW0 _ AH0 B JH EH1 K T _ T UW0 .
"""


@pytest.mark.parametrize(
    ("written", "sounds"), [tuple(part.strip() for part in line.split("|")) for line in PHONEMES.strip().splitlines()]
)
def test_words_sound(written: str, sounds: str) -> None:
    symbols = FRONT_END.phonemes(written)
    assert " ".join(symbol.replace(BOUNDARY, "_") for symbol in symbols) == sounds
    assert [FRONT_END.symbols[number] for number in FRONT_END.encode(written)] == symbols


@pytest.mark.parametrize(
    ("written", "sounds"),
    [
        ("blorping", "B L AO1 R P IH0 NG"),
        ("phlobber", "F L AA1 B ER0"),
        ("zepher", "Z EH1 F ER0"),
        ("quibbish", "K W IH1 B IH0 SH"),
        ("snickerdoodling", "S N IH0 K ER0 D UW1 D L IH0 NG"),
        ("thraze", "TH R EY1 Z"),
    ],
)
def test_words_in_no_dictionary_sound_as_they_are_spelled(written: str, sounds: str) -> None:
    assert " ".join(FRONT_END.phonemes(written)[:-1]) == sounds


@pytest.mark.parametrize(
    ("written", "characters"),
    [
        ("", ""),
        ("  \n", ""),
        ("😀🎉", "😀🎉"),
        ("…", "…"),
        ("中文", "中文"),
        ("hello 中文 中", "中文"),
        ("Привет", "Привет"),
    ],
)
def test_what_cannot_be_spoken_is_named(written: str, characters: str) -> None:
    with pytest.raises(text.UnspeakableText) as raised:
        FRONT_END.encode(written)
    assert raised.value.characters == characters
    assert all(character in str(raised.value) for character in characters)


@pytest.mark.parametrize(
    ("pronunciation", "sounds"),
    [
        pytest.param("HH AH0 L OW1", "HH AH0 L OW1 .", id="a full stop is added"),
        pytest.param("hh ah0 l ow1 !", "HH AH0 L OW1 !", id="small letters"),
        pytest.param("K OW P F | K OW P F ER", "K OW1 P F _ K OW1 P F ER0 .", id="stress by rule, word by word"),
        pytest.param("| , B IY1 , | . IY1 |", "B IY1 . IY1 .", id="no doubled pauses, none at the beginning"),
    ],
)
def test_a_given_pronunciation_becomes_the_symbols_of_a_text(pronunciation: str, sounds: str) -> None:
    symbols = [FRONT_END.symbols[number] for number in FRONT_END.encode_pronunciation(pronunciation)]
    assert " ".join(symbol.replace(BOUNDARY, "_") for symbol in symbols) == sounds


def test_an_error_does_not_repeat_a_long_text() -> None:
    with pytest.raises(text.UnspeakableText) as raised:
        FRONT_END.encode("中" + "word " * 1000)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("written", ["Hello!", "Hello", "a, b", "Wait...", '"Yes," he said.', "(So.)"])
def test_every_sentence_ends_in_a_pause_and_never_has_padding(written: str) -> None:
    symbols = FRONT_END.phonemes(written)
    assert symbols[-1] in PAUSES
    assert PADDING not in symbols
    assert not any(here == BOUNDARY and after in (BOUNDARY, *PAUSES) for here, after in pairwise(symbols))


SENTENCES = """
One. Two! Three? Four | One. / Two! / Three? / Four
Mr. Smith met Dr. J. Brown. He left. | Mr. Smith met Dr. J. Brown. / He left.
It cost 3.5 dollars. Cheap! | It cost 3.5 dollars. / Cheap!
At 3 p.m. The train. | At 3 p.m. / The train.
At 3 p.m. today. | At 3 p.m. today.
The U.S. Army won. | The U.S. Army won.
I said no. Then no. 5 came. | I said no. / Then no. 5 came.
Take vitamin C. It helps. | Take vitamin C. / It helps.
George W. Bush, e.g. this. | George W. Bush, e.g. this.
Acme Inc. and Co. won. | Acme Inc. and Co. won.
Acme Inc. The end. | Acme Inc. / The end.
"Really?" she asked. "Yes." | "Really?" she asked. / "Yes."
wait... what? Wait... What? | wait... what? / Wait... / What?
St. Louis. Fig. 3 shows it. | St. Louis. / Fig. 3 shows it.
hello. how are you? | hello. / how are you?
See example.com. It is there. | See example.com. / It is there.
Hi 😀 😀. Bye. | Hi 😀 😀. / Bye.
😀. Bye. | Bye.
中文。 Bye. | 中文。 / Bye.
"""


@pytest.mark.parametrize(
    ("written", "sentences"),
    [tuple(part.strip() for part in line.split("|")) for line in SENTENCES.strip().splitlines()],
)
def test_text_is_cut_behind_its_sentences(written: str, sentences: str) -> None:
    assert FRONT_END.sentences(written) == sentences.split(" / ")


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        ("One\nTwo", ["One", "Two"]),
        ("A line that is\nwrapped here.", ["A line that is wrapped here."]),
        ("no stop\n\nat all", ["no stop", "at all"]),
        ("", []),
        (" \n ", []),
        ("😀", []),
    ],
)
def test_lines_and_paragraphs(written: str, sentences: list[str]) -> None:
    assert FRONT_END.sentences(written) == sentences


@pytest.mark.parametrize(
    "written",
    ["word " * 200, "some words, " * 60, "x" * 1000, ("x" * 300 + " ") * 3, "a; b: " * 100, "one - two – " * 50],
)
def test_long_text_is_cut_at_pauses_or_between_words_and_nothing_is_lost(written: str) -> None:
    pieces = FRONT_END.sentences(written)
    assert all(0 < len(piece) <= 240 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(written.split())


def test_long_text_is_cut_behind_a_comma_where_there_is_one() -> None:
    assert all(piece.endswith(",") for piece in FRONT_END.sentences("some more words, " * 60))


def test_a_voice_takes_its_front_end_along() -> None:
    card, files = text.describe(FRONT_END), FRONT_END.files()
    assert card.name == "en-us"
    assert card.files == tuple(sorted(files))
    restored = text.restore(card, files)
    for written, _ in SPOKEN:
        assert restored.encode(written) == FRONT_END.encode(written)
    assert restored.files() == files, "the same bytes, whoever packs them"
    assert sum(map(len, files.values())) < 1_500_000


def test_a_front_end_that_would_speak_otherwise_is_refused() -> None:
    card, files = text.describe(FRONT_END), FRONT_END.files()
    cases = {
        "which this image does not have": (card.model_copy(update={"name": "de-de"}), files),
        "needs version 3 of the front end en-us and its symbols; this image has version 1 and 2": (
            card.model_copy(update={"version": 3}),
            files,
        ),
        "this image has": (card.model_copy(update={"symbols": card.symbols[::-1]}), files),
        "is not what its card promises": (card, {**files, "rules.xz": files["rules.xz"][:-1]}),
    }
    for message, (other_card, other_files) in cases.items():
        with pytest.raises(text.UnknownFrontEnd, match=message):
            text.restore(other_card, other_files)
    with pytest.raises(text.UnknownFrontEnd, match="cannot be read"):
        English.from_files({**files, "rules.xz": b"torn"}, 2)
    with pytest.raises(text.UnknownFrontEnd, match="cannot be read"):
        English.from_files({}, 2)


def test_a_voice_of_version_1_has_no_stress() -> None:
    words = {word: lexicon.encode(sounds) for word, sounds in lexicon.bundled().items()}
    first = English(words, {"..": "", ".a.": lexicon.encode(["AE"]), ".k.": lexicon.encode(["K"])}, version=1)
    restored = text.restore(text.describe(first), first.files())
    assert (restored.version, len(restored.symbols)) == (1, 45)
    said = restored.with_words({"kopf": ("K", "OW1", "P", "F")})
    for written, sounds in (
        ("The hour is a record.", "DH IY _ AW ER _ IH Z _ AH _ R EH K ER D ."),
        ("kak, FBI, buses's", "K AE K , EH F B IY AY , B AH S IH Z AH Z ."),
        ("To object: Kopf!", "T UW _ AH B JH EH K T , K OW P F !"),
    ):
        symbols = [said.symbols[number] for number in said.encode(written)]
        assert " ".join(symbols).replace("   ", " _ ") == sounds


def test_every_word_of_two_vowels_has_one_main_stress() -> None:
    for word in ("a", "an", "the", "of", *sorted(lexicon.bundled())[::97]):
        sounds = FRONT_END.phonemes(word)[:-1]
        vowels = [sound for sound in sounds if lexicon.is_vowel(sound)]
        assert all(vowel[-1] in "012" for vowel in vowels), word
        assert len(vowels) < 2 or BOUNDARY in sounds or sum(vowel[-1] == "1" for vowel in vowels) == 1, word


def test_a_language_without_a_front_end_is_refused() -> None:
    with pytest.raises(text.UnknownFrontEnd, match="no front end for de-de; there is one for en-us"):
        text.for_training("de-de")


@pytest.mark.parametrize(
    "pattern", ["1", "1,", "a.", "A. ", "1/", "1.", "1-", "1:1 ", "$", "http://", "a@", "a-", "#", "5' "]
)
def test_no_text_breaks_it(pattern: str) -> None:
    written = pattern * (4096 // len(pattern))
    for sentence in FRONT_END.sentences(written):
        assert FRONT_END.encode(sentence)


_CHARACTERS = st.characters() | st.sampled_from("aAsSxX019 .,:;/-'\"$%°²½#@&*_()\n")


@settings(max_examples=400, deadline=None)
@given(st.text(_CHARACTERS, max_size=60))
def test_any_text_is_spoken_or_refused(written: str) -> None:
    pieces = FRONT_END.sentences(written)
    assert all(0 < len(piece) <= 240 for piece in pieces)
    for piece in (*pieces, written):
        try:
            encoded = FRONT_END.encode(piece)
        except text.UnspeakableText:
            continue
        assert encoded
        assert 0 not in encoded
        assert FRONT_END.symbols[encoded[-1]] in PAUSES


_NAMES = ["Mary", "Henry", "Charles", "Elizabeth", "John Paul", "Iverson", "Dr.", "St.", "U.S.", "No.", "Vol.", "p."]
_NUMERALS = ["I", "II", "IV", "V", "VIII", "X", "XL", "L", "C", "D", "M", "MMXXIV", "xii", "IIb", "3", "1,000", "2:30"]
_NUMBERED = ["part", "Part", "class", "Book", "volume", "stage", "type", "Page", "chapters", "century", "World War"]
_WORDS = st.one_of(
    st.sampled_from(sorted(lexicon.bundled())),
    *map(st.sampled_from, (_NAMES, _NUMERALS, _NUMBERED)),
)
_WRITTEN = _WORDS | _WORDS.map(str.capitalize) | _WORDS.map(str.upper)
_GLUE = st.sampled_from([" ", " ", " ", " ", ", ", ". ", ".", "-", "'s ", "'d ", "; ", " – ", " & ", "/", " (", ") "])


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(_WRITTEN, _GLUE), min_size=1, max_size=8))
def test_any_sentence_of_words_names_and_numerals_is_spoken(pieces: list[tuple[str, str]]) -> None:
    written = "".join(word + glue for word, glue in pieces)
    for sentence in FRONT_END.sentences(written):
        try:
            encoded = FRONT_END.encode(sentence)
        except text.UnspeakableText:
            continue
        assert encoded
        assert 0 not in encoded
