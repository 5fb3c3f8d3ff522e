//! Training the voice of a submission's recordings.

use std::path::Path;

use lazai_core::Digest;
use lazai_core::file::write_privately;
use lazai_core::record::{VoiceConfig, VoiceKind, VoiceRecord};
use lazai_voice::adapter::{CONFIG_FILE, WEIGHTS_FILE};
use lazai_voice::train::run_digest;
use lazai_voice::voice::MANNER_FILE;
use lazai_voice::{Character, Recording, SpeechBase as _, SpeechError, VoiceProgress, train};

use super::training::Lookout;
use super::{ExEx, ExExError, Training};
use crate::voice::BaseVoice;

/// The sentence, or part of a list, that a speaker's consent must have for a recording to be learnt from.
const CONSENT: &str = "voice";
/// The base voice, as the files of its adapters name it.
const BASE_NAME: &str = "hibari-heart";

/// Tells whether a consent names the voice: by a part between full stops, commas and semicolons that is this word alone. Within a longer
/// sentence it may say the opposite.
fn consents(words: &str) -> bool {
    words.split(['.', ',', ';']).any(|part| part.trim().eq_ignore_ascii_case(CONSENT))
}

impl Training {
    /// Trains the character's voice on the dataset's recordings, from a checkpoint if there is one, and keeps it in
    /// [`ExEx::voice_folder`](super::ExEx::voice_folder). Only recordings whose consent names the voice are used. `None` if there are
    /// none. Of less than twenty seconds of speech, only pitch and pace are learnt, and the record says so. `on_progress` cancels by
    /// `false`.
    ///
    /// It computes on the caller's thread for some minutes.
    ///
    /// # Errors
    /// [`ExExError::Voice`], [`ExExError::TakenBack`].
    pub fn run_voice(
        &self,
        voice: &BaseVoice,
        config: &VoiceConfig,
        mut on_progress: impl FnMut(VoiceProgress) -> bool,
    ) -> Result<Option<VoiceRecord>, ExExError> {
        let (exex, submission) = (&self.exex, self.submission);
        let clips = self.dataset.clips().iter().filter(|clip| consents(&clip.speech.consent));
        let said: Vec<_> =
            clips.map(|clip| (&clip.log_mel[..], voice.narrator().transcript(&clip.speech.transcript))).collect();
        if said.is_empty() {
            return Ok(None);
        }
        let recordings: Vec<_> = said.iter().map(|(log_mel, ids)| Recording { log_mel, ids }).collect();
        let folder = exex.voice_folder(submission);
        std::fs::create_dir_all(&folder).map_err(|source| ExExError::File { path: folder.clone(), source })?;
        let mut lookout = Lookout::new(exex, submission);
        // Checkpoints of voices are in clear: a node that seals its files begins an interrupted training anew.
        let checkpoints = (!exex.at_rest().is_sealed()).then_some(&*folder);
        let trained = train(voice.base(), config, &recordings, checkpoints, &mut |progress| {
            lookout.is_accepted() && on_progress(progress)
        });
        lookout.end()?;
        let trained = trained?;
        let adapter_digest = exex.keep_voice(&folder, &trained.character)?;
        let kind = match trained.character {
            Character::Manner(_) => VoiceKind::PitchAndPace,
            _ => VoiceKind::Adapter,
        };
        let used = recordings.len().saturating_sub(trained.left_out.len());
        Ok(adapter_digest.map(|adapter_digest| VoiceRecord {
            base_digest: voice.base().digest(),
            kind,
            adapter_digest,
            config: config.clone(),
            run_digest: run_digest(voice.base().digest(), config, &recordings),
            recordings: u32::try_from(used).unwrap_or(u32::MAX),
            speech_ms: (trained.seconds * 1_000.0).round() as u64,
            loss_micros: trained.loss_micros,
            evaluations: trained.evaluations,
            states: trained.states,
        }))
    }
}

impl ExEx {
    /// Writes the files of a voice the way that this node keeps its files.
    fn keep_voice(&self, folder: &Path, voice: &Character) -> Result<Option<Digest>, ExExError> {
        if !self.at_rest().is_sealed() {
            return Ok(voice.save(folder, BASE_NAME)?);
        }
        match voice {
            Character::Adapter(adapter) => {
                write_privately(&folder.join(CONFIG_FILE), adapter.config(BASE_NAME).as_bytes())
                    .map_err(|source| ExExError::File { path: folder.join(CONFIG_FILE), source })?;
                self.write(&folder.join(WEIGHTS_FILE), &adapter.to_bytes()?)?;
            }
            Character::Manner(manner) => {
                let bytes = serde_json::to_vec(manner)
                    .map_err(|error| ExExError::Voice { reason: error.to_string(), cancelled: false })?;
                self.write(&folder.join(MANNER_FILE), &bytes)?;
            }
            // The base itself has no file.
            _ => {}
        }
        Ok(voice.digest()?)
    }
}

impl From<SpeechError> for ExExError {
    fn from(error: SpeechError) -> Self {
        Self::Voice { reason: error.to_string(), cancelled: matches!(error, SpeechError::Cancelled { .. }) }
    }
}

#[cfg(test)]
mod tests {
    use super::consents;

    #[test]
    fn a_consent_names_the_voice_or_not() {
        for words in ["voice", "Training and paid use of the model. Voice.", "text; VOICE; 2027", "words, voice"] {
            assert!(consents(words), "{words}");
        }
        for words in ["", "training", "text only, no voice training", "not for voice cloning", "my voice is private"] {
            assert!(!consents(words), "{words}");
        }
    }
}
