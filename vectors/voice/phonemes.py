"""Writes `phonemes.jsonl`: sentences, and the phonemes that the package `hibari-tts` 0.2.1 gives them.

    pip install --no-deps hibari-tts==0.2.1 && pip install numpy onnxruntime
    python vectors/voice/phonemes.py > vectors/voice/phonemes.jsonl

Each line is a list: the accent's letter, the text, the pieces. Texts are drawn from a seed.
"""

import json
import random
import sys

from hibari.g2p import G2P
from hibari.tts import Hibari

DRAW = random.Random(20)
NAMES = ("Zyvanna Okthar Brelwick Quillforge Thornhaven Miraxis Yndrel Kaelith Vossberg Anzhelika Nguyen Siobhan Xochitl Björn "
         "Wojciech Łukasz Zoë Renée Dvořák Eyjafjallajökull Tshabalala McAllister O'Malley DeVito MacArthur LeBron iPhone GitHub "
         "YouTube OpenAI ChatGPT PostgreSQL JavaScript TypeScript Kubernetes Nvidia Huawei Xiaomi LazAI Ollama").split()
HOMOGRAPHS = """I read it yesterday.|I will read it tomorrow.|She had read it before.|They live in Rome.|A live band played.|
The record was broken.|We record every call.|The wind is strong.|Please wind the clock.|He wound the rope.|The wound healed.|
A tear fell.|Do not tear it.|Lead the way.|The lead pipe.|I object to that.|The object is red.|They present a gift.|
The present is here.|Please close the door.|Stay close to me.|The desert is hot.|Do not desert me.|A minute detail.|Wait a minute.|
They refuse to go.|The refuse bin.|The bass is deep.|He caught a bass.|A bow and arrow.|Take a bow.|We use it.|What use is it?|
I used to sing.|He used a spoon.|It was used to cook.|Excuse me.|A good excuse.|They conduct a test.|Good conduct matters.|
We contest it.|The contest ended.|A perfect day.|Perfect your craft.|I permit it.|A permit is needed.|They project growth.|
The project grows.|The rebel fell.|They rebel often.|Produce the goods.|Fresh produce.|Separate rooms.|Separate them.|
A moderate price.|They moderate it.|An estimate.|We estimate it.|Two doves dove.|He dove in.|The invalid ticket.|An invalid.|
The number is ten.|My hand grew number.|A content man.|The content is new.|Attribute it to me.|An attribute.|I am in.|Come in!|
That is what I came for.|He is the one I am.|We walked by.|By the sea.|I'd like to.|Go to Ann.|Go to Bob.|The apple. The bear.|
An hour.|A unit.|A B C|I have an A.|vitamin A|Plan B|It's 5 A.M. now|Am I late?|The IN box|TO DO|THE END""".replace("\n", "").split("|")
PLAIN = """Hello there!|How are you doing today?|I can't believe it's not butter.|She'll've gone by then.|Y'all ain't ready.|
Rock 'n' roll ain't noise.|'Twas the night before.|The dogs' bowls are James's.|Let's go, they're here.|Should've, would've, could've.|
Gonna wanna gotta.|C'mon, lemme see.|It's o'clock.|mother-in-law|A state-of-the-art, well-known, twenty-one-year-old man.|
Well... maybe.|Wait…what?|No -- really!|Yes—no—perhaps.|An en–dash.|(In brackets) [or these] {and these}.|"Quoted," he said.|
“Curly,” she said, ‘really’.|He asked: "Why?"|One; two: three.|What?! No!!|!!!|...|—|-|'|"|?|A.|a|I|Ok|OK.|ok...|Hmm, uh-huh, mhm.|
Shh! Psst, brr.|Haha! Lol. LOL, OMG, WTF.|e.g. this, i.e. that, etc.|Ph.D. and M.D. and U.S.A. and U.K.|The U.S. Army|U.N. talks|
NASA, FBI, CIA, HTML, JSON, SQL, API, GPU.|NATO and UNESCO.|COVID-19, B2B, P2P, F2F.|The CEO's PA.|CDs and DVDs.|PhDs|
Dr. Smith lives on Elm Dr. now.|St. John lives on Main St.|Mr. and Mrs. Jones vs. Ms. Lee.|Prof. X, Sgt. Pepper, Capt. Hook.|
No. 5 and Nos. 6.|Apt. 4, Bldg. 7, Ste. 9.|approx. 5 min.|est. 1990|Vol. 2, ch. 3, pp. 4-7, fig. 8.|cf. Brown et al.|w/ milk, w/o sugar|
aka Bob|TBD, BTW.|Jan. 5|Mon. at 9|Sept. 11, 2001|#1 fan|#hashtag|C# code|@user hi|a@b.com|bob.smith@mail.example.org|www.example.com|
https://example.com/a-b?c=d|Visit example.org today.|and/or|he/she|km/h|1/2 cup|3/4|5/8|9/11|24/7|13/45|x/y|a=b|a = b|x<y>z|2 + 2 = 4|
5*3|2^8|snake_case|C:\\path\\file|50%|100 %|5°C|-3 °F|90°|~5|≈5|±2|×3|÷4|™ ® ©|§5|¶|•item|→ there|←|½ ¼ ¾|x²|x³|µm|a|b|
**bold** and *it* and _this_|`code`|> quote|[a link](https://a.org/b)|[word](/wˈɜɹd/) here|[two words](x)|[](x)|[a](//)|~~no~~|
Chapter IV|World War II|Henry VIII|King George III.|Queen Elizabeth II's|Part V|Louis XIV|Act III, Scene II|Pope John XXIII|Rocky IV|
Super Bowl LIV|Type C|Part I'm in|Section MC|I, II, III|Ivan IV|Class A|emoji 😀 here|👍🏽|❤️ you|👨‍👩‍👧|🇫🇷 flag|:) ;-) :D <3|(╯°□°）╯︵┻━┻|
naïve café résumé|Ærø Øre Ångström|façade|jalapeño|über|Straße|Æon|œuvre|Привет мир|Москва|Ελλάδα|αβγ|漢字|日本語です|こんにちは|한국어|عربي|עברית|
ไทย|हिन्दी|١٢٣|５ apples|①②|Ⅳ|ﬁne|ｆｕｌｌ|K|e\u0301te\u0301|a\u200bb|\u00a0x\u00a0|tab\there|a\\nb|zero\u0000byte|
supercalifragilistic|antidisestablishmentarianism|aaaaaa|zzz|qwrtp|xyzzy|AbCdEf|HTMLParser|camelCaseName|SHOUTING LOUDLY NOW|McDonald's|
O'Neil|d'Artagnan|rock'n'roll|fo'c'sle|the '90s|the 1990's|80s|'80s|in the 2020s|1st 2nd 3rd 4th 11th 21st 100th|1,000th|007|0|00|
1,2,3|1.2.3|v1.2|3.0|3.14159|.5|0.05|-5|- 5|–5|+5|(5)|5,|5.|1e5|0x1F|2x|10k|5M|3B|4K video|60fps|16GB|2.4GHz|100kHz|5ft|6'2"|
10am|10 a.m.|5:30|5:30pm|17:45|12:00|12:00 PM|0:05|23:59:59|1:02:03|25:00|5:60|at 7 o'clock|7:05 a.m. sharp|
2024-05-17|5/17/2024|17/5/2024|5/17/24|5/17/95|May 5|May 5th, 2020|5 May|the 5th of May|5 of May|March 32|12 March 1999|June 2024|
555-1234|800-555-1234|1-800-555-1234|+1 555 1234|10-20|10–20|1990-1999|pages 5 - 7|3-2|a 5-4 win|1914-18|ISBN 978-3-16|
$5|$5.50|$0.99|$1|$1.01|$0.01|$1,000|$1.5M|$2 million|$3bn|$4.5 billion|£3|£3.20|£1.01|€7|€7.10|5€|5 €|¥500|₹1|₩3|Rs. 50|USD 5|EUR 1|GBP 2|
US$5|C$7|$5-10|$|$$|$x|5$|99¢|1 ¢|$1,234.56|$1.234|$100K|$-5|-$5|$.50|£0.50|$2.00|
100|101|110|111|1000|1001|1100|1999|2000|2001|2010|2024|10000|12345|100000|1000000|1234567|1000000000|123456789012|
room 101|flight 370|Boeing 747|area 51|route 66|bus 9A|A4 paper|MP3|H2O|CO2|WD-40|R2-D2|C-3PO|G20|F-16|7-Eleven|3D|4x4|1080p|5G|i7-9700K|
5 km|1 km|2 kg|1 lb|3 lbs|4 oz|6 ft|1 ft|70 mph|5 mi|10 cm|8 mm|500 ml|7 hrs|1 hr|5 min|30 secs|1 sec|20 ms|100 sq ft|5 kWh|3 MB|
1.0 km|1,500 km|-5 km|5km/h|5 cc|3 pct|5 in|2 yd|9 mg""".replace("\n", "").replace("\\nb", "\nb").split("|")
ODD = ["King Charles spoke.", "Chapter Commence", "Zyvannaoktharbrelwickquillforge"]
DIALOGUE = """"{a}," said {n}, "{b}."|"{a}?" asked {n}.|{n}: {a}!|“{a}…” {n} whispered, “{b}?”|{n} — {a} — {b}.|*{a}* {b}.|{a}; {b}, {n}!|({a}) {b}...|
{n}'s {a} and {n}' {b}.|Dr. {n} saw {a}. Then {b}!|{a}, {b}, and {n}?|Is it {a} or {b}, {n}?|{n} {a}ed the {b}.|{a}ing {b}s|The {a}-{b} of {n}""".replace(
    "\n", "").split("|")
TEMPLATES = """{n} paid ${m} on {d}.|It is {t} in {n}.|The {o} of {mo}.|{y} was good.|From {y} to {y}.|{i} people|About {f} percent|{i}% of {i}|
Call {p} now.|{f} km|{i} lbs|{f}°C|{n} ran {f} miles in {t}.|£{m}|€{m} each|{mo} {k}, {y}|{k} {mo}|{k}/{k2}/{y}|{y}-0{k1}-1{k1}|
{i}-{i}|{i}/{k}|#{i}|No. {i}|{i}x|-{f}|{n}{i}|{n}-{i}|{i}th|{i}s|{i}'s|Page {i}, line {k}.|${i} million|{f}k|{i},000""".replace("\n", "").split("|")
MONTHS = "January Feb March Apr. May June July Aug. September Oct November Dec.".split()


def filled(template, words):
    d = DRAW
    fields = {
        "n": lambda: d.choice(NAMES), "a": lambda: d.choice(words), "b": lambda: d.choice(words),
        "m": lambda: d.choice([f"{d.randrange(200)}.{d.randrange(100):02}", f"{d.randrange(5000):,}", str(d.randrange(30))]),
        "d": lambda: f"{d.choice(MONTHS)} {d.randrange(1, 32)}", "t": lambda: f"{d.randrange(24)}:{d.randrange(60):02}" + d.choice(["", " am", "pm", " P.M."]),
        "o": lambda: d.choice(["1st", "2nd", "3rd", "4th", "12th", "20th", "31st"]), "mo": lambda: d.choice(MONTHS),
        "y": lambda: str(d.choice([d.randrange(1000, 2030), d.randrange(1900, 2030)])), "i": lambda: str(d.randrange(10 ** d.randrange(1, 8))),
        "f": lambda: f"{d.randrange(100)}.{d.randrange(1000)}", "p": lambda: f"{d.randrange(200, 999)}-{d.randrange(1000, 9999)}",
        "k": lambda: str(d.randrange(1, 13)), "k1": lambda: str(d.randrange(1, 10)), "k2": lambda: str(d.randrange(1, 32)),
    }
    out = template
    for key, draw in fields.items():
        while "{" + key + "}" in out:
            out = out.replace("{" + key + "}", draw(), 1)
    return out


def texts(lexicon):
    gold, silver = sorted(lexicon.golds.d), sorted(lexicon.silvers.d)
    words = [w for w in gold if w.isalpha() and w.islower() and 2 < len(w) < 9]
    graphs = [w for w in gold if isinstance(lexicon.golds.d[w], dict) and w.islower()]
    yield from HOMOGRAPHS
    yield from PLAIN
    for _ in range(210):
        yield filled(DRAW.choice(DIALOGUE), words)
    for _ in range(270):
        yield filled(DRAW.choice(TEMPLATES), words)
    for _ in range(130):
        yield " ".join(DRAW.sample(words, DRAW.randrange(2, 5))) + DRAW.choice(".!?")
    for _ in range(90):
        yield f"{DRAW.choice(['the', 'to', 'they', 'a', 'is', 'was'])} {DRAW.choice(graphs)} {DRAW.choice(words)}"
    for _ in range(80):
        word = DRAW.choice(silver)
        yield f"{word} {word.upper()} {word.capitalize()}'s"
    for _ in range(70):
        yield " ".join(DRAW.choice(words) + DRAW.choice(["s", "es", "ed", "d", "ing", "'s", "s'", "ly", "ness", "n't"]) for _ in range(2))
    for _ in range(60):
        yield "".join(DRAW.choice(["br", "zo", "kla", "thi", "ven", "dur", "qui", "sh", "ost", "mae"]) for _ in range(DRAW.randrange(2, 5))).capitalize()
    for _ in range(60):
        yield "".join(DRAW.choice("abcxyzABCZ0159.,;:!?'\"-–—/()[] $%&@#*+=<>_~^’“”é½²") for _ in range(DRAW.randrange(3, 14)))
    yield from ODD


def main():
    speakers = []
    for accent, british in (("a", False), ("b", True)):
        hibari = Hibari.__new__(Hibari)
        hibari._g2p = G2P(british=british)
        speakers.append((accent, hibari))
    seen = set()
    for at, text in enumerate(texts(speakers[0][1].g2p.lexicon)):
        if text in seen:
            continue
        seen.add(text)
        for accent, hibari in speakers if at % 12 == 0 else speakers[:1]:
            try:
                pieces = hibari.phonemize(text)
            except Exception as error:
                # A text that the package fails at has no phonemes to compare with.
                print(f"{text!r}: {error!r}", file=sys.stderr)
                continue
            print(json.dumps([accent, text, pieces], ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
