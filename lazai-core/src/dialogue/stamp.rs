//! The time that a line of WhatsApp's begins with, in any country's way of writing it.

/// Longest time with what ends it.
const MAX_STAMP_BYTES: usize = 80;
/// Invisible marks before names, times and the program's own words.
pub(super) const MARKS: [char; 7] =
    ['\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{2068}', '\u{feff}'];
/// Ends of a time: `[…] `, `… - `, and KakaoTalk's comma.
const ENDS: [&str; 3] = ["] ", " - ", ", "];

/// Returns the rest of a line that begins with a time: `[12/01/24, 10:00:00] ` or `12/01/24, 10:00 - `.
pub(super) fn after_time(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(MARKS);
    let bracketed = line.strip_prefix('[');
    let text = bracketed.unwrap_or(line);
    if !text.trim_start_matches(MARKS).starts_with(char::is_numeric) {
        return None;
    }
    let head = &text[..text.floor_char_boundary(MAX_STAMP_BYTES)];
    let ends = if bracketed.is_some() { &ENDS[..1] } else { &ENDS[1..] };
    ends.iter().find_map(|end| {
        let places = head.match_indices(end).map(|(at, _)| at);
        places.filter(|at| is_time(&head[..*at])).map(|at| &text[at + end.len()..]).next()
    })
}

/// True if a text is a date and a time, in either order: five or six numbers, and between them what separates those of a date
/// or of a time. Words of a few letters may stand beside: `AM`, `klo`, `오전`, `г.`.
fn is_time(text: &str) -> bool {
    let (mut numbers, mut between): (Vec<usize>, Vec<String>) = (Vec::new(), vec![String::new()]);
    let mut in_number = false;
    for c in text.chars().filter(|c| !MARKS.contains(c)) {
        match (c.is_numeric(), in_number, numbers.last_mut()) {
            (true, true, Some(digits)) => *digits += 1,
            (true, ..) => {
                numbers.push(1);
                between.push(String::new());
            }
            (false, ..) => between.last_mut().into_iter().for_each(|gap| gap.push(c)),
        }
        in_number = c.is_numeric();
    }
    if !(5..=6).contains(&numbers.len()) || numbers.iter().any(|digits| *digits > 4) {
        return false;
    }
    let gaps = &between[1..numbers.len()];
    let outside = [&between[0], &between[numbers.len()]];
    let is_date = |gaps: &[String]| gaps.iter().all(|gap| matches!(gap.trim(), "/" | "." | "-")) && gaps.len() == 2;
    let is_clock = |gaps: &[String]| !gaps.is_empty() && gaps.iter().all(|gap| matches!(gap.trim(), ":" | "." | "∶"));
    let date_first = is_date(&gaps[..2]) && is_clock(&gaps[3..]) && is_gap(&gaps[2]);
    let clock = numbers.len() - 3;
    let clock_first = is_clock(&gaps[..clock - 1]) && is_date(&gaps[clock..]) && is_gap(&gaps[clock - 1]);
    (date_first || clock_first) && outside.iter().all(|gap| gap.is_empty() || is_words(gap, 2))
}

/// True if a text can separate date and time.
fn is_gap(gap: &str) -> bool {
    gap.contains([',', '،', ' ', '\u{a0}', '\u{202f}']) && is_words(gap, 1)
}

/// White space, signs, and at most so many words of a few letters.
fn is_words(gap: &str, max: usize) -> bool {
    let words = gap.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    gap.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || ".,،".contains(c))
        && words.clone().count() <= max
        && words.into_iter().all(|word| word.chars().count() <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_countries_are_told() {
        for line in [
            "[12/01/24, 10:00:00] Tom: hi",
            "12/01/24, 10:00 - Tom: hi",
            "12.01.24, 10:00 - Tom: hi",
            "[2024-01-12, 10:00:00\u{202f}PM] Tom: hi",
            "\u{200e}[1/12/24, 10:00:00 AM] Tom: hi",
            "12/01/2024 10:00 - Tom: hi",
            "12/1/2024, 10:00 a.\u{202f}m. - Tom: hi",
            // Finnish, Korean, KakaoTalk's, Arabic, Hungarian, Bulgarian, Vietnamese.
            "12.1.2024 klo 10.00 - Tom: hi",
            "2024. 1. 12. 오전 10:00 - Tom: hi",
            "2024. 1. 12. 오전 10:00, Tom: hi",
            "\u{200f}١٢\u{200f}/١\u{200f}/٢٠٢٤، ١٠:٠٠ ص - Tom: hi",
            "2024. 01. 12. 10:00 - Tom: hi",
            "12.01.24 г., 10:00 - Tom: hi",
            "10:00, 12/01/2024 - Tom: hi",
        ] {
            assert_eq!(after_time(line), Some("Tom: hi"), "{line}");
        }
        for line in [
            "Tom: hi",
            "[1, 2] ",
            "12 - 13 - 14",
            "[{\"a\": \"1/1/1, 1:1\"}] ",
            "1/2/3 - x",
            "12/01/24, noon - Tom: hi",
            "12/01/24 is a date, 10:00 - hi",
            "1.2.3.4.5 - hi",
            "1,2,3,4,5, x",
        ] {
            assert_eq!(after_time(line), None, "{line}");
        }
    }
}
