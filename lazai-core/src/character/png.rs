//! Cards inside PNG and APNG images: text chunks `chara` (V1, V2) and `ccv3` (V3).
//!
//! Chunks are walked here rather than by an image decoder: a card must be found in images whose pixels, checksums or
//! ends are damaged, and written without touching anything else. Layout: PNG (Third Edition), W3C, section 5.

use std::io::Read;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::ZlibDecoder;

use super::{CardError, Character, EmbeddedFile, MAX_CARD_BYTES, MAX_EMBEDDED_BYTES, MAX_EMBEDDED_FILES};
use crate::report::{Action, Report, excerpt};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const NAME: &str = "PNG";
/// A card as base64 with line breaks, and some room.
const MAX_TEXT_BYTES: usize = MAX_CARD_BYTES / 2 * 3;
/// The prefix of files by old exporters: `chara-ext-asset_:path`.
const ASSET: &str = "chara-ext-asset_:";

/// Padded or not, and with stray bits: exporters differ.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// The contents of an image.
#[derive(Default)]
pub(super) struct Found {
    /// The card's JSON.
    pub json: Vec<u8>,
    pub files: Vec<EmbeddedFile>,
    pub animated: bool,
}

pub(super) fn read(bytes: &[u8], report: &mut Report) -> Result<Found, CardError> {
    let (mut chara, mut ccv3) = (None, None);
    let mut found = Found::default();
    let mut unpacked = 0;
    for chunk in chunks(bytes) {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            // The card counts; a damaged end of the image is no reason to refuse it.
            Err(error) if chara.is_some() || ccv3.is_some() => {
                report.note(Action::Dropped, "PNG", format!("rest of the image: {error}"));
                break;
            }
            Err(error) => return Err(error),
        };
        if &chunk.kind == b"acTL" {
            found.animated = true;
        }
        let Some((keyword, packed)) = keyword(&chunk) else { continue };
        let place = format!("PNG chunk {:?} at byte {}", excerpt(&keyword, 40), chunk.offset);
        let slot = match keyword.to_ascii_lowercase().as_str() {
            "chara" => Some(&mut chara),
            "ccv3" => Some(&mut ccv3),
            _ => None,
        };
        let asset = keyword.strip_prefix(ASSET);
        if slot.is_none() && asset.is_none() {
            continue;
        }
        if !chunk.checksum_holds {
            report.note(Action::Repaired, &place, "checksum is wrong; read nevertheless");
        }
        let content = match text(packed) {
            Ok(content) => content,
            Err(error @ CardError::TooLarge { .. }) => return Err(error),
            Err(error) => {
                report.note(Action::Dropped, &place, error.to_string());
                continue;
            }
        };
        match (slot, asset) {
            (Some(slot), _) => {
                if slot.is_some() {
                    report.note(Action::Dropped, &place, "another chunk of this name came first");
                } else {
                    *slot = Some((content, place));
                }
            }
            (None, Some(path)) => {
                unpacked += content.len();
                if unpacked > MAX_EMBEDDED_BYTES || found.files.len() == MAX_EMBEDDED_FILES {
                    let (bytes, max) = (unpacked as u64, MAX_EMBEDDED_BYTES as u64);
                    return Err(CardError::TooLarge { what: "embedded files", bytes, max });
                }
                found.files.push(EmbeddedFile { path: path.to_owned(), bytes: content });
            }
            (None, None) => {}
        }
    }
    // If both are given, `chara` is a copy for readers of V2.
    for (content, place) in [ccv3, chara].into_iter().flatten() {
        if is_json_object(&content) {
            found.json = content;
            return Ok(found);
        }
        report.note(Action::Dropped, place, "does not hold JSON");
    }
    Err(CardError::NoCard { container: NAME, expected: "a text chunk `chara` or `ccv3` with base64 of JSON" })
}

fn is_json_object(content: &[u8]) -> bool {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    content.trim_ascii_start().first() == Some(&b'{')
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    offset: usize,
    checksum_holds: bool,
}

/// The chunks up to IEND; ends after the first fault.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Result<Chunk<'_>, CardError>> {
    let mut offset = SIGNATURE.len();
    let mut done = false;
    std::iter::from_fn(move || {
        if done || offset == bytes.len() {
            return None;
        }
        let next = chunk_at(bytes, offset);
        match &next {
            Ok(chunk) => {
                done = &chunk.kind == b"IEND";
                offset += chunk.data.len() + 12;
            }
            Err(_) => done = true,
        }
        Some(next)
    })
}

fn chunk_at(bytes: &[u8], offset: usize) -> Result<Chunk<'_>, CardError> {
    let rest = &bytes[offset..];
    let damaged = |reason: String| CardError::Damaged { container: NAME, offset: offset as u64, reason };
    let Some((&length, after)) = rest.split_first_chunk::<4>() else {
        return Err(damaged("cut off in a chunk's length".into()));
    };
    let length = u32::from_be_bytes(length) as usize;
    // Kind, data, checksum.
    if after.len() < 8 || after.len() - 8 < length {
        return Err(damaged(format!("a chunk of {length} bytes, but {} are left", after.len().saturating_sub(8))));
    }
    let (named, checksum) = after[..length + 8].split_at(length + 4);
    let kind = [named[0], named[1], named[2], named[3]];
    let checksum_holds = crc32fast::hash(named).to_be_bytes() == checksum;
    Ok(Chunk { kind, data: &named[4..], offset, checksum_holds })
}

/// A text as a chunk stores it.
enum Packed<'a> {
    Plain(&'a [u8]),
    Zlib(&'a [u8]),
}

/// Keyword and text of tEXt, zTXt and iTXt chunks.
fn keyword<'a>(chunk: &Chunk<'a>) -> Option<(String, Packed<'a>)> {
    let (keyword, rest) = split_at_zero(chunk.data)?;
    if keyword.len() > 256 {
        return None;
    }
    let packed = match &chunk.kind {
        b"tEXt" => Packed::Plain(rest),
        // Compression method, text.
        b"zTXt" => Packed::Zlib(rest.get(1..)?),
        b"iTXt" => {
            // Compression flag and method, language, translated keyword, text.
            let (&[flag, _], rest) = rest.split_first_chunk::<2>()?;
            let (_, rest) = split_at_zero(rest)?;
            let (_, rest) = split_at_zero(rest)?;
            if flag == 0 { Packed::Plain(rest) } else { Packed::Zlib(rest) }
        }
        _ => return None,
    };
    // Latin-1: each byte is a character.
    Some((keyword.iter().map(|&b| char::from(b)).collect(), packed))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&b| b == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Unpacks a text and its base64; some exporters write the JSON as it is.
fn text(packed: Packed<'_>) -> Result<Vec<u8>, CardError> {
    let max = MAX_TEXT_BYTES as u64;
    let plain = match packed {
        Packed::Plain(text) => text.to_vec(),
        Packed::Zlib(packed) => {
            let mut text = Vec::new();
            let read = ZlibDecoder::new(packed).take(max + 1).read_to_end(&mut text);
            read.map_err(|e| CardError::Damaged { container: NAME, offset: 0, reason: e.to_string() })?;
            text
        }
    };
    if plain.len() > MAX_TEXT_BYTES {
        return Err(CardError::TooLarge { what: "a PNG text chunk", bytes: plain.len() as u64, max });
    }
    if is_json_object(&plain) {
        return Ok(plain);
    }
    let mut compact: Vec<u8> = plain.into_iter().filter(|b| !b.is_ascii_whitespace() && *b != 0).collect();
    for byte in &mut compact {
        // The URL-safe alphabet.
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    let reason = |e: base64::DecodeError| format!("not base64: {e}");
    LENIENT.decode(compact).map_err(|e| CardError::Damaged { container: NAME, offset: 0, reason: reason(e) })
}

impl Character {
    /// The card inside a PNG or APNG image: `chara` for readers of V2, `ccv3` for readers of V3. Cards that the image
    /// carried are replaced; everything else in it stays as it is.
    ///
    /// # Errors
    /// [`CardError::Damaged`] if `image` is no PNG; [`CardError::TooLarge`] for a card that could not be read back.
    pub fn to_png(&self, image: &[u8]) -> Result<Vec<u8>, CardError> {
        if !is_png(image) {
            let reason = "not a PNG image".into();
            return Err(CardError::Damaged { container: NAME, offset: 0, reason });
        }
        let cards = [("chara", self.to_v2_json().to_string()), ("ccv3", self.to_v3_json().to_string())];
        if let Some((_, json)) = cards.iter().find(|(_, json)| json.len() > MAX_CARD_BYTES) {
            let (bytes, max) = (json.len() as u64, MAX_CARD_BYTES as u64);
            return Err(CardError::TooLarge { what: "the card", bytes, max });
        }
        let mut out = SIGNATURE.to_vec();
        let mut ended = false;
        for chunk in chunks(image) {
            let chunk = chunk?;
            if &chunk.kind == b"IEND" {
                for (name, json) in &cards {
                    let text = base64::engine::general_purpose::STANDARD.encode(json);
                    write_chunk(&mut out, *b"tEXt", &[name.as_bytes(), b"\0", text.as_bytes()].concat());
                }
                ended = true;
            }
            let old = keyword(&chunk).is_some_and(|(k, _)| {
                k.eq_ignore_ascii_case("chara") || k.eq_ignore_ascii_case("ccv3") || k.starts_with(ASSET)
            });
            if !old {
                write_chunk(&mut out, chunk.kind, chunk.data);
            }
        }
        if ended {
            return Ok(out);
        }
        let reason = "no IEND chunk".into();
        Err(CardError::Damaged { container: NAME, offset: image.len() as u64, reason })
    }
}

fn write_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    // Chunks that are read are below 2^32 bytes, and so are cards.
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(data);
    out.extend(crc32fast::hash(&out[start..]).to_be_bytes());
}
