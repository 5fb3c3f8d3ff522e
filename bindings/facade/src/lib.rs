//! The LazAI SDK for other languages: one API that Python, Swift, Kotlin and JavaScript re-export without logic of their
//! own.
//!
//! Everything is an owned record, a flat enum or a handle. Amounts are decimal strings of base units: a JavaScript number
//! would lose their digits. Identifiers, digests, addresses and signatures are hex strings with `0x`. Every failure is a
//! [`LazaiError`] with a stable code.
//!
//! | module | holds |
//! |---|---|
//! | [`error`] | the error, and every code |
//! | [`character`] | cards in and out, prompts |
//! | [`money`] | the split of revenue |
//! | [`sign`] | domains, keys and foreign signers |
//! | [`session`] | offers, vouchers, receipts: signed, checked, and as wallets sign them |
//! | [`verify`] | proofs of datasets, provenance of replies |
//! | [`safety`] | reporting and blocking characters |
//! | [`chat`] | a paid conversation over any transport |
//! | [`speech`] | texts that are spoken in it, and files of them |
//! | [`memory`] | what was said before, sealed, and recalled |
//! | [`counter`] | counting tokens, so that receipts are recounted |
//! | [`transport`] | the network, as a language brings it |
//! | [`payer`] | paying any server that speaks x402 |
//! | [`sealed`] | requests over it that only their node can read |
//! | [`wallet`] | sessions that a user's wallet opens and closes |
//! | `native` | files, models, nodes, ledgers and the roles of the market, for systems with files and a network (features `native`, `prove`) |
//!
//! `api.txt` lists this surface; `cargo xtask surface` holds every language to it.

pub mod character;
pub mod chat;
pub mod counter;
pub mod error;
pub mod memory;
pub mod money;
#[cfg(feature = "native")]
pub mod native;
pub mod payer;
#[cfg(feature = "python")]
pub mod python;
pub mod safety;
pub mod sealed;
pub mod session;
pub mod settings;
pub mod sign;
pub mod speech;
pub mod transport;
pub mod verify;
pub mod wallet;

pub use character::{Character, FileAction, FileNote};
pub use chat::{Chat, ChatTurn, FinishReason, Message, ModelOffer, Role, TokenCheck, read_models};
pub use counter::{TokenCount, TokenCounter};
pub use error::{LazaiError, error_codes, fail_with};
pub use memory::{Memory, MemoryAuthor, MemoryEntry, MemoryRecall, RecalledLine, read_memory};
pub use money::{RevenueParts, split_revenue};
pub use payer::{Payer, PaymentOutcome, SignedPayment, SpendingLimit};
pub use safety::{Blocklist, CharacterReport, Concern, report_character};
pub use sealed::SealedPost;
pub use session::{
    Offer, Receipt, SignedReceipt, Voucher, check_offer, check_receipt, check_voucher, offer_step, session_id,
    sign_offer, sign_receipt, sign_voucher, voucher_digest, voucher_typed_data,
};
pub use settings::{ReplySettings, TokenBias};
pub use sign::{Domain, LocalKey, Signer, SigningRequest};
pub use speech::{SpeechNote, Spoken, SpokenVoice, speech_note};
pub use transport::{BodySink, Header, HttpRequest, ReplyListener, SpeechListener, Transport};
pub use verify::{
    ContributorFacts, ProofFacts, Provenance, ProvenanceLink, TrustLevel, evidence_with_words, verifier_key,
    verify_enclave, verify_evidence, verify_proof,
};
pub use wallet::{
    MarketPlace, WalletCall, begin_conversation, close_session_call, open_session_call, read_market_place,
    withdraw_call,
};

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!("lazai");

/// The version of the library.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[must_use]
pub fn library_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Base units of an asset, as decimal text. Python has integers for them.
pub type BaseUnits = String;
/// The path of a file or a folder. In Python, whatever `os.fspath` takes.
pub type FilePath = String;
/// JSON as bytes. In Python, as text or bytes.
pub type JsonBytes = Vec<u8>;

/// A record: a struct of owned fields that every language gets as its own kind of record. Python's constructor, properties and
/// `repr` are written out of it (`python/records.rs`).
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
        #[cfg_attr(feature = "python", pyo3::pyclass(frozen, eq, from_py_object, module = "lazai"))]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
    };
}
pub(crate) use record;

/// A record of choices, each of which may be left out.
macro_rules! choices {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: Option<$type:ty>,)* }) => {
        $crate::record! {
            $(#[$meta])*
            #[derive(Default)]
            pub struct $name {
                $($(#[$field_meta])* #[cfg_attr(feature = "uniffi", uniffi(default = None))] pub $field: Option<$type>,)*
            }
        }
    };
}
pub(crate) use choices;

/// A flat enum: a word in JSON. In Python its cases equal their words, which may be given for them.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$case_meta:meta])* $case:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
        #[cfg_attr(feature = "python", pyo3::pyclass(frozen, module = "lazai", rename_all = "SCREAMING_SNAKE_CASE"))]
        pub enum $name { $($(#[$case_meta])* $case,)* }

        #[cfg(feature = "python")]
        $crate::python::words!($name);

        impl std::fmt::Display for $name {
            /// Its word, as in JSON.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        }
    };
}
pub(crate) use words;

/// Conversions between a flat enum and the library's of the same cases.
macro_rules! same_words {
    ($name:ident, $library:path, $($case:ident),+) => {
        impl From<$name> for $library {
            fn from(word: $name) -> Self {
                match word { $($name::$case => Self::$case,)+ }
            }
        }

        impl TryFrom<$library> for $name {
            type Error = $crate::LazaiError;

            fn try_from(word: $library) -> Result<Self, Self::Error> {
                #[allow(unreachable_patterns, reason = "the library may add cases")]
                match word {
                    $(<$library>::$case => Ok(Self::$case),)+
                    other => Err($crate::LazaiError::new("feature_missing", format!("{other:?}"))),
                }
            }
        }
    };
}
pub(crate) use same_words;
