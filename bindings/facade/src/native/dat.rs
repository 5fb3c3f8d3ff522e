//! Data Anchoring Tokens: metadata, owners, earnings, and the provenance of their replies.

use std::sync::Arc;

use lazai::consumer::Conversation;
use lazai::core::record::TrainingRecord;
use lazai::core::{Asset, ClassId, TokenId, VersionNumber};
use lazai::provenance::{TrustAnchor, collect};
use lazai::settle::market::{Event, Transaction, Version};

use super::data::read_file;
use super::exex::AccessTerms;
use super::market::Market;
use super::retraining::QualityFacts;
use super::store::store_at;
use crate::{BaseUnits, FilePath, LazaiError, Signer, record};

record! {
    /// The metadata of a version of a class; its digest is ERC-8028's `integrityHash`.
    pub struct DatFacts {
        /// The class.
        pub class_id: u64,
        /// The version.
        pub version: u32,
        /// The character's name.
        pub character: String,
        /// Public name of the base model.
        pub base_name: String,
        /// SHA-256 of the base model.
        pub base_digest: String,
        /// SPDX identifier of its licence.
        pub base_licence: String,
        /// SHA-256 of the adapter's weights.
        pub adapter_digest: String,
        /// Digest of the base voice; none if no voice was trained.
        pub voice_base_digest: Option<String>,
        /// SHA-256 of the character's voice; none if no voice was trained.
        pub voice_digest: Option<String>,
        /// How well base and tuned model predict records that were held out, by the execution node's word; none if none were.
        pub quality: Option<QualityFacts>,
        /// Digest of the signed training record.
        pub record_digest: String,
        /// The submission that it was trained on.
        pub submission: String,
        /// The execution node that trained it.
        pub exex: String,
        /// The access terms.
        pub access: AccessTerms,
        /// The URLs that serve it.
        pub endpoints: Vec<String>,
        /// Digest of the version's metadata.
        pub integrity_hash: String,
        /// True if it takes no new sessions.
        pub withdrawn: bool,
    }
}

record! {
    /// A token of a class.
    pub struct TokenFacts {
        /// Its id.
        pub token_id: u64,
        /// The owner.
        pub owner: String,
        /// Its weight in the revenue of its version.
        pub shares: u64,
        /// The version whose revenue that is; none for a token without shares, or of a class without versions.
        pub version: Option<u32>,
        /// Sessions that it pays for.
        pub quota: u64,
        /// Its quota can be used up to this time, seconds since 1970; 0 for ever.
        pub expires_at_s: u64,
    }
}

impl Market {
    pub(super) fn version(&self, class: ClassId, version: VersionNumber) -> Result<Version, LazaiError> {
        let market = self.ledger().market();
        let found = market.class(class).and_then(|class| class.version(version)).cloned();
        found.ok_or_else(|| LazaiError::new("dat.unknown", format!("no version {version} of class {class}")))
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// The metadata of a version of a class.
    ///
    /// # Errors
    /// `dat.unknown`.
    pub fn dat(&self, class_id: u64, version: u32) -> Result<DatFacts, LazaiError> {
        let found = self.version(ClassId(class_id), VersionNumber(version))?;
        let about = found.metadata;
        Ok(DatFacts {
            class_id,
            version,
            character: about.character,
            base_name: about.base.name,
            base_digest: about.base.digest.to_string(),
            base_licence: about.base.licence,
            adapter_digest: about.adapter_digest.to_string(),
            voice_base_digest: about.voice.map(|voice| voice.base_digest.to_string()),
            voice_digest: about.voice.map(|voice| voice.adapter_digest.to_string()),
            quality: about.quality.map(QualityFacts::from),
            record_digest: about.record_digest.to_string(),
            submission: about.submission.to_string(),
            exex: about.exex.to_string(),
            access: AccessTerms {
                rating: about.policy.rating.try_into()?,
                minimum_age: about.policy.minimum_age,
                payment: about.policy.payment.try_into()?,
                consent: about.policy.consent,
                report_contact: about.policy.report_contact,
            },
            endpoints: about.endpoints,
            integrity_hash: found.digest.to_string(),
            withdrawn: found.withdrawn,
        })
    }

    /// The tokens of a class, with their shares of its revenue and their quotas.
    pub fn tokens(&self, class_id: u64) -> Vec<TokenFacts> {
        let market = self.ledger().market();
        let tokens = market.tokens_of(ClassId(class_id)).map(|(id, token)| TokenFacts {
            token_id: id.0,
            owner: token.owner.to_string(),
            shares: token.shares,
            version: token.version.map(|version| version.0),
            quota: token.value,
            expires_at_s: token.expire_at_s,
        });
        tokens.collect()
    }

    /// Claims a token's earnings in an asset (zero address: coins), as its owner; returns the amount, in base units.
    /// `label` makes it idempotent: one label is one claim.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `hex.…`.
    pub async fn claim(
        &self,
        owner: Arc<dyn Signer>,
        label: String,
        token_id: u64,
        asset: String,
    ) -> Result<BaseUnits, LazaiError> {
        let transaction = Transaction::Claim { token: TokenId(token_id), asset: Asset(asset.parse()?) };
        let entry = self.account(owner)?.send(&format!("claim {token_id} {label}"), transaction).await?;
        let claimed = entry.events.iter().find_map(|event| match event {
            Event::Claimed { amount, .. } => Some(amount.to_string()),
            _ => None,
        });
        Ok(claimed.unwrap_or_else(|| "0".into()))
    }

    /// Gathers the evidence for the last reply of a conversation from the ledger and a store; `record` is the file of the
    /// signed training record. For [`verify_evidence`](crate::verify_evidence).
    ///
    /// # Errors
    /// `file`, `json.malformed`, `ledger…`, `provenance.unreadable`.
    pub async fn evidence(
        &self,
        store: FilePath,
        record: FilePath,
        conversation: String,
    ) -> Result<String, LazaiError> {
        let record: TrainingRecord = serde_json::from_slice(&read_file(&record)?)?;
        let conversation: Conversation = serde_json::from_str(&conversation)?;
        let store = store_at(&store)?;
        let evidence = collect(&**self.ledger(), self.genesis(), &*store, &record, &conversation).await?;
        Ok(serde_json::to_string(&evidence)?)
    }

    /// The trust anchor that this copy of the ledger gives now, for a base model that its keeper trusts.
    ///
    /// # Errors
    /// `hex.…`.
    pub fn anchor(&self, base_digest: String) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&TrustAnchor::of(&**self.ledger(), base_digest.parse()?))?)
    }
}
