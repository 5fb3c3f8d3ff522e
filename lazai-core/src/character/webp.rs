//! Cards in the EXIF data of WebP images: an old habit of some sites, in no specification.

use super::{CardError, MAX_CARD_BYTES};

const NAME: &str = "WebP";

pub(super) fn is_webp(bytes: &[u8]) -> bool {
    matches!(bytes, [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..])
}

/// The JSON in the user comment: as text, or as numbers of bytes with commas between.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<u8>, CardError> {
    let no_card = || CardError::NoCard { container: NAME, expected: "an EXIF chunk with JSON" };
    let exif = chunk(bytes, b"EXIF").ok_or_else(no_card)?;
    if exif.len() > MAX_CARD_BYTES {
        let (bytes, max) = (exif.len() as u64, MAX_CARD_BYTES as u64);
        return Err(CardError::TooLarge { what: "EXIF data", bytes, max });
    }
    // The comment is the one long text of the chunk; its surroundings are binary.
    let json = |bytes: &[u8]| {
        let (start, end) = (bytes.iter().position(|&b| b == b'{')?, bytes.iter().rposition(|&b| b == b'}')?);
        (start < end).then(|| bytes[start..=end].to_vec())
    };
    if let Some(json) = json(exif) {
        return Ok(json);
    }
    let numbers = exif.split(|b| !b.is_ascii_digit() && *b != b',').max_by_key(|part| part.len()).unwrap_or_default();
    let byte = |number: &[u8]| std::str::from_utf8(number).ok()?.parse::<u8>().ok();
    let decoded: Vec<u8> = numbers.split(|&b| b == b',').map_while(byte).collect();
    json(&decoded).ok_or_else(no_card)
}

/// The content of a chunk. Layout: RFC 9649, section 2.3.
fn chunk<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let (head, after) = rest.split_first_chunk::<8>()?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let content = after.get(..length)?;
        if head[..4] == wanted[..] {
            return Some(content);
        }
        rest = after.get(length.next_multiple_of(2)..)?;
    }
}
