//! A stage: a fresh market in a temporary folder, on which earlier phases have been played quickly, so that an
//! example or a test can begin where it likes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use lazai::consumer::Consumer;
use lazai::core::pov::{Dataset, PublicPart};
use lazai::core::record::TrainConfig;
use lazai::core::{Amount, BasisPoints, Signer, SubmissionId};
use lazai::creator::{Creator, Proved};
use lazai::exex::{ExEx, MintTerms, Minted};
use lazai::lora::Candle;
use lazai::lora::generate::Sampler;
use lazai::lora::{BaseModel, Compute};
use lazai::models::{DatasetBuilder, ModelCounter};
use lazai::node::SignedOffer;
use lazai::provider::{OfferTerms, Provider};
use lazai::settle::session::SessionPayment;
use lazai::validator::Validator;

use crate::diva::CONTRIBUTORS;
use crate::home::VALIDATORS;
use crate::{CyberDiva, Home};

/// A fresh market with everything it needs.
pub struct Stage {
    /// Keys, ledger, store.
    pub home: Home,
    /// The base model.
    pub base: Arc<BaseModel>,
    /// Where models learn and speak.
    pub model: Arc<Candle>,
    /// The character, with a few dialogues.
    pub diva: CyberDiva,
    /// Steps of training: with more than one, she has all her dialogues, and says more.
    steps: u32,
    // Removed when the stage is dropped.
    /// True if the card is part of every prompt.
    is_prompted: bool,
    _folder: tempfile::TempDir,
}

/// The base model that `cargo xtask fetch` got, or the one that `LAZAI_BASE_MODEL` names.
///
/// # Errors
/// If there is none.
pub fn base_path() -> anyhow::Result<PathBuf> {
    let by_hand = std::env::var_os("LAZAI_BASE_MODEL").map(PathBuf::from);
    let cache = std::env::var_os("LAZAI_CACHE")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/lazai")));
    let fetched = cache.map(|cache| cache.join("models/SmolLM2-135M-Instruct.Q4_1.gguf"));
    by_hand.or(fetched).filter(|path| path.is_file()).context("no base model; run `cargo xtask fetch`")
}

impl Stage {
    /// A market on which nothing has happened yet.
    ///
    /// # Errors
    /// If there is no base model, or the temporary folder cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        Self::at_home(1, Home::open)
    }

    /// As [`new`](Self::new), on a test chain behind this URL, with so many steps of training: one makes an adapter that is not
    /// the base, sixty a character.
    ///
    /// # Errors
    /// As [`new`](Self::new), and what the chain says.
    pub fn on_chain(url: &str, steps: u32) -> anyhow::Result<Self> {
        Self::at_home(steps, |folder| Home::on_chain(folder, url))
    }

    fn at_home(steps: u32, home: impl FnOnce(&Path) -> anyhow::Result<Home>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let base = Arc::new(BaseModel::from_gguf(&base_path()?, &Compute::cpu())?);
        Ok(Self {
            home: home(folder.path())?,
            model: Arc::new(Candle::new(base.clone())),
            base,
            diva: CyberDiva::load(steps == 1)?,
            steps,
            is_prompted: false,
            _folder: folder,
        })
    }

    /// Has nodes put the character's card before every conversation.
    #[must_use]
    pub fn behind_the_card(mut self) -> Self {
        self.is_prompted = true;
        self
    }

    /// The creator.
    #[must_use]
    pub fn creator(&self) -> Creator {
        Creator::new(self.home.account("creator"), self.home.store())
    }

    /// The ExEx.
    #[must_use]
    pub fn exex(&self) -> ExEx {
        let (account, key) = (self.home.account("exex"), self.home.unsealing_key("exex"));
        // The examples serve the adapter from where it was made.
        ExEx::new(account, key, self.home.store(), self.home.path("exex")).keep_in_clear()
    }

    /// The character's data, packed.
    ///
    /// # Errors
    /// What packing says.
    pub fn packed(&self) -> anyhow::Result<(Dataset, PublicPart)> {
        let contributors = self.diva.contributors(|name| self.home.address(name));
        let mut public = self.diva.public_part(contributors.clone());
        let mut builder =
            DatasetBuilder::new(self.base.tokenizer(), self.base.template()).with_contributors(contributors);
        if self.is_prompted {
            public = public.with_prompt(self.diva.character.prompt_card());
            builder = builder.behind(&self.diva.card()?);
        }
        let (dataset, _) = builder.with_recordings(&self.diva.recordings).build(&self.diva.dialogues)?;
        Ok((dataset, public))
    }

    /// Packed data with its proof, as a submission of a number.
    ///
    /// # Errors
    /// What the creator's role says.
    pub fn proved(&self, number: u64) -> anyhow::Result<Proved> {
        let (dataset, public) = self.packed()?;
        Ok(self.creator().draft(number, dataset, public)?.prove(crate::prover())?)
    }

    /// Those who sign for what they contributed.
    #[must_use]
    pub fn contributors(&self) -> Vec<Arc<dyn Signer>> {
        CONTRIBUTORS.iter().map(|name| self.home.signer(name)).collect()
    }

    /// Phase 1 is played: a dataset is submitted.
    ///
    /// # Errors
    /// What the roles say.
    pub async fn submitted(&self) -> anyhow::Result<SubmissionId> {
        Ok(self.proved(1)?.submit(self.exex().contact(), &self.contributors()).await?)
    }

    /// Has all validators attest a submission.
    ///
    /// # Errors
    /// What the validators say.
    pub async fn attest(&self, submission: SubmissionId) -> anyhow::Result<()> {
        for name in VALIDATORS {
            let validator = Validator::new(self.home.account(name), &self.home.path("signed"));
            let attestation = validator.verify(submission, &*self.home.store()).await?;
            validator.attest(attestation).await?;
        }
        Ok(())
    }

    /// Phases 1 and 2 are played: a dataset is accepted.
    ///
    /// # Errors
    /// What the roles say.
    pub async fn accepted(&self) -> anyhow::Result<SubmissionId> {
        let submission = self.submitted().await?;
        self.attest(submission).await?;
        Ok(submission)
    }

    /// Training: a single step is enough for an adapter that is not the base.
    #[must_use]
    pub fn training(&self) -> TrainConfig {
        let config = TrainConfig { max_steps: Some(self.steps), ..TrainConfig::default() };
        // Of thirteen records, a tenth is one.
        let held_out = BasisPoints::new(1_000).unwrap_or(config.held_out);
        if self.steps > 1 { config } else { TrainConfig { block_tokens: 128, warmup_steps: 0, held_out, ..config } }
    }

    /// What is said of the model beside its files.
    #[must_use]
    pub fn terms(&self) -> MintTerms {
        MintTerms {
            base_name: "SmolLM2-135M-Instruct".into(),
            base_licence: "Apache-2.0".into(),
            policy: self.diva.policy(),
            endpoints: vec!["local:node".into()],
        }
    }

    /// Phases 1 to 4 are played: the character is minted.
    ///
    /// # Errors
    /// What the roles say.
    pub async fn minted(&self) -> anyhow::Result<Minted> {
        let submission = self.accepted().await?;
        let exex = self.exex();
        let training = exex.open(submission, self.model.clone()).await?.with_config(self.training());
        let trained = training.run(|_| true)?;
        self.home.let_doubts_pass(submission)?;
        Ok(exex.mint(&trained, self.terms()).await?)
    }

    /// A node that serves a minted version, with replies of up to 8 tokens; 48 of a character that has learnt more than a step.
    ///
    /// # Errors
    /// If the adapter is not there.
    pub fn provider(&self, name: &str, minted: &Minted) -> anyhow::Result<Provider> {
        let folder = self.exex().adapter_folder(minted.record.submission);
        let max_tokens = if self.steps > 1 { 48 } else { 8 };
        let provider = Provider::new(self.home.account(name), self.model.clone(), self.home.path(name))
            .with_adapter(minted.class, minted.version, &folder, minted.record.adapter_digest)?
            .with_sampler(Sampler { max_tokens, ..Sampler::default() });
        Ok(provider)
    }

    /// What a node asks for a minted version.
    #[must_use]
    pub fn offer_terms(minted: &Minted) -> OfferTerms {
        OfferTerms {
            prompt_price: Amount::from_base_units(1),
            completion_price: Amount::from_base_units(5),
            prompt_ceiling: 200,
            session_s: 600,
            ..OfferTerms::free(minted.class, minted.version)
        }
    }

    /// A node's signed offer.
    ///
    /// # Errors
    /// What the signer says.
    pub async fn offer(&self, provider: &Provider, minted: &Minted) -> anyhow::Result<SignedOffer> {
        Ok(provider.offer(&Self::offer_terms(minted), self.home.ledger().now_s() + 600).await?)
    }

    /// A consumer who recounts every receipt.
    ///
    /// # Errors
    /// If the tokenizer cannot be read.
    pub fn consumer(&self) -> anyhow::Result<Consumer> {
        let counter = Arc::new(ModelCounter::from_gguf(&base_path()?)?);
        Ok(Consumer::new(self.home.account("consumer"), self.home.signer("consumer's app")).with_counter(counter))
    }
}

/// A deposit, in base units.
#[must_use]
pub fn deposit(base_units: u128) -> SessionPayment {
    SessionPayment::Deposit(Amount::from_base_units(base_units))
}
