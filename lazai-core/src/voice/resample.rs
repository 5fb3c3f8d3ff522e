//! Resampling piece by piece, in memory that does not grow with the recording.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::{SAMPLE_RATE_HZ, VoiceError};

/// Source samples that are resampled at a time.
const CHUNK: usize = 4_096;

/// Resamples one channel from its rate to [`SAMPLE_RATE_HZ`]: sample for sample as if the whole recording were resampled at
/// once.
pub(super) struct Resampler {
    /// `None` if the rate is right already.
    fft: Option<Fft<f32>>,
    /// Source samples that are not resampled yet, fewer than a chunk.
    pending: Vec<f32>,
    piece: Vec<f32>,
    /// Samples of the filter's delay that are still to be left out.
    delay: usize,
    taken: usize,
    out: Vec<f32>,
}

fn failed(error: impl std::fmt::Display) -> VoiceError {
    VoiceError::Malformed { reason: format!("resampling: {error}") }
}

impl Resampler {
    pub(super) fn new(rate_hz: u32) -> Result<Self, VoiceError> {
        let (from, to) = (rate_hz as usize, SAMPLE_RATE_HZ as usize);
        let fft = match rate_hz == SAMPLE_RATE_HZ {
            true => None,
            false => Some(Fft::<f32>::new(from, to, CHUNK, 1, FixedSync::Input).map_err(failed)?),
        };
        let (delay, longest) = fft.as_ref().map_or((0, 0), |fft| (fft.output_delay(), fft.output_frames_max()));
        Ok(Self { fft, pending: Vec::new(), piece: vec![0.0; longest], delay, taken: 0, out: Vec::new() })
    }

    /// Source samples so far.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn add(&mut self, samples: impl Iterator<Item = f32>) -> Result<(), VoiceError> {
        match &self.fft {
            None => {
                let before = self.out.len();
                self.out.extend(samples);
                self.taken += self.out.len() - before;
            }
            Some(fft) => {
                let chunk = fft.input_frames_next();
                for sample in samples {
                    self.pending.push(sample);
                    self.taken += 1;
                    if self.pending.len() == chunk {
                        self.process()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Resamples the pending chunk.
    fn process(&mut self) -> Result<(), VoiceError> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let input = InterleavedSlice::new(&self.pending, 1, self.pending.len()).map_err(failed)?;
        let longest = self.piece.len();
        let mut output = InterleavedSlice::new_mut(&mut self.piece, 1, longest).map_err(failed)?;
        let (_, written) = fft.process_into_buffer(&input, &mut output, None).map_err(failed)?;
        let skipped = self.delay.min(written);
        self.delay -= skipped;
        self.out.extend_from_slice(&self.piece[skipped..written]);
        self.pending.clear();
        Ok(())
    }

    /// Everything, as long as the source was.
    pub(super) fn finish(mut self) -> Result<Vec<f32>, VoiceError> {
        let Some((ratio, chunk)) = self.fft.as_ref().map(|fft| (fft.resample_ratio(), fft.input_frames_next())) else {
            return Ok(self.out);
        };
        let length = (ratio * self.taken as f64).ceil() as usize;
        // Silence pushes the last samples through the filter.
        while self.out.len() < length {
            self.pending.resize(chunk, 0.0);
            self.process()?;
        }
        self.out.truncate(length);
        Ok(self.out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_to_what_the_whole_does() {
        let mut state = 1u32;
        for (rate_hz, length) in [
            (8_000, 24_000),
            (11_025, 4_096),
            (22_050, 1),
            (44_100, 4_096 * 3),
            (44_100, 100_001),
            (44_101, 60_000),
            (48_000, 4_095),
            (48_000, 200_000),
            (384_000, 500_000),
        ] {
            let mut noise = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            };
            let samples: Vec<f32> = (0..length).map(|_| noise()).collect();
            let mut fft =
                Fft::<f32>::new(rate_hz as usize, SAMPLE_RATE_HZ as usize, CHUNK, 1, FixedSync::Input).unwrap();
            let input = InterleavedSlice::new(&samples, 1, samples.len()).unwrap();
            let whole = fft.process_all(&input, samples.len(), None).unwrap().take_data();
            for piece in [1_152, 7, 65_536] {
                let mut resampler = Resampler::new(rate_hz).unwrap();
                samples.chunks(piece).for_each(|piece| resampler.add(piece.iter().copied()).unwrap());
                assert_eq!(resampler.taken(), length);
                assert!(resampler.pending.capacity() <= 16 * CHUNK.max(rate_hz as usize));
                assert_eq!(resampler.finish().unwrap(), whole, "{rate_hz} Hz, {length} samples by {piece}");
            }
        }
    }
}
