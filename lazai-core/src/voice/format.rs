//! Detects the kind of a recording by its content: tags and zero bytes in front are skipped.

/// The kind of an audio file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudioFormat {
    /// RIFF WAVE, RF64 or BW64.
    Wav,
    /// FLAC.
    Flac,
    /// MPEG audio, layer III.
    Mp3,
    /// Ogg with Vorbis or FLAC.
    Ogg,
    /// Ogg with Opus, as messengers send voice messages.
    Opus,
    /// MPEG-4, as telephones record.
    M4a,
    /// AAC in ADTS frames.
    Aac,
}

/// The content at a place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A recording that is read.
    Audio(AudioFormat),
    /// A recording of a kind that is not read.
    Other(&'static str),
    /// This many zero bytes.
    Zeros(u64),
    /// A tag of this many bytes.
    Tag(u64),
    /// Nothing that is known.
    Nothing,
}

/// Longest run of bytes after a tag in which the first MP3 frame is looked for: 1 MiB.
pub(super) const MAX_SCAN_BYTES: usize = 1 << 20;
/// Frames in a row that make bytes between which frames are looked for an MP3: a sync of 11 bits is in every picture.
const FRAMES_IN_A_ROW: usize = 4;
/// Most tags that are stepped over.
pub(super) const MAX_TAGS: usize = 16;

impl AudioFormat {
    /// Looks at the first bytes of a file. ID3v2 and APE tags and zero bytes in front of the sound are stepped over; where
    /// a tag is longer than the bytes at hand, it is taken for an MP3's, as almost all are.
    ///
    /// ```
    /// use lazai_core::voice::AudioFormat;
    /// assert_eq!(AudioFormat::detect(b"fLaC\0\0\0\x22"), Some(AudioFormat::Flac));
    /// assert_eq!(AudioFormat::detect(b"ID3\x04\0\0\0\0\0\x02xxfLaC\0\0\0\x22"), Some(AudioFormat::Flac));
    /// assert_eq!(AudioFormat::detect(b"{}"), None);
    /// ```
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut tagged) = (bytes, false);
        for _ in 0..MAX_TAGS {
            let skipped = match look(rest) {
                Found::Audio(format) => return Some(format),
                Found::Other(_) => return None,
                Found::Zeros(count) => count,
                Found::Tag(length) => {
                    tagged = true;
                    length
                }
                Found::Nothing => return (tagged && first_frame(rest).is_some()).then_some(Self::Mp3),
            };
            match usize::try_from(skipped).ok().and_then(|n| rest.get(n..)).filter(|rest| !rest.is_empty()) {
                Some(after) => rest = after,
                None => break,
            }
        }
        tagged.then_some(Self::Mp3)
    }

    /// A short name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Opus => "opus",
            Self::M4a => "m4a",
            Self::Aac => "aac",
        }
    }
}

/// The name of a kind of recording that is not read, by a file's first bytes.
pub(crate) fn other(bytes: &[u8]) -> Option<&'static str> {
    match look(bytes) {
        Found::Other(name) => Some(name),
        _ => None,
    }
}

/// The content at the beginning of some bytes.
pub(super) fn look(bytes: &[u8]) -> Found {
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'B', b'W', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Found::Audio(AudioFormat::Wav),
        [b'f', b'L', b'a', b'C', ..] => Found::Audio(AudioFormat::Flac),
        [b'O', b'g', b'g', b'S', ..] => ogg(bytes),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => mp4(brand),
        [b'I', b'D', b'3', 2..=4, _, flags, sizes @ ..] => match sizes {
            [a, b, c, d, ..] if (a | b | c | d) & 0x80 == 0 => {
                let size = [a, b, c, d].iter().fold(0, |size, &&byte| size << 7 | u64::from(byte));
                // A footer repeats the header.
                Found::Tag(10 + size + if flags & 0x10 == 0 { 0 } else { 10 })
            }
            _ => Found::Tag(10),
        },
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, a, b, c, d, ..] => {
            Found::Tag(32 + u64::from(u32::from_le_bytes([*a, *b, *c, *d])))
        }
        [0, ..] => Found::Zeros(bytes.iter().take_while(|&&byte| byte == 0).count() as u64),
        _ if mp3_frame(bytes).is_some() => Found::Audio(AudioFormat::Mp3),
        _ if is_adts(bytes) => Found::Audio(AudioFormat::Aac),
        _ => named(bytes).map_or(Found::Nothing, Found::Other),
    }
}

/// The kind of an Ogg file, by its first packet.
fn ogg(bytes: &[u8]) -> Found {
    let packet = bytes.get(26).and_then(|&segments| bytes.get(27 + usize::from(segments)..)).unwrap_or_default();
    match packet {
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => Found::Audio(AudioFormat::Opus),
        [b'S', b'p', b'e', b'e', b'x', b' ', ..] => Found::Other("Ogg Speex"),
        _ => Found::Audio(AudioFormat::Ogg),
    }
}

/// By brand: pictures come in this container too.
fn mp4(brand: &[u8]) -> Found {
    let pictures: [&[u8]; 6] = [b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"];
    let picture = pictures.iter().any(|name| brand.starts_with(name));
    if picture { Found::Nothing } else { Found::Audio(AudioFormat::M4a) }
}

fn named(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x1A, 0x45, 0xDF, 0xA3, ..] => "WebM or Matroska",
        [b'#', b'!', b'A', b'M', b'R', b'-', b'W', b'B', ..] => "AMR-WB",
        [b'#', b'!', b'A', b'M', b'R', ..] => "AMR",
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => "AIFF",
        [b'c', b'a', b'f', b'f', 0, ..] => "CAF (Core Audio)",
        [b'R', b'I', b'F', b'X', _, _, _, _, b'W', b'A', b'V', b'E', ..] => "WAV of big-endian samples (RIFX)",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => "AVI",
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => "WMA (ASF)",
        [b'r', b'i', b'f', b'f', 0x2E, 0x91, 0xCF, 0x11, ..] => "Wave64",
        [b'.', b's', b'n', b'd', 0, ..] => "AU (Sun)",
        // Words alone could be a text's.
        [b'w', b'v', b'p', b'k', _, _, _, 0, ..] => "WavPack",
        [b'M', b'A', b'C', b' ', _, 0..0x20, ..] => "Monkey's Audio",
        [b'D', b'S', b'D', b' ', 0x1C, 0, ..] => "DSD",
        [b'M', b'P', b'C', b'K', b'S', b'H', ..] | [b'M', b'P', b'+', 0..0x20, ..] => "Musepack",
        // Layer I has the two bytes that begin a text of UTF-16.
        [0xFF, second, third, ..] if second & 0xF6 == 0xF4 && third & 0xF0 < 0xF0 => "MPEG audio of layer II",
        _ => return None,
    })
}

/// Length of the MP3 frame with this header, and the part that does not change from frame to frame.
fn mp3_frame(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    const MPEG1: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [0xFF, second, third, _, ..] = *bytes else { return None };
    // Sync, then layer III; version 1 is reserved.
    let version = usize::from(second >> 3 & 3);
    if second & 0xE6 != 0xE2 || version == 1 {
        return None;
    }
    let kbps = *if version == 3 { MPEG1 } else { MPEG2 }.get(usize::from(third >> 4)).filter(|&&kbps| kbps > 0)?;
    let rate_hz = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? >> [2, 0, 1, 0][version];
    let per_frame = if version == 3 { 144_000 } else { 72_000 };
    Some((per_frame * kbps / rate_hz + usize::from(third >> 1 & 1), [second & 0xFE, third & 0x0C]))
}

/// Tells whether frames of one kind follow one another from the beginning of some bytes, as many as are wanted or there
/// are.
fn frames_follow(mut bytes: &[u8]) -> bool {
    let Some((_, kind)) = mp3_frame(bytes) else { return false };
    for frame in 0..FRAMES_IN_A_ROW {
        match mp3_frame(bytes) {
            Some((length, same)) if same == kind => match bytes.get(length..) {
                Some(rest) if rest.len() >= 4 => bytes = rest,
                // The end: two whole frames are no chance.
                rest => return rest.is_some() && frame > 0,
            },
            _ => return false,
        }
    }
    true
}

/// The beginning of the first of several MP3 frames in a row.
pub(super) fn first_frame(bytes: &[u8]) -> Option<usize> {
    let starts = bytes.iter().take(MAX_SCAN_BYTES).enumerate().filter(|&(_, &byte)| byte == 0xFF);
    starts.map(|(at, _)| at).find(|&at| frames_follow(&bytes[at..]))
}

/// Tells whether this is the header of an ADTS frame.
fn is_adts(bytes: &[u8]) -> bool {
    let [0xFF, second, third, fourth, fifth, sixth, ..] = *bytes else { return false };
    let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
    let next = bytes.get(length..).filter(|next| next.len() >= 2);
    second & 0xF6 == 0xF0
        && third >> 2 & 0xF < 13
        && length >= 7
        && next.is_none_or(|next| next[0] == 0xFF && next[1] & 0xF6 == 0xF0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_zeros_are_stepped_over() {
        let id3 = |size: u8| [b"ID3\x03\0\0\0\0\0".as_slice(), &[size], &vec![0xFF; size.into()]].concat();
        let frame = [[0xFF, 0xFB, 0x90, 0].as_slice(), &[0; 413]].concat();
        let frames = frame.repeat(6);
        let after = |front: &[u8], rest: &[u8]| AudioFormat::detect(&[front, rest].concat());
        assert_eq!(after(&id3(40), &frames), Some(AudioFormat::Mp3));
        assert_eq!(after(&id3(40), b"fLaC"), Some(AudioFormat::Flac));
        assert_eq!(after(&[id3(40), id3(9)].concat(), b"RIFF1234WAVE"), Some(AudioFormat::Wav));
        assert_eq!(after(&[0; 700], &frames), Some(AudioFormat::Mp3));
        assert_eq!(after(&[id3(3), vec![0; 99], id3(2)].concat(), b"OggS"), Some(AudioFormat::Ogg));
        assert_eq!(after(&id3(40), &[b"junk".as_slice(), &frames].concat()), Some(AudioFormat::Mp3));
        assert_eq!(after(&id3(40), b"no sound at all"), None);
        assert_eq!(AudioFormat::detect(&id3(40)[..20]), Some(AudioFormat::Mp3));
        assert_eq!(AudioFormat::detect(&[0; 700]), None);
        assert_eq!(first_frame(&[b"\xFF\xFB\x90\0junk".as_slice(), &frames].concat()), Some(8));
    }

    #[test]
    fn a_word_is_no_tag() {
        for text in ["ID3,text\n1,hush", "MAC address of a tower", "DSD is a format", "MP+ and more", "OggX", "caff"] {
            assert_eq!((other(text.as_bytes()), AudioFormat::detect(text.as_bytes())), (None, None), "{text}");
        }
    }

    #[test]
    fn what_is_not_read_has_a_name() {
        for (bytes, name) in [
            (b"#!AMR\n".as_slice(), "AMR"),
            (b"\x1A\x45\xDF\xA3\x93\x42", "WebM or Matroska"),
            (b"FORM\0\0\0\x10AIFFCOMM", "AIFF"),
            (b"FORM\0\0\0\x10AIFCFVER", "AIFF"),
            (b"caff\0\x01\0\0", "CAF (Core Audio)"),
            (b"\xFF\xFD\x90\0", "MPEG audio of layer II"),
        ] {
            assert_eq!(other(bytes), Some(name));
            assert_eq!(AudioFormat::detect(bytes), None);
        }
        for nothing in [b"\xFF\xFEh\0i\0".as_slice(), b"\xFF\xD8\xFF\xE0", b"\0\0\0\x18ftypheic", b"PK\x03\x04", b""] {
            assert_eq!((other(nothing), AudioFormat::detect(nothing)), (None, None), "{nothing:?}");
        }
    }
}
