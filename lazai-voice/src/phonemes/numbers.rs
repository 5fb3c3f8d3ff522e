//! Numbers as English words: cardinals, ordinals, years, decimals.

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 12] = [
    "",
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
];

/// The first number that has no name here: 10 to the power of 36.
pub(super) const END: u128 = 10u128.pow(36);

/// `1234` is "one thousand, two hundred and thirty-four". A number of [`END`] or more is said digit by digit.
pub(super) fn cardinal(n: u128) -> String {
    if n >= END {
        return n.to_string().bytes().map(|b| ONES[usize::from(b - b'0')]).collect::<Vec<_>>().join(" ");
    }
    if n == 0 {
        return ONES[0].to_owned();
    }
    let (mut rest, mut groups) = (n, Vec::new());
    for scale in SCALES {
        let group = (rest % 1000) as usize;
        rest /= 1000;
        if group > 0 {
            let gap = if scale.is_empty() { "" } else { " " };
            groups.push(format!("{}{gap}{scale}", below_1000(group)));
        }
    }
    groups.reverse();
    match groups.pop() {
        // "one thousand and one": the last group is a number below a hundred.
        Some(last) if !groups.is_empty() && !last.contains(' ') => format!("{} and {last}", groups.join(", ")),
        Some(last) => {
            groups.push(last);
            groups.join(", ")
        }
        None => String::new(),
    }
}

fn below_1000(n: usize) -> String {
    let (hundreds, rest) = (n / 100, n % 100);
    let low = match rest {
        20.. if rest % 10 == 0 => TENS[rest / 10].to_owned(),
        20.. => format!("{}-{}", TENS[rest / 10], ONES[rest % 10]),
        _ => ONES[rest].to_owned(),
    };
    match (hundreds, rest) {
        (0, _) => low,
        (_, 0) => format!("{} hundred", ONES[hundreds]),
        _ => format!("{} hundred and {low}", ONES[hundreds]),
    }
}

/// `23` is "twenty-third".
pub(super) fn ordinal(n: u128) -> String {
    let words = cardinal(n);
    let last = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, word) = words.split_at(last);
    let word = match word {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        _ => match word.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{word}th"),
        },
    };
    format!("{head}{word}")
}

/// `1905` is "nineteen oh-five", `2005` "two thousand and five", `2010` "twenty ten".
pub(super) fn year(n: u128) -> String {
    let (high, low) = (n / 100, n % 100);
    if high == 0 || (high % 10 == 0 && low < 10) || high >= 100 {
        return cardinal(n);
    }
    let low = match low {
        0 => "hundred".to_owned(),
        1..10 => format!("oh-{}", cardinal(low)),
        _ => cardinal(low),
    };
    format!("{} {low}", cardinal(high))
}

/// `3.140` is "three point one four". `None` for another spelling, or a number without a name.
pub(super) fn decimal(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut words = if whole.is_empty() { ONES[0].to_owned() } else { cardinal(super::classes::integer(whole)?) };
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        words.push_str(" point");
        for c in fraction.chars() {
            words.push(' ');
            words.push_str(ONES.get(usize::from(super::classes::digit(c)?))?);
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said() {
        for (n, words) in [
            (0, "zero"),
            (13, "thirteen"),
            (40, "forty"),
            (99, "ninety-nine"),
            (100, "one hundred"),
            (101, "one hundred and one"),
            (1000, "one thousand"),
            (1001, "one thousand and one"),
            (1021, "one thousand and twenty-one"),
            (1234, "one thousand, two hundred and thirty-four"),
            (2_000_000, "two million"),
            (2_003_000, "two million, three thousand"),
            (2_003_007, "two million, three thousand and seven"),
        ] {
            assert_eq!(cardinal(n), words);
        }
        assert!(cardinal(END - 1).starts_with("nine hundred and ninety-nine decillion, "));
        assert!(cardinal(END).starts_with("one zero zero "));
    }

    #[test]
    fn ordinals_years_and_decimals_are_said() {
        for (n, words) in [
            (1, "first"),
            (12, "twelfth"),
            (20, "twentieth"),
            (23, "twenty-third"),
            (101, "one hundred and first"),
            (1000, "one thousandth"),
        ] {
            assert_eq!(ordinal(n), words);
        }
        for (n, words) in [
            (1905, "nineteen oh-five"),
            (1900, "nineteen hundred"),
            (2005, "two thousand and five"),
            (2010, "twenty ten"),
            (800, "eight hundred"),
            (1066, "ten sixty-six"),
        ] {
            assert_eq!(year(n), words);
        }
        for (text, words) in
            [("3.140", "three point one four"), (".5", "zero point five"), ("5.", "five"), ("7", "seven")]
        {
            assert_eq!(decimal(text).as_deref(), Some(words));
        }
        assert_eq!(decimal("x"), None);
    }
}
