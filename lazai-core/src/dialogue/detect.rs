//! The format of a file, by its beginning.

use super::format::{DialogueError, Format, Options};
use super::source::{self, Kind};
use super::{examples, names, table, whatsapp};
use crate::report::excerpt;

/// The beginning of the reason why a text like a play is not read.
pub(crate) const NAMES_ALONE: &str = "its lines begin with names";

/// First bytes of files of other kinds, and their names.
const KINDS: [(&[u8], &str); 15] = [
    (b"PAR1", "Parquet; expected JSON lines or a table"),
    (b"ARROW1", "Arrow; expected JSON lines or a table"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard; unpack it first"),
    (b"\xfd7zXZ\0", "compressed with xz; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"PK\x03\x04", "a ZIP archive or an office document; unpack it, or save it as a table"),
    (b"%PDF-", "PDF; expected text"),
    (b"{\\rtf", "RTF; expected plain text"),
    (b"SQLite format 3", "a database of SQLite; export its tables"),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS; fetch the file itself"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
];

/// The kind of a file that is none of dialogues, by its first bytes.
fn foreign(head: &[u8]) -> Option<String> {
    let (_, name) = KINDS.iter().find(|(begins, _)| head.starts_with(begins))?;
    Some(format!("this is {name}"))
}

/// Finds the separation of records, and the format. JSON's exact format is told by its records.
///
/// # Errors
/// [`DialogueError::Empty`], [`DialogueError::UnknownFormat`].
pub(super) fn detect(head: &[u8], text: &str, options: &Options) -> Result<(Kind, Format), DialogueError> {
    let unknown = |reason: String| Err(DialogueError::UnknownFormat { reason });
    if let Some(reason) = foreign(head) {
        return unknown(reason);
    }
    if text.trim().is_empty() {
        return Err(DialogueError::Empty);
    }
    if text.as_bytes()[..text.len().min(4096)].contains(&0) {
        return unknown("binary data".into());
    }
    if !text.contains('\n') && text.trim_end_matches('\r').contains('\r') {
        return unknown("its lines end with carriage returns alone; expected line feeds".into());
    }
    let start = text.trim_start();
    if whatsapp::looks_like(start) {
        Ok((Kind::Blocks, Format::WhatsApp))
    } else if is_character(start) {
        unknown("this is a character as YAML".into())
    } else if is_json(start) {
        Ok((source::json_kind(start), Format::Chat))
    } else if examples::looks_like(start, options) {
        Ok((Kind::Blocks, Format::Examples))
    } else if let Some(layout) = table::layout(start) {
        Ok((Kind::Table(Box::new(layout)), Format::Csv))
    } else if examples::names_speakers(start) {
        unknown(match &options.character {
            Some(name) => format!("{NAMES_ALONE}, none of which is {:?}", excerpt(name, 80)),
            None => format!("{NAMES_ALONE}; say who the character is"),
        })
    } else {
        unknown(format!("the file begins with {:?}", excerpt(start, 60)))
    }
}

/// True if a text is a character as YAML, whose fields look like names of a play.
fn is_character(start: &str) -> bool {
    const FIELDS: [&str; 13] = [
        "char_greeting",
        "char_name",
        "char_persona",
        "description",
        "example_dialogue",
        "first_mes",
        "greeting",
        "mes_example",
        "name",
        "personality",
        "scenario",
        "turn_template",
        "world_scenario",
    ];
    const BESIDE: [&str; 4] = ["bot", "context", "user", "bio"];
    let keys = || start.lines().filter_map(|line| Some(line.split_once(':')?.0));
    let has = |fields: &[&str]| fields.iter().filter(|field| keys().any(|key| key == **field)).count();
    let first = keys().next().filter(|key| start.starts_with(key) || start.starts_with("---"));
    if !first.is_some_and(|key| FIELDS.contains(&key) || BESIDE.contains(&key)) {
        return false;
    }
    let own = has(&FIELDS);
    own > 1 || (own > 0 && has(&BESIDE) > 0)
}

/// True if a text begins as JSON does, and not as a play: `[Scene: a tower]`.
fn is_json(start: &str) -> bool {
    let is_list = || {
        let inside = start.strip_prefix('[').map(str::trim_start);
        inside.is_some_and(|inside| inside.is_empty() || inside.starts_with(['{', '[', '"', ']', '/']))
    };
    !names::is_timed(start) && ((start.starts_with('{') && !start.starts_with("{{")) || is_list())
}
