//! The base voice: it speaks on this machine, trains characters' voices, and lets a node speak with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lazai::core::dat::VoiceInfo;
use lazai::core::{Amount, Asset, ClassId, VersionNumber};
use lazai::provider::{Provider, VoiceTerms};
use lazai::speech::{SpeakError, Speaker as _, SpeechJob, SpeechSettings};
use lazai::voice::room::{Speech, VoiceProgress};

use super::{Progress, ProgressListener};
use crate::{BaseUnits, FilePath, LazaiError, record};

/// A base voice in memory. It reads English texts.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct BaseVoice(pub(super) lazai::voice::BaseVoice);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl BaseVoice {
    /// Opens the assets of the pinned package (`hibari-tts` 0.2.1), in its folder `assets`.
    ///
    /// # Errors
    /// `model` for a file that is missing, or another.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn open(package: FilePath) -> Result<Arc<Self>, LazaiError> {
        let opened = lazai::voice::BaseVoice::open(Path::new(&package));
        Ok(Arc::new(Self(opened.map_err(|error| LazaiError::new("model", error))?)))
    }

    /// Speaks a text on this machine, with the voice in a folder ([`MintedModel::voice_folder`](super::exex::MintedModel)), or with the
    /// base's own; gives a WAV file. Nobody signs for it. The pace is in thousandths of the voice's own, from 500 to 2,000.
    ///
    /// # Errors
    /// `model` for a folder without a voice, or a text of which nothing can be spoken; `request.invalid` for a pace out of range.
    pub fn speak(
        &self,
        text: String,
        voice_folder: Option<FilePath>,
        speed_milli: Option<u32>,
    ) -> Result<Vec<u8>, LazaiError> {
        let failed = |error: SpeakError| LazaiError::new("model", error);
        let speed_milli = speed_milli.unwrap_or(SpeechSettings::default().speed_milli);
        let settings = SpeechSettings { speed_milli, seed: None };
        settings.check().map_err(|error| LazaiError::new("request.invalid", error))?;
        let loaded = voice_folder.map(|folder| self.0.load_voice(Path::new(&folder))).transpose().map_err(failed)?;
        let job = SpeechJob { text, adapter: loaded.map(|(_, digest)| digest), speed_milli, seed: 0 };
        let mut samples = Vec::new();
        self.0
            .speak(&job, &mut |more| {
                samples.extend_from_slice(more);
                true
            })
            .map_err(failed)?;
        if samples.is_empty() {
            return Err(LazaiError::new("model", "nothing in the text can be spoken"));
        }
        Ok(Speech::of_pcm16(&samples, self.0.about().rate).to_wav())
    }
}

record! {
    /// The voice that a node speaks with for a version, and its price.
    pub struct ServedVoice {
        /// The folder of the base voice's assets.
        pub package: FilePath,
        /// Price of one character of text, in base units of coins.
        pub character_price: BaseUnits,
        /// Most characters of one request.
        pub character_ceiling: u32,
        /// The folder of the character's voice; none for the base's own voice, which is not the character's.
        pub voice_folder: Option<String>,
    }
}

/// Base voices that were opened, by their folders.
pub(super) type Opened = BTreeMap<String, Arc<lazai::voice::BaseVoice>>;

/// Lets a node speak for a version.
pub(super) fn speaking(
    provider: Provider,
    (class, version): (ClassId, VersionNumber),
    voice: ServedVoice,
    named: Option<VoiceInfo>,
    opened: &mut Opened,
) -> Result<Provider, LazaiError> {
    let ServedVoice { package, character_price, character_ceiling, voice_folder } = voice;
    let base = match opened.get(&package) {
        Some(base) => base.clone(),
        None => {
            let base = Arc::new(BaseVoice::open(package.clone())?.0.clone());
            opened.insert(package, base.clone());
            base
        }
    };
    let failed = |error: SpeakError| LazaiError::new("model", error);
    let folder = voice_folder.as_deref().map(Path::new);
    let loaded = match folder {
        Some(folder) => {
            let none = || LazaiError::new("model", format!("{}: the token names no voice", folder.display()));
            Some((folder, named.ok_or_else(none)?.adapter_digest))
        }
        None => None,
    };
    let character_price: Amount = character_price.parse()?;
    let terms = VoiceTerms { class, version, asset: Asset::NATIVE, character_price, character_ceiling };
    provider.with_voice(base, loaded, terms).map_err(failed)
}

/// Informs a listener of a voice's training; returns whether to go on.
pub(super) fn tell_voice(listener: Option<&Arc<dyn ProgressListener>>, progress: &VoiceProgress) -> bool {
    let Some(listener) = listener else { return true };
    let told = match *progress {
        VoiceProgress::Listening { done, of } => {
            Progress { stage: "listening".into(), done: done as u64, total: of as u64, note: String::new() }
        }
        VoiceProgress::Learning { step, steps, loss, left_s, .. } => Progress {
            stage: "voice".into(),
            done: step.into(),
            total: steps.into(),
            note: left_s.map_or_else(|| format!("loss {loss:.3}"), |s| format!("loss {loss:.3}, {s:.0} s left")),
        },
        _ => return true,
    };
    listener.on_progress(told)
}
