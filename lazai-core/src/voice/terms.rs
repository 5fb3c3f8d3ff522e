//! Whether a licence or a consent, in people's own words, says no.

/// What people write where they give nothing.
const NOTHING: [&str; 24] = [
    "",
    "-",
    "0",
    "all rights reserved",
    "declined",
    "denied",
    "false",
    "n",
    "n/a",
    "na",
    "nil",
    "no",
    "none",
    "not given",
    "not yet",
    "null",
    "pending",
    "refused",
    "revoked",
    "tbd",
    "todo",
    "unknown",
    "withdrawn",
    "withheld",
];

/// Words with which a text says no, in the languages that people bring.
const NO: [&str; 47] = [
    "aucun",
    "aucune",
    "cannot",
    "can't",
    "decline",
    "declined",
    "denied",
    "deny",
    "didn't",
    "doesn't",
    "don't",
    "dont",
    "ei",
    "geen",
    "ikke",
    "inte",
    "jamais",
    "kein",
    "keine",
    "keinerlei",
    "missing",
    "ne",
    "nee",
    "nej",
    "never",
    "nein",
    "nicht",
    "nie",
    "niemals",
    "niet",
    "no",
    "non",
    "none",
    "nope",
    "not",
    "nunca",
    "não",
    "refuse",
    "refused",
    "revoked",
    "withdraw",
    "withdrawn",
    "withheld",
    "won't",
    "не",
    "нет",
    "ні",
];
/// Whom a sentence may begin with.
const WHO: [&str; 12] = ["he", "i", "ich", "ik", "io", "je", "she", "they", "we", "wir", "yo", "я"];
/// What licences begin with that give everything.
pub(super) const FREE: &[&str] = &["no copyright", "no known copyright", "no restriction", "no rights reserved"];
/// What a plain yes has in it, or what it is given for.
const YES: [&str; 14] = [
    "accept",
    "accord",
    "agree",
    "allow",
    "consent",
    "einverstanden",
    "given",
    "grant",
    "i do",
    "permi",
    "train",
    "true",
    "yes",
    "zustimm",
];

/// Whether a text gives nothing: it begins with a no, but for what says with one that all is free.
pub(super) fn is_refused(text: &str, free: &[&str]) -> bool {
    let text = text.trim().trim_end_matches(['.', '!', '?']).to_lowercase().replace('’', "'");
    if NOTHING.contains(&text.as_str()) {
        return true;
    }
    if free.iter().any(|free| text.starts_with(free)) {
        return false;
    }
    // The first sentence alone: "I agree; do not write to me" is a yes.
    let clause = text.split([',', ';', ':', '.', '!', '?', '(', '–', '—']).next().unwrap_or_default();
    let mut words = clause.split_whitespace();
    let is_no = |word: &str| NO.contains(&word);
    match words.next() {
        Some("do" | "did") => words.next().is_some_and(is_no),
        Some(who) if WHO.contains(&who) => words.take(3).any(is_no),
        Some(word) => is_no(word),
        None => !clause.is_empty() || text.starts_with(['(', '-']),
    }
}

/// Whether a consent says yes, so that nobody need read it.
pub(super) fn is_plain(consent: &str) -> bool {
    let text = consent.to_lowercase();
    YES.iter().any(|yes| text.contains(yes))
        || ["1", "ja", "ok", "okay", "oui", "si", "sim", "sí", "y", "да", "はい"].contains(&text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_is_told_from_a_yes() {
        for no in [
            "No consent",
            "I do not agree",
            "I don’t agree",
            "nein",
            "Nicht erteilt",
            "not granted",
            "Do not use",
            "Withdrawn on Monday",
            "declined by mail",
            "NON",
            "je ne consens pas",
            "None given",
            "",
            "No.",
            "Ich stimme nicht zu",
        ] {
            assert!(is_refused(no, &[]), "{no}");
        }
        for yes in ["I agree", "yes", "I agree; do not write to me", "Notarised consent", "Nonna agrees", "north wind"]
        {
            assert!(!is_refused(yes, &[]), "{yes}");
        }
        for free in ["No rights reserved", "No known copyright restrictions", "non-exclusive licence", "CC0-1.0"] {
            assert!(!is_refused(free, FREE), "{free}");
        }
        assert!(is_plain("I agree to training") && !is_plain("perhaps"));
    }
}
