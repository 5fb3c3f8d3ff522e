//! The modules that an adapter changes, in PEFT's notation `target_modules`.

use lazai_core::record::Targets;
use regex::Regex;

use crate::error::{ModelError, Result};

/// PEFT's name for all linear layers but the output.
pub(super) const ALL_LINEAR: &str = "all-linear";

type Matcher<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// Tells whether a module's path is targeted.
pub(super) fn matcher(targets: &Targets) -> Result<Matcher<'_>> {
    Ok(match targets {
        Targets::AllLinear => Box::new(|_| true),
        Targets::Modules(names) => Box::new(move |path| {
            let ends_in =
                |name: &str| path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            names.iter().any(|name| !name.is_empty() && ends_in(name))
        }),
        Targets::Pattern(pattern) => {
            // The whole path, as Python's `re.fullmatch`.
            let whole = Regex::new(&format!("^(?:{pattern})$"));
            let whole = whole.map_err(|e| ModelError::malformed("target modules", e))?;
            Box::new(move |path| whole.is_match(path))
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_as_peft_does() {
        let path = "model.layers.3.self_attn.q_proj";
        for (targets, expected) in [
            (Targets::AllLinear, true),
            (Targets::Modules(vec!["q_proj".into()]), true),
            (Targets::Modules(vec!["self_attn.q_proj".into(), "v_proj".into()]), true),
            (Targets::Modules(vec![path.into()]), true),
            (Targets::Modules(vec!["proj".into()]), false),
            (Targets::Modules(vec![String::new()]), false),
            (Targets::Pattern(r".*\.[3-5]\.self_attn\.(q|v)_proj".into()), true),
            (Targets::Pattern("q_proj".into()), false),
        ] {
            assert_eq!(matcher(&targets).unwrap()(path), expected, "{targets:?}");
        }
        assert!(matches!(matcher(&Targets::Pattern("(".into())), Err(ModelError::Malformed { .. })));
    }
}
