//! Silence at the ends of recordings.

use super::{SAMPLE_RATE_HZ, VoiceError};

/// Frames of 20 ms.
const FRAME: usize = SAMPLE_RATE_HZ as usize / 50;
/// The power of silence, relative to the loudest frame: 40 dB below.
const QUIETER: f64 = 1e-4;
/// Nothing below this mean square is a voice: -80 dB of full scale.
const NOTHING: f64 = 1e-8;
/// The sound that is kept in front of and behind the voice: 100 ms.
const MARGIN: usize = SAMPLE_RATE_HZ as usize / 10;

/// The part of a recording between the silence at its ends, with 100 ms on both sides.
///
/// Silent is a frame of 20 ms that is 40 dB below the loudest one.
///
/// # Errors
/// [`VoiceError::Silent`] where nothing is to be heard.
pub fn trim_silence(samples: &[f32]) -> Result<&[f32], VoiceError> {
    let powers =
        || samples.chunks(FRAME).map(|f| f.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / f.len() as f64);
    let loudest = powers().fold(0.0, f64::max);
    if loudest < NOTHING {
        return Err(VoiceError::Silent);
    }
    let heard = |power: f64| power >= loudest * QUIETER;
    let first = powers().position(heard).unwrap_or(0) * FRAME;
    let frames = samples.len().div_ceil(FRAME);
    let last = powers().rposition(heard).map_or(frames, |i| i + 1) * FRAME;
    Ok(&samples[first.saturating_sub(MARGIN)..(last + MARGIN).min(samples.len())])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_cut_and_pauses_stay() {
        let tone = |n: usize| (0..n).map(|i| (i as f32 * 0.3).sin() * 0.5);
        let quiet = |n: usize| (0..n).map(|i| if i % 2 == 0 { 1e-4 } else { -1e-4 });
        let samples: Vec<f32> =
            quiet(16_000).chain(tone(8_000)).chain(quiet(8_000)).chain(tone(3_200)).chain(quiet(32_000)).collect();
        let kept = trim_silence(&samples).unwrap();
        assert_eq!(kept.len(), MARGIN + 19_200 + MARGIN);
        assert_eq!(kept[MARGIN], samples[16_000]);
        assert_eq!(trim_silence(&kept[MARGIN..]).unwrap().len(), kept.len() - MARGIN);
        assert_eq!(trim_silence(&[0.0; 1_000]), Err(VoiceError::Silent));
        assert_eq!(trim_silence(&[]), Err(VoiceError::Silent));
    }
}
