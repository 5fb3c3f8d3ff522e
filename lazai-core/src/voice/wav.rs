//! WAV files whose length fields disagree with the file, as recorders, pipes and old editors leave them.
//!
//! The chunks are walked before the decoder sees the file, and the decoder is given a header of one `fmt ` and one `data`
//! chunk whose lengths are those that the file has.

use std::io::{self, Read, Seek};
use std::ops::Range;

use super::VoiceError;
use super::source::read_at;
use crate::report::{Action, Report};

/// Most chunks that are walked over; files of broadcasters have a dozen.
const MAX_CHUNKS: usize = 4_096;
/// The distance behind a wrong length in which the next chunk is looked for.
const MAX_SEARCH_BYTES: usize = 1 << 20;
/// Chunks that WAV files have. Elsewhere, too, four letters stand where a name could be.
const NAMES: [&[u8; 4]; 18] = [
    b"JUNK", b"LIST", b"PAD ", b"PEAK", b"FLLR", b"acid", b"bext", b"cart", b"cue ", b"data", b"ds64", b"fact",
    b"fmt ", b"iXML", b"id3 ", b"inst", b"junk", b"smpl",
];
/// The length that programs write if they do not know it.
const UNKNOWN: u64 = 0xFFFF_FFFF;

/// A WAV file as it should be.
#[derive(Debug)]
pub(super) struct Wav {
    /// Everything in front of the samples.
    pub(super) header: Vec<u8>,
    /// The place of the samples.
    pub(super) data: Range<u64>,
}

/// Walks the chunks of a WAV file that takes up a range of a source.
///
/// # Errors
/// [`VoiceError::Malformed`] without a `fmt ` or `data` chunk, [`VoiceError::Unsupported`] for samples that are not PCM.
pub(super) fn walk(source: &mut (impl Read + Seek), file: Range<u64>, report: &mut Report) -> Result<Wav, VoiceError> {
    let mut walker = Walker { source, file: file.clone() };
    let (mut at, mut fmt, mut long) = (file.start + 12, None, None);
    for _ in 0..MAX_CHUNKS {
        let Some((id, size)) = walker.chunk(at)? else { break };
        let body = at + 8;
        match &id {
            b"ds64" => {
                let mut sizes = [0; 16];
                if read_at(walker.source, body, &mut sizes)? == 16 {
                    let size = |i: usize| u64::from_le_bytes(std::array::from_fn(|j| sizes[8 * i + j]));
                    long = Some([size(0), size(1)]);
                }
            }
            b"fmt " => {
                let mut bytes = vec![0; size.clamp(16, 64) as usize];
                let read = read_at(walker.source, body, &mut bytes)?;
                bytes.truncate(read);
                fmt = Some(normal(&bytes)?);
            }
            b"data" => {
                let Some(fmt) = fmt else { break };
                let claimed = if size == UNKNOWN { long.map_or(size, |long| long[1]) } else { size };
                let data = walker.data(body, claimed, report)?;
                walker.check_riff(data.end, long.map(|long| long[0]), report)?;
                walker.behind(body, data.end - body, report)?;
                return Ok(Wav { header: header(&fmt, data.end - data.start), data });
            }
            _ => {}
        }
        at = match walker.next(body, size)? {
            Next::At(next) => next,
            Next::Unpadded(next) => {
                let place = format!("chunk \"{}\" at byte {at}", id.escape_ascii());
                report.note(Action::Repaired, place, "its odd length is not padded");
                next
            }
            Next::Nowhere => {
                let Some(next) = walker.search(body)? else { break };
                let place = format!("chunk \"{}\" at byte {at}", id.escape_ascii());
                report.note(
                    Action::Repaired,
                    place,
                    format!("its length of {size} leads to no chunk, byte {next} does"),
                );
                next
            }
        };
    }
    let missing = if fmt.is_none() { "fmt " } else { "data" };
    Err(VoiceError::Malformed { reason: format!("WAV without a whole {missing:?} chunk") })
}

enum Next {
    At(u64),
    Unpadded(u64),
    Nowhere,
}

struct Walker<'a, S> {
    source: &'a mut S,
    file: Range<u64>,
}

impl<S: Read + Seek> Walker<'_, S> {
    /// Name and length of the chunk at a place, if it can be one.
    fn chunk(&mut self, at: u64) -> io::Result<Option<([u8; 4], u64)>> {
        let mut head = [0; 8];
        let whole = at + 8 <= self.file.end && read_at(self.source, at, &mut head)? == 8;
        let [a, b, c, d, size @ ..] = head;
        let id = [a, b, c, d];
        let is_name = id.iter().all(|byte| (0x20..0x7F).contains(byte));
        Ok((whole && is_name).then(|| (id, u64::from(u32::from_le_bytes(size)))))
    }

    fn next(&mut self, body: u64, size: u64) -> io::Result<Next> {
        let end = body + size;
        let padded = end + (size & 1);
        let (after_pad, at_end) = (self.chunk(padded)?, self.chunk(end)?);
        let is_known = |chunk: Option<([u8; 4], u64)>| chunk.is_some_and(|(id, _)| NAMES.contains(&&id));
        Ok(match (after_pad, at_end) {
            _ if is_known(after_pad) => Next::At(padded),
            _ if is_known(at_end) => Next::Unpadded(end),
            (Some(_), _) => Next::At(padded),
            (None, Some(_)) => Next::Unpadded(end),
            (None, None) => Next::Nowhere,
        })
    }

    /// The place of the next `fmt ` or `data` chunk, wherever lengths lead.
    fn search(&mut self, from: u64) -> io::Result<Option<u64>> {
        let length = self.file.end.saturating_sub(from).min(MAX_SEARCH_BYTES as u64);
        let mut bytes = vec![0; length as usize];
        let read = read_at(self.source, from, &mut bytes)?;
        let place = bytes[..read].windows(4).position(|name| name == b"data" || name == b"fmt ");
        Ok(place.map(|place| from + place as u64))
    }

    /// The place of the samples, from their beginning and claimed length.
    fn data(&mut self, body: u64, claimed: u64, report: &mut Report) -> io::Result<Range<u64>> {
        let room = self.file.end - body;
        let length = if claimed > room || claimed == 0 && !self.chunks_to_the_end(body)? { room } else { claimed };
        if length != claimed {
            report.note(Action::Repaired, "data size", format!("says {claimed} bytes, the file has {length}"));
        }
        Ok(body..body + length)
    }

    /// Tells whether chunks follow one another up to the end of the file.
    fn chunks_to_the_end(&mut self, mut at: u64) -> io::Result<bool> {
        for _ in 0..MAX_CHUNKS {
            if at >= self.file.end {
                return Ok(true);
            }
            let Some((_, size)) = self.chunk(at)? else { return Ok(false) };
            let end = at + 8 + size;
            if end > self.file.end {
                return Ok(false);
            }
            at = end + (size & 1);
        }
        Ok(false)
    }

    /// Notes sound that stands behind the samples and is not read.
    fn behind(&mut self, body: u64, size: u64, report: &mut Report) -> io::Result<()> {
        let mut at = match self.next(body, size)? {
            Next::At(next) | Next::Unpadded(next) => next,
            Next::Nowhere => body + size,
        };
        for _ in 0..MAX_CHUNKS {
            let rest = self.file.end.saturating_sub(at);
            if rest < 8 || self.is_tag_or_nothing(at)? {
                return Ok(());
            }
            let reason = match self.chunk(at)? {
                Some((id, _)) if [b"RIFF", b"RF64", b"RIFX"].contains(&&id) => "a second recording",
                Some((id, _)) if &id == b"data" => "a second \"data\" chunk",
                Some((id, size)) if NAMES.contains(&&id) || size <= rest - 8 => {
                    at += 8 + size + (size & 1);
                    continue;
                }
                _ => "no chunk",
            };
            let reason = format!("{rest} bytes behind them are {reason}: left out");
            report.note(Action::Dropped, "the samples", reason);
            return Ok(());
        }
        Ok(())
    }

    /// True if at a place there is a tag of another format, or zeros.
    fn is_tag_or_nothing(&mut self, at: u64) -> io::Result<bool> {
        let mut bytes = [0; 256];
        let read = read_at(self.source, at, &mut bytes)?;
        let head = &bytes[..read];
        let is_tag = [&b"TAG"[..], b"ID3", b"APETAGEX", b"LYRICSBEGIN"].iter().any(|tag| head.starts_with(tag));
        Ok(is_tag || head.iter().all(|byte| *byte == 0))
    }

    /// Notes a RIFF size that leaves samples out or goes beyond the file.
    fn check_riff(&mut self, data_end: u64, long: Option<u64>, report: &mut Report) -> io::Result<()> {
        let mut size = [0; 4];
        read_at(self.source, self.file.start + 4, &mut size)?;
        let claimed = u64::from(u32::from_le_bytes(size));
        let claimed = if claimed == UNKNOWN { long.unwrap_or(claimed) } else { claimed };
        let (least, most) = (data_end - self.file.start - 8, self.file.end - self.file.start - 8);
        // A last pad byte may be counted though it is not there.
        if claimed < least || claimed > most + 1 {
            report.note(Action::Repaired, "RIFF size", format!("says {claimed} bytes, the file has {most}"));
        }
        Ok(())
    }
}

/// The `fmt ` chunk without fields that decoders cannot read.
fn normal(fmt: &[u8]) -> Result<Vec<u8>, VoiceError> {
    let malformed = || VoiceError::Malformed { reason: "WAV without a whole \"fmt \" chunk".into() };
    let tag_at = |at: usize| fmt.get(at..at + 2).map(|tag| u16::from_le_bytes([tag[0], tag[1]]));
    match tag_at(0).ok_or_else(malformed)? {
        // PCM, floats, A-law, mu-law: the bytes after the first fields have no meaning.
        1 | 3 => fmt.get(..16).map(<[u8]>::to_vec).ok_or_else(malformed),
        6 | 7 => fmt.get(..16).map(|fmt| [fmt, &[0, 0]].concat()).ok_or_else(malformed),
        0xFFFE => match tag_at(24).ok_or_else(malformed)? {
            1 | 3 | 4 | 6 | 7 => fmt.get(..40).map(<[u8]>::to_vec).ok_or_else(malformed),
            tag => Err(unsupported(tag)),
        },
        tag => Err(unsupported(tag)),
    }
}

fn unsupported(tag: u16) -> VoiceError {
    let name = match tag {
        0x02 => "Microsoft ADPCM",
        0x11 => "IMA ADPCM",
        0x14 | 0x40 | 0x64 | 0x65 | 0x140 => "ADPCM (G.72x)",
        0x22 => "TrueSpeech",
        0x31 => "GSM 6.10",
        0x50 => "MPEG layer I or II",
        0x55 => "MP3",
        0x160..=0x163 => "WMA",
        0x92 | 0x2000 => "AC-3",
        0xFF | 0x1600 | 0x1610 => "AAC",
        0xF1AC => "FLAC",
        0x674F..=0x6771 => "Vorbis",
        _ => "an unknown codec",
    };
    VoiceError::Unsupported { reason: format!("WAV with {name} (format {tag:#06x})") }
}

fn header(fmt: &[u8], data: u64) -> Vec<u8> {
    // Files are far shorter than the largest value of these fields.
    let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let fmt_size = fmt.len() as u64;
    let mut out = Vec::with_capacity(28 + fmt.len());
    for part in [b"RIFF", &size(4 + 8 + fmt_size + 8 + data), b"WAVE", b"fmt ", &size(fmt_size)] {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(fmt);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size(data));
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A file with everything in it that is walked over.
    fn file() -> Vec<u8> {
        let mut out = b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0".to_vec();
        out.extend_from_slice(
            &[&180u64.to_le_bytes()[..], &16u64.to_le_bytes(), &8u64.to_le_bytes(), &[0; 4]].concat(),
        );
        out.extend_from_slice(b"fmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x80\x3E\0\0\x02\0\x10\0");
        out.extend_from_slice(b"LIST\x05\0\0\0INFOx\0bext\x03\0\0\0abcJUNK\0\0\0\0");
        out.extend_from_slice(b"data\xFF\xFF\xFF\xFF0123456789abcdefcue \x02\0\0\0zz");
        out
    }

    fn walked(bytes: &[u8]) -> (Result<Wav, VoiceError>, Vec<String>) {
        let mut report = Report::default();
        let wav = walk(&mut Cursor::new(bytes), 0..bytes.len() as u64, &mut report);
        (wav, report.notes.into_iter().map(|note| note.place).collect())
    }

    #[test]
    fn samples_are_found_and_nothing_else_is_passed_on() {
        let bytes = file();
        let (wav, notes) = walked(&bytes);
        let wav = wav.unwrap();
        assert_eq!(&bytes[wav.data.start as usize..wav.data.end as usize], b"0123456789abcdef");
        assert_eq!(wav.header.len(), 44);
        assert_eq!(wav.header[4..8], 52u32.to_le_bytes());
        assert_eq!(wav.header[40..44], 16u32.to_le_bytes());
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].starts_with("chunk \"bext\"") && notes[1] == "RIFF size", "{notes:?}");
    }

    #[test]
    fn no_damage_leads_out_of_the_file() {
        let good = file();
        let mut state = 7u64;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % end
        };
        let mut found = 0;
        for _ in 0..50_000 {
            let mut bytes = good.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                match below(5) {
                    0 => bytes.truncate(at.max(12)),
                    1 => bytes[at] ^= 1 << below(8),
                    2 => bytes[at] = below(256) as u8,
                    3 => drop(bytes.drain(at..(at + below(9)).min(bytes.len()))),
                    _ => {
                        let end = (at + 4).min(bytes.len());
                        bytes[at..end].fill([0, 0xFF, 0x7F][below(3)]);
                    }
                }
                bytes.resize(bytes.len().max(12), 0);
            }
            if let (Ok(wav), _) = walked(&bytes) {
                assert!(wav.data.start <= wav.data.end && wav.data.end <= bytes.len() as u64);
                assert_eq!(wav.header[wav.header.len() - 4..], ((wav.data.end - wav.data.start) as u32).to_le_bytes());
                found += 1;
            }
        }
        assert!((10_000..50_000).contains(&found), "{found}");
    }
}
