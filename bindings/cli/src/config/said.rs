//! Where a file says what the parser of the command line refuses: its errors name options, a file has keys.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use lazai_facade::LazaiError;

use super::keys::{KEYS, Key};

/// The keys that were taken of a file, with their lines.
#[derive(Debug)]
pub(crate) struct Said {
    pub(super) path: PathBuf,
    pub(super) lines: Vec<(&'static Key, usize)>,
}

impl Said {
    /// The parser's error as one of the file; `None` for what the command line alone says.
    pub fn error(&self, error: &clap::Error) -> Option<LazaiError> {
        let reason = match error.kind() {
            // Neither says it, and the file is where settings are.
            ErrorKind::MissingRequiredArgument => format!("missing: {}", named(error, ContextKind::InvalidArg)?),
            ErrorKind::ArgumentConflict => {
                let (line, key) = self.line_of(error, ContextKind::InvalidArg)?;
                let beside = named(error, ContextKind::PriorArg)?;
                format!("line {line}: {key} cannot stand beside {beside}")
            }
            // Its values are looked at when it is read; what else is wrong stands on the command line.
            _ => return None,
        };
        Some(LazaiError::new("config", format!("{}: {reason}", self.path.display())))
    }

    /// The first of an error's options that the file stands for: its line, and its key.
    fn line_of(&self, error: &clap::Error, kind: ContextKind) -> Option<(usize, String)> {
        let found = options(error, kind).into_iter().flatten();
        let mut said = found.filter_map(|option| self.lines.iter().find(|(key, _)| key.option == option));
        said.next().map(|(key, line)| (*line, key.to_string()))
    }
}

/// The keys of the options that an error names. Of those of one group, any would do.
fn named(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let key = |option: &String| {
        let known = KEYS.iter().find(|key| key.option == option);
        known.map_or_else(|| format!("--{}", option.replace('_', "-")), ToString::to_string)
    };
    let all = options(error, kind);
    let all = all.iter().map(|group| group.iter().map(key).collect::<Vec<_>>().join(" or "));
    let all = all.filter(|group| !group.is_empty()).collect::<Vec<_>>().join(", ");
    (!all.is_empty()).then_some(all)
}

/// The options that an error names, by their ids: `--one <ONE>`, or `<--one <ONE>|--other <OTHER>>`.
fn options(error: &clap::Error, kind: ContextKind) -> Vec<Vec<String>> {
    let texts = match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    let id = |text: &str| {
        let name = text.trim_start_matches('<').strip_prefix("--")?;
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(name.len());
        Some(name[..end].replace('-', "_"))
    };
    texts.iter().map(|text| text.split('|').filter_map(id).collect()).collect()
}
