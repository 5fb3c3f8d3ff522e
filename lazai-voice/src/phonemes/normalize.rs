//! Readings that no dictionary gives: times, dates, units, money, abbreviations, Roman numerals, symbols.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Missed;
use super::classes::{integer, is_space};
use super::numbers::{cardinal, ordinal};
use super::pattern::{Groups, Pattern, alternatives};
use crate::error::{Result, SpeechError};

/// A number as texts write it.
const NUMBER: &str = r"\d+(?:,\d{3})*(?:\.\d+)?";
/// A Roman numeral below a thousand that has at least one letter and does not begin with D.
const ROMAN: &str = "(?:(?:CM|CD|C{1,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\
    |(?:XC|XL|LX{0,3}|X{1,3})(?:IX|IV|V?I{0,3})|IX|IV|VI{0,3}|I{1,3})";
const SCALES: &str = "hundred|thousand|million|billion|trillion";
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const FRACTIONS: [&str; 11] =
    ["", "", "half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// `normalize.json`.
#[derive(Deserialize)]
struct File {
    months: BTreeMap<String, String>,
    abbreviations: Map<String, Value>,
    titles: Map<String, Value>,
    units: BTreeMap<String, [String; 2]>,
    symbols: Map<String, Value>,
    currency: BTreeMap<String, [String; 2]>,
    roman_cardinal: Vec<String>,
    roman_ordinal: Vec<String>,
}

/// The rules, in the order in which they are applied.
#[derive(Debug)]
pub(super) struct Normalizer {
    months: [String; 12],
    abbreviations: BTreeMap<String, String>,
    titles: BTreeMap<String, String>,
    units: BTreeMap<String, [String; 2]>,
    currency: BTreeMap<String, [String; 2]>,
    symbols: Vec<(char, String, Option<Pattern>)>,
    time: Pattern,
    iso_date: Pattern,
    us_date: Pattern,
    big_money: Pattern,
    cents: Pattern,
    money: Pattern,
    degrees: Pattern,
    unit: Pattern,
    month_day: Pattern,
    day_month: Pattern,
    title: Pattern,
    abbreviation: Pattern,
    number: Pattern,
    hash: Pattern,
    roman_cardinal: Pattern,
    roman_ordinal: Pattern,
    phone: Pattern,
    fraction: Pattern,
    range: Pattern,
    plus: Pattern,
}

impl Normalizer {
    /// Reads `normalize.json`.
    pub(super) fn read(json: &[u8]) -> Result<Self> {
        let bad = |reason: &str| SpeechError::malformed("normalize.json", reason);
        let file: File = serde_json::from_slice(json).map_err(|e| SpeechError::malformed("normalize.json", e))?;
        let words = |map: Map<String, Value>| {
            map.into_iter().map(|(key, value)| match value {
                Value::String(word) if !key.is_empty() => Ok((key, word)),
                _ => Err(bad("expected words by their abbreviations")),
            })
        };
        let months = MONTHS.map(|month| file.months.get(month).cloned().unwrap_or_default());
        if months.iter().any(|month| month.len() < 3 || !month.is_ascii()) {
            return Err(bad("expected twelve months"));
        }
        if ["$", "£", "€", "¢", "¥", "₹", "₩", "Rs", "USD", "EUR", "GBP"]
            .iter()
            .any(|sign| !file.currency.contains_key(*sign))
        {
            return Err(bad("expected eleven currencies"));
        }
        let abbreviations = words(file.abbreviations).collect::<Result<BTreeMap<_, _>>>()?;
        let titles = words(file.titles).collect::<Result<BTreeMap<_, _>>>()?;
        let symbols = words(file.symbols).map(|pair| {
            let (sign, word) = pair?;
            let mut chars = sign.chars();
            let (Some(c), None) = (chars.next(), chars.next()) else {
                return Err(bad("expected symbols of one character"));
            };
            let between =
                "=<>~".contains(c).then(|| Pattern::new(&format!("[^<s>]( ?{} ?)[^<s>]", regex::escape(&sign))));
            Ok((c, word, between.transpose()?))
        });
        let short = MONTHS.map(|month| month[..1].to_uppercase() + &month[1..]);
        let names = alternatives(months.iter().chain(&short).map(String::as_str).chain(["Sept"]));
        let roman = |words: &[String]| {
            let words = alternatives(words.iter().map(String::as_str));
            // Not before another word: "Part I'm in" is no numeral.
            Pattern::new(&format!("(?:^|[^<w>])({words})( )({ROMAN})(?:[.'’](?:[^<w>]|$)|[^<w>.'’]|$)"))
        };
        Ok(Self {
            time: Pattern::new(
                r"(?:^|[^<w>])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:([<s>]?([AaPp])\.?[Mm]\.?)(?:[^A-Za-z\d]|$)|\D|$)",
            )?,
            iso_date: Pattern::new(r"(?:^|[^<w>])(\d{4})-(\d{2})-(\d{2})(?:[^<w>]|$)")?,
            us_date: Pattern::new(r"(?:^|[^<w>])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?:[^<w>]|$)")?,
            big_money: Pattern::new(&format!(r"([$£€])({NUMBER})[<s>]?(?:({SCALES})|([kKmMbB])(?:[^<w>]|$))"))?,
            cents: Pattern::new(&format!(r"(?:^|[^<w>.])({NUMBER})([<s>]?¢)"))?,
            money: Pattern::new(&format!(
                r"(?:^|[^<w>])([¥₹₩]|Rs\.?|USD|EUR|GBP)[<s>]?({NUMBER})(?:[<s>]?({SCALES})|[<s>]?([kKmMbB])(?:[^<w>]|$)|)"
            ))?,
            degrees: Pattern::new(&format!(r"(?:^|[^<w>.])(-?{NUMBER})([<s>]?°)([<s>]?)([CF])?(?:[^<w>]|$)"))?,
            unit: Pattern::new(&format!(
                r"(?:^|[^<w>.])(-?{NUMBER})[<s>]?({})(?:[^<w>]|$)",
                alternatives(file.units.keys().map(String::as_str))
            ))?,
            month_day: Pattern::new(&format!(
                r"(?:^|[^<w>])({names})\.? (\d{{1,2}})(st|nd|rd|th)?(?:(,? \d{{4}})(?:[^<w>]|$)|[^<w>:%]|$)"
            ))?,
            day_month: Pattern::new(&format!(r"(?:^|[^<w>])(the )?(\d{{1,2}}) (?:of )?({names})(?:(\.)|[^<w>]|$)"))?,
            title: Pattern::new(&format!(
                r"(?:^|[^<w>])({})(\.? )[A-Z]",
                alternatives(titles.keys().map(String::as_str))
            ))?,
            abbreviation: Pattern::new(&format!(
                r"(?:^|[^<w>.])({})(?:[^<w>]|$)",
                alternatives(abbreviations.keys().map(String::as_str))
            ))?,
            number: Pattern::new(r"(?:^|[^<w>])(Nos?)(\. ?)\d")?,
            hash: Pattern::new(r"(?:^|[^<w>&])(#)\d")?,
            roman_cardinal: roman(&file.roman_cardinal)?,
            roman_ordinal: roman(&file.roman_ordinal)?,
            phone: Pattern::new(r"(?:^|[^<w>.\-])((?:\d{3}-)?\d{3}-\d{4})(?:[^<w>.\-]|$)")?,
            fraction: Pattern::new(r"(?:^|[^<w>./])(\d{1,2})/(\d{1,2})(?:[^<w>./]|$)")?,
            range: Pattern::new(r"(?:^|[^<w>.\-])(\d{1,4})[<s>]?[-–][<s>]?(\d{1,4})(?:[^<w>.\-%]|$)")?,
            plus: Pattern::new(r"(?:^|[^<w>+])(\+)\d")?,
            symbols: symbols.collect::<Result<_>>()?,
            months,
            abbreviations,
            titles,
            units: file.units,
            currency: file.currency,
        })
    }

    /// True for titles, such as "Dr", behind whose point no sentence ends.
    pub(super) fn is_title(&self, word: &str) -> bool {
        self.titles.contains_key(word)
    }

    /// A text in words that the dictionaries know.
    pub(super) fn normalize(&self, text: &str, missed: &mut Missed) -> String {
        let text = squeezed(text).replace('’', "'").replace('‒', "-").replace('―', "—");
        let text = self.time.replace(text, time);
        let text =
            self.iso_date.replace(text, |g, _| self.date(Some(g.get(1)), integer(g.get(2))?, integer(g.get(3))?));
        let text = self.us_date.replace(text, |g, _| self.us_date(g));
        let text = self.big_money.replace(text, |g, _| {
            let [_, many] = self.currency.get(g.get(1))?;
            Some(format!("{} {} {many}", g.get(2), scale(g.get(3), g.get(4))))
        });
        let text = self
            .cents
            .replace(text, |g, _| Some(format!("{} {}", g.get(1), plural(g.get(1), self.currency.get("¢")?))));
        let text = self.money.replace(text, |g, _| {
            let words = self.currency.get(g.get(1).trim_end_matches('.'))?;
            Some(match scale(g.get(3), g.get(4)) {
                "" => format!("{} {}", g.get(2), plural(g.get(2), words)),
                scale => format!("{} {scale} {}", g.get(2), words[1]),
            })
        });
        let text = self.degrees.replace(text, |g, _| {
            let unit = if is_one(g.get(1)) { "degree" } else { "degrees" };
            let scale = match g.get(4) {
                "C" => " Celsius",
                "F" => " Fahrenheit",
                _ => "",
            };
            Some(format!("{} {unit}{scale}", g.get(1)))
        });
        let text = self
            .unit
            .replace(text, |g, _| Some(format!("{} {}", g.get(1), plural(g.get(1), self.units.get(g.get(2))?))));
        let text = self.month_day.replace(text, |g, _| {
            let day = integer(g.get(2)).filter(|day| (1..=31).contains(day))?;
            Some(format!("{} {}{}", self.month(g.get(1))?, ordinal(day), g.get(4)))
        });
        let text = self.day_month.replace(text, |g, _| {
            let day = integer(g.get(2)).filter(|day| (1..=31).contains(day))?;
            Some(format!("the {} of {}", ordinal(day), self.month(g.get(3))?))
        });
        let text = self.title.replace(text, |g, _| Some(format!("{} ", self.titles.get(g.get(1))?)));
        let text = self.abbreviation.replace(text, |g, after| {
            let end = if after.is_empty() && g.get(1).ends_with('.') { "." } else { "" };
            Some(format!("{}{end}", self.abbreviations.get(g.get(1))?))
        });
        let text =
            self.number.replace(text, |g, _| Some(if g.get(1) == "No" { "Number " } else { "Numbers " }.to_owned()));
        let text = self.hash.replace(text, |_, _| Some("number ".to_owned()));
        let text = self.roman_cardinal.replace(text, |g, _| Some(format!("{} {}", g.get(1), roman(g.get(3)))));
        let text =
            self.roman_ordinal.replace(text, |g, _| Some(format!("{} the {}", g.get(1), ordinal(roman(g.get(3))))));
        let text = self.phone.replace(text, |g, _| {
            let spaced = g.get(1).replace('-', ", ").chars().flat_map(|c| [c, ' ']).collect::<String>();
            Some(spaced.trim_end().to_owned())
        });
        let text = self.fraction.replace(text, |g, _| self.fraction(integer(g.get(1))?, integer(g.get(2))?));
        let text = self.range.replace(text, |g, _| Some(format!("{} to {}", g.get(1), g.get(2))));
        let text = self.plus.replace(text, |_, _| Some("plus ".to_owned()));
        self.spoken_symbols(text, missed)
    }

    fn spoken_symbols(&self, mut text: String, missed: &mut Missed) -> String {
        for (sign, word, between) in &self.symbols {
            if !text.contains(*sign) {
                continue;
            }
            if word.trim().is_empty() {
                text.matches(*sign).for_each(|_| missed.add(*sign));
            }
            let word = if word.is_empty() { " ".to_owned() } else { format!(" {word} ") };
            text = match between {
                Some(pattern) => pattern.replace(text, |_, _| Some(word.clone())),
                None => text.replace(*sign, &word),
            };
        }
        let mut out = String::with_capacity(text.len());
        for c in squeezed(&text).chars() {
            if ",.;:!?".contains(c) && out.ends_with(' ') {
                out.pop();
            }
            out.push(c);
        }
        out.trim_matches(is_space).to_owned()
    }

    /// The month of a name or an abbreviation.
    fn month(&self, name: &str) -> Option<&str> {
        let short = name.get(..3)?.to_ascii_lowercase();
        let at = MONTHS.iter().position(|month| *month == short)?;
        Some(&self.months[at])
    }

    fn date(&self, year: Option<&str>, month: u128, day: u128) -> Option<String> {
        let name = self.months.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
        let day = (1..=31).contains(&day).then(|| ordinal(day))?;
        Some(match year {
            Some(year) => format!("{name} {day}, {year}"),
            None => format!("{name} {day}"),
        })
    }

    fn us_date(&self, groups: &Groups<'_>) -> Option<String> {
        let (a, b, year) = (integer(groups.get(1))?, integer(groups.get(2))?, groups.get(3));
        let year = match integer(year)? {
            short if year.chars().count() == 2 => format!("{}{year}", if short > 30 { "19" } else { "20" }),
            _ => year.to_owned(),
        };
        let (month, day) = if a <= 12 { (a, b) } else { (b, a) };
        self.date(Some(&year), month, day)
    }

    fn fraction(&self, a: u128, b: u128) -> Option<String> {
        if 0 < a && a < b && b <= 10 {
            let unit = FRACTIONS[b as usize];
            return Some(match (unit, a) {
                ("half", _) => "one half".to_owned(),
                (_, 1) => format!("1 {unit}"),
                _ => format!("{a} {unit}s"),
            });
        }
        if (1..=12).contains(&a) && (1..=31).contains(&b) {
            return self.date(None, a, b);
        }
        Some(format!("{a} slash {b}"))
    }
}

fn time(groups: &Groups<'_>, after: &str) -> Option<String> {
    let (hour, minute) = (integer(groups.get(1))?, integer(groups.get(2))?);
    let (second, half) = (groups.get(3), groups.get(5));
    let second = if second.is_empty() { None } else { Some(integer(second)?) };
    if hour > 24 || minute > 59 || second > Some(59) {
        return None;
    }
    let mut words = cardinal(hour);
    match minute {
        0 if half.is_empty() && second.is_none() => words.push_str(" o'clock"),
        0 => {}
        1..10 => words += &format!(" oh {}", cardinal(minute)),
        _ => words += &format!(" {}", cardinal(minute)),
    }
    if let Some(second) = second {
        words += &format!(" and {} second{}", cardinal(second), if second == 1 { "" } else { "s" });
    }
    if !half.is_empty() {
        // With points, so that the letters are spelt.
        words += &format!(" {}.M{}", half.to_ascii_uppercase(), if after.starts_with('.') { "" } else { "." });
    }
    Some(words)
}

fn is_one(number: &str) -> bool {
    matches!(number.replace(',', "").as_str(), "1" | "1.0" | "-1")
}

fn plural<'a>(number: &str, words: &'a [String; 2]) -> &'a str {
    &words[usize::from(!is_one(number))]
}

fn scale<'a>(word: &'a str, letter: &str) -> &'a str {
    match letter {
        "k" | "K" => "thousand",
        "m" | "M" => "million",
        "b" | "B" => "billion",
        _ => word,
    }
}

fn roman(numeral: &str) -> u128 {
    let value = |c| match c {
        'I' => 1,
        'V' => 5,
        'X' => 10,
        'L' => 50,
        'C' => 100,
        'D' => 500,
        _ => 1000,
    };
    let (mut total, mut largest) = (0u128, 0);
    for value in numeral.chars().rev().map(value) {
        if value < largest {
            total = total.saturating_sub(value);
        } else {
            total += value;
            largest = value;
        }
    }
    total
}

/// A text in which all white space is single spaces, none at its ends.
fn squeezed(text: &str) -> String {
    text.split(is_space).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
