//! The terms that a text is found by, in any language: no list of words, no stemmer.
//!
//! Truncated words stand in for stems (McNamee and Mayfield, "Character n-gram tokenization for European language text retrieval", 2004,
//! find four or five letters as good as stemmers). Scripts without spaces are found by pairs of characters.

/// Weights of a whole word, and of its first five and four letters.
const WHOLE: f32 = 1.0;
const FIVE: f32 = 0.6;
const FOUR: f32 = 0.3;
/// The weight of a pair of characters, where a script has no spaces; and of a pair of words: "my sister" is not any sister.
const PAIR: f32 = 0.6;
/// Longer runs of letters are no words.
const MAX_LETTERS: usize = 40;

/// Calls `each` with every term of a text, and its weight.
pub(super) fn terms(text: &str, mut each: impl FnMut(&str, f32)) {
    let (mut word, mut before, mut last) = (String::new(), None, String::new());
    // The space ends the last word.
    for letter in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        if letter.is_alphanumeric() && !is_dense(letter) {
            word.push(letter);
            before = None;
            continue;
        }
        if !word.is_empty() {
            terms_of(&word, &mut each);
            if !last.is_empty() {
                each(&format!("{last} {word}"), PAIR);
            }
            last = std::mem::take(&mut word);
        }
        if is_dense(letter) {
            if let Some(before) = before {
                each(&[before, letter].iter().collect::<String>(), PAIR);
            }
            before = Some(letter);
        } else if !letter.is_alphanumeric() {
            before = None;
        }
    }
}

fn terms_of(word: &str, each: &mut impl FnMut(&str, f32)) {
    let letters = word.chars().count();
    if !(2..=MAX_LETTERS).contains(&letters) {
        return;
    }
    // The plural of many languages; "ss" ends no plural.
    let singular = word.strip_suffix('s').filter(|rest| letters > 3 && !rest.ends_with('s')).unwrap_or(word);
    each(singular, WHOLE);
    for (first, mark, weight) in [(5, '~', FIVE), (4, '-', FOUR)] {
        if letters >= first {
            let mut term: String = word.chars().take(first).collect();
            term.push(mark);
            each(&term, weight);
        }
    }
}

/// Tells whether a character is of a script that is written without spaces.
fn is_dense(letter: char) -> bool {
    matches!(letter, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        terms(text, |term, _| found.push(term.to_owned()));
        found
    }

    #[test]
    fn forms_of_a_word_share_a_term() {
        let share = |one: &str, other: &str| of(one).iter().any(|term| of(other).contains(term));
        for (one, other) in [
            ("dogs", "dog"),
            ("painted", "painting"),
            ("Sister's", "sisters"),
            ("cooks", "cooking"),
            ("Häuser", "häuser"),
            ("переехала", "переехал"),
            ("京都に住む", "京都"),
        ] {
            assert!(share(one, other), "{one} {other}");
        }
        for (one, other) in [("glass", "gla"), ("cat", "car"), ("", "a"), ("a", "a")] {
            assert!(!share(one, other), "{one} {other}");
        }
    }
}
