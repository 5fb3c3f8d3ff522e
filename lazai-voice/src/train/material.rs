//! What is learnt from: recordings with the durations and the pitch that they have beside the base's own speech.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::ear::{BANDS, Ear};
use super::pitch::{Lessons, Reader};
use super::{LONGEST_SECONDS, Recording, VoiceProgress, align};
use crate::base::{Base, Outputs, Utterance};
use crate::error::{Result, SpeechError};
use crate::vocoder::{VOICED_HZ, mix, noise};
use crate::voice::Manner;

/// Spectrogram frames per second.
const FRAMES_PER_S: f64 = 100.0;
/// The base speaks its lessons at these pitches, and others nearby.
const PITCHES: [f32; 5] = [0.42, 0.55, 0.75, 1.0, 1.3];
/// Frames of lessons for the reader of pitch: beyond, no more are made.
const LESSON_FRAMES: usize = 24_000;
/// Pitches that far from the median are misread: they become the median.
const PLAUSIBLE: std::ops::Range<f32> = 0.55..1.7;

/// A recording as it is learnt.
pub(super) struct Take {
    pub(super) ids: Vec<u32>,
    pub(super) log_mel: Vec<f32>,
    /// In units of 25 ms: two frames of the base, two and a half of the spectrogram.
    pub(super) durations: Vec<usize>,
    /// By frames of the base; 0 where there is no voice.
    pub(super) f0: Vec<f32>,
}

pub(super) struct Material {
    pub(super) takes: Vec<Take>,
    pub(super) manner: Manner,
    pub(super) seconds: f64,
    pub(super) left_out: Vec<usize>,
}

/// The base's own speech of a recording's text.
struct Own {
    recording: usize,
    outputs: Outputs,
    log_mel: Vec<f32>,
}

impl Material {
    /// Listens to all recordings.
    pub(super) fn new(
        base: &Base,
        ear: &Ear,
        seed: u64,
        recordings: &[Recording<'_>],
        on_progress: &mut dyn FnMut(VoiceProgress) -> bool,
    ) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1);
        let (mut own, mut left_out) = (Vec::new(), Vec::new());
        let mut lessons = Lessons::default();
        for (i, recording) in recordings.iter().enumerate() {
            match listen(base, ear, i, recording) {
                Some(speech) => own.push(speech),
                None => left_out.push(i),
            }
            if !on_progress(VoiceProgress::Listening { done: i + 1, of: recordings.len() }) {
                return Err(SpeechError::Cancelled { steps: 0 });
            }
        }
        if own.is_empty() {
            return Err(SpeechError::NothingToLearn { recordings: recordings.len() });
        }
        teach(base, ear, &own, &mut lessons, &mut rng);
        let reader = Reader::learn(&lessons, &mut rng);
        drop(lessons);
        let mut takes = Vec::new();
        let (mut pitches, mut own_pitches, mut units, mut own_units) = (Vec::new(), Vec::new(), 0, 0);
        for own in own {
            let recording = &recordings[own.recording];
            let Some(take) = align(&own, recording, &reader) else {
                left_out.push(own.recording);
                continue;
            };
            pitches.extend(take.f0.iter().copied().filter(|&f0| f0 > VOICED_HZ));
            own_pitches.extend(own.outputs.f0.iter().copied().filter(|&f0| f0 > VOICED_HZ));
            units += inner(&take.durations);
            own_units += inner(&own.outputs.durations);
            takes.push(take);
        }
        if takes.is_empty() {
            return Err(SpeechError::NothingToLearn { recordings: recordings.len() });
        }
        left_out.sort_unstable();
        let pitch = (median(pitches) / median(own_pitches)).clamp(0.3, 3.0);
        let pace = (own_units as f32 / units.max(1) as f32).clamp(0.5, 2.0);
        let seconds = takes.iter().map(|take| (take.log_mel.len() / BANDS) as f64 / FRAMES_PER_S).sum();
        let manner = Manner { pitch: if pitch.is_finite() { pitch } else { 1.0 }, pace };
        Ok(Self { takes, manner, seconds, left_out })
    }
}

/// The base's own speech of a recording's text; nothing if the recording cannot be learnt from.
fn listen(base: &Base, ear: &Ear, recording: usize, given: &Recording<'_>) -> Option<Own> {
    let frames = given.log_mel.len() / BANDS;
    let is_whole = given.log_mel.len() == frames * BANDS && given.log_mel.iter().all(|x| x.is_finite());
    if !is_whole || frames as f64 > LONGEST_SECONDS * FRAMES_PER_S || frames < 2 * given.ids.len() {
        return None;
    }
    let outputs = base.outputs(&Utterance::new(given.ids), None).ok()?;
    let log_mel = heard(base, ear, &outputs, &outputs.f0, (recording as u64, 1.0));
    Some(Own { recording, outputs, log_mel })
}

/// The spectrogram of the base's spectra with this pitch and this loudness.
fn heard(base: &Base, ear: &Ear, outputs: &Outputs, f0: &[f32], (stream, gain): (u64, f32)) -> Vec<f32> {
    let noise = noise(&[0; 32], stream, f0.len());
    let mut mixed = mix(&outputs.parts, &base.vocoder.excitation(f0), &noise);
    let mut sound = base.vocoder.sound(&mut mixed);
    sound.iter_mut().for_each(|sample| *sample *= gain);
    ear.hear(&sound).log_mel
}

/// Lessons for the reader: the base's speech at other pitches and loudnesses.
fn teach(base: &Base, ear: &Ear, own: &[Own], lessons: &mut Lessons, rng: &mut ChaCha8Rng) {
    let mut uniform = |from: f32, to: f32| from + (to - from) * (rng.next_u32() as f32 / u32::MAX as f32);
    let mut frames = 0;
    // Short material is spoken more often.
    for round in 0..20u64 {
        for speech in own {
            if frames >= LESSON_FRAMES {
                return;
            }
            let ratio = PITCHES[(speech.recording + round as usize) % PITCHES.len()] * uniform(0.88, 1.14);
            let f0: Vec<f32> = speech.outputs.f0.iter().map(|f0| f0 * ratio).collect();
            let gain = 10f32.powf(uniform(-0.8, 0.4));
            let log_mel =
                heard(base, ear, &speech.outputs, &f0, (1 << 32 | round << 16 | speech.recording as u64, gain));
            // A frame of the base is 12.5 ms, one of the spectrogram 10 ms.
            let at = |frame: usize| {
                let place = (frame * 4 / 5).min(f0.len().saturating_sub(1));
                if speech.outputs.f0[place] > VOICED_HZ { f0[place].max(VOICED_HZ + 1.0) } else { 0.0 }
            };
            lessons.add(&log_mel, at);
            frames += log_mel.len() / BANDS;
        }
    }
}

fn align(own: &Own, recording: &Recording<'_>, reader: &Reader) -> Option<Take> {
    let warp = align::warp(&own.log_mel, recording.log_mel);
    let mut end = 0;
    let ends = own.outputs.durations.iter().map(|lasts| {
        end += lasts;
        end
    });
    let ends: Vec<usize> = ends.collect();
    let frames = recording.log_mel.len() / BANDS;
    let durations = align::durations(&ends, &warp, frames)?;
    let read = reader.read(recording.log_mel);
    let middle = median(read.iter().filter(|(_, voiced)| *voiced).map(|(f0, _)| *f0).collect());
    let at = |frame: usize| {
        let (f0, is_voiced) = read[(frame * 5 / 4).min(read.len() - 1)];
        match is_voiced {
            false => 0.0,
            true if PLAUSIBLE.contains(&(f0 / middle)) => f0,
            true => middle,
        }
    };
    let f0 = (0..2 * durations.iter().sum::<usize>()).map(at).collect();
    Some(Take { ids: recording.ids.to_vec(), log_mel: recording.log_mel.to_vec(), durations, f0 })
}

/// The units of all phonemes but the marks at both ends and the last stop: recordings are cut where the sound begins and ends.
fn inner(durations: &[usize]) -> usize {
    durations.iter().take(durations.len().saturating_sub(2)).skip(1).sum()
}

/// The middle value; not a number if there is none.
fn median(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f32::NAN)
}
