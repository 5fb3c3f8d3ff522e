//! What is said in recordings, by whom, and on which terms: a table beside the files.

use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(feature = "audio")]
use super::{Audio, trim_silence};
#[cfg(feature = "audio")]
use crate::report::Note;
use crate::report::{Action, Report, excerpt};

/// Largest manifest that is read: 16 MiB.
const MAX_MANIFEST_BYTES: usize = 16 << 20;
/// Most recordings of one manifest.
const MAX_TAKES: usize = 100_000;

/// One recording, as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// File name, relative to the manifest's folder and inside it.
    #[serde(alias = "path", alias = "audio", alias = "file_name")]
    pub file: String,
    /// The words.
    #[serde(alias = "text", alias = "sentence", alias = "transcription")]
    pub transcript: String,
    /// Name of the contributor whose voice it is.
    #[serde(default, alias = "speaker")]
    pub contributor: String,
    /// SPDX identifier of the licence that she gives for this recording.
    #[serde(default, alias = "license")]
    pub licence: String,
    /// What she consents to, in her words.
    #[serde(default)]
    pub consent: String,
}

/// A recording that may be used: decoded, its silent ends cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What is known of it.
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
        /// What is there.
        found: Vec<String>,
    },
    /// The manifest itself cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// Reads a manifest, CSV with a header line or JSON lines: `file`, `transcript`, `contributor`, `licence`, `consent`.
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
/// [`ManifestError`] where it is neither.
pub fn read_manifest(bytes: &[u8]) -> Result<(Vec<Take>, Report), ManifestError> {
    let unreadable = |reason: String| ManifestError::Unreadable { reason };
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(unreadable(format!("manifest of {} bytes exceeds {MAX_MANIFEST_BYTES}", bytes.len())));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut report = Report::default();
    let mut takes = Vec::new();
    let mut add = |line: u64, take: Result<Take, String>| match take.and_then(checked) {
        Ok(_) if takes.len() == MAX_TAKES => {
            report.note(Action::Dropped, format!("line {line}"), format!("more than {MAX_TAKES} recordings"));
        }
        Ok(take) => takes.push(take),
        Err(reason) => report.note(Action::Dropped, format!("line {line}"), reason),
    };
    if bytes.trim_ascii_start().starts_with(b"{") {
        for (line, raw) in (1..).zip(bytes.split(|&b| b == b'\n')) {
            if !raw.trim_ascii().is_empty() {
                add(line, serde_json::from_slice(raw).map_err(|e| e.to_string()));
            }
        }
    } else {
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|e| unreadable(e.to_string()))?.clone();
        let names: Vec<String> = header.iter().map(str::to_ascii_lowercase).collect();
        let column = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
        let required = |column: Option<usize>, name| {
            column.ok_or_else(|| ManifestError::MissingColumn { column: name, found: names.clone() })
        };
        let file = required(column(&["file", "path", "audio", "file_name"]), "file")?;
        let transcript = required(column(&["transcript", "text", "sentence", "transcription"]), "transcript")?;
        let contributor = column(&["contributor", "speaker"]);
        let (licence, consent) = (column(&["licence", "license"]), column(&["consent"]));
        for record in reader.records() {
            let line = |p: Option<&csv::Position>| p.map_or(0, csv::Position::line);
            match record {
                Ok(record) => {
                    let field = |c: Option<usize>| c.and_then(|c| record.get(c)).unwrap_or_default().to_owned();
                    let take = Take {
                        file: field(Some(file)),
                        transcript: field(Some(transcript)),
                        contributor: field(contributor),
                        licence: field(licence),
                        consent: field(consent),
                    };
                    add(line(record.position()), Ok(take));
                }
                Err(error) => add(line(error.position()), Err(error.to_string())),
            }
        }
    }
    report.kept = takes.len() as u64;
    Ok((takes, report))
}

fn checked(take: Take) -> Result<Take, String> {
    let says_no =
        |text: &str| matches!(text.trim().to_ascii_lowercase().as_str(), "" | "no" | "none" | "false" | "0" | "n/a");
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
    } else if says_no(&take.licence) {
        return refused("no licence is given");
    } else if says_no(&take.consent) {
        return refused("no consent is given");
    }
    Ok(take)
}

/// Reads a manifest and the recordings that it lists, decoded and with their silent ends cut. What cannot be used is
/// dropped, and noted by its file's name; so is what was repaired in a recording that is kept.
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
