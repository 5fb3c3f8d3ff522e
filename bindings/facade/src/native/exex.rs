//! The execution node: follows the ledger, decrypts, fine-tunes, mints.

use std::sync::{Arc, Mutex, PoisonError};

use lazai::core::dat::AccessPolicy;
use lazai::core::record::VoiceConfig;
use lazai::core::seal::UnsealingKey;
use lazai::core::{Digest, SubmissionId};
use lazai::exex::MintTerms;
use pollster::block_on;

use super::data::write_into;
use super::market::Market;
use super::model::{BaseModel, TrainedAdapter, TrainingSettings, tell_training};
use super::store::store_at;
use super::voice::{BaseVoice, tell_voice};
use super::{ExExContact, ProgressListener};
use crate::{FilePath, LazaiError, Signer, record, same_words, words};

words! {
    /// The audience of a character.
    pub enum Rating {
        /// Everyone.
        General,
        /// Not for children.
        Teen,
        /// Adults only.
        Mature,
    }
}
same_words!(Rating, lazai::core::dat::Rating, General, Teen, Mature);

words! {
    /// The means of payment for a session.
    pub enum PaymentMeans {
        /// AI gas tokens, by the offer's prices.
        Gas,
        /// The quota of an access token: one unit a session.
        Quota,
        /// Either, as the consumer likes.
        GasOrQuota,
    }
}
same_words!(PaymentMeans, lazai::core::dat::Payment, Gas, Quota, GasOrQuota);

record! {
    /// The audience of a character, and the consent to use its material.
    pub struct AccessTerms {
        /// The audience.
        pub rating: Rating,
        /// Minimum age in years; the application that opens a session answers for it.
        pub minimum_age: u8,
        /// The means of payment for a session.
        pub payment: PaymentMeans,
        /// The consent under which real persons' words and voices are used.
        pub consent: String,
        /// The contact for reports of misuse.
        pub report_contact: String,
    }
}

record! {
    /// Public facts about a model beside its files.
    pub struct ModelTerms {
        /// Public name of the base model.
        pub base_name: String,
        /// SPDX identifier of its licence.
        pub base_licence: String,
        /// The access terms.
        pub access: AccessTerms,
        /// The URLs that will serve it.
        pub endpoints: Vec<String>,
    }
}

record! {
    /// A model that was minted.
    pub struct MintedModel {
        /// Its class.
        pub class_id: u64,
        /// Its version.
        pub version: u32,
        /// Its adapter; its weights are encrypted where the execution node seals its files.
        pub adapter: TrainedAdapter,
        /// The file of the signed training record.
        pub record: FilePath,
        /// The folder of its voice, if one was trained: an adapter in PEFT's files, or pitch and pace alone.
        pub voice_folder: Option<String>,
    }
}

/// An execution node that seals its files.
fn opened(
    market: &Market,
    signer: Arc<dyn Signer>,
    unsealing_secret: &str,
    store: &str,
    folder: FilePath,
) -> Result<lazai::exex::ExEx, LazaiError> {
    let key = UnsealingKey::derive(unsealing_secret.parse::<Digest>()?.as_bytes());
    Ok(lazai::exex::ExEx::new(market.account(signer)?, key, store_at(store)?, folder))
}

impl From<ModelTerms> for MintTerms {
    fn from(ModelTerms { base_name, base_licence, access, endpoints }: ModelTerms) -> Self {
        let AccessTerms { rating, minimum_age, payment, consent, report_contact } = access;
        let (rating, payment) = (rating.into(), payment.into());
        let policy = AccessPolicy { rating, minimum_age, payment, consent, report_contact };
        Self { base_name, base_licence, policy, endpoints }
    }
}

/// An execution node.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct ExEx(lazai::exex::ExEx, Mutex<Option<Arc<BaseVoice>>>);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl ExEx {
    /// An execution node on a market: its account, the 32 secret bytes (hex) that its unsealing key is derived from, the store
    /// that submissions are in, and a folder for jobs, checkpoints and adapters. These are in clear, and the
    /// training record says so.
    ///
    /// # Errors
    /// `hex.…`; `store`, `feature_missing` for a store's URL.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn new(
        market: Arc<Market>,
        signer: Arc<dyn Signer>,
        unsealing_secret: String,
        store: FilePath,
        folder: FilePath,
    ) -> Result<Arc<Self>, LazaiError> {
        let exex = opened(&market, signer, &unsealing_secret, &store, folder)?;
        Ok(Arc::new(Self(exex.keep_in_clear(), Mutex::default())))
    }

    /// As `new`, with checkpoints, adapters and voices encrypted for the unsealing key before they are written: `export` gives them away.
    ///
    /// # Errors
    /// As `new`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn sealing(
        market: Arc<Market>,
        signer: Arc<dyn Signer>,
        unsealing_secret: String,
        store: FilePath,
        folder: FilePath,
    ) -> Result<Arc<Self>, LazaiError> {
        let exex = opened(&market, signer, &unsealing_secret, &store, folder)?;
        Ok(Arc::new(Self(exex, Mutex::default())))
    }

    /// Writes a submission's adapter into a folder as PEFT's files, in clear and signed, and its voice into the folder `voice` of it.
    ///
    /// # Errors
    /// `file`, `signer.…`.
    pub async fn export(&self, submission: String, folder: FilePath) -> Result<(), LazaiError> {
        Ok(self.0.export(submission.parse()?, std::path::Path::new(&folder)).await?)
    }

    /// Trains voices, too, from now on: of submissions that have recordings whose consent names the voice.
    pub fn train_voices(&self, voice: Arc<BaseVoice>) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = Some(voice);
    }

    /// The contact that creators seal datasets to.
    pub fn contact(&self) -> ExExContact {
        let contact = self.0.contact();
        ExExContact { address: contact.address.to_string(), sealing_key: contact.sealing_key.0.to_string() }
    }

    /// Follows the ledger from its last position; returns the submissions that were accepted for this node and wait for a
    /// model.
    ///
    /// # Errors
    /// `ledger…`, `file`.
    pub async fn follow(&self) -> Result<Vec<String>, LazaiError> {
        Ok(self.0.follow().await?.iter().map(ToString::to_string).collect())
    }

    /// Decrypts a submission, checks it against what was proved, fine-tunes on it, and mints the model with a signed record
    /// of the training. The same call continues after it was killed, cancelled, or too early to mint.
    ///
    /// # Errors
    /// `submission.…`, `model`, `cancelled`, `store`, `file`,
    /// `ledger.too_early` and others of the ledger, `signer.…`.
    pub fn fine_tune(
        &self,
        submission: String,
        base: Arc<BaseModel>,
        settings: TrainingSettings,
        terms: ModelTerms,
        listener: Option<Arc<dyn ProgressListener>>,
    ) -> Result<MintedModel, LazaiError> {
        let id: SubmissionId = submission.parse()?;
        let (lora, config) = settings.parse();
        let training = block_on(self.0.open(id, base.candle()?))?.with_lora(lora).with_config(config);
        let trained = training.run(|progress| tell_training(listener.as_ref(), &progress))?;
        let base_voice = self.1.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let voice = match base_voice {
            Some(base) => training
                .run_voice(&base.0, &VoiceConfig::default(), |progress| tell_voice(listener.as_ref(), &progress))?,
            None => None,
        };
        let voice_folder = voice.is_some().then(|| self.0.voice_folder(id).to_string_lossy().into_owned());
        let trained = trained.with_voice(voice);
        let minted = block_on(self.0.mint(&trained, terms.into()))?;
        let folder = self.0.adapter_folder(id);
        let record = write_into(&folder, "record.json", &serde_json::to_vec_pretty(&minted.record)?)?;
        let adapter = TrainedAdapter::of(&folder, &trained.files);
        Ok(MintedModel { class_id: minted.class.0, version: minted.version.0, adapter, record, voice_folder })
    }
}
