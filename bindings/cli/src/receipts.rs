//! `receipts`: what was paid for, out of files.

use lazai_facade::LazaiError;
use lazai_facade::native::receipts::{KeptReceipt, domain_of, keep_evidence, kept_receipts};
use serde_json::json;

use crate::args;
use crate::{Done, Output};

const DAY_S: u64 = 86_400;
const COLUMNS: [&str; 12] = [
    "received",
    "model",
    "session",
    "turn",
    "node",
    "prompt_tokens",
    "completion_tokens",
    "characters",
    "price",
    "promised",
    "trust",
    "wrong",
];

/// Lists the receipts that are searched for. False if one of them does not hold.
pub(crate) fn receipts(verb: &args::Receipts, out: &mut Output<'_>) -> Done {
    let domain = domain_of(verb.market.as_deref(), verb.deployment.as_deref())?;
    let day = verb.day.as_deref().map(day_of).transpose()?;
    if let Some(folder) = &verb.evidence {
        let Some(domain) = &domain else {
            return Err(LazaiError::new("json.malformed", "evidence names its ledger: name --market or --deployment"));
        };
        for path in &verb.paths {
            for file in keep_evidence(path, domain, folder)? {
                eprintln!("{}", file.display());
            }
        }
    }
    let mut found = Vec::new();
    for path in &verb.paths {
        found.extend(kept_receipts(path, domain.as_ref())?);
    }
    found.retain(|receipt| is_wanted(receipt, verb, day));
    // Those of unknown time first.
    found.sort_by(|a, b| (a.received_at_s, &a.session, a.turn).cmp(&(b.received_at_s, &b.session, b.turn)));
    let mut sum = 0_u128;
    if verb.csv {
        out.line(&COLUMNS.join(","))?;
    } else if !out.json {
        out.line(&format!(
            "{:<20} {:<12} {:<12} {:>5} {:>8} {:>8} {:>14}  trust",
            "received", "character", "session", "turn", "read", "said", "price"
        ))?;
    }
    for receipt in &found {
        sum = sum.saturating_add(receipt.price.parse().unwrap_or_default());
        if verb.csv {
            out.line(&csv(receipt))?;
        } else {
            out.tell(receipt, row)?;
        }
    }
    let wrong = found.iter().filter(|receipt| receipt.wrong.is_some()).count();
    if !verb.csv {
        let told = json!({"receipts": found.len(), "sum": sum.to_string(), "wrong": wrong});
        out.tell(&told, |_| format!("{} receipts, {sum} base units, {wrong} wrong", found.len()))?;
    }
    Ok(wrong == 0)
}

fn is_wanted(receipt: &KeptReceipt, verb: &args::Receipts, day: Option<u64>) -> bool {
    let price: u128 = receipt.price.parse().unwrap_or_default();
    let mut parts = receipt.model.split(':').skip(1);
    verb.character.as_deref().is_none_or(|wanted| receipt.model == wanted || parts.next() == Some(wanted))
        && verb.session.as_deref().is_none_or(|wanted| receipt.session.starts_with(wanted))
        && day.is_none_or(|day| receipt.received_at_s.is_some_and(|at_s| at_s / DAY_S == day))
        && verb.least.is_none_or(|least| price >= least)
        && verb.most.is_none_or(|most| price <= most)
}

fn row(receipt: &KeptReceipt) -> String {
    let KeptReceipt { model, turn, prompt_tokens, completion_tokens, characters, price, trust, wrong, .. } = receipt;
    let said = match (characters, receipt.credits) {
        (0, 0) => completion_tokens.to_string(),
        (0, credits) => format!("{credits} cr"),
        (spoken, _) => format!("{spoken} ch"),
    };
    let trust = match wrong {
        Some(wrong) => format!("{trust}: {wrong}"),
        None if receipt.promised => trust.clone(),
        None => format!("{trust}, not promised yet"),
    };
    let (at, session) = (time(receipt.received_at_s), receipt.session.get(..12).unwrap_or(&receipt.session));
    format!("{at:<20} {model:<12} {session} {turn:>5} {prompt_tokens:>8} {said:>8} {price:>14}  {trust}")
}

fn csv(receipt: &KeptReceipt) -> String {
    let KeptReceipt { model, session, turn, node, prompt_tokens, completion_tokens, characters, .. } = receipt;
    let KeptReceipt { price, promised, trust, .. } = receipt;
    let wrong = receipt.wrong.as_deref().map(|wrong| format!("\"{}\"", wrong.replace('"', "\"\""))).unwrap_or_default();
    let at = time(receipt.received_at_s);
    format!(
        "{at},{model},{session},{turn},{node},{prompt_tokens},{completion_tokens},{characters},{price},{promised},{trust},{wrong}"
    )
}

/// A time as in RFC 3339.
pub(crate) fn time(at_s: Option<u64>) -> String {
    let Some(at_s) = at_s else { return String::new() };
    let (year, month, day) = date(at_s / DAY_S);
    let (hour, minute, second) = (at_s % DAY_S / 3_600, at_s % 3_600 / 60, at_s % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day from 1970 on. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(day: u64) -> (u64, u64, u64) {
    let days = day + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + u64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// The number of a day that is written YYYY-MM-DD.
fn day_of(text: &str) -> Result<u64, LazaiError> {
    let wrong = || LazaiError::new("request.day", format!("{text:?} is no day as in 2027-01-31"));
    let parts: Vec<u64> = text.split('-').map(|part| part.parse().unwrap_or_default()).collect();
    let &[year @ 1970..=9999, month @ 1..=12, of_month @ 1..=31] = &parts[..] else { return Err(wrong()) };
    // The first day of a year is at most three days beyond so many average ones.
    let near = (year - 1970) * 365 + (month - 1) * 28 + of_month - 1;
    (near..near + 2_600).find(|day| date(*day) == (year, month, of_month)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_and_read() {
        for (day, date) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (19_723, "2024-01-01"), (20_819, "2027-01-01")] {
            assert_eq!(day_of(date).ok(), Some(day), "{date}");
            assert_eq!(time(Some(day * DAY_S + 3_661)), format!("{date}T01:01:01Z"));
        }
        for wrong in ["2027-02-29", "2027-13-01", "today", "2027-01", "1969-12-31", ""] {
            assert!(day_of(wrong).is_err(), "{wrong}");
        }
    }
}
