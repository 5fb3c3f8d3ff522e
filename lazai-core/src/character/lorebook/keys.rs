//! Keys: words, or expressions as JavaScript writes them.

use std::collections::HashMap;

use super::expression::{Expression, compile};

/// Largest sum of the compiled expressions of a book: a card must not take the time either.
const MAX_BOOK_REGEX_BYTES: usize = 64 << 20;

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

/// Why an expression is not heeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Unheeded {
    /// It cannot be read, or is too large by itself.
    Unread,
    /// The expressions before it took all that a book may take.
    Beyond,
}

/// The expressions of one book: each compiled once, all together within bounds.
#[derive(Debug, Default)]
pub(in super::super) struct Expressions {
    used: usize,
    known: HashMap<(String, bool), Result<Expression, Unheeded>>,
}

impl Expressions {
    /// `pattern`, or `/pattern/flags` as JavaScript writes it. An expression that is not heeded matches nothing.
    pub(in super::super) fn of(&mut self, key: &str, exact: bool) -> Result<Expression, Unheeded> {
        let named = (key.to_owned(), exact);
        if let Some(known) = self.known.get(&named) {
            return known.clone();
        }
        let compiled = self.compile(key, exact);
        self.known.insert(named, compiled.clone());
        compiled
    }

    fn compile(&mut self, key: &str, exact: bool) -> Result<Expression, Unheeded> {
        let slashed = slashed(key);
        let (pattern, flags) = slashed.unwrap_or((key, ""));
        let insensitive = if slashed.is_some() { flags.contains('i') } else { !exact };
        if self.used >= MAX_BOOK_REGEX_BYTES {
            return Err(Unheeded::Beyond);
        }
        compile(pattern, insensitive, flags, &mut self.used).ok_or(Unheeded::Unread)
    }
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
#[allow(clippy::unwrap_used)]
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

    #[cfg(feature = "expressions")]
    #[test]
    fn the_expressions_of_a_book_are_bounded_together() {
        let mut expressions = Expressions::default();
        let large = |n: usize| format!("/\\w{{20}}{n}/");
        let read = (0..2_000).map(|n| expressions.of(&large(n), false)).take_while(Result::is_ok).count();
        assert!((20..1_000).contains(&read), "{read}");
        assert_eq!(expressions.of("/lamp/", false).unwrap_err(), Unheeded::Beyond);
        // What was read stays so.
        assert!(expressions.of(&large(0), false).is_ok());
        let mut small = Expressions::default();
        assert!((0..5_000).all(|n| small.of(&format!("/lamp{n}s?/"), false).is_ok()));
        assert_eq!(small.of("/(/", false).unwrap_err(), Unheeded::Unread);
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
