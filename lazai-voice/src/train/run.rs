//! The steps of a run.

use lazai_core::Digest;
use lazai_core::digest::{DomainHasher, canonical_json};
use lazai_core::record::{Evaluation, StateDigest};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::adamw::{AdamW, Rate};
use super::ear::{Ear, Heard};
use super::keep;
use super::material::{Material, Take};
use super::sound::{mix_backward, sound_backward};
use super::{Recording, TrainedVoice, VoiceConfig, VoiceProgress};
use crate::adapter::{Adapter, Gradients};
use crate::base::{Base, SpeechBase, durations};
use crate::error::{Result, SpeechError};
use crate::math::ln;
use crate::model::{ByOutput, Melody, Spectra, Timing};
use crate::vocoder::{Bin, mix, noise};
use crate::voice::Character;

/// Every so many recordings, one is held out.
const HELD_OUT: usize = 8;
/// At most so many are.
const MOST_HELD_OUT: usize = 6;
/// Decades of energy in a spectrogram's unit.
const DECADES: f32 = 4.0;
/// The weight of durations and pitch beside the spectrogram.
const PROSODY: f32 = 0.5;
/// Hertz of pitch that weigh as much as a unit of a duration's logarithm.
const HERTZ: f32 = 40.0;
/// The learning rate falls to this share.
const LAST_RATE: f64 = 0.1;

pub(super) struct Run<'a> {
    base: &'a Base,
    config: &'a VoiceConfig,
    ear: Ear,
    pub(super) material: Material,
    pub(super) digest: Digest,
    learnt: Vec<usize>,
    held_out: Vec<usize>,
}

/// All that the next step starts from.
pub(super) struct State {
    pub(super) adapter: Adapter,
    pub(super) optimiser: AdamW,
    /// The mean of the adapter's values over the last steps: it is what is measured and kept.
    pub(super) average: Vec<f32>,
    /// The recordings, as they are aligned by now.
    pub(super) takes: Vec<Take>,
    pub(super) best: Option<Adapter>,
    pub(super) loss_micros: Vec<u64>,
    pub(super) evaluations: Vec<Evaluation>,
    pub(super) states: Vec<StateDigest>,
}

/// What an adapted voice says, with the pass behind it.
struct Said {
    timing: Timing,
    melody: Melody,
    spectra: Spectra,
    heard: Heard,
}

/// How a text is said: how long each phoneme lasts, how high each frame is, with which noise.
#[derive(Clone, Copy)]
struct Score<'a> {
    ids: &'a [u32],
    durations: &'a [usize],
    f0: &'a [f32],
    excitation: &'a [Bin],
    noise: &'a [Bin],
}

/// A loss, and the gradient by the adapter's values.
pub(super) struct Loss {
    pub(super) spectrogram: f64,
    pub(super) prosody: f64,
}

pub(super) fn digest(base: Digest, config: &VoiceConfig, recordings: &[Recording<'_>]) -> Digest {
    // The configuration is made of integers: it has a canonical form.
    let mut hasher = DomainHasher::new("lazai.voice.run.v2").part(base.as_bytes());
    hasher = hasher.part(&canonical_json(config).unwrap_or_default());
    for recording in recordings {
        let frames: Vec<u8> = recording.log_mel.iter().flat_map(|x| x.to_le_bytes()).collect();
        let ids: Vec<u8> = recording.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        hasher = hasher.part(&frames).part(&ids);
    }
    hasher.finish()
}

impl<'a> Run<'a> {
    pub(super) fn new(
        base: &'a Base,
        config: &'a VoiceConfig,
        recordings: &[Recording<'_>],
        on_progress: &mut dyn FnMut(VoiceProgress) -> bool,
    ) -> Result<Self> {
        let ear = Ear::new();
        let material = Material::new(base, &ear, config.seed, recordings, on_progress)?;
        let is_held_out = |i: &usize| i % HELD_OUT == HELD_OUT / 2;
        let held_out: Vec<usize> = (0..material.takes.len()).filter(is_held_out).take(MOST_HELD_OUT).collect();
        let learnt = (0..material.takes.len()).filter(|i| !held_out.contains(i)).collect();
        let digest = digest(base.digest(), config, recordings);
        Ok(Self { base, config, ear, material, digest, learnt, held_out })
    }

    pub(super) fn start(&self) -> Result<State> {
        let (rank, alpha) = (self.config.rank as usize, self.config.alpha as usize);
        let adapter = Adapter::fresh(self.base, rank, alpha, &mut ChaCha8Rng::seed_from_u64(self.config.seed))?;
        let optimiser = AdamW::new(adapter.len());
        let (average, takes) = (adapter.values.clone(), self.material.takes.clone());
        let (best, loss_micros, evaluations, states) = (None, Vec::new(), Vec::new(), Vec::new());
        Ok(State { adapter, optimiser, average, takes, best, loss_micros, evaluations, states })
    }

    /// True after the last step, or when patience is at its end.
    pub(super) fn is_over(&self, state: &State) -> bool {
        let least = state.evaluations.iter().map(|e| e.loss_micronats).min();
        let since = state.evaluations.iter().rev().position(|e| Some(e.loss_micronats) == least);
        let is_tired = self.config.patience > 0 && since.is_some_and(|since| since >= self.config.patience as usize);
        state.optimiser.step >= self.config.steps || is_tired
    }

    pub(super) fn is_due(&self, state: &State) -> bool {
        state.optimiser.step.is_multiple_of(self.config.evaluate_steps.max(1))
            || state.optimiser.step == self.config.steps
    }

    /// One step; gives its loss. The state stays as it is if the loss is not finite.
    pub(super) fn step(&self, state: &mut State) -> Result<f64> {
        let step = state.optimiser.step;
        if self.config.align_steps > 0 && step > 0 && step.is_multiple_of(self.config.align_steps) {
            self.align(state);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(2 + u64::from(step));
        let take = &state.takes[self.learnt[rng.next_u32() as usize % self.learnt.len()]];
        let mut gradients = Gradients(vec![0.0; state.adapter.len()]);
        let loss = self.loss(&state.adapter, take, 1 + u64::from(step), Some(&mut gradients));
        let total = loss.spectrogram + loss.prosody;
        let mut kept = 0.0;
        if self.config.keep_milli > 0 {
            let text = keep::text(&state.takes, &mut rng);
            kept = self.keep(&state.adapter, &text, 1 + u64::from(step), &mut gradients);
        }
        let by = Rate { rate: self.rate(step), decay: 0.0, clip: f64::from(self.config.clip_norm_milli) / 1e3 };
        let is_done = (total + kept).is_finite() && state.optimiser.step(&mut state.adapter.values, &gradients.0, by);
        if !is_done {
            return Err(SpeechError::NotFinite { step: step + 1 });
        }
        // Early values are far from where the run ends: at first the mean is of few steps.
        let done = state.optimiser.step as f32;
        let kept = (self.config.average_milli as f32 / 1e3).min((1.0 + done) / (10.0 + done));
        for (average, value) in state.average.iter_mut().zip(&state.adapter.values) {
            *average = kept * *average + (1.0 - kept) * value;
        }
        state.loss_micros.push(micros(total));
        Ok(total)
    }

    /// Aligns the recordings again, by what the voice says now: the nearer it comes, the better it tells where phonemes end.
    fn align(&self, state: &mut State) {
        for take in &mut state.takes {
            let (excitation, noise) = self.sources(&take.f0, 0);
            let score = take.score(&excitation, &noise);
            let heard = self.say(&state.adapter, score).heard;
            take.align(&heard.log_mel);
        }
    }

    /// Holds the articulation of a text to the base's; gives the loss.
    fn keep(&self, adapter: &Adapter, ids: &[u32], stream: u64, to: &mut Gradients) -> f64 {
        let network = &self.base.network;
        let timing = network.timing(ids, None);
        // What is too long to be said is kept no other way.
        let Ok(durations) = durations(&timing.log_durations, 1.0) else { return 0.0 };
        let melody = network.melody(&timing, &durations, None);
        let f0: Vec<f32> = melody.f0.iter().map(|f0| f0 * self.material.manner.pitch).collect();
        let (excitation, noise) = self.sources(&f0, stream);
        let score = Score { ids, durations: &durations, f0: &f0, excitation: &excitation, noise: &noise };
        let parts = network.parts(ids, &durations, (&f0, &melody.energy), None);
        let sound = self.base.vocoder.sound(&mut mix(&parts, &excitation, &noise));
        let wanted = self.ear.hear(&sound).log_mel;
        let said = self.say(adapter, score);
        let weight = DECADES * self.config.keep_milli as f32 / 1e3;
        let (loss, by) = keep::distance(&said.heard.log_mel, &wanted, weight);
        let (log_durations, by_f0) = (vec![0.0; ids.len()], vec![0.0; f0.len()]);
        self.backward(&said, score, &by, (&log_durations, &by_f0), adapter, to);
        loss
    }

    /// The pulses and the noise of a voice this high.
    fn sources(&self, f0: &[f32], stream: u64) -> (Vec<Bin>, Vec<Bin>) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.config.seed.to_le_bytes());
        (self.base.vocoder.excitation(f0), noise(&seed, stream, f0.len()))
    }

    fn say(&self, adapter: &Adapter, score: Score<'_>) -> Said {
        let (network, low) = (&self.base.network, Some(adapter));
        let timing = network.timing(score.ids, low);
        let melody = network.melody(&timing, score.durations, low);
        let spectra = network.spectra(score.ids, score.durations, (score.f0, &melody.energy), low);
        let sound = self.base.vocoder.sound(&mut mix(&spectra.parts, score.excitation, score.noise));
        let heard = self.ear.hear(&sound);
        Said { timing, melody, spectra, heard }
    }

    /// From gradients by spectrogram, durations and pitch to one by the adapter's values.
    fn backward(
        &self,
        said: &Said,
        score: Score<'_>,
        by_log_mel: &[f32],
        (log_durations, f0): (&[f32], &[f32]),
        adapter: &Adapter,
        to: &mut Gradients,
    ) {
        let by_sound = self.ear.hear_backward(&said.heard, by_log_mel);
        let by_bins = sound_backward(&self.base.vocoder, &by_sound);
        let parts = mix_backward(&said.spectra.parts, score.excitation, score.noise, &by_bins);
        let by = ByOutput { parts: &parts, log_durations, f0 };
        let tapes = (&said.timing, &said.melody, &said.spectra);
        self.base.network.backward(tapes, score.durations, &by, adapter, to);
    }

    /// The learning rate of a step, counted from 0.
    fn rate(&self, step: u32) -> f64 {
        let peak = f64::from(self.config.learning_rate_micro) / 1e6;
        let warm = (f64::from(step + 1) / f64::from(self.config.warmup_steps.max(1))).min(1.0);
        let done = f64::from(step) / f64::from(self.config.steps.max(1));
        peak * warm * (LAST_RATE + (1.0 - LAST_RATE) * (1.0 - done))
    }

    /// Measures held-out recordings, if it is time and there are any.
    pub(super) fn evaluate(&self, state: &mut State) -> Result<Option<Evaluation>> {
        if !self.is_due(state) || self.held_out.is_empty() {
            return Ok(None);
        }
        let step = state.optimiser.step;
        let mut measured = state.adapter.clone();
        measured.values.clone_from(&state.average);
        let losses = self.held_out.iter().map(|&i| self.loss(&measured, &state.takes[i], 0, None).spectrogram);
        let loss = losses.sum::<f64>() / self.held_out.len() as f64;
        if !loss.is_finite() {
            return Err(SpeechError::NotFinite { step });
        }
        let evaluation = Evaluation { step, loss_micronats: micros(loss) };
        if state.evaluations.iter().all(|e| evaluation.loss_micronats < e.loss_micronats) {
            state.best = Some(measured);
        }
        state.evaluations.push(evaluation);
        Ok(Some(evaluation))
    }

    /// Notes the state, so that a repetition can be compared.
    pub(super) fn note(&self, state: &mut State) -> Result<()> {
        let mut hasher = DomainHasher::new("lazai.voice.state.v2").part(self.digest.as_bytes());
        for values in [&state.adapter.values, &state.optimiser.first, &state.optimiser.second, &state.average] {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher = hasher.part(&bytes);
        }
        state.states.push(StateDigest { step: state.optimiser.step, state: hasher.finish() });
        Ok(())
    }

    /// How far the voice is from a recording: the mean distance of spectrograms in decades, and of durations and pitch.
    pub(super) fn loss(&self, adapter: &Adapter, take: &Take, stream: u64, to: Option<&mut Gradients>) -> Loss {
        let (excitation, noise) = self.sources(&take.f0, stream);
        let score = take.score(&excitation, &noise);
        let said = self.say(adapter, score);
        let Said { timing, melody, heard, .. } = &said;
        let compared = heard.log_mel.len().min(take.log_mel.len());
        let weight = DECADES / compared.max(1) as f32;
        let pairs = || heard.log_mel[..compared].iter().zip(&take.log_mel);
        let spectrogram = pairs().map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() * f64::from(weight);

        let wanted: Vec<f32> = take.durations.iter().map(|&lasts| ln(lasts as f32 + 1.0)).collect();
        let per_phoneme = PROSODY / wanted.len() as f32;
        let voiced = take.f0.iter().filter(|&&f0| f0 > 0.0).count().max(1);
        let per_frame = PROSODY / HERTZ / voiced as f32;
        let lengths: f32 = timing.log_durations.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).sum();
        let pitches: f32 =
            melody.f0.iter().zip(&take.f0).map(|(a, b)| if *b > 0.0 { (a - b).abs() } else { 0.0 }).sum();
        let prosody = f64::from(lengths * per_phoneme + pitches * per_frame);

        if let Some(to) = to {
            let sign = |a: f32, b: f32, weight: f32| if a > b { weight } else { -weight };
            let mut by: Vec<f32> = pairs().map(|(a, b)| sign(*a, *b, weight)).collect();
            by.resize(heard.log_mel.len(), 0.0);
            let lengths = timing.log_durations.iter().zip(&wanted);
            let log_durations: Vec<f32> = lengths.map(|(a, b)| sign(*a, *b, per_phoneme)).collect();
            let pitches = melody.f0.iter().zip(&take.f0);
            let f0: Vec<f32> = pitches.map(|(a, b)| if *b > 0.0 { sign(*a, *b, per_frame) } else { 0.0 }).collect();
            self.backward(&said, score, &by, (&log_durations, &f0), adapter, to);
        }
        Loss { spectrogram, prosody }
    }

    pub(super) fn only_manner(self) -> TrainedVoice {
        let (manner, seconds, left_out) = (self.material.manner, self.material.seconds, self.material.left_out);
        let (loss_micros, evaluations, states) = (Vec::new(), Vec::new(), Vec::new());
        TrainedVoice {
            character: Character::Manner(manner),
            manner,
            seconds,
            left_out,
            loss_micros,
            evaluations,
            states,
        }
    }

    pub(super) fn result(self, state: State) -> TrainedVoice {
        let State { mut adapter, average, best, loss_micros, evaluations, states, .. } = state;
        adapter.values = average;
        let character = Character::Adapter(best.unwrap_or(adapter).into());
        TrainedVoice { character, loss_micros, evaluations, states, ..self.only_manner() }
    }
}

impl Take {
    fn score<'a>(&'a self, excitation: &'a [Bin], noise: &'a [Bin]) -> Score<'a> {
        Score { ids: &self.ids, durations: &self.durations, f0: &self.f0, excitation, noise }
    }
}

fn micros(loss: f64) -> u64 {
    (loss * 1e6).round().max(0.0) as u64
}
