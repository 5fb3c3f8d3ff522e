//! Regular expressions: by the library, or none at all where the feature is off.

#[cfg(feature = "expressions")]
pub(in super::super) use with_library::{Expression, compile};
#[cfg(not(feature = "expressions"))]
pub(in super::super) use without::{Expression, compile};

#[cfg(feature = "expressions")]
mod with_library {
    use regex::{Error, Regex, RegexBuilder};

    /// Largest compiled expression: a card must not fill the memory.
    const MAX_REGEX_BYTES: usize = 1 << 20;
    /// Steps in which the size of an expression is found, for the library does not tell it.
    const SIZES: [usize; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, MAX_REGEX_BYTES];

    /// A compiled expression.
    pub(in super::super::super) type Expression = Regex;

    /// Compiles a pattern, and adds the bytes that it takes; `None` if it cannot be read or is too large.
    pub(in super::super::super) fn compile(
        pattern: &str,
        insensitive: bool,
        flags: &str,
        used: &mut usize,
    ) -> Option<Expression> {
        for size in SIZES {
            let built = RegexBuilder::new(pattern)
                .case_insensitive(insensitive)
                .multi_line(flags.contains('m'))
                .dot_matches_new_line(flags.contains('s'))
                .size_limit(size)
                .dfa_size_limit(MAX_REGEX_BYTES)
                .build();
            match built {
                Err(Error::CompiledTooBig(_)) => *used += size,
                Ok(regex) => {
                    *used += size;
                    return Some(regex);
                }
                Err(_) => break,
            }
        }
        None
    }
}

#[cfg(not(feature = "expressions"))]
mod without {
    /// There is none.
    #[derive(Debug, Clone)]
    pub(in super::super::super) enum Expression {}

    impl Expression {
        pub(in super::super::super) fn is_match(&self, _: &str) -> bool {
            match *self {}
        }
    }

    pub(in super::super::super) fn compile(_: &str, _: bool, _: &str, _: &mut usize) -> Option<Expression> {
        None
    }
}
