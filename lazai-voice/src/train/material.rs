//! What is learnt from: recordings with the durations and the pitch that they have beside the base's own speech.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::ear::{BANDS, Ear};
use super::pitch::{Lessons, Reader};
use super::{LONGEST_SECONDS, Recording, VoiceProgress, align};
use crate::base::{Base, Outputs, Utterance};
use crate::error::{Result, SpeechError};
use crate::math::{exp, ln};
use crate::model::BINS;
use crate::vocoder::{VOICED_HZ, mix, noise};
use crate::voice::Manner;

/// Spectrogram frames per second.
const FRAMES_PER_S: f64 = 100.0;
/// The base speaks its lessons at these pitches, and others nearby.
const PITCHES: [f32; 5] = [0.42, 0.55, 0.75, 1.0, 1.3];
/// Frames of lessons for the reader of pitch: beyond, no more are made.
const LESSON_FRAMES: usize = 24_000;
/// The lengths of vocal tracts that lessons have beside the base's: other speakers', men's among them.
const TRACTS: [f32; 2] = [0.9, 1.22];
/// The lengths of vocal tracts that a speaker may have beside the base's, and the recordings that tell which.
const TRIED_TRACTS: [f32; 6] = [0.92, 1.0, 1.06, 1.12, 1.18, 1.25];
const TRIED_RECORDINGS: usize = 8;
/// The tilts of their spectra, from the lowest band to the highest, in the spectrogram's unit.
const TILTS: [f32; 2] = [-0.3, 0.3];
/// Pitches that far from the median are misread: they become the median.
const PLAUSIBLE: std::ops::Range<f32> = 0.55..1.7;

/// A recording as it is learnt.
#[derive(Clone)]
pub(super) struct Take {
    pub(super) ids: Vec<u32>,
    pub(super) log_mel: Vec<f32>,
    /// In units of 25 ms: two frames of the base, two and a half of the spectrogram.
    pub(super) durations: Vec<usize>,
    /// By frames of the base; 0 where there is no voice.
    pub(super) f0: Vec<f32>,
    /// By frames of the spectrogram.
    pitches: Vec<f32>,
}

impl Take {
    /// Aligns the recording again, beside another voice that says it as long as it is aligned now. What cannot be followed stays.
    pub(super) fn align(&mut self, said: &[f32]) {
        let warp = align::warp(said, &self.log_mel);
        let found = align::durations(&ends(&self.durations), &warp, self.log_mel.len() / BANDS);
        if let Some(durations) = found {
            self.lay(durations);
        }
    }

    /// True if the recording can be aligned so: each phoneme lasts, and they end with it.
    pub(super) fn holds(&self, durations: &[usize]) -> bool {
        let units = durations.iter().try_fold(0usize, |sum, &lasts| sum.checked_add(lasts));
        let most = self.log_mel.len() / BANDS * 2 / align::FRAMES_OF_TWO;
        durations.iter().all(|&lasts| lasts > 0) && units.is_some_and(|units| units <= most)
    }

    /// Takes durations, and the pitch of each frame under them.
    pub(super) fn lay(&mut self, durations: Vec<usize>) {
        let last = self.pitches.len().saturating_sub(1);
        // A frame of the base is 12.5 ms, one of the spectrogram 10 ms.
        let at = |frame: usize| self.pitches.get((frame * 5 / 4).min(last)).copied().unwrap_or(0.0);
        self.f0 = (0..2 * durations.iter().sum::<usize>()).map(at).collect();
        self.durations = durations;
    }
}

/// The unit after the last of each phoneme.
fn ends(durations: &[usize]) -> Vec<usize> {
    let mut end = 0;
    let after = durations.iter().map(|lasts| {
        end += lasts;
        end
    });
    after.collect()
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
    loudness: f32,
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
        liken(base, ear, &mut own, recordings, &reader);
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
    let loudness = loudness(&log_mel);
    Some(Own { recording, outputs, log_mel, loudness })
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
            let outputs = stretched(&speech.outputs, uniform(TRACTS[0], TRACTS[1]));
            let tilt = uniform(TILTS[0], TILTS[1]);
            let mut log_mel = heard(base, ear, &outputs, &f0, (1 << 32 | round << 16 | speech.recording as u64, gain));
            for (i, value) in log_mel.iter_mut().enumerate() {
                *value += tilt * ((i % BANDS) as f32 / BANDS as f32 - 0.5);
            }
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

/// Makes the base's own speech as high as the recordings, of the vocal tract that they follow best: a man is hard to align beside a
/// woman.
fn liken(base: &Base, ear: &Ear, own: &mut [Own], recordings: &[Recording<'_>], reader: &Reader) {
    let voiced = |f0: &f32| *f0 > VOICED_HZ;
    let own_pitch = median(own.iter().flat_map(|own| &own.outputs.f0).copied().filter(voiced).collect());
    let read = own.iter().flat_map(|own| reader.read(recordings[own.recording].log_mel));
    let ratio = median(read.filter(|(_, is_voiced)| *is_voiced).map(|(f0, _)| f0).collect()) / own_pitch;
    let ratio = if ratio.is_finite() { ratio } else { 1.0 };
    let said = |own: &Own, longer: f32| {
        let f0: Vec<f32> = own.outputs.f0.iter().map(|f0| f0 * ratio).collect();
        heard(base, ear, &stretched(&own.outputs, longer), &f0, (own.recording as u64, 1.0))
    };
    let (mut best, mut longest) = (f32::INFINITY, 1.0);
    for longer in TRIED_TRACTS {
        let few = own.iter().step_by(own.len().div_ceil(TRIED_RECORDINGS));
        let cost: f32 = few.map(|own| align::path(&said(own, longer), recordings[own.recording].log_mel).1).sum();
        if cost < best {
            (best, longest) = (cost, longer);
        }
    }
    for own in own {
        own.log_mel = said(own, longest);
    }
}

/// The outputs of a speaker whose vocal tract is so many times as long: a spectrum's envelope moves down.
fn stretched(outputs: &Outputs, longer: f32) -> Outputs {
    let mut out = outputs.clone();
    for (to, from) in out.parts.chunks_exact_mut(BINS).zip(outputs.parts.chunks_exact(BINS)) {
        for (i, to) in to.iter_mut().enumerate() {
            *to = from[((i as f32 * longer) as usize).min(BINS - 1)];
        }
    }
    out
}

fn align(own: &Own, recording: &Recording<'_>, reader: &Reader) -> Option<Take> {
    let warp = align::warp(&own.log_mel, recording.log_mel);
    let frames = recording.log_mel.len() / BANDS;
    let durations = align::durations(&ends(&own.outputs.durations), &warp, frames)?;
    let read = reader.read(recording.log_mel);
    let middle = median(read.iter().filter(|(_, voiced)| *voiced).map(|(f0, _)| *f0).collect());
    let pitch = |&(f0, is_voiced): &(f32, bool)| match is_voiced {
        false => 0.0,
        true if PLAUSIBLE.contains(&(f0 / middle)) => f0,
        true => middle,
    };
    // How loud a recording is says nothing of the voice: it is learnt as loud as the base speaks.
    let louder = (own.loudness - loudness(recording.log_mel)) / 4.0;
    let log_mel = recording.log_mel.iter().map(|x| x + louder).collect();
    let pitches = read.iter().map(pitch).collect();
    let mut take = Take { ids: recording.ids.to_vec(), log_mel, durations: Vec::new(), f0: Vec::new(), pitches };
    take.lay(durations);
    Some(take)
}

/// The decades of energy that three quarters of the frames do not reach.
fn loudness(log_mel: &[f32]) -> f32 {
    // A spectrogram holds (decades + 4) / 4.
    let decades = |x: &f32| exp((x * 4.0 - 4.0) * std::f32::consts::LN_10);
    let frame = |frame: &[f32]| ln(frame.iter().map(decades).sum::<f32>().max(1e-30)) * std::f32::consts::LOG10_E;
    let mut all: Vec<f32> = log_mel.chunks_exact(BANDS).map(frame).collect();
    all.sort_unstable_by(f32::total_cmp);
    all.get(all.len() * 3 / 4).copied().unwrap_or(0.0)
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
