//! The decoders behind one face, and the names of codecs that have none.

use std::io::{self, Read, Seek};

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use super::VoiceError;
use super::source::read_at;

/// Longest packet of Opus: 120 ms.
const OPUS_PACKET: usize = 5_760;
/// The rate that Opus is decoded at, whatever rate was recorded.
const OPUS_RATE_HZ: u32 = 48_000;
/// Most boxes of an MP4 file that are looked at for its codec's name.
const MAX_BOXES: usize = 256;

pub(super) enum Codec {
    Opus(Box<Opus>),
    Symphonia(Box<dyn AudioDecoder>),
}

/// A decoded packet: samples of all channels in turn.
pub(super) struct Decoded {
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
}

impl Codec {
    /// The decoder for a track.
    ///
    /// # Errors
    /// The reason why there is none.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, String> {
        if params.codec == CODEC_ID_OPUS {
            return Opus::new(params.extra_data.as_deref().unwrap_or_default()).map(|opus| Self::Opus(Box::new(opus)));
        }
        let decoder = symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default());
        decoder.map(Self::Symphonia).map_err(|e| e.to_string())
    }

    /// Decodes a packet into a buffer; `None` if it is damaged.
    pub(super) fn decode(&mut self, packet: &Packet, interleaved: &mut Vec<f32>) -> Option<Decoded> {
        match self {
            Self::Opus(opus) => opus.decode(packet, interleaved),
            Self::Symphonia(decoder) => match decoder.decode(packet) {
                Ok(buffer) => {
                    interleaved.resize(buffer.samples_interleaved(), 0.0);
                    buffer.copy_to_slice_interleaved(&mut *interleaved);
                    Some(Decoded { rate_hz: buffer.spec().rate(), channels: buffer.num_planes() })
                }
                Err(Error::ResetRequired) => {
                    decoder.reset();
                    None
                }
                Err(_) => None,
            },
        }
    }
}

/// Opus in Ogg (RFC 7845), one or two channels.
pub(super) struct Opus {
    decoder: ropus::Decoder,
    channels: usize,
    /// Frames at the beginning that are still to be left out.
    skip: usize,
}

impl Opus {
    fn new(head: &[u8]) -> Result<Self, String> {
        let [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, count, skip @ ..] = head else {
            return Err("Opus without its header".into());
        };
        let &[skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, ..] = skip else {
            return Err("Opus with a header that is cut off".into());
        };
        let channels = match (family, count) {
            (0, 1) => ropus::Channels::Mono,
            (0, 2) => ropus::Channels::Stereo,
            _ => {
                return Err(format!(
                    "Opus of {count} channels in mapping family {family}, expected 1 or 2 in family 0"
                ));
            }
        };
        let mut decoder = ropus::Decoder::new(OPUS_RATE_HZ, channels).map_err(|e| format!("Opus: {e}"))?;
        let gain = i16::from_le_bytes([gain_low, gain_high]);
        decoder.set_gain(i32::from(gain)).map_err(|e| format!("Opus with a gain of {gain}: {e}"))?;
        let skip = usize::from(u16::from_le_bytes([skip_low, skip_high]));
        Ok(Self { decoder, channels: usize::from(*count), skip })
    }

    fn decode(&mut self, packet: &Packet, interleaved: &mut Vec<f32>) -> Option<Decoded> {
        // An empty packet would be taken for a lost one, and filled in.
        if packet.data.is_empty() {
            return None;
        }
        interleaved.clear();
        interleaved.resize(OPUS_PACKET * self.channels, 0.0);
        let frames = self.decoder.decode_float(&packet.data, interleaved, ropus::DecodeMode::Normal).ok()?;
        let padding = usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX);
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        interleaved.truncate(frames.saturating_sub(padding).max(skipped) * self.channels);
        interleaved.drain(..skipped * self.channels);
        Some(Decoded { rate_hz: OPUS_RATE_HZ, channels: self.channels })
    }
}

/// The reason why a track of an MP4 file has no decoder, by the file's name for its sound.
pub(super) fn mp4_reason(sound: Option<[u8; 4]>, error: &str) -> VoiceError {
    let name = match sound.as_ref() {
        Some(b"alac") => "Apple Lossless",
        Some(b"samr") => "AMR",
        Some(b"sawb" | b"sawp") => "AMR-WB",
        Some(b"ac-3" | b"ec-3" | b"ac-4") => "Dolby Digital",
        Some(b"enca" | b"drms") => "encrypted sound",
        Some(b"Opus") => "Opus",
        Some(b"mp4a") => {
            return VoiceError::Unsupported { reason: format!("MP4 with AAC other than AAC-LC ({error})") };
        }
        Some(other) => {
            return VoiceError::Unsupported { reason: format!("MP4 with sound of type \"{}\"", other.escape_ascii()) };
        }
        None => return VoiceError::Unsupported { reason: format!("MP4 without sound ({error})") },
    };
    VoiceError::Unsupported { reason: format!("MP4 with {name}") }
}

/// The codec of the first track of sound in an MP4 file.
pub(super) fn mp4_sound(source: &mut (impl Read + Seek), length: u64) -> io::Result<Option<[u8; 4]>> {
    let (mut at, mut ends, mut is_sound) = (0, vec![length], false);
    for _ in 0..MAX_BOXES {
        while ends.len() > 1 && ends.last().is_some_and(|end| at + 8 > *end) {
            at = ends.pop().unwrap_or(at);
        }
        let mut head = [0; 24];
        let read = read_at(source, at, &mut head)?;
        if read < 8 {
            break;
        }
        let [s0, s1, s2, s3, kind @ ..] = head;
        let (size, kind) = (u64::from(u32::from_be_bytes([s0, s1, s2, s3])), [kind[0], kind[1], kind[2], kind[3]]);
        let long = u64::from_be_bytes(std::array::from_fn(|i| head[8 + i]));
        let end = match size {
            0 => length,
            1 => at.saturating_add(long.max(16)),
            size => at + size.max(8),
        };
        let end = end.min(length);
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => {
                ends.push(end);
                at += 8;
                continue;
            }
            b"hdlr" => is_sound = head[16..20] == *b"soun",
            b"stsd" if is_sound => {
                let mut entry = [0; 8];
                let read = read_at(source, at + 16, &mut entry)?;
                return Ok((read == 8).then(|| [entry[4], entry[5], entry[6], entry[7]]));
            }
            _ => {}
        }
        at = end;
    }
    Ok(None)
}
