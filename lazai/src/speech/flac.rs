//! Speech as a FLAC file: half the size of a WAV file, and the same samples. The manifest is in a block of the application `lzai`
//! (RFC 9639, section 8.4); players pass over blocks that they do not know.

use std::io::Cursor;

use flacenc::component::{BitRepr as _, MetadataBlockData};
use flacenc::error::Verify as _;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::manifest::CHUNK;
use super::{NotSpeech, SpeakError, SpeechManifest};

/// How a file begins.
const MARK: &[u8] = b"fLaC";
/// The kind of a block that an application has.
const APPLICATION: u8 = 2;

impl SpeechManifest {
    /// A FLAC file of the samples, with this manifest.
    ///
    /// # Errors
    /// [`SpeakError`]: the encoder's reason. It has none for speech: 16 bits, one channel, a rate of up to 96,000 a second.
    pub fn flac(&self, samples: &[i16]) -> Result<Vec<u8>, SpeakError> {
        let note = serde_json::to_vec(self).map_err(SpeakError::new)?;
        let config =
            flacenc::config::Encoder::default().into_verified().map_err(|(_, error)| SpeakError::new(error))?;
        let wide: Vec<i32> = samples.iter().map(|sample| i32::from(*sample)).collect();
        let rate = self.terms.terms.sample_rate as usize;
        let source = flacenc::source::MemSource::from_samples(&wide, 1, 16, rate);
        drop(wide);
        let encoded = flacenc::encode_with_fixed_block_size(&config, source, config.block_size);
        let mut stream = encoded.map_err(SpeakError::new)?;
        // The last block may be shorter; decoders take the least size for the stream's, and refuse what is of another.
        stream.stream_info_mut().set_block_sizes(config.block_size, config.block_size).map_err(SpeakError::new)?;
        let block = MetadataBlockData::new_unknown(APPLICATION, &[&CHUNK[..], &note].concat());
        stream.add_metadata_block(block.map_err(SpeakError::new)?);
        let mut file = flacenc::bitsink::ByteSink::new();
        stream.write(&mut file).map_err(SpeakError::new)?;
        Ok(file.into_inner())
    }

    /// Reads the manifest of a FLAC file, and holds it to the samples, as [`of_wav`](Self::of_wav).
    ///
    /// # Errors
    /// [`NotSpeech`].
    pub fn of_flac(file: &[u8]) -> Result<Self, NotSpeech> {
        let manifest = Self::read(note(file)?)?;
        // As many as were signed for; one more is another sound.
        let most = usize::try_from(manifest.receipt.receipt.samples).unwrap_or(usize::MAX).saturating_add(1);
        let file = file.to_vec();
        // The decoder is third-party code on untrusted bytes: if it panics, the file is refused.
        let decoded = std::panic::catch_unwind(move || decode(file, most));
        let broken = || NotSpeech::Format { what: "its sound cannot be decoded" };
        let (rate, samples) = decoded.ok().flatten().ok_or_else(broken)?;
        manifest.check(rate, &samples)?;
        Ok(manifest)
    }
}

/// The manifest's bytes, out of the blocks before the sound.
fn note(file: &[u8]) -> Result<&[u8], NotSpeech> {
    let cut = || NotSpeech::Format { what: "a block is cut" };
    let mut rest = file.strip_prefix(MARK).ok_or(NotSpeech::Format { what: "no FLAC" })?;
    let mut found = None;
    loop {
        let ([kind, length @ ..], after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (body, after) = after.split_at_checked(length).ok_or_else(cut)?;
        if let (APPLICATION, Some(note)) = (kind & 0x7f, body.strip_prefix(&CHUNK[..]))
            && found.replace(note).is_some()
        {
            return Err(NotSpeech::Format { what: "a block comes twice" });
        }
        if kind & 0x80 != 0 {
            break;
        }
        rest = after;
    }
    found.ok_or(NotSpeech::NoManifest)
}

/// Rate and samples of a file of one channel, 16 bits: up to `most`.
fn decode(file: Vec<u8>, most: usize) -> Option<(u32, Vec<i16>)> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(file)), Default::default());
    let (formats, tags) = (FormatOptions::default(), MetadataOptions::default());
    let mut reader =
        symphonia::default::get_probe().probe(Hint::new().with_extension("flac"), stream, formats, tags).ok()?;
    let track = reader.default_track(TrackType::Audio)?;
    let (id, params) = (track.id, track.codec_params.as_ref()?.audio()?.clone());
    let rate = params.sample_rate?;
    if params.channels.as_ref().map(|channels| channels.count()) != Some(1) || params.bits_per_sample != Some(16) {
        return None;
    }
    let mut decoder =
        symphonia::default::get_codecs().make_audio_decoder(&params, &AudioDecoderOptions::default()).ok()?;
    let (mut samples, mut phrase) = (Vec::new(), Vec::<i16>::new());
    while let Some(packet) = reader.next_packet().ok()? {
        if packet.track_id != id {
            continue;
        }
        let buffer = decoder.decode(&packet).ok()?;
        phrase.resize(buffer.samples_interleaved(), 0);
        buffer.copy_to_slice_interleaved(&mut phrase);
        samples.extend_from_slice(&phrase);
        if samples.len() > most {
            samples.truncate(most);
            break;
        }
    }
    Some((rate, samples))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::manifest::tests::manifest;
    use super::*;

    /// Something like a voice: a tone that swells, and silence.
    fn voice() -> Vec<i16> {
        let tone = |at: i32| (f64::from(at) * 0.05).sin() * f64::from(at % 8_000) * 3.0;
        (0..20_000).map(|at| if at % 8_000 < 6_000 { tone(at) as i16 } else { 0 }).collect()
    }

    #[test]
    fn a_file_has_the_samples_that_are_signed_and_says_that_it_is_synthetic() {
        for samples in [voice(), vec![7], vec![i16::MIN, i16::MAX, 0]] {
            let manifest = manifest(&samples);
            let file = manifest.flac(&samples).unwrap();
            assert_eq!(SpeechManifest::of_flac(&file), Ok(manifest.clone()));
            assert_eq!(SpeechManifest::of_file(&file), Ok(manifest.clone()));
            assert_eq!(SpeechManifest::of_file(&manifest.wav(&samples)), Ok(manifest));
        }
    }

    #[test]
    fn it_is_smaller_than_a_wav_file() {
        let samples = voice();
        let manifest = manifest(&samples);
        let (flac, wav) = (manifest.flac(&samples).unwrap(), manifest.wav(&samples));
        assert!(flac.len() * 4 < wav.len() * 3, "{} of {} bytes", flac.len(), wav.len());
    }

    #[test]
    fn other_sound_a_second_note_and_no_note_are_told() {
        let samples = voice();
        let manifest = manifest(&samples);
        let mut louder = samples.clone();
        louder[5_000] += 1;
        let forged = SpeechManifest::of_flac(&manifest.flac(&louder).unwrap());
        assert_eq!(
            forged,
            Err(NotSpeech::Broken { what: "the samples are others than those that the node signed for" })
        );
        // More than was signed for is another sound, however much it is.
        let longer = [&samples[..], &samples].concat();
        assert!(matches!(SpeechManifest::of_flac(&manifest.flac(&longer).unwrap()), Err(NotSpeech::Broken { .. })));
        let file = manifest.flac(&samples).unwrap();
        // The block of the stream is 42 bytes with its mark; the note's is behind it.
        let (head, rest) = file.split_at(42);
        let length = usize::from(rest[1]) << 16 | usize::from(rest[2]) << 8 | usize::from(rest[3]);
        let (block, sound) = rest.split_at(4 + length);
        let mut first = block.to_vec();
        first[0] &= 0x7f;
        let twice = [head, &first, block, sound].concat();
        assert_eq!(SpeechManifest::of_flac(&twice), Err(NotSpeech::Format { what: "a block comes twice" }));
        let mut last = head.to_vec();
        last[4] |= 0x80;
        assert_eq!(SpeechManifest::of_flac(&[&last[..], sound].concat()), Err(NotSpeech::NoManifest));
        for end in (0..file.len()).step_by(97) {
            assert!(SpeechManifest::of_flac(&file[..end]).is_err(), "{end}");
        }
    }
}
