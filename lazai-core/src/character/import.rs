//! Detects the format of a file, and reads the character in it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{CardError, Character, Lorebook, MAX_CARD_BYTES, MAX_CARD_FILE_BYTES, agnai, aliases, card, eliza, webp};
use crate::report::{Action, Report};
use crate::text;
use crate::text::json::is_filled;

/// The format of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum Spec {
    /// Character Card V1: a flat object.
    #[serde(rename = "chara_card_v1")]
    V1,
    /// Character Card V2.
    #[serde(rename = "chara_card_v2")]
    V2,
    /// Character Card V3.
    #[serde(rename = "chara_card_v3")]
    V3,
    /// Eliza's `character.json`.
    #[serde(rename = "eliza")]
    Eliza,
    /// Backyard's character with its scenarios.
    #[serde(rename = "byaf")]
    Byaf,
}

impl Spec {
    /// The name that cards give themselves; `chara_card_v1` and `eliza`, which give none, by analogy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "chara_card_v1",
            Self::V2 => "chara_card_v2",
            Self::V3 => "chara_card_v3",
            Self::Eliza => "eliza",
            Self::Byaf => "byaf",
        }
    }
}

/// The container of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Container {
    /// A JSON file.
    Json,
    /// A PNG image.
    Png,
    /// An animated PNG image.
    Apng,
    /// A CHARX archive.
    Charx,
    /// A WebP image.
    Webp,
    /// An archive of Backyard's.
    Byaf,
    /// A YAML file.
    Yaml,
}

/// A file that came with a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Its path inside.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// An imported character, with the import's report.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The character.
    pub character: Character,
    /// The format it was in.
    pub spec: Spec,
    /// The container of that format.
    pub container: Container,
    /// Files that came along; cards name them by `embeded://path` or `__asset:path`.
    pub files: Vec<EmbeddedFile>,
    /// Notes on data dropped or repaired.
    pub report: Report,
}

/// Reads a character out of a file of any known format, told apart by content.
///
/// # Errors
/// [`CardError`]; every limit is checked before anything of that size is allocated.
pub fn import(bytes: &[u8]) -> Result<Imported, CardError> {
    if bytes.len() > MAX_CARD_FILE_BYTES {
        return Err(too_large("the file", bytes.len(), MAX_CARD_FILE_BYTES));
    }
    let mut report = Report::default();
    let (json, container, files) = unpack(bytes, &mut report)?;
    from_json(&json, container, files, report)
}

/// The JSON of a card, its container, and the files that came along.
type Unpacked<'a> = (Cow<'a, [u8]>, Container, Vec<EmbeddedFile>);

#[cfg(feature = "cards")]
fn unpack<'a>(bytes: &'a [u8], report: &mut Report) -> Result<Unpacked<'a>, CardError> {
    use super::{charx, png};

    if png::is_png(bytes) {
        let found = png::read(bytes, report)?;
        let container = if found.animated { Container::Apng } else { Container::Png };
        Ok((found.json.into(), container, found.files))
    } else if charx::is_charx(bytes) {
        let (json, container, files) = charx::read(bytes, report)?;
        Ok((json.into(), container, files))
    } else {
        webp_or_json(bytes)
    }
}

#[cfg(not(feature = "cards"))]
fn unpack<'a>(bytes: &'a [u8], _: &mut Report) -> Result<Unpacked<'a>, CardError> {
    for (magic, container) in [(&b"\x89PNG"[..], "PNG"), (b"PK", "CHARX")] {
        if bytes.starts_with(magic) {
            return Err(CardError::FeatureMissing { container });
        }
    }
    webp_or_json(bytes)
}

fn webp_or_json(bytes: &[u8]) -> Result<Unpacked<'_>, CardError> {
    if webp::is_webp(bytes) {
        return Ok((webp::read(bytes)?.into(), Container::Webp, Vec::new()));
    }
    Ok((bytes.into(), Container::Json, Vec::new()))
}

fn too_large(what: &'static str, bytes: usize, max: usize) -> CardError {
    CardError::TooLarge { what, bytes: bytes as u64, max: max as u64 }
}

fn from_json(
    json: &[u8],
    mut container: Container,
    files: Vec<EmbeddedFile>,
    mut report: Report,
) -> Result<Imported, CardError> {
    let (mut map, is_yaml) = json_or_yaml(json, &mut report)?;
    if is_yaml && container == Container::Json {
        container = Container::Yaml;
    }
    if agnai::looks_like(&map) {
        map = agnai::card(map);
    } else if !eliza::looks_like_eliza(&map) {
        aliases::rename(&mut map);
    }
    let charx_without_spec = container == Container::Charx && !map.contains_key("spec");
    if charx_without_spec {
        return Err(CardError::UnknownSpec { found: String::new() });
    }
    let (character, spec) = if eliza::looks_like_eliza(&map) {
        (eliza::read(map, &mut report)?, Spec::Eliza)
    } else if map.contains_key("spec")
        || map.get("data").is_some_and(card::looks_like_data)
        || card::looks_like_v1(&map)
    {
        let (character, spec) = card::read(map, &mut report)?;
        (character, if container == Container::Byaf { Spec::Byaf } else { spec })
    } else {
        let fields: Vec<&str> = map.keys().take(8).map(String::as_str).collect();
        let reason = format!("an object with the fields {fields:?}: neither a card nor an Eliza character");
        return Err(CardError::NotACharacter { reason });
    };
    character.note_macros(spec, &mut report);
    character.note_scripts(&mut report);
    report.kept = 1;
    Ok(Imported { character, spec, container, files, report })
}

/// Reads a JSON object in any encoding, repaired if its meaning is clear; or a YAML mapping.
pub(super) fn object(bytes: &[u8], report: &mut Report) -> Result<Map<String, Value>, CardError> {
    json_or_yaml(bytes, report).map(|(map, _)| map)
}

/// As [`object`]; and whether it was YAML.
fn json_or_yaml(json: &[u8], report: &mut Report) -> Result<(Map<String, Value>, bool), CardError> {
    if json.len() > MAX_CARD_BYTES {
        return Err(too_large("the card's JSON", json.len(), MAX_CARD_BYTES));
    }
    let (text, note) = text::decode(json);
    note.into_iter().for_each(|reason| report.note(Action::Repaired, "text", reason));
    // Some exporters begin with a second byte order mark, or end with zero bytes.
    let text = text.trim_matches(['\0', '\u{feff}']);
    let is_yaml = looks_like_yaml(text);
    let value = if is_yaml {
        yaml(text)?
    } else {
        let (value, mended) = text::json::parse(text).map_err(|e| CardError::Malformed {
            line: e.line(),
            column: e.column(),
            reason: text::json::reason(&e),
        })?;
        mended.into_iter().for_each(|reason| report.note(Action::Repaired, "text", reason));
        value
    };
    match value {
        Value::Object(map) => Ok((map, is_yaml)),
        other => Err(CardError::NotACharacter {
            reason: format!("expected an object, found {}", super::fields::kind(&other)),
        }),
    }
}

/// Tells whether a text begins as a YAML mapping does: a name, a colon, and then a space or the line's end; and goes on
/// with another.
pub(crate) fn looks_like_yaml(text: &str) -> bool {
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, rest)| {
            let key = key.trim_matches(['"', '\'']);
            let named = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            named && (rest.is_empty() || rest.starts_with(' '))
        })
    };
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.find(|line| *line != "---");
    first.is_some_and(is_key) && lines.any(is_key)
}

#[cfg(feature = "yaml")]
fn yaml(text: &str) -> Result<Value, CardError> {
    serde_saphyr::from_str(text).map_err(|e| {
        let (line, column) = e.location().map_or((1, 1), |at| (at.line(), at.column()));
        let reason = e.to_string().lines().next().unwrap_or_default().to_owned();
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        CardError::Malformed { line: at(line), column: at(column), reason: format!("YAML: {reason}") }
    })
}

#[cfg(not(feature = "yaml"))]
fn yaml(_: &str) -> Result<Value, CardError> {
    Err(CardError::FeatureMissing { container: "YAML" })
}

impl Character {
    /// Notes what programs run with a card, and nothing here does.
    fn note_scripts(&self, report: &mut Report) {
        const SCRIPTS: [(&str, &str); 4] = [
            ("", "regex_scripts"),
            ("risuai", "customScripts"),
            ("risuai", "triggerscript"),
            ("risuai", "additionalText"),
        ];
        for (maker, name) in SCRIPTS {
            let within = if maker.is_empty() {
                Some(&self.extensions)
            } else {
                self.extensions.get(maker).and_then(Value::as_object)
            };
            if within.and_then(|within| within.get(name)).is_some_and(is_filled) {
                let place = ["extensions", maker, name]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(".");
                report.note(Action::Repaired, place, "kept with the card, and of no effect here");
            }
        }
    }
}

impl Lorebook {
    /// Reads a lorebook that stands alone: `lorebook_v3`, SillyTavern's world info, Chub's, NovelAI's, Agnai's or RisuAI's.
    ///
    /// # Errors
    /// [`CardError`]; entries that have neither keys nor content are no lorebook.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Report), CardError> {
        let mut report = Report::default();
        let map = object(bytes, &mut report)?;
        let book = super::lorebook::read_alone(map, &mut report)?;
        book.note_macros("", &mut report);
        report.kept = book.entries.len() as u64;
        Ok((book, report))
    }

    /// The book as a `lorebook_v3` that stands alone.
    #[must_use]
    pub fn to_v3_json(&self) -> Value {
        serde_json::json!({"spec": "lorebook_v3", "data": self.write(true)})
    }
}
