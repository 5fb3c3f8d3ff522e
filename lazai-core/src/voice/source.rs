//! The part of a file that is sound, as the decoders read it: without tags and zero bytes around it, and behind a header
//! that agrees with the file.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

use super::format::{Found, MAX_SCAN_BYTES, MAX_TAGS, first_frame, look};
use super::{AudioFormat, VoiceError, wav};
use crate::report::Report;

/// The number of bytes that are looked at to detect the content at a place.
const LOOK_BYTES: usize = 4 << 10;

/// A range of a file, with other bytes in front of it.
pub(super) struct Source<S> {
    inner: S,
    header: Vec<u8>,
    body: Range<u64>,
    at: u64,
    /// The position of the file itself.
    inner_at: Option<u64>,
}

/// Reads at a place until a buffer is full or the file ends, and returns the number of bytes read.
pub(super) fn read_at(source: &mut (impl Read + Seek), at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    source.seek(SeekFrom::Start(at))?;
    let mut read = 0;
    while read < buffer.len() {
        match source.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

impl<S: Read + Seek> Source<S> {
    /// Finds the sound in a file of a given length.
    ///
    /// # Errors
    /// [`VoiceError::Unsupported`] where there is none, or none that is read; [`VoiceError::Malformed`] for a WAV file
    /// without samples.
    pub(super) fn open(mut file: S, length: u64, report: &mut Report) -> Result<(Self, AudioFormat), VoiceError> {
        let (format, start) = find(&mut file, length)?;
        let (header, body) = match format {
            AudioFormat::Wav => {
                let wav = wav::walk(&mut file, start..length, report)?;
                (wav.header, wav.data)
            }
            AudioFormat::Mp3 | AudioFormat::Aac | AudioFormat::Flac => {
                (Vec::new(), start..before_tags(&mut file, start..length)?)
            }
            _ => (Vec::new(), start..length),
        };
        Ok((Self { inner: file, header, body, at: 0, inner_at: None }, format))
    }
}

/// The format of the sound, and its beginning.
fn find(file: &mut (impl Read + Seek), length: u64) -> Result<(AudioFormat, u64), VoiceError> {
    let mut buffer = vec![0; LOOK_BYTES];
    let (mut at, mut tags) = (0, 0);
    while at < length {
        let read = read_at(file, at, &mut buffer)?;
        let head = &buffer[..read];
        match look(head) {
            Found::Audio(AudioFormat::Mp3) => return Ok((AudioFormat::Mp3, scan(file, at)?.unwrap_or(at))),
            Found::Audio(format) => return Ok((format, at)),
            Found::Other(name) => return Err(VoiceError::Unsupported { reason: format!("this is {name}") }),
            Found::Zeros(count) => at += count,
            Found::Tag(size) => {
                tags += 1;
                if tags > MAX_TAGS {
                    return Err(VoiceError::Unsupported {
                        reason: format!("it begins with more than {MAX_TAGS} tags"),
                    });
                }
                // A length that leads out of the file says nothing.
                at += if size < length - at { size } else { 10 };
            }
            Found::Nothing => {
                let frame = if tags > 0 { scan(file, at)? } else { None };
                let head = &head[..head.len().min(8)];
                return frame.map(|frame| (AudioFormat::Mp3, frame)).ok_or_else(|| VoiceError::Unsupported {
                    reason: match at {
                        0 => format!("it begins with {head:02x?}"),
                        _ => format!("after {at} bytes of tags and zeros it goes on with {head:02x?}"),
                    },
                });
            }
        }
    }
    Err(VoiceError::Unsupported { reason: format!("{length} bytes without sound") })
}

/// The first of several MP3 frames in a row, from a place on.
fn scan(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<u64>> {
    // The frames that must follow the last place that is looked at are in there too.
    let mut bytes = vec![0; MAX_SCAN_BYTES + (16 << 10)];
    let read = read_at(file, at, &mut bytes)?;
    Ok(first_frame(&bytes[..read]).map(|place| at + place as u64))
}

/// The beginning of the tags at the end of a file: ID3v1, APE, and ID3v2 with a footer.
fn before_tags(file: &mut (impl Read + Seek), range: Range<u64>) -> io::Result<u64> {
    let mut end = range.end;
    for _ in 0..MAX_TAGS {
        let mut last = [0; 128];
        let room = (end - range.start).min(128);
        if room < 128 || read_at(file, end - 128, &mut last)? < 128 {
            break;
        }
        let size = match (&last[..3], &last[96..104], &last[118..121]) {
            (b"TAG", ..) => 128,
            (_, b"APETAGEX", _) => {
                let size = u64::from(u32::from_le_bytes([last[108], last[109], last[110], last[111]]));
                // The length leaves out the header, which a flag tells of.
                size + if last[119] & 0x80 == 0 { 0 } else { 32 }
            }
            (_, _, b"3DI") => 20 + last[124..].iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7F)),
            _ => break,
        };
        if size >= end - range.start {
            break;
        }
        end -= size;
    }
    Ok(end)
}

impl<S: Read + Seek> Read for Source<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let front = self.header.len() as u64;
        let read = if self.at < front {
            let rest = &self.header[self.at as usize..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            count
        } else {
            let place = self.body.start + (self.at - front);
            let count = self.body.end.saturating_sub(place).min(buffer.len() as u64) as usize;
            if self.inner_at != Some(place) {
                self.inner.seek(SeekFrom::Start(place))?;
            }
            self.inner_at = None;
            let read = self.inner.read(&mut buffer[..count])?;
            self.inner_at = Some(place + read as u64);
            read
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl<S: Read + Seek> Seek for Source<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.header.len() as u64 + (self.body.end - self.body.start);
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl<S: Read + Seek + Send + Sync> MediaSource for Source<S> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.header.len() as u64 + (self.body.end - self.body.start))
    }
}
