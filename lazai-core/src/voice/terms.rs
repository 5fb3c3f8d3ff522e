//! True if a licence or a consent, in people's own words, says no.

/// Words of people who give nothing.
const NOTHING: [&str; 28] = [
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
    "yes/no",
    "yes / no",
    "y/n",
    "ja/nein",
];

/// Words with which a text says no, in the languages that people bring.
const NO: [&str; 48] = [
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
    "nei",
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
/// Words that take a consent back, leave something out of it, put it off or end it, wherever they stand.
const BUT: [&str; 33] = [
    "außer",
    "ausgenommen",
    "awaiting",
    "except",
    "excepting",
    "excluding",
    "excludes",
    "expire",
    "expired",
    "expires",
    "object",
    "objected",
    "objects",
    "opt-out",
    "pending",
    "rescind",
    "rescinded",
    "revocado",
    "revoke",
    "revoked",
    "revokes",
    "retirado",
    "retiré",
    "rückgängig",
    "sauf",
    "unless",
    "until",
    "widerrufen",
    "withdraw",
    "withdrawn",
    "withdraws",
    "withdrew",
    "zurückgezogen",
];
/// As [`BUT`], of several words; and signs that cross something out, or are boxes without a tick.
const BUT_PHRASES: [&str; 19] = [
    "but no ",
    "but not",
    "no answer",
    "no reply",
    "no response",
    "no longer",
    "not agree",
    "not consent",
    "not given",
    "not granted",
    "not to ",
    "opt out",
    "opted out",
    "opts out",
    "opting out",
    "✗",
    "✘",
    "❌",
    "☐",
];
/// A right that somebody has is not one that was used: "I may withdraw it".
const MAY: [&str; 8] = ["can", "could", "darf", "kann", "may", "might", "peut", "puede"];
/// Names of a form's questions.
const ASKED: [&str; 7] = ["agreement", "answer", "consent", "einwilligung", "permission", "status", "zustimmung"];
/// Pronouns that may begin a sentence.
const WHO: [&str; 12] = ["he", "i", "ich", "ik", "io", "je", "she", "they", "we", "wir", "yo", "я"];
/// Beginnings of licences that give everything.
pub(super) const FREE: &[&str] = &["no copyright", "no known copyright", "no restriction", "no rights reserved"];
/// Parts of a plain yes, or of its purpose.
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

/// True if a text gives nothing: it begins with a no, but for what says with one that all is free.
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

/// True if a consent gives nothing, gives less than all, or was taken back: such words win before words of agreement.
pub(crate) fn is_refused_consent(text: &str) -> bool {
    let plain = text.to_lowercase().replace('’', "'");
    let mut before = ("", "");
    let mut words = plain.split(|c: char| !c.is_alphanumeric() && !"'-".contains(c)).filter(|word| !word.is_empty());
    let is_but = words.any(|word| {
        let is_right = MAY.contains(&before.1) || before == ("right", "to");
        before = (before.1, word);
        BUT.contains(&word) && !is_right
    });
    // A form's word is no answer: "consent: no", "consent was refused".
    let asked = plain.trim_start().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let answer = plain.trim_start()[asked.len()..].trim_start_matches([':', '=', '-', '–', '?', ' ']);
    let was = ["is ", "was ", "has been ", "ist ", "wurde "].into_iter().find_map(|was| answer.strip_prefix(was));
    let answer = was.unwrap_or(answer);
    is_but
        || BUT_PHRASES.iter().any(|phrase| plain.contains(phrase))
        || is_refused(text, &[])
        || (ASKED.contains(&asked) && !answer.is_empty() && is_refused(answer, &[]))
}

/// True if a consent says yes, so that nobody need read it.
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
        for no in [
            "I agree, withdrawn on Monday",
            "yes, but not to training",
            "I consent to everything except training",
            "I agreed until 2024",
            "Yes (expired)",
            "I object",
            "agreed, then opted out",
            "yes - pending",
            "asked; no answer",
            "✗",
            "agreed ❌",
            "nei",
            "I asked her not to agree",
            "I revoke it",
            "Consent: no",
            "Consent was refused",
            "Consent not given",
            "yes/no",
            "☐ yes",
        ] {
            assert!(is_refused_consent(no), "{no}");
        }
        for yes in [
            "yes",
            "I agree; I may withdraw it",
            "I agree, with the right to revoke",
            "Consent given",
            "Consent: yes",
            "an objective yes",
            "consent",
        ] {
            assert!(!is_refused_consent(yes), "{yes}");
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
