//! Keys: words, or expressions as JavaScript writes them.

use regex::{Regex, RegexBuilder};

/// Largest compiled expression: a card must not fill the memory.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// The kind of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Keys {
    /// Words.
    Plain,
    /// Words, and expressions where they are written `/…/flags`.
    Slashed,
    /// Expressions, with slashes or without.
    Expressions,
}

impl Keys {
    /// Tells whether a key is an expression.
    pub(in super::super) fn is_expression(self, key: &str) -> bool {
        match self {
            Self::Plain => false,
            Self::Slashed => slashed(key).is_some(),
            Self::Expressions => true,
        }
    }
}

/// The pattern and flags of `/pattern/flags`; a slash inside must be escaped.
pub(super) fn slashed(key: &str) -> Option<(&str, &str)> {
    let (pattern, flags) = key.trim().strip_prefix('/')?.rsplit_once('/')?;
    let mut escaped = false;
    let bare = pattern.bytes().any(|b| {
        let bare = b == b'/' && !escaped;
        escaped = b == b'\\' && !escaped;
        bare
    });
    let fits = !pattern.is_empty() && !bare && flags.bytes().all(|b| b"dgimsuvy".contains(&b));
    fits.then_some((pattern, flags))
}

/// `pattern`, or `/pattern/flags` as JavaScript writes it. An expression that cannot be read matches nothing.
pub(in super::super) fn expression(key: &str, exact: bool) -> Option<Regex> {
    let slashed = slashed(key);
    let (pattern, flags) = slashed.unwrap_or((key, ""));
    let insensitive = if slashed.is_some() { flags.contains('i') } else { !exact };
    RegexBuilder::new(pattern)
        .case_insensitive(insensitive)
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .build()
        .ok()
}

/// The keys of one text with commas; a comma inside `/…/` stays.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let end = expression_end(rest).or_else(|| rest.find(',')).unwrap_or(rest.len());
        let key = rest[..end].trim();
        if !key.is_empty() {
            keys.push(key.to_owned());
        }
        match rest.get(end + 1..) {
            Some(after) => rest = after,
            None => return keys,
        }
    }
}

/// The end of the expression that a text begins with: at a comma after its flags, or at the end.
fn expression_end(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('/')?;
    let mut escaped = false;
    let close = inside.bytes().position(|b| {
        let close = b == b'/' && !escaped;
        escaped = b == b'\\' && !escaped;
        close
    })?;
    let after = &inside[close + 1..];
    let flags = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
    let space = after[flags..].len() - after[flags..].trim_start().len();
    let end = 1 + close + 1 + flags + space;
    (close > 0 && text[end..].chars().next().is_none_or(|c| c == ',')).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_of_keys_is_split_at_commas() {
        assert_eq!(split("lamp, light ,, "), ["lamp", "light"]);
        assert_eq!(split("/a{1,2}/i, b"), ["/a{1,2}/i", "b"]);
        assert_eq!(split(r"a,/x\/,y/ ,/home,b"), ["a", r"/x\/,y/", "/home", "b"]);
        assert_eq!(split("/"), ["/"]);
        assert_eq!(split("é,/é,é/"), ["é", "/é,é/"]);
        assert!(split(" , ").is_empty());
    }

    #[test]
    fn an_expression_is_told_from_a_path() {
        assert_eq!(slashed("/oi(l|ls)/i"), Some(("oi(l|ls)", "i")));
        assert_eq!(slashed(r"/a\/b/"), Some((r"a\/b", "")));
        for plain in ["/home/user/", "//", "/", "and/or", "/x/yes", "/a"] {
            assert_eq!(slashed(plain), None, "{plain}");
        }
    }
}
