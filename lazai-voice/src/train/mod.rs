//! Training an adapter of a voice on spectrograms, as datasets hold them: no waveform is needed.
//!
//! A step takes one recording. The base, with the adapter, says its text as long and as high as the recording does; what comes out
//! is heard as the dataset's spectrogram is, and the difference goes back through all of it, written out. Durations come from
//! aligning the base's own speech, and again the voice's own as it comes nearer; pitch from a small network that learns it from the
//! base. Beside each recording, a text that no recording has keeps the articulation of the base. The judge of likeness is never part
//! of this.

mod adamw;
mod align;
mod checkpoint;
mod ear;
mod keep;
mod material;
mod pitch;
mod run;
mod sound;
#[cfg(test)]
mod tests;

use std::path::Path;

use lazai_core::Digest;
pub use lazai_core::record::VoiceConfig;
use lazai_core::record::{Evaluation, StateDigest};

use crate::base::Base;
use crate::error::{Result, SpeechError};
use crate::voice::{Character, Manner};
use run::Run;

/// Below so many seconds of speech nothing is learnt but pitch and pace.
pub const LEAST_SECONDS: f64 = 20.0;
/// Longest recording that is learnt from, in seconds: longer ones are left out.
pub const LONGEST_SECONDS: f64 = 40.0;

/// One recording of the voice.
#[derive(Clone, Copy)]
pub struct Recording<'a> {
    /// Log-mel frames as datasets hold them, row-major `[frames, 80]`.
    pub log_mel: &'a [f32],
    /// The phonemes that are said, as the base's ids with id 0 at both ends.
    pub ids: &'a [u32],
}

impl std::fmt::Debug for Recording<'_> {
    /// Without what is said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({} frames)", self.log_mel.len() / ear::BANDS)
    }
}

/// Progress of training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum VoiceProgress {
    /// Recordings are aligned, and their pitch is read.
    Listening {
        /// Recordings that are done.
        done: usize,
        /// All recordings.
        of: usize,
    },
    /// A step was done.
    Learning {
        /// Steps that are done.
        step: u32,
        /// Steps there will be, unless training ends early.
        steps: u32,
        /// The step's loss: mean distance of spectrograms in decades of energy, and of durations and pitch.
        loss: f64,
        /// Seconds that the other steps will take at this pace; `None` where there is no clock.
        left_s: Option<f64>,
        /// The loss on held-out recordings after this step, if it was measured.
        evaluation: Option<Evaluation>,
    },
}

/// The result of training.
#[derive(Debug)]
pub struct TrainedVoice {
    /// An adapter: that of the best measurement, if there were any. Of less than [`LEAST_SECONDS`] of speech, pitch and pace alone.
    pub character: Character,
    /// The speaker's pitch and pace beside the base's. An adapter has learnt them: it speaks without.
    pub manner: Manner,
    /// Seconds of speech that were learnt from or measured.
    pub seconds: f64,
    /// Recordings that were left out: they are too long or too short for their text, or their phonemes are not the base's.
    pub left_out: Vec<usize>,
    /// Loss of each step, in millionths.
    pub loss_micros: Vec<u64>,
    /// Losses on held-out recordings during the run, in millionths: the spectrogram's part alone.
    pub evaluations: Vec<Evaluation>,
    /// States by which the run can be checked.
    pub states: Vec<StateDigest>,
}

/// Trains an adapter, or continues from the checkpoint that an interrupted run of the same configuration, recordings and base left
/// in `folder`. The result is the same either way, bit for bit on one kind of machine.
///
/// `on_progress` cancels by `false`.
///
/// # Errors
/// [`SpeechError::Method`] for a configuration of another version, [`SpeechError::NothingToLearn`], [`SpeechError::Cancelled`] and [`SpeechError::NotFinite`] (the checkpoint is of the last good
/// step), or what the checkpoint's file gives.
pub fn train(
    base: &Base,
    config: &VoiceConfig,
    recordings: &[Recording<'_>],
    folder: Option<&Path>,
    on_progress: &mut dyn FnMut(VoiceProgress) -> bool,
) -> Result<TrainedVoice> {
    if config.method != VoiceConfig::METHOD {
        return Err(SpeechError::Method { found: config.method, known: VoiceConfig::METHOD });
    }
    let run = Run::new(base, config, recordings, on_progress)?;
    if run.material.seconds < LEAST_SECONDS {
        return Ok(run.only_manner());
    }
    let mut state = run.start()?;
    if let Some(folder) = folder {
        checkpoint::restore(folder, run.digest, &mut state)?;
    }
    let watch = Watch::start();
    let begun = state.optimiser.step;
    let save = |state: &run::State| folder.map_or(Ok(()), |folder| checkpoint::save(folder, run.digest, state));
    while !run.is_over(&state) {
        let loss = match run.step(&mut state) {
            Ok(loss) => loss,
            Err(error) => {
                save(&state)?;
                return Err(error);
            }
        };
        let evaluation = run.evaluate(&mut state)?;
        let (step, steps) = (state.optimiser.step, config.steps);
        if run.is_due(&state) {
            run.note(&mut state)?;
            save(&state)?;
        }
        let left_s = watch.seconds().map(|s| s / f64::from(step - begun) * f64::from(steps - step));
        let progress = VoiceProgress::Learning { step, steps, loss, left_s, evaluation };
        if !on_progress(progress) && !run.is_over(&state) {
            save(&state)?;
            return Err(SpeechError::Cancelled { steps: step });
        }
    }
    Ok(run.result(state))
}

/// The digest that a run's checkpoints and records name: of configuration, recordings and base.
#[must_use]
pub fn run_digest(base: Digest, config: &VoiceConfig, recordings: &[Recording<'_>]) -> Digest {
    run::digest(base, config, recordings)
}

/// A clock, where there is one.
struct Watch(#[cfg(not(target_family = "wasm"))] std::time::Instant);

impl Watch {
    #[cfg(not(target_family = "wasm"))]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    #[cfg(not(target_family = "wasm"))]
    fn seconds(&self) -> Option<f64> {
        Some(self.0.elapsed().as_secs_f64())
    }

    #[cfg(target_family = "wasm")]
    fn start() -> Self {
        Self()
    }

    #[cfg(target_family = "wasm")]
    fn seconds(&self) -> Option<f64> {
        None
    }
}
