//! The error, and every code.

use lazai::consumer::ConsumerError;
use lazai::core::MoneyError;
use lazai::core::character::CardError;
use lazai::core::id::HexError;
use lazai::core::sign::{SignatureError, SignerError};
use lazai::core::tokenizer::TokenizerError;
use lazai::node::NodeError;
use lazai::payer::PayError;
use lazai::provenance::CollectError;
use lazai::settle::split::SplitError;
use lazai::zk::VerifyError;
use lazai::zk::proof::ProofFormatError;
use lazai::zk::statement::StatementError;

/// An error: a stable code, and a message for people, which may change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum LazaiError {
    /// The only case, so that languages with exceptions have one class.
    #[error("{detail} ({code})")]
    Failed {
        /// One of [`error_codes`], or that of a node.
        code: String,
        /// The message.
        detail: String,
    },
}

impl LazaiError {
    /// An error.
    pub fn new(code: &str, detail: impl std::fmt::Display) -> Self {
        Self::Failed { code: code.to_owned(), detail: detail.to_string() }
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &str {
        let Self::Failed { code, .. } = self;
        code
    }

    /// The message.
    #[must_use]
    pub fn detail(&self) -> &str {
        let Self::Failed { detail, .. } = self;
        detail
    }
}

/// Every code of this library's errors, sorted. Codes of nodes (`node.…`, `request.…`, `http.…` if there is only a status)
/// are passed on unchanged.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[must_use]
pub fn error_codes() -> Vec<String> {
    CODES.iter().map(|code| (*code).to_owned()).collect()
}

/// Fails with a code, so that an app can test how it handles each.
///
/// # Errors
/// The requested code, always.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn fail_with(code: String) -> Result<(), LazaiError> {
    Err(LazaiError::new(&code, "asked for"))
}

/// The codes that [`error_codes`] returns.
pub(crate) const CODES: &[&str] = &[
    "address",
    "cancelled",
    "card.damaged",
    "card.feature_missing",
    "card.malformed",
    "card.no_card",
    "card.no_name",
    "card.not_a_character",
    "card.too_large",
    "card.too_many",
    "card.unknown_recipe",
    "card.unknown_spec",
    "chat.no_request",
    "chat.unpaid",
    "consumer.price",
    "consumer.receipt",
    "consumer.receipt_signature",
    "creator.no_signer",
    "dat.unknown",
    "dialogue.empty",
    "dialogue.io",
    "dialogue.none",
    "dialogue.too_large",
    "dialogue.unknown_format",
    "feature_missing",
    "file",
    "hex.length",
    "hex.not_hex",
    "io",
    "json.malformed",
    "keystore",
    "ledger",
    "ledger.too_early",
    "ledger.unconfirmed",
    "market",
    "market.place",
    "memory.damaged",
    "memory.empty",
    "memory.malformed",
    "memory.not_memory",
    "memory.other_key",
    "memory.too_large",
    "memory.unknown_entry",
    "model",
    "money.asset_mismatch",
    "money.basis_points_too_many",
    "money.not_decimal",
    "money.overflow",
    "money.underflow",
    "node.transport",
    "node.unsealed",
    "payment.changed",
    "payment.malformed",
    "payment.no_price",
    "payment.over_limit",
    "payment.refused",
    "payment.too_many_open",
    "payment.transport",
    "payment.unanswered",
    "payment.unsafe",
    "pov.bad_tensor",
    "pov.duplicate_contributor",
    "pov.empty",
    "pov.io",
    "pov.malformed",
    "pov.public_too_large",
    "pov.record_too_long",
    "pov.token_outside_vocabulary",
    "pov.too_many",
    "pov.unknown_contributor",
    "pov.wrong_digest",
    "provenance.unreadable",
    "provenance.words",
    "report.too_long",
    "seal",
    "signature.high_s",
    "signature.malformed",
    "signature.wrong_signer",
    "signed.broken",
    "signed.malformed",
    "signer.invalid_key",
    "signer.no_randomness",
    "signer.refused",
    "signer.wrong_signature",
    "speech.broken",
    "speech.format",
    "speech.malformed",
    "speech.unmarked",
    "split.creator_below_minimum",
    "split.sum",
    "store",
    "submission.lineage",
    "submission.mismatch",
    "submission.other_card",
    "submission.refused",
    "submission.signed_otherwise",
    "submission.taken_back",
    "submission.unknown",
    "tls",
    "tokenizer.incomplete",
    "tokenizer.malformed",
    "tokenizer.too_large",
    "tokenizer.unsupported",
    "voice.damaged",
    "voice.malformed",
    "voice.manifest",
    "voice.silent",
    "voice.too_large",
    "voice.too_short",
    "voice.unsupported",
    "zk.commitment",
    "zk.not_proof",
    "zk.other_circuit",
    "zk.proof_malformed",
    "zk.prove",
    "zk.rejected",
    "zk.statement",
    "zk.too_large",
];

impl From<lazai::Error> for LazaiError {
    fn from(error: lazai::Error) -> Self {
        let node = error.downcast_ref::<ConsumerError>().and_then(|error| match error {
            ConsumerError::Node(error) => Some(error),
            _ => None,
        });
        match node.or_else(|| error.downcast_ref::<NodeError>()) {
            // Its words hold the code already.
            Some(NodeError::Refused { code, message }) => Self::new(code, message),
            _ => Self::new(error.code(), &error),
        }
    }
}

/// Errors of the library become ours, with the codes of [`lazai::Error`].
macro_rules! passed_on {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for $crate::LazaiError {
            fn from(error: $error) -> Self {
                lazai::Error::from(error).into()
            }
        }
    )+};
}
#[cfg(feature = "native")]
pub(crate) use passed_on;

passed_on! {
    CardError, CollectError, ConsumerError, HexError, MoneyError, NodeError, PayError, ProofFormatError, SignatureError, SignerError, SplitError,
    StatementError, TokenizerError, VerifyError,
}

impl From<serde_json::Error> for LazaiError {
    fn from(error: serde_json::Error) -> Self {
        Self::new("json.malformed", error)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_sorted_and_named_once() {
        assert!(super::CODES.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
