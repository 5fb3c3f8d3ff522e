//! Character cards as JSON: V1, V2, V3, read and written.

use serde_json::{Map, Value, json};

use super::fields::{Fields, kind};
use super::lorebook::{KEPT_V3, Lorebook, kept_v3, put, translated};
use super::{Asset, CardError, Character, MAX_EMBEDDED_FILES, Spec};
use crate::report::{Action, Report, excerpt};

/// The six fields of V1: our name, the specification's, and that of Pygmalion's older editors.
const V1: [(&str, &str); 6] = [
    ("name", "char_name"),
    ("description", "char_persona"),
    ("personality", "personality"),
    ("scenario", "world_scenario"),
    ("first_mes", "char_greeting"),
    ("mes_example", "example_dialogue"),
];

/// Tells whether a value looks like the `data` of a card without a `spec`.
pub(super) fn looks_like_data(data: &Value) -> bool {
    let own = V1[1..].iter().map(|(name, _)| *name).chain(["system_prompt", "character_book", "alternate_greetings"]);
    data.as_object().is_some_and(|data| own.into_iter().any(|field| data.contains_key(field)))
}

/// Tells whether an object looks like a V1 card. Many objects have a name and a description; a V1 card also has one of the
/// other fields, or nothing else at all.
pub(super) fn looks_like_v1(map: &Map<String, Value>) -> bool {
    let has = |(name, old): &(&str, &str)| map.contains_key(*name) || map.contains_key(*old);
    let all_known = || map.keys().all(|key| V1.iter().any(|(name, old)| key == name || key == old));
    has(&V1[0]) && (V1[2..].iter().any(has) || map.contains_key("char_persona") || (has(&V1[1]) && all_known()))
}

/// Reads a card: V1 flat, V2 and V3 in `data`.
pub(super) fn read(mut map: Map<String, Value>, report: &mut Report) -> Result<(Character, Spec), CardError> {
    let spec = match map.get("spec") {
        Some(Value::String(spec)) => match spec.trim().to_ascii_lowercase().as_str() {
            "chara_card_v2" => Spec::V2,
            "chara_card_v3" => Spec::V3,
            "" | "chara_card_v1" if map.get("data").is_some_and(Value::is_object) => {
                report.note(Action::Repaired, "spec", format!("{spec:?}, taken as \"chara_card_v2\""));
                Spec::V2
            }
            "" | "chara_card_v1" => Spec::V1,
            _ => return Err(CardError::UnknownSpec { found: excerpt(spec, 40) }),
        },
        None | Some(Value::Null) if map.get("data").is_some_and(Value::is_object) => {
            report.note(Action::Repaired, "spec", "absent, taken as \"chara_card_v2\"");
            Spec::V2
        }
        None | Some(Value::Null) => Spec::V1,
        Some(other) => return Err(CardError::UnknownSpec { found: kind(other) }),
    };
    if spec == Spec::V1 {
        map.remove("spec");
        return read_v1(map, report).map(|character| (character, Spec::V1));
    }
    if map.remove("spec").is_some_and(|spec| !spec.is_null()) {
        check_version(map.get("spec_version"), spec, report);
    }
    map.remove("spec_version");
    let data = match map.remove("data") {
        Some(Value::Object(data)) => data,
        _ if looks_like_v1(&map) => {
            report.note(Action::Repaired, "data", "absent, fields taken from the top level");
            return read_v1(map, report).map(|character| (character, spec));
        }
        Some(other) => {
            let reason = format!("field `data`: expected an object, found {}", kind(&other));
            return Err(CardError::NotACharacter { reason });
        }
        None => return Err(CardError::NotACharacter { reason: "field `data` is missing".into() }),
    };
    let mut character = read_data(data, report)?;
    copies_outside(&mut map, &mut character, report);
    if character.name.trim().is_empty() {
        return Err(CardError::NoName { field: "`data.name`" });
    }
    character.unknown_outside = map;
    Ok((character, spec))
}

/// Exporters repeat the fields of V1 beside `data` for old readers. They only count if `data` lacks them.
fn copies_outside(map: &mut Map<String, Value>, character: &mut Character, report: &mut Report) {
    let inside = [
        &mut character.name,
        &mut character.description,
        &mut character.personality,
        &mut character.scenario,
        &mut character.first_message,
        &mut character.message_examples,
    ];
    for ((key, _), inside) in V1.iter().zip(inside) {
        match map.remove(*key) {
            Some(Value::String(text)) if inside.trim().is_empty() && !text.trim().is_empty() => {
                report.note(Action::Repaired, format!("data.{key}"), "empty, taken from the top level");
                *inside = text;
            }
            Some(Value::String(text)) if text != *inside && !text.is_empty() => {
                report.note(Action::Dropped, *key, "differs from the same field in `data`");
            }
            _ => {}
        }
    }
}

fn check_version(version: Option<&Value>, spec: Spec, report: &mut Report) {
    let number = match version {
        Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
        Some(Value::Number(number)) => number.as_f64(),
        _ => None,
    };
    let (known, name) = if spec == Spec::V3 { (3.0, "3.0") } else { (2.0, "2.0") };
    let reason = match number {
        None => format!("expected \"{name}\", found {}", version.map_or_else(|| "nothing".into(), kind)),
        Some(number) if number > known => format!("version {number} is newer than {name}; read as {name}"),
        Some(_) => return,
    };
    report.note(Action::Repaired, "spec_version", reason);
}

fn read_v1(mut map: Map<String, Value>, report: &mut Report) -> Result<Character, CardError> {
    for (name, old) in V1 {
        if name != old
            && map.get(name).and_then(Value::as_str).is_none_or(str::is_empty)
            && let Some(value) = map.remove(old)
        {
            map.insert(name.into(), value);
        }
    }
    let character = read_fields(map, "", report)?;
    if character.name.trim().is_empty() {
        return Err(CardError::NoName { field: "`name`" });
    }
    Ok(character)
}

fn read_data(mut map: Map<String, Value>, report: &mut Report) -> Result<Character, CardError> {
    // V3 data that one of our V2 exports kept.
    if let Some(Value::Object(kept)) = kept_v3(&mut map) {
        for (key, value) in kept {
            map.entry(key).or_insert(value);
        }
    }
    read_fields(map, "data", report)
}

fn read_fields(map: Map<String, Value>, path: &str, report: &mut Report) -> Result<Character, CardError> {
    let mut fields = Fields::new(map, path, report);
    let mut character = Character {
        name: fields.text("name"),
        description: fields.text("description"),
        personality: fields.text("personality"),
        scenario: fields.text("scenario"),
        first_message: fields.text("first_mes"),
        message_examples: fields.text("mes_example"),
        creator_notes: fields.text("creator_notes"),
        system_prompt: fields.text("system_prompt"),
        post_history_instructions: fields.text("post_history_instructions"),
        alternate_greetings: fields.texts("alternate_greetings"),
        group_only_greetings: fields.texts("group_only_greetings"),
        tags: fields.texts("tags"),
        creator: fields.text("creator"),
        character_version: fields.text("character_version"),
        nickname: fields.optional_text("nickname"),
        source: fields.texts("source"),
        creation_date: fields.number("creation_date"),
        modification_date: fields.number("modification_date"),
        assets: read_assets(&mut fields)?,
        extensions: fields.object("extensions").unwrap_or_default(),
        ..Character::default()
    };
    for (language, note) in fields.object("creator_notes_multilingual").unwrap_or_default() {
        match note {
            Value::String(note) => drop(character.creator_notes_multilingual.insert(language, note)),
            other => fields.dropped(
                &format!("creator_notes_multilingual.{language}"),
                format!("expected a text, found {}", kind(&other)),
            ),
        }
    }
    if let Some(book) = fields.object("character_book") {
        let path = fields.path("character_book");
        let book = translated(book, &path, fields.report()).unwrap_or_else(|book| book);
        character.lorebook = Some(Lorebook::read(book, &path, fields.report())?);
    }
    character.unknown = fields.rest();
    Ok(character)
}

fn read_assets(fields: &mut Fields<'_>) -> Result<Vec<Asset>, CardError> {
    let list = fields.list("assets");
    if list.len() > MAX_EMBEDDED_FILES {
        return Err(CardError::TooMany { what: "assets", found: list.len(), max: MAX_EMBEDDED_FILES });
    }
    let mut assets = Vec::with_capacity(list.len());
    for (i, item) in list.into_iter().enumerate() {
        let Value::Object(map) = item else {
            fields.dropped(&format!("assets[{i}]"), format!("expected an object, found {}", kind(&item)));
            continue;
        };
        let path = fields.path(&format!("assets[{i}]"));
        let mut asset = Fields::new(map, path, fields.report());
        let read = Asset {
            kind: asset.text("type"),
            uri: asset.text("uri"),
            name: asset.text("name"),
            extension: asset.text("ext").trim_start_matches('.').to_ascii_lowercase(),
        };
        for key in asset.rest().keys() {
            fields.dropped(&format!("assets[{i}].{key}"), "an asset has type, uri, name and ext only");
        }
        if read.uri.is_empty() {
            fields.dropped(&format!("assets[{i}]"), "without a uri");
        } else {
            assets.push(read);
        }
    }
    Ok(assets)
}

impl Character {
    /// A V2 card. Data without a field in V2 is kept under `extensions["lazai/v3"]`, and [`import`](super::import) finds it
    /// again.
    #[must_use]
    pub fn to_v2_json(&self) -> Value {
        let mut data = self.common(false);
        let mut kept = Map::new();
        self.only_v3(&mut kept);
        // V3 requires an empty list, and V2 does not know it.
        kept.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        let mut extensions = self.extensions.clone();
        if !kept.is_empty() {
            extensions.insert(KEPT_V3.into(), kept.into());
        }
        data.insert("extensions".into(), extensions.into());
        self.wrapped("chara_card_v2", "2.0", data)
    }

    /// A V3 card.
    #[must_use]
    pub fn to_v3_json(&self) -> Value {
        let mut data = self.common(true);
        self.only_v3(&mut data);
        data.insert("extensions".into(), self.extensions.clone().into());
        self.wrapped("chara_card_v3", "3.0", data)
    }

    fn wrapped(&self, spec: &str, version: &str, data: Map<String, Value>) -> Value {
        let mut card = self.unknown_outside.clone();
        card.insert("spec".into(), spec.into());
        card.insert("spec_version".into(), version.into());
        card.insert("data".into(), data.into());
        card.into()
    }

    fn common(&self, v3: bool) -> Map<String, Value> {
        let mut data = self.unknown.clone();
        for (key, text) in [
            ("name", &self.name),
            ("description", &self.description),
            ("personality", &self.personality),
            ("scenario", &self.scenario),
            ("first_mes", &self.first_message),
            ("mes_example", &self.message_examples),
            ("creator_notes", &self.creator_notes),
            ("system_prompt", &self.system_prompt),
            ("post_history_instructions", &self.post_history_instructions),
            ("creator", &self.creator),
            ("character_version", &self.character_version),
        ] {
            data.insert(key.into(), text.as_str().into());
        }
        data.insert("alternate_greetings".into(), json!(self.alternate_greetings));
        data.insert("tags".into(), json!(self.tags));
        put(&mut data, "character_book", self.lorebook.as_ref().map(|book| book.write(v3)));
        data
    }

    fn only_v3(&self, data: &mut Map<String, Value>) {
        data.insert("group_only_greetings".into(), json!(self.group_only_greetings));
        put(data, "nickname", self.nickname.clone());
        put(data, "creation_date", self.creation_date);
        put(data, "modification_date", self.modification_date);
        if !self.creator_notes_multilingual.is_empty() {
            data.insert("creator_notes_multilingual".into(), json!(self.creator_notes_multilingual));
        }
        if !self.source.is_empty() {
            data.insert("source".into(), json!(self.source));
        }
        if !self.assets.is_empty() {
            let asset = |a: &Asset| json!({"type": a.kind, "uri": a.uri, "name": a.name, "ext": a.extension});
            data.insert("assets".into(), self.assets.iter().map(asset).collect());
        }
    }
}
