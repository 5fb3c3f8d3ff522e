//! Marks of stress, and the classes of phonemes that rules ask for.

/// The mark of the main stress.
pub(super) const PRIMARY: char = 'ˈ';
/// The mark of a side stress.
pub(super) const SECONDARY: char = 'ˌ';

/// How a word is stressed, in halves: from -4, none at all, over 0, as little as there is, to 4, the main stress.
pub(super) type Stress = Option<i8>;

/// True for vowels and diphthongs.
pub(super) fn is_vowel(c: char) -> bool {
    "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ".contains(c)
}

/// True for consonants.
pub(super) fn is_consonant(c: char) -> bool {
    "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ".contains(c)
}

/// What a word weighs: two for diphthongs and affricates, one for every other sign.
pub(super) fn weight(phonemes: &str) -> usize {
    phonemes.chars().map(|c| 1 + usize::from("AIOQWYʤʧ".contains(c))).sum()
}

/// Phonemes under a stress.
pub(super) fn apply(phonemes: &str, stress: Stress) -> String {
    let Some(stress) = stress else { return phonemes.to_owned() };
    let (primary, secondary) = (phonemes.contains(PRIMARY), phonemes.contains(SECONDARY));
    if stress < -2 {
        phonemes.replace([PRIMARY, SECONDARY], "")
    } else if stress == -2 || (matches!(stress, -1 | 0) && primary) {
        phonemes.replace(SECONDARY, "").replace(PRIMARY, "ˌ")
    } else if matches!(stress, 0..=2) && !primary && !secondary {
        before_vowel(phonemes, SECONDARY)
    } else if stress >= 2 && !primary && secondary {
        phonemes.replace(SECONDARY, "ˈ")
    } else if stress > 2 && !primary && !secondary {
        before_vowel(phonemes, PRIMARY)
    } else {
        phonemes.to_owned()
    }
}

fn before_vowel(phonemes: &str, mark: char) -> String {
    let mut marked = phonemes.to_owned();
    if let Some(vowel) = phonemes.find(is_vowel) {
        marked.insert(vowel, mark);
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_move() {
        for (stress, phonemes, expected) in [
            (None, "ˈɑˌb", "ˈɑˌb"),
            (Some(-4), "ˈɑˌb", "ɑb"),
            (Some(-2), "ˈɑˌb", "ˌɑb"),
            (Some(-1), "ˌɑb", "ˌɑb"),
            (Some(0), "ˈɑ", "ˌɑ"),
            (Some(0), "bɑ", "bˌɑ"),
            (Some(0), "b", "b"),
            (Some(1), "ˈɑ", "ˈɑ"),
            (Some(2), "bɑ", "bˌɑ"),
            (Some(2), "bˌɑ", "bˈɑ"),
            (Some(4), "bɑ", "bˈɑ"),
            (Some(4), "bˌɑ", "bˈɑ"),
            (Some(4), "b", "b"),
        ] {
            assert_eq!(apply(phonemes, stress), expected, "{stress:?} {phonemes}");
        }
        assert_eq!(weight("ʧAt"), 5);
    }
}
