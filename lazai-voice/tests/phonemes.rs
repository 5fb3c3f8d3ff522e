//! Text to phonemes beside the package that it follows (`vectors/voice/phonemes.py`), and with texts and assets of strangers.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod common;

use std::path::Path;
use std::sync::LazyLock;

use common::package;
use lazai_voice::phonemes::{Accent, MAX_PHONEMES, Phonemizer};
use lazai_voice::{Result, SpeechError};
use proptest::prelude::*;

/// Sentences that are read otherwise than by the package, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "Queen Elizabeth II's",
        "a numeral in a possessive is none, where the package reads \"the zeroth\" and then the letters",
    ),
    ("King Charles spoke.", "a numeral has letters, where the package reads \"the zeroth\""),
    ("Chapter Commence", "a numeral has letters, where the package reads \"zero\""),
    ("Zyvannaoktharbrelwickquillforge", "a word of more than 24 letters is read to its end"),
    ("Part I'm in", "a contraction is no numeral, where the package reads \"zero\" and then the word"),
    ("$1.234", "a sum with more than two decimals has its unit"),
];

static AMERICAN: LazyLock<Phonemizer> = LazyLock::new(|| open(Accent::American));
static BRITISH: LazyLock<Phonemizer> = LazyLock::new(|| open(Accent::British));

fn open(accent: Accent) -> Phonemizer {
    Phonemizer::open_as(&package(), accent).unwrap_or_else(|error| panic!("{error}; run `cargo xtask fetch`"))
}

fn file(name: &str) -> Result<Vec<u8>> {
    let path = package().join(name);
    std::fs::read(&path).map_err(|source| SpeechError::File { path, source })
}

#[test]
fn sentences_are_read_as_by_the_package() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/voice/phonemes.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let (mut count, mut wrong, mut different) = (0, Vec::new(), Vec::new());
    for line in lines.lines() {
        let (accent, text, expected): (char, String, Vec<String>) = serde_json::from_str(line).unwrap();
        let found = if accent == 'a' { &AMERICAN } else { &BRITISH }.sentences(&text);
        count += 1;
        if found != expected {
            if DIFFERENT.iter().any(|(known, _)| *known == text) {
                different.push(text);
            } else {
                wrong.push(format!("{accent} {text:?}: {found:?}, expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} sentences:\n{}", wrong.len(), wrong.join("\n"));
    for (known, why) in DIFFERENT {
        assert!(different.iter().any(|text| text == known), "{known:?} is no longer different: {why}");
    }
    assert!(count >= 1500 && different.len() * 200 <= count, "{} of {count} are different", different.len());
}

#[test]
fn long_texts_are_cut() {
    let clause = "the quick brown fox jumps over the lazy dog ";
    for text in [clause.repeat(40), clause.repeat(5) + ", " + &clause.repeat(12), "a".repeat(3000), "()".repeat(2000)] {
        let pieces = AMERICAN.sentences(&text);
        assert!(pieces.iter().all(|piece| (1..=MAX_PHONEMES).contains(&piece.chars().count())), "{pieces:?}");
    }
    let foxes = AMERICAN.sentences(&clause.repeat(40)).concat();
    assert_eq!(foxes.matches("fˈɑks").count(), 40);
    let digits = AMERICAN.sentences(&format!("It is {}.", "7".repeat(50))).concat();
    assert_eq!(digits.matches("sˈɛvən").count(), 50);
}

#[test]
fn what_is_not_spoken_is_told() {
    let unspoken = |text: &str| AMERICAN.reading(text).unspoken.into_iter().collect::<Vec<_>>();
    assert_eq!(unspoken("Well, \"hello\" (there)! It's 5 o'clock - really: 50% & more; $5 @home."), []);
    assert_eq!(unspoken("Hi 😀😀 漢"), [('漢', 1), ('😀', 2)]);
    assert_eq!(unspoken("Acme™ $ x"), [('$', 1), ('™', 1)]);
    assert_eq!(AMERICAN.reading("😀").sentences, [""; 0]);
}

#[test]
fn phonemes_have_numbers() {
    let hello = AMERICAN.sentences("Hello there. It is 5:30 pm.");
    assert_eq!(hello, ["həlˈO ðˈɛɹ.", "ˌɪt ɪz fˈIv θˈɜɹTi pˌiˈɛm"]);
    assert_eq!(AMERICAN.ids(&hello[0]).len(), 13);
    assert_eq!(AMERICAN.ids("ə.x\u{1}"), [0, 83, 4, 66, 0]);
    assert_eq!(AMERICAN.ids(""), [0, 0]);
    for text in ["The quick brown fox!", "Zyvanna paid $3.50; 'why'?", "Ærø — naïve…"] {
        for piece in AMERICAN.sentences(text) {
            assert_eq!(AMERICAN.ids(&piece).len(), piece.chars().count() + 2, "{piece}");
        }
    }
}

#[test]
fn assets_of_strangers_are_refused() {
    let names = [
        "lexicon_us_gold.json.gz",
        "lexicon_us_silver.json.gz",
        "tagger.json.gz",
        "normalize.json",
        "tokenizer_exceptions.json",
        "vocab.json",
        "oov.onnx",
        "oov.json",
    ];
    for strange in names {
        let whole = file(strange).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0xFF;
        let contents: [&[u8]; 6] = [b"", b"{}", b"[]", b"\x1f\x8b\x08", &whole[..whole.len() / 2], &whole[1..]];
        for content in contents {
            let opened =
                Phonemizer::read(
                    Accent::American,
                    |name| if name == strange { Ok(content.to_vec()) } else { file(name) },
                );
            assert!(
                opened.is_err() || (content == b"{}" && matches!(strange, "vocab.json" | "tokenizer_exceptions.json")),
                "{strange} of {} bytes was taken",
                content.len()
            );
        }
        // A bit that fell over may be a letter: it is read or refused.
        let _ =
            Phonemizer::read(Accent::American, |name| if name == strange { Ok(flipped.clone()) } else { file(name) });
    }
    let large =
        Phonemizer::read(
            Accent::American,
            |name| if name == "oov.json" { Ok(vec![b' '; 17 << 20]) } else { file(name) },
        );
    assert!(matches!(large, Err(SpeechError::TooLarge { .. })), "{large:?}");
    let missing = Phonemizer::open("no such folder".as_ref());
    assert!(matches!(missing, Err(SpeechError::File { .. })), "{missing:?}");
}

#[test]
fn texts_of_one_kind_are_read() {
    for part in [
        "(",
        ")",
        "\"",
        "'",
        "-",
        "--",
        ".",
        "a.",
        "A.",
        "a-",
        "a'",
        "1",
        "1,",
        "1.",
        "1/",
        "$",
        "$1",
        "%",
        "[",
        "[x](",
        "[x](/y/)",
        "\u{301}",
        "\u{200d}",
        "ﷺ",
        "²",
        "①",
        "٣",
        "𝟗",
        "ⅷ",
        "ǅ",
        "İ",
        "ß",
        "\0",
        "\u{1c}",
        "\n",
        "\t",
        "\u{2028}",
        "x.\t",
        "X.\t",
        ":)",
        "I'm ",
        "10am",
        "U.S.",
        "http://a.b/",
        "a@b.c ",
        "King C",
        "5:30",
        "1:",
        "Jan 5 ",
        "the 5 ",
        "-5",
        "…",
        "aB",
        "ABc",
    ] {
        for count in [1, 2, 3, 40, 3000] {
            for phonemizer in [&*AMERICAN, &*BRITISH] {
                let pieces = phonemizer.sentences(&part.repeat(count));
                assert!(
                    pieces.iter().all(|piece| (1..=MAX_PHONEMES).contains(&piece.chars().count())),
                    "{part:?}: {pieces:?}"
                );
                if count == 3000 {
                    break;
                }
            }
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        4 => "[ -~]",
        2 => "[a-zA-Z']{1,9}",
        2 => "[0-9.,:/$£€%-]{1,9}",
        1 => "[\u{2000}-\u{206f}]",
        1 => "[\u{1f100}-\u{1f64f}]",
        1 => Just(" ".to_owned()),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in text()) {
        for phonemizer in [&*AMERICAN, &*BRITISH] {
            let reading = phonemizer.reading(&text);
            for piece in &reading.sentences {
                prop_assert!((1..=MAX_PHONEMES).contains(&piece.chars().count()), "{:?}", piece);
                prop_assert!(phonemizer.ids(piece).len() >= 2);
            }
            prop_assert!(reading.unspoken.keys().all(|c| text.contains(*c)));
            prop_assert_eq!(reading, phonemizer.reading(&text));
        }
    }
}
