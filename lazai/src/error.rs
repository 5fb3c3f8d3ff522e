//! One error for applications: a stable code, a message, and whether trying again may help.

use std::borrow::Cow;
use std::fmt;

use lazai_core::id::HexError;
use lazai_core::pov::PovError;
use lazai_core::sign::{SignatureError, SignerError};
use lazai_core::{MoneyError, NoRandomness};
use lazai_settle::ledger::LedgerError;
use lazai_settle::split::SplitError;
use lazai_zk::VerifyError;
use lazai_zk::proof::ProofFormatError;
use lazai_zk::statement::StatementError;

use crate::account::SendError;
use crate::consumer::ConsumerError;
use crate::creator::CreatorError;
use crate::enclave::{NotAttested, NotQuote};
use crate::memory::MemoryError;
use crate::node::NodeError;
use crate::provenance::CollectError;
use crate::recheck::RecheckError;
use crate::store::StoreError;
use crate::validator::ValidationError;

/// A result whose error is [`Error`], unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this library, for applications that pass it on with `?`.
///
/// Each call has an error of its own, with the facts of what failed; those convert into this one. The codes are those of every language:
/// the book lists them under "Error codes".
///
/// ```
/// use lazai::Amount;
///
/// fn price(text: &str) -> lazai::Result<Amount> {
///     Ok(text.parse::<Amount>()?)
/// }
/// let error = price("a few").unwrap_err();
/// assert_eq!(error.code(), "money.not_decimal");
/// assert!(!error.is_retryable());
/// ```
pub struct Error {
    code: Cow<'static, str>,
    is_retryable: bool,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Error {
    /// A stable code of the kind of error: `ledger.too_early`, `node.busy`. Codes of nodes are passed on as they are.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// True if the same call may succeed later: the chain, the node or the network did not answer, or it is too early.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.is_retryable
    }

    /// The error of the call, if it is of this type.
    #[must_use]
    pub fn downcast_ref<T: std::error::Error + 'static>(&self) -> Option<&T> {
        self.source.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("code", &self.code).field("source", &self.source).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

impl<E: Coded> From<E> for Error {
    fn from(error: E) -> Self {
        Self { code: error.code(), is_retryable: error.is_retryable(), source: Box::new(error) }
    }
}

use sealed::Coded;

mod sealed {
    use std::borrow::Cow;

    /// An error that has a code.
    pub trait Coded: std::error::Error + Send + Sync + 'static {
        fn code(&self) -> Cow<'static, str>;

        fn is_retryable(&self) -> bool {
            false
        }
    }
}

/// The code of each kind of error. A kind that a later version adds falls under the last one.
macro_rules! codes {
    ($($error:ty { $($pattern:pat => $code:expr,)+ } $(; retry { $($again:pat => $retry:expr,)+ })?)+) => {$(
        impl Coded for $error {
            fn code(&self) -> Cow<'static, str> {
                match self { $($pattern => Cow::from($code),)+ }
            }

            $(fn is_retryable(&self) -> bool {
                match self { $($again => $retry,)+ }
            })?
        }
    )+};
}

codes! {
    CollectError {
        Self::Words(_) => "provenance.words",
        _ => "provenance.unreadable",
    }
    NotAttested {
        _ => "node.not_attested",
    }
    NotQuote {
        _ => "json.malformed",
    }
    lazai_zk::CommitError {
        Self::Pov(error) => Coded::code(error),
        _ => "zk.commitment",
    }
    CreatorError {
        Self::Commit(error) => Coded::code(error),
        Self::Card(_) => "submission.other_card",
        Self::Pov(error) => Coded::code(error),
        Self::Send(error) => error.code(),
        Self::Signer(error) => error.code(),
        Self::Store(error) => error.code(),
        Self::NoSigner { .. } => "creator.no_signer",
        Self::Lineage(_) | Self::NoVersion { .. } => "submission.lineage",
        _ => "seal",
    }; retry {
        Self::Send(error) => error.is_retryable(),
        _ => false,
    }
    HexError {
        Self::Length { .. } => "hex.length",
        _ => "hex.not_hex",
    }
    MemoryError {
        Self::Damaged { .. } => "memory.damaged",
        Self::Empty => "memory.empty",
        Self::File { .. } => "file",
        Self::Malformed { .. } => "memory.malformed",
        Self::Meaning { .. } => "model",
        Self::NoRandomness => "signer.no_randomness",
        Self::NotMemory => "memory.not_memory",
        Self::OtherKey => "memory.other_key",
        Self::TooLarge { .. } => "memory.too_large",
        Self::UnknownEntry { .. } => "memory.unknown_entry",
        _ => "seal",
    }
    MoneyError {
        Self::AssetMismatch { .. } => "money.asset_mismatch",
        Self::BasisPointsTooMany { .. } => "money.basis_points_too_many",
        Self::Underflow { .. } => "money.underflow",
        Self::Overflow { .. } => "money.overflow",
        _ => "money.not_decimal",
    }
    NoRandomness {
        _ => "signer.no_randomness",
    }
    PovError {
        error => PovError::code(error),
    }
    ProofFormatError {
        Self::TooLarge { .. } => "zk.too_large",
        _ => "zk.not_proof",
    }
    SignatureError {
        Self::HighS => "signature.high_s",
        Self::WrongSigner { .. } => "signature.wrong_signer",
        _ => "signature.malformed",
    }
    SignerError {
        Self::InvalidKey => "signer.invalid_key",
        Self::NoRandomness => "signer.no_randomness",
        Self::WrongSignature { .. } => "signer.wrong_signature",
        _ => "signer.refused",
    }
    SplitError {
        Self::CreatorBelowMinimum { .. } => "split.creator_below_minimum",
        _ => "split.sum",
    }
    StatementError {
        _ => "zk.statement",
    }
    StoreError {
        Self::File { .. } => "file",
        _ => "store",
    }
    ValidationError {
        Self::ProofFormat(error) => error.code(),
        Self::Proof(error) => error.code(),
        Self::Public(error) => Coded::code(error),
        Self::Send(error) => error.code(),
        Self::SignedFile { .. } => "file",
        Self::SignedOtherwise { .. } => "submission.signed_otherwise",
        Self::Signer(error) => error.code(),
        Self::Store(error) => error.code(),
        Self::UnknownSubmission { .. } => "submission.unknown",
        _ => "submission.mismatch",
    }; retry {
        Self::Send(error) => error.is_retryable(),
        _ => false,
    }
    VerifyError {
        Self::Malformed { .. } => "zk.proof_malformed",
        Self::OtherCircuit { .. } => "zk.other_circuit",
        Self::Statement(_) => "zk.statement",
        _ => "zk.rejected",
    }
}

#[cfg(feature = "credits")]
codes! {
    crate::credits::CreditError {
        Self::Expired { .. } => "credits.expired",
        Self::Blind(crate::credits::BlindError::Signature) => "credits.signature",
        Self::TwoKeys(_) => "credits.two_keys",
        _ => "credits.terms",
    }
    crate::credits::PurseError {
        Self::Credit(error) => Coded::code(error),
        Self::Empty { .. } => "credits.none",
        Self::File { .. } => "file",
        Self::Full { .. } => "credits.full",
        Self::NotTold { .. } => "credits.not_told",
        Self::NotDelivered { .. } => "credits.not_delivered",
        _ => "credits.not_purse",
    }
}

impl Coded for ConsumerError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            #[cfg(feature = "credits")]
            Self::Credit(error) => error.code(),
            #[cfg(feature = "credits")]
            Self::Purse(error) => Coded::code(&**error),
            Self::Memory(error) => error.code(),
            Self::Money(error) => error.code(),
            Self::Node(error) => Coded::code(error),
            Self::Send(error) => error.code(),
            Self::Signer(error) => error.code(),
            Self::Card(error) => error.code().into(),
            Self::SpeechPrice { .. } => "consumer.price".into(),
            Self::Unpaid => "chat.unpaid".into(),
            Self::ReceiptSignature(_) => "consumer.receipt_signature".into(),
            _ => "consumer.receipt".into(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Node(error) => error.is_retryable(),
            Self::Send(error) => error.is_retryable(),
            _ => false,
        }
    }
}

impl Coded for LedgerError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Market(_) | Self::Reverted { .. } => "market".into(),
            Self::Signer(error) => error.code(),
            Self::TooEarly { .. } => "ledger.too_early".into(),
            Self::Unconfirmed { .. } => "ledger.unconfirmed".into(),
            _ => "ledger".into(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Rpc { .. } | Self::TooEarly { .. } | Self::Unconfirmed { .. })
    }
}

impl Coded for NodeError {
    fn code(&self) -> Cow<'static, str> {
        NodeError::code(self).to_owned().into()
    }

    fn is_retryable(&self) -> bool {
        ["node.busy", "node.draining", "node.ledger", "node.rate_limited", "node.transport"]
            .contains(&NodeError::code(self))
    }
}

impl Coded for RecheckError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Card(error) => error.code().into(),
            Self::Evidence { .. } | Self::NoTrail => "consumer.receipt".into(),
            Self::File { .. } => "file".into(),
            #[cfg(feature = "models")]
            Self::Generate(error) => Coded::code(error),
            Self::Malformed { .. } => "json.malformed".into(),
            Self::OtherBase { .. } => "model".into(),
            Self::Signature { .. } => "consumer.receipt_signature".into(),
            #[cfg(feature = "train")]
            Self::Train(error) => Coded::code(error),
        }
    }
}

impl Coded for SendError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Signer(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_retryable())
    }
}

#[cfg(feature = "wire")]
codes! {
    crate::payer::PayError {
        Self::Book { .. } => "file",
        Self::Changed { .. } => "payment.changed",
        Self::Money(error) => error.code(),
        Self::NoPrice { .. } => "payment.no_price",
        Self::NoRandomness(_) => "signer.no_randomness",
        Self::NotX402(_) => "payment.malformed",
        Self::OverLimit { .. } => "payment.over_limit",
        Self::Refused { .. } => "payment.refused",
        Self::Signer(error) => error.code(),
        Self::TooManyOpen => "payment.too_many_open",
        Self::Transport { .. } => "payment.transport",
        Self::Unanswered { .. } => "payment.unanswered",
        Self::Unsafe { .. } => "payment.unsafe",
    }; retry {
        Self::Transport { .. } | Self::Unanswered { .. } => true,
        _ => false,
    }
}

#[cfg(feature = "cards")]
codes! {
    lazai_core::character::CardError { error => lazai_core::character::CardError::code(error), }
    lazai_core::inspect::InspectError { error => lazai_core::inspect::InspectError::code(error), }
}

#[cfg(feature = "counter")]
codes! {
    lazai_core::tokenizer::TokenizerError {
        Self::Incomplete { .. } => "tokenizer.incomplete",
        Self::TooLarge { .. } => "tokenizer.too_large",
        Self::Unsupported { .. } => "tokenizer.unsupported",
        _ => "tokenizer.malformed",
    }
}

#[cfg(feature = "files")]
codes! {
    lazai_core::prepare::PrepareError {
        Self::Cancelled { .. } => "cancelled",
        Self::Dialogue { source, .. } => source.code(),
        Self::NothingLeft { .. } => "dialogue.none",
        _ => "file",
    }
}

#[cfg(feature = "models")]
codes! {
    crate::models::DatasetError {
        Self::Dialogues(error) => error.code(),
        Self::File { .. } => "file",
        Self::NothingLeft { .. } => "dialogue.none",
        Self::Pov(error) => Coded::code(error),
        Self::UnknownContributor { .. } => "pov.unknown_contributor",
        _ => "model",
    }
    lazai_core::oms::OmsError {
        Self::File { .. } => "file",
        Self::Key { .. } | Self::Malformed { .. } => "signed.malformed",
        Self::NoRandomness => "signer.no_randomness",
        _ => "signed.broken",
    }
    crate::adapters::AdapterError {
        Self::Model(error) => Coded::code(error),
        Self::Store(error) => Coded::code(error),
        Self::Record { .. } => "store",
    }
    lazai_lora::ModelError {
        Self::File { .. } => "file",
        _ => "model",
    }
    lazai_lora::TrainError {
        Self::Cancelled { .. } => "cancelled",
        Self::Model(error) => Coded::code(error),
        _ => "model",
    }
    lazai_lora::GenerateError {
        Self::Model(error) => Coded::code(error),
        _ => "model",
    }
}

#[cfg(feature = "train")]
codes! {
    crate::exex::ExExError {
        Self::Files(error) => Coded::code(error),
        Self::Ledger(error) => error.code(),
        Self::Training(error) => Coded::code(error),
        Self::Send(error) => error.code(),
        Self::Signer(error) => error.code(),
        Self::Store(error) => error.code(),
        Self::File { .. } => "file",
        Self::NotConfirmed { .. } => "ledger.too_early",
        Self::TakenBack { .. } => "submission.taken_back",
        Self::Voice { cancelled: true, .. } => "cancelled",
        Self::Voice { .. } => "model",
        Self::UnknownSubmission { .. } => "submission.unknown",
        _ => "submission.refused",
    }; retry {
        Self::Ledger(error) => error.is_retryable(),
        Self::Send(error) => error.is_retryable(),
        Self::NotConfirmed { .. } => true,
        _ => false,
    }
}

#[cfg(feature = "zk")]
codes! {
    lazai_zk::ProveError {
        Self::Pov(error) => Coded::code(error),
        Self::Commit(error) => error.code(),
        Self::Statement(error) => error.code(),
        Self::Cancelled { .. } => "cancelled",
        _ => "zk.prove",
    }
}

#[cfg(feature = "stark")]
codes! {
    lazai_zk::StarkError {
        Self::Pov(error) => Coded::code(error),
        Self::Commit(error) => error.code(),
        Self::Statement(error) => error.code(),
        _ => "zk.prove",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_may_help_is_told() {
        let early = LedgerError::TooEarly { what: "votes count", at_s: 9, now_s: 3 };
        let error = Error::from(ConsumerError::from(SendError::from(early)));
        assert_eq!((error.code(), error.is_retryable()), ("ledger.too_early", true));
        assert_eq!(error.to_string(), "votes count from 9 on, now is 3");
        assert!(matches!(error.downcast_ref(), Some(ConsumerError::Send(_))));
        let early = SendError::from(LedgerError::Unconfirmed { transaction: lazai_core::Digest::ZERO, waited_s: 9 });
        assert!(Error::from(ValidationError::from(early)).is_retryable());
        let refused = NodeError::Refused { code: "node.busy".into(), message: "later".into() };
        let error = Error::from(refused);
        assert_eq!((error.code(), error.is_retryable()), ("node.busy", true));
        let error = Error::from(SignerError::InvalidKey);
        assert_eq!((error.code(), error.is_retryable()), ("signer.invalid_key", false));
    }
}
