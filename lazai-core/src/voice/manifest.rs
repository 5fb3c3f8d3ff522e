//! Transcripts, speakers and terms of recordings: a table beside the files.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::terms;
#[cfg(feature = "audio")]
use super::{Audio, trim_silence};
#[cfg(feature = "audio")]
use crate::report::Note;
use crate::report::{Action, Report, excerpt};
use crate::text;
use crate::text::json;
use crate::text::table::{Header, MAX_ROW_BYTES, Rows, TableError};

/// Largest manifest that is read: 16 MiB.
const MAX_MANIFEST_BYTES: usize = 16 << 20;
/// Most recordings of one manifest.
const MAX_TAKES: usize = 100_000;

/// One recording, as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// File name, relative to the manifest's folder and inside it.
    pub file: String,
    /// The words.
    pub transcript: String,
    /// Name of the contributor whose voice it is.
    pub contributor: String,
    /// SPDX identifier of the speaker's licence for this recording.
    pub licence: String,
    /// The speaker's consent, in words.
    pub consent: String,
}

/// A recording that may be used: decoded, its silent ends cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Its entry in the manifest.
    pub take: Take,
    /// 16 kHz, mono.
    pub samples: Vec<f32>,
}

/// Why a manifest of recordings could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A column that cannot be missing is.
    #[error("the table has no column {column:?}; it has {found:?}")]
    MissingColumn {
        /// The column.
        column: &'static str,
        /// The names found.
        found: Vec<String>,
    },
    /// The manifest itself cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// Names of the columns and fields of a manifest, the first that is filled counts; Common Voice's and Hugging Face's among them.
const FILES: [&str; 8] =
    ["file", "path", "audio", "file_name", "filename", "audio_file", "audio_filepath", "audio_path"];
const TRANSCRIPTS: [&str; 5] = ["transcript", "text", "sentence", "transcription", "transcript_text"];
const CONTRIBUTORS: [&str; 3] = ["contributor", "speaker", "client_id"];
const LICENCES: [&str; 2] = ["licence", "license"];
const CONSENTS: [&str; 1] = ["consent"];

/// Tells whether some JSON has a field that a manifest names files by.
pub(crate) fn names_recordings(json: &str) -> bool {
    FILES.iter().any(|field| json.contains(&format!("\"{field}\"")))
}

/// Reads a manifest: a table with a header line (separated by comma, semicolon, tab or bar), JSON lines, or a JSON list. It
/// has `file`, `transcript`, `contributor`, `licence` and `consent`, in any encoding.
///
/// A recording without licence or without consent is dropped, and so is one whose file lies outside the folder.
///
/// ```
/// use lazai_core::voice::read_manifest;
/// let table = b"file,transcript,contributor,licence,consent
/// a.wav,Hush now,mira,CC-BY-4.0,I agree to training
/// b.wav,Encore,mira,CC-BY-4.0,
/// ";
/// let (takes, report) = read_manifest(table)?;
/// assert_eq!(takes.len(), 1);
/// assert_eq!(report.notes[0].reason, "\"b.wav\": no consent is given");
/// # Ok::<(), lazai_core::voice::ManifestError>(())
/// ```
///
/// # Errors
/// [`ManifestError`] for anything else.
pub fn read_manifest(bytes: &[u8]) -> Result<(Vec<Take>, Report), ManifestError> {
    let unreadable = |reason: String| ManifestError::Unreadable { reason };
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(unreadable(format!("manifest of {} bytes exceeds {MAX_MANIFEST_BYTES}", bytes.len())));
    }
    let (text, note) = text::decode(bytes);
    // Lines that end as they did on old Macs.
    let text = if text.contains('\n') { text } else { text.replace('\r', "\n").into() };
    let mut report = Report::default();
    note.into_iter().for_each(|reason| report.note(Action::Repaired, "the file", reason));
    let mut takes: Vec<Take> = Vec::new();
    let mut consents = BTreeSet::new();
    let mut add = |line: u64, take: Result<Take, String>, report: &mut Report| match take.and_then(checked) {
        Ok(_) if takes.len() == MAX_TAKES => {
            report.note(Action::Dropped, format!("line {line}"), format!("more than {MAX_TAKES} recordings"));
        }
        Ok(take) => {
            // Whoever brings the file reads each consent once, where it does not plainly say yes.
            if !terms::is_plain(&take.consent) && consents.insert(take.consent.clone()) {
                let reason = format!("consent {:?}, taken as given", excerpt(&take.consent, 200));
                report.note(Action::Repaired, format!("line {line}"), reason);
            }
            takes.push(take);
        }
        Err(reason) => report.note(Action::Dropped, format!("line {line}"), reason),
    };
    if text.trim_start().starts_with('[') {
        let (list, mended) = json::parse(&text).map_err(|e| unreadable(e.to_string()))?;
        mended.into_iter().for_each(|reason| report.note(Action::Repaired, "the file", reason));
        // Of a list, the place is its element's number.
        for (number, value) in (1..).zip(list.as_array().into_iter().flatten()) {
            add(number, take_of(value), &mut report);
        }
    } else if text.trim_start().starts_with('{') {
        for (line, raw) in (1..).zip(text.lines()).filter(|(_, raw)| !raw.trim().is_empty()) {
            let take = json_take(raw, line, &mut report);
            add(line, take, &mut report);
        }
    } else {
        let (header, columns) = header(&text)?;
        let mut rows = Rows::new(text.as_bytes(), &header).map_err(unreadable_table)?;
        while let Some(row) = rows.next_row().map_err(unreadable_table)? {
            let field = |columns: &[usize]| row.filled(columns).map_or("", |(_, text)| text.trim()).to_owned();
            let [file, transcript, contributor, licence, consent] = columns.each_ref().map(|columns| field(columns));
            row.note
                .iter()
                .for_each(|reason| report.note(Action::Repaired, format!("line {}", row.line), reason.clone()));
            if let Some(reason) = &row.broken {
                add(row.line, Err(reason.clone()), &mut report);
                continue;
            }
            // A row with a cell too many is not believed, even if that cell is empty: its terms may have moved by a cell.
            if !header.beyond(&row).is_empty() {
                add(row.line, Err("the row has more cells than the header".into()), &mut report);
                continue;
            }
            add(row.line, Ok(Take { file, transcript, contributor, licence, consent }), &mut report);
        }
    }
    report.kept = takes.len() as u64;
    Ok((takes, report))
}

/// The header of a manifest, and its columns for file, transcript, contributor, licence and consent.
fn header(text: &str) -> Result<(Header, [Vec<usize>; 5]), ManifestError> {
    let mut all = Header::all(text);
    let names = [&FILES[..], &TRANSCRIPTS, &CONTRIBUTORS, &LICENCES, &CONSENTS];
    let found = all.iter().position(|header| names[..2].iter().all(|names| header.column(names).is_some()));
    if let Some(found) = found {
        let header = all.swap_remove(found);
        let columns = names.map(|names| header.columns(names));
        return Ok((header, columns));
    }
    // Of the separators, the one that makes most columns is meant.
    let likeliest = all.into_iter().max_by_key(|header| header.names.len());
    let column = likeliest
        .as_ref()
        .map_or("file", |header| if header.columns(&FILES).is_empty() { "file" } else { "transcript" });
    Err(ManifestError::MissingColumn { column, found: likeliest.map(|header| header.names).unwrap_or_default() })
}

fn unreadable_table(error: TableError) -> ManifestError {
    let reason = match error {
        TableError::TooLong { line } => format!("line {line}: a row of more than {MAX_ROW_BYTES} bytes"),
        TableError::Io(error) => error.to_string(),
        TableError::Malformed { reason } => reason,
    };
    ManifestError::Unreadable { reason }
}

fn json_take(line: &str, number: u64, report: &mut Report) -> Result<Take, String> {
    let (value, mended) = json::parse(line).map_err(|e| e.to_string())?;
    let place = || format!("line {number}");
    mended.into_iter().for_each(|reason| report.note(Action::Repaired, place(), reason));
    take_of(&value)
}

fn take_of(value: &Value) -> Result<Take, String> {
    let Value::Object(map) = value else { return Err(format!("expected an object, found {}", json::kind(value))) };
    let field = |names: &[&'static str]| match json::filled(map, names) {
        None => Ok(String::new()),
        Some((_, Value::String(text))) => Ok(text.trim().to_owned()),
        // Hugging Face's audio column.
        Some((name, Value::Object(inner))) => match inner.get("path") {
            Some(Value::String(path)) => Ok(path.clone()),
            _ => Err(format!("{name}: expected a text")),
        },
        Some((name, other)) => json::plain(other).ok_or_else(|| format!("{name}: expected a text")),
    };
    Ok(Take {
        file: field(&FILES)?,
        transcript: field(&TRANSCRIPTS)?,
        contributor: field(&CONTRIBUTORS)?,
        licence: field(&LICENCES)?,
        consent: field(&CONSENTS)?,
    })
}

fn checked(take: Take) -> Result<Take, String> {
    let told = |what: &str, text: &str| match text.trim() {
        "" => what.to_owned(),
        text => format!("{what}: {:?}", excerpt(text, 80)),
    };
    let refused = |reason: &str| Err(format!("{:?}: {reason}", excerpt(&take.file, 80)));
    let outside = take.file.starts_with(['/', '\\'])
        || take.file.contains([':', '\0'])
        || take.file.split(['/', '\\']).any(|part| part == "..");
    if take.file.trim().is_empty() {
        return Err("no file is named".into());
    } else if outside {
        return refused("the file lies outside the folder");
    } else if take.transcript.trim().is_empty() {
        return refused("no transcript is given");
    } else if terms::is_refused(&take.licence, terms::FREE) {
        return refused(&told("no licence is given", &take.licence));
    } else if terms::is_refused_consent(&take.consent) {
        return refused(&told("no consent is given", &take.consent));
    }
    Ok(take)
}

/// Reads a manifest and the recordings that it lists, decoded and with their silent ends cut. Unusable ones are dropped,
/// and noted by the file's name; repairs of a kept recording are noted too.
///
/// # Errors
/// [`ManifestError`].
#[cfg(feature = "audio")]
pub fn read_folder(manifest: &std::path::Path) -> Result<(Vec<Recording>, Report), ManifestError> {
    let failed = |e: std::io::Error| ManifestError::Unreadable { reason: format!("{}: {e}", manifest.display()) };
    let (takes, mut report) = read_manifest(&std::fs::read(manifest).map_err(failed)?)?;
    let folder = manifest.parent().unwrap_or(std::path::Path::new(""));
    let mut recordings = Vec::with_capacity(takes.len());
    for take in takes {
        match read_take(&folder.join(&take.file)) {
            Ok((samples, notes)) => {
                for Note { action, place, reason } in notes {
                    report.note(action, take.file.clone(), format!("{place}: {reason}"));
                }
                recordings.push(Recording { take, samples });
            }
            Err(reason) => report.note(Action::Dropped, take.file, reason),
        }
    }
    report.kept = recordings.len() as u64;
    Ok((recordings, report))
}

#[cfg(feature = "audio")]
fn read_take(path: &std::path::Path) -> Result<(Vec<f32>, Vec<Note>), String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let audio = Audio::read(file).map_err(|e| e.to_string())?;
    let heard = trim_silence(&audio.samples).map_err(|e| e.to_string())?;
    Ok((heard.to_vec(), audio.notes))
}
