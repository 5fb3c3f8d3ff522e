//! Cards as CHARX archives: a ZIP file with `card.json` and the card's files, sometimes behind an image.

use std::io::{Cursor, Read};

use super::{
    CardError, Container, EmbeddedFile, MAX_CARD_BYTES, MAX_EMBEDDED_BYTES, MAX_EMBEDDED_FILE_BYTES,
    MAX_EMBEDDED_FILES, byaf,
};
use crate::report::{Action, Report, excerpt};

const NAME: &str = "CHARX";
const CARD: &str = "card.json";
/// The first local file header of a ZIP archive.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";

/// Tells whether bytes are a ZIP archive, or a JPEG image or program with one behind it.
pub(super) fn is_charx(bytes: &[u8]) -> bool {
    let stub = bytes.starts_with(&[0xFF, 0xD8, 0xFF]) || bytes.starts_with(b"MZ") || bytes.starts_with(b"\x7fELF");
    bytes.starts_with(b"PK") || (stub && archive(bytes).is_some())
}

fn archive(bytes: &[u8]) -> Option<usize> {
    bytes.windows(LOCAL_HEADER.len()).position(|window| window == LOCAL_HEADER)
}

/// The card's JSON, whose archive it is, and its files.
pub(super) fn read(bytes: &[u8], report: &mut Report) -> Result<(Vec<u8>, Container, Vec<EmbeddedFile>), CardError> {
    let start = archive(bytes).unwrap_or(0);
    let damaged = |e: &dyn std::fmt::Display| CardError::Damaged {
        container: NAME,
        offset: start as u64,
        reason: excerpt(&e.to_string(), 200),
    };
    // Offsets inside are counted from the archive's start, or from the file's: the library finds out which.
    let open = |from: usize| zip::ZipArchive::new(Cursor::new(&bytes[from..]));
    let mut zip = open(start).or_else(|_| open(0)).map_err(|e| damaged(&e))?;
    if zip.len() > MAX_EMBEDDED_FILES {
        return Err(CardError::TooMany { what: "files in the archive", found: zip.len(), max: MAX_EMBEDDED_FILES });
    }
    let (mut card, mut files, mut unpacked) = (None, Vec::new(), 0);
    for index in 0..zip.len() {
        let place = match zip.name_for_index(index) {
            Some(Ok(name)) => excerpt(&name, 200),
            _ => format!("file {index}"),
        };
        let file = match zip.by_index(index) {
            Ok(file) => file,
            Err(error) => {
                report.note(Action::Dropped, place, error.to_string());
                continue;
            }
        };
        if file.is_dir() {
            continue;
        }
        let path = match file.name() {
            Ok(name) => name.trim_start_matches("./").to_owned(),
            Err(error) => {
                report.note(Action::Dropped, place, error.to_string());
                continue;
            }
        };
        let (what, max) =
            if path == CARD { ("card.json", MAX_CARD_BYTES) } else { ("an embedded file", MAX_EMBEDDED_FILE_BYTES) };
        // The declared size may be false: the bytes read are counted, too.
        if file.size() > max as u64 {
            return Err(CardError::TooLarge { what, bytes: file.size(), max: max as u64 });
        }
        let mut content = Vec::new();
        let read = file.take(max as u64 + 1).read_to_end(&mut content);
        if content.len() > max {
            return Err(CardError::TooLarge { what, bytes: content.len() as u64, max: max as u64 });
        }
        if let Err(error) = read {
            if path == CARD {
                return Err(damaged(&error));
            }
            report.note(Action::Dropped, place, error.to_string());
            continue;
        }
        unpacked += content.len();
        if unpacked > MAX_EMBEDDED_BYTES {
            let (bytes, max) = (unpacked as u64, MAX_EMBEDDED_BYTES as u64);
            return Err(CardError::TooLarge { what: "embedded files", bytes, max });
        }
        if path == CARD && card.is_none() {
            card = Some(content);
        } else if safe(&path) {
            files.push(EmbeddedFile { path, bytes: content });
        } else {
            report.note(Action::Dropped, place, "a path that leaves the archive");
        }
    }
    if let Some(card) = card {
        return Ok((card, Container::Charx, files));
    }
    let card = byaf::card(&mut files, report)?;
    let expected = "a file `card.json` at the root, or Backyard's `manifest.json`";
    let card = card.ok_or(CardError::NoCard { container: NAME, expected })?;
    Ok((card, Container::Byaf, files))
}

/// Tells whether a path stays inside the folder that the archive is unpacked into.
fn safe(path: &str) -> bool {
    !path.starts_with(['/', '\\'])
        && !path.contains([':', '\0'])
        && path.split(['/', '\\']).all(|part| part != ".." && !part.is_empty())
}
