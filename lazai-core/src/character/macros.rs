//! Macros: `{{char}}`, `{{user}}`, `{{random:a,b}}` and the others of the card specifications.

use crate::digest::DomainHasher;

/// Where filling in stops: a long name in a text full of `{{char}}` must not fill the memory.
const MAX_FILLED_BYTES: usize = 16 << 20;

/// What macros stand for in one conversation.
///
/// | macro | becomes |
/// |---|---|
/// | `{{char}}`, `<CHAR>`, `<BOT>` | the character's name |
/// | `{{user}}`, `<USER>` | the user's name |
/// | `{{random:a,b}}` | one of them, another one each time; `\,` is a comma |
/// | `{{pick:a,b}}` | one of them, the same one for the same text and seed |
/// | `{{roll:20}}`, `{{roll:2d6}}` | a throw of dice |
/// | `{{reverse:abc}}` | `cba` |
/// | `{{// note}}`, `{{comment:note}}`, `{{hidden_key:word}}` | nothing |
///
/// Names are compared without case; what is not a macro stays as it is; what a macro became is not searched again.
/// Chance comes from the seed alone.
///
/// ```
/// let macros = lazai_core::character::Macros::new("Ada", "Bob");
/// assert_eq!(macros.fill("{{Char}} greets <user>{{// quietly}}."), "Ada greets Bob.");
/// assert_eq!(macros.fill("{{reverse:{{char}}}} {{what}}"), "adA {{what}}");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Macros<'a> {
    name: &'a str,
    user: &'a str,
    seed: u64,
    /// Whether hidden keys show: only for the search for keys.
    hidden: bool,
}

impl<'a> Macros<'a> {
    /// Macros for a character and a user, with seed 0.
    #[must_use]
    pub const fn new(name: &'a str, user: &'a str) -> Self {
        Self { name, user, seed: 0, hidden: false }
    }

    /// The same with another seed.
    #[must_use]
    pub const fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    pub(super) const fn with_hidden_keys(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Fills in the macros of a text; the result is cut at 16 MiB.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        // Where macros that are still open begin in `out`.
        let mut open = Vec::new();
        let mut count = 0;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if out.len() > MAX_FILLED_BYTES {
                let end = (0..=MAX_FILLED_BYTES).rev().find(|&i| out.is_char_boundary(i)).unwrap_or(0);
                out.truncate(end);
                break;
            }
            if let Some(after) = rest.strip_prefix("{{") {
                open.push(out.len());
                out.push_str("{{");
                rest = after;
            } else if let (Some(after), Some(start)) = (rest.strip_prefix("}}"), open.last().copied()) {
                open.pop();
                count += 1;
                match self.value(&out[start + 2..], count) {
                    Some(value) => {
                        out.truncate(start);
                        out.push_str(&value);
                    }
                    None => out.push_str("}}"),
                }
                rest = after;
            } else if let Some((name, after)) = self.tag(rest) {
                out.push_str(name);
                rest = after;
            } else {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }

    /// `<USER>`, `<CHAR>`, `<BOT>` at the start of a text.
    fn tag<'t>(&self, text: &'t str) -> Option<(&'a str, &'t str)> {
        let inside = text.strip_prefix('<')?;
        let end = inside.bytes().take(5).position(|b| b == b'>')?;
        let name = match inside[..end].to_ascii_lowercase().as_str() {
            "user" => self.user,
            "char" | "bot" => self.name,
            _ => return None,
        };
        Some((name, &inside[end + 1..]))
    }

    /// What stands for a macro; `count` tells the macros of one text apart.
    fn value(&self, inside: &str, count: u64) -> Option<String> {
        if inside.trim_start().starts_with("//") {
            return Some(String::new());
        }
        let (name, argument) = match inside.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (inside, None),
        };
        match (name.trim().to_ascii_lowercase().as_str(), argument) {
            ("char", None) => Some(self.name.to_owned()),
            ("user", None) => Some(self.user.to_owned()),
            ("random", Some(list)) => choose(list, self.number("random", list, count)),
            ("pick", Some(list)) => choose(list, self.number("pick", list, 0)),
            ("roll", Some(dice)) => self.roll(dice.trim(), count),
            ("reverse", Some(text)) => Some(text.chars().rev().collect()),
            ("hidden_key", Some(key)) if self.hidden => Some(key.to_owned()),
            ("comment" | "hidden_key", Some(_)) => Some(String::new()),
            _ => None,
        }
    }

    /// `20`, `d20`, `3d6`.
    fn roll(&self, dice: &str, count: u64) -> Option<String> {
        let (times, sides) = match dice.to_ascii_lowercase().split_once('d') {
            None => (1, dice.parse().ok()?),
            Some(("", sides)) => (1, sides.parse().ok()?),
            Some((times, sides)) => (times.parse::<u64>().ok()?, sides.parse().ok()?),
        };
        if !(1..=100).contains(&times) || !(1..=1_000_000u64).contains(&sides) {
            return None;
        }
        let throws = (0..times).map(|i| self.number("roll", dice, count * 128 + i) % sides + 1);
        Some(throws.sum::<u64>().to_string())
    }

    fn number(&self, what: &str, argument: &str, count: u64) -> u64 {
        let hasher = DomainHasher::new("lazai.macro.v1").part(what.as_bytes()).part(&self.seed.to_le_bytes());
        let digest = hasher.part(&count.to_le_bytes()).part(argument.as_bytes()).finish();
        u64::from_le_bytes(*digest.as_bytes().first_chunk().unwrap_or(&[0; 8]))
    }
}

/// One item of `a,b,c`, where `\,` is a comma.
fn choose(list: &str, number: u64) -> Option<String> {
    let mut items = vec![String::new()];
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&',') => {
                chars.next();
                items.last_mut()?.push(',');
            }
            ',' => items.push(String::new()),
            c => items.last_mut()?.push(c),
        }
    }
    let index = usize::try_from(number % items.len() as u64).ok()?;
    Some(items.swap_remove(index).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_comes_from_the_seed() {
        let macros = Macros::new("A", "B");
        let text = "{{random:a,b,c,d,e,f,g,h}}{{random:a,b,c,d,e,f,g,h}}{{pick:1,2,3}}{{pick:1,2,3}}{{roll:2d6}}";
        assert_eq!(macros.fill(text), macros.fill(text));
        let seeds: std::collections::BTreeSet<String> = (0..20).map(|s| macros.with_seed(s).fill(text)).collect();
        assert!(seeds.len() > 15);
        for filled in seeds {
            let picks = filled.trim_start_matches(char::is_alphabetic);
            assert_eq!(picks[..1], picks[1..2], "a pick is stable: {filled}");
        }
        assert_eq!(macros.fill(r"{{random:x\,y}}"), "x,y");
    }

    #[test]
    fn what_is_no_macro_stays() {
        let macros = Macros::new("{{user}}", "B");
        for text in
            ["{{", "}}", "{{}}", "{{{}}}", "{{roll:0}}", "{{roll:99999999999999999999}}", "<b>é</b>", "<us", "{{a{{b"]
        {
            assert_eq!(macros.fill(text), text);
        }
        // A name is not searched for macros.
        assert_eq!(macros.fill("{{char}} {{hidden_key:x}}!"), "{{user}} !");
        assert_eq!(macros.with_hidden_keys().fill("{{hidden_key:x}}"), "x");
    }

    #[test]
    fn long_names_are_cut() {
        let name = "ü".repeat(1 << 20);
        assert!(Macros::new(&name, "").fill(&"{{char}}".repeat(100)).len() <= MAX_FILLED_BYTES);
    }
}
