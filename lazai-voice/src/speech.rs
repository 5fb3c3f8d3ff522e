//! Speech as samples, and as a WAV file.

/// One piece of speech: mono.
#[derive(Clone, PartialEq)]
pub struct Speech {
    /// Samples between -1 and 1; beyond, they are cut when they become a file.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub sample_rate_hz: u32,
}

impl Speech {
    /// One piece of speech out of 16-bit integers.
    #[must_use]
    pub fn of_pcm16(samples: &[i16], sample_rate_hz: u32) -> Self {
        Self { samples: samples.iter().map(|sample| f32::from(*sample) / 32_767.0).collect(), sample_rate_hz }
    }

    /// How long it takes, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz.max(1))
    }

    /// The samples as 16-bit integers.
    #[must_use]
    pub fn to_pcm16(&self) -> Vec<i16> {
        // A sample that is not a number is silence.
        self.samples.iter().map(|x| (x.clamp(-1.0, 1.0) * 32_767.0) as i16).collect()
    }

    /// A WAV file of 16-bit samples.
    #[must_use]
    pub fn to_wav(&self) -> Vec<u8> {
        let mut out = wav_header(self.sample_rate_hz, Some(self.samples.len())).to_vec();
        out.extend(self.to_pcm16().iter().flat_map(|x| x.to_le_bytes()));
        out
    }
}

impl std::fmt::Debug for Speech {
    /// Without the samples: they say what was said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Speech({} samples at {} Hz)", self.samples.len(), self.sample_rate_hz)
    }
}

/// The first 44 bytes of a WAV file of 16-bit mono samples. Without a number of samples, the file says that it goes on as long as
/// it does: for speech that is sent while it is made.
#[must_use]
pub fn wav_header(sample_rate_hz: u32, samples: Option<usize>) -> [u8; 44] {
    let bytes = samples.and_then(|count| u32::try_from(count.checked_mul(2)?).ok());
    // Players take the greatest length for an unknown one.
    let bytes = bytes.unwrap_or(u32::MAX - 36);
    let mut out = [0; 44];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        out[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(b"RIFF");
    put(&bytes.saturating_add(36).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16u32.to_le_bytes());
    // PCM, one channel.
    put(&1u16.to_le_bytes());
    put(&1u16.to_le_bytes());
    put(&sample_rate_hz.to_le_bytes());
    put(&sample_rate_hz.saturating_mul(2).to_le_bytes());
    put(&2u16.to_le_bytes());
    put(&16u16.to_le_bytes());
    put(b"data");
    put(&bytes.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_read() {
        let speech = Speech { samples: vec![0.0, 0.5, -2.0, 2.0, f32::NAN], sample_rate_hz: 24_000 };
        let wav = speech.to_wav();
        assert_eq!(wav.len(), 44 + 10);
        assert_eq!(wav[..4], *b"RIFF");
        assert_eq!(wav[4..8], 46u32.to_le_bytes());
        assert_eq!(wav[24..28], 24_000u32.to_le_bytes());
        assert_eq!(wav[40..44], 10u32.to_le_bytes());
        assert_eq!(speech.to_pcm16(), [0, 16_383, -32_767, 32_767, 0]);
        assert_eq!(wav_header(24_000, None)[40..44], (u32::MAX - 36).to_le_bytes());
        assert_eq!(format!("{speech:?}"), "Speech(5 samples at 24000 Hz)");
    }
}
