//! The scene's time in words: as SillyTavern's clock shows it in English, in UTC.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
/// 31 December 9999: later times have no year of four digits.
const MAX_S: u64 = 253_402_300_799;

/// A moment, taken apart.
pub(super) struct Moment {
    seconds: u64,
    year: u64,
    /// From 0.
    month: usize,
    day: u64,
}

impl Moment {
    /// Seconds since 1970, moved by hours for another zone.
    pub(super) fn new(now_s: u64, hours: i64) -> Self {
        let seconds = now_s.min(MAX_S).saturating_add_signed(hours.clamp(-24, 24) * 3_600).min(MAX_S);
        let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut day, mut year) = (seconds / 86_400, 1970);
        while day >= 365 + u64::from(leap(year)) {
            day -= 365 + u64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        for length in lengths {
            if day < length {
                break;
            }
            day -= length;
            month += 1;
        }
        Self { seconds, year, month: month.min(11), day: day + 1 }
    }

    pub(super) const fn unix(&self) -> u64 {
        self.seconds
    }

    /// A format of Moment.js: `YYYY-MM-DD HH:mm`, with words in brackets left alone. `LT` and `LL` are its short ones.
    pub(super) fn format(&self, format: &str) -> String {
        let mut out = String::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            if let Some((literal, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                out.push_str(literal);
                rest = after;
                continue;
            }
            let found = TOKENS.iter().find(|token| rest.starts_with(**token));
            match found {
                Some(token) => {
                    out.push_str(&self.token(token));
                    rest = &rest[token.len()..];
                }
                None => {
                    out.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        out
    }

    fn token(&self, token: &str) -> String {
        let (hour, minute, second) = (self.seconds / 3_600 % 24, self.seconds / 60 % 60, self.seconds % 60);
        let half = if hour.is_multiple_of(12) { 12 } else { hour % 12 };
        let month = MONTHS.get(self.month).copied().unwrap_or_default();
        let day = DAYS.get((self.seconds / 86_400 % 7) as usize).copied().unwrap_or_default();
        match token {
            "LT" => self.format("h:mm A"),
            "LL" => self.format("MMMM D, YYYY"),
            "YYYY" => format!("{:04}", self.year),
            "YY" => format!("{:02}", self.year % 100),
            "MMMM" => month.into(),
            "MMM" => month[..month.len().min(3)].into(),
            "MM" => format!("{:02}", self.month + 1),
            "M" => (self.month + 1).to_string(),
            "DD" => format!("{:02}", self.day),
            "D" => self.day.to_string(),
            "dddd" => day.into(),
            "ddd" => day[..day.len().min(3)].into(),
            "HH" => format!("{hour:02}"),
            "H" => hour.to_string(),
            "hh" => format!("{half:02}"),
            "h" => half.to_string(),
            "mm" => format!("{minute:02}"),
            "m" => minute.to_string(),
            "ss" => format!("{second:02}"),
            "s" => second.to_string(),
            "A" => if hour < 12 { "AM" } else { "PM" }.into(),
            _ => if hour < 12 { "am" } else { "pm" }.into(),
        }
    }
}

/// Longer ones first.
const TOKENS: [&str; 22] = [
    "LT", "LL", "YYYY", "YY", "MMMM", "MMM", "MM", "M", "DD", "D", "dddd", "ddd", "HH", "H", "hh", "h", "mm", "m",
    "ss", "s", "A", "a",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_a_calendar_does() {
        let leap = Moment::new(1_709_164_800, 0);
        assert_eq!(leap.format("dddd, LL LT"), "Thursday, February 29, 2024 12:00 AM");
        let evening = Moment::new(1_795_867_384, 0);
        assert_eq!(evening.format("ddd YYYY-MM-DD[T]HH:mm:ss h a"), "Sat 2026-11-28T12:03:04 12 pm");
        assert_eq!(Moment::new(0, 0).format("dddd YYYY-M-D"), "Thursday 1970-1-1");
        assert_eq!(Moment::new(0, 2).format("HH"), "02");
        assert_eq!(Moment::new(u64::MAX, 3).format("YYYY-MM-DD"), "9999-12-31");
    }
}
