//! Chance in macros: from the seed alone, so that a prompt can be made again.

use crate::digest::DomainHasher;

/// A number for a macro; `count` tells the macros of one text apart.
pub(super) fn number(seed: u64, what: &str, argument: &str, count: u64) -> u64 {
    let hasher = DomainHasher::new("lazai.macro.v1").part(what.as_bytes()).part(&seed.to_le_bytes());
    let digest = hasher.part(&count.to_le_bytes()).part(argument.as_bytes()).finish();
    u64::from_le_bytes(*digest.as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

/// One item of `a,b,c`, where `\,` is a comma, or of `a::b::c`.
pub(super) fn choose(list: &str, number: u64) -> String {
    let mut items = if list.contains("::") { list.split("::").map(str::to_owned).collect() } else { commas(list) };
    let index = usize::try_from(number % items.len().max(1) as u64).unwrap_or(0);
    if index < items.len() { items.swap_remove(index).trim().to_owned() } else { String::new() }
}

fn commas(list: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&',') => item.extend(chars.next()),
            ',' => items.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items
}

/// `20`, `d20`, `3d6`, `3d6+2`; `None` if that is no dice.
pub(super) fn roll(seed: u64, dice: &str, count: u64) -> Option<String> {
    let lower = dice.trim().to_ascii_lowercase();
    let (throw, plus) = match lower.find(['+', '-']) {
        Some(at) if at > 0 => (lower[..at].trim(), lower[at..].replace(' ', "").parse::<i64>().ok()?),
        _ => (lower.as_str(), 0),
    };
    let (times, sides) = match throw.split_once('d') {
        None => (1, throw.parse().ok()?),
        Some(("", sides)) => (1, sides.parse().ok()?),
        Some((times, sides)) => (times.parse::<u64>().ok()?, sides.parse().ok()?),
    };
    if !(1..=100).contains(&times) || !(1..=1_000_000u64).contains(&sides) || plus.abs() > 1_000_000 {
        return None;
    }
    let throws = (0..times).map(|i| number(seed, "roll", dice, count * 128 + i) % sides + 1);
    let sum = i64::try_from(throws.sum::<u64>()).ok()?;
    Some((sum + plus).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_read_as_people_write_them() {
        assert_eq!(roll(0, "1d1+4", 0).as_deref(), Some("5"));
        assert_eq!(roll(0, "2d1 - 3", 0).as_deref(), Some("-1"));
        assert_eq!(roll(0, "1", 0).as_deref(), Some("1"));
        for none in ["", "d", "0", "d0", "x", "101d6", "-3", "+", "1d6+", "99999999999999999999"] {
            assert_eq!(roll(0, none, 0), None, "{none}");
        }
    }

    #[test]
    fn lists_have_commas_or_double_colons() {
        assert_eq!(choose(r"x\,y", 7), "x,y");
        assert_eq!(choose("a::b, c", 1), "b, c");
        assert_eq!(choose("", 1), "");
    }
}
