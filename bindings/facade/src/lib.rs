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
//! | [`counter`] | counting tokens, so that receipts are recounted |
//! | [`transport`] | the network, as a language brings it |
//! | [`wallet`] | sessions that a user's wallet opens and closes |
//! | `native` | files, models, nodes, ledgers and the roles of the market, for systems with files and a network (features `native`, `prove`) |
//!
//! `api.txt` lists this surface; `cargo xtask surface` holds every language to it.
#![cfg_attr(
    feature = "python",
    allow(clippy::too_many_arguments, reason = "constructors of records take their fields")
)]

pub mod character;
pub mod chat;
pub mod counter;
pub mod error;
pub mod money;
#[cfg(feature = "native")]
pub mod native;
pub mod safety;
pub mod session;
pub mod sign;
pub mod transport;
pub mod verify;
pub mod wallet;

pub use character::{Character, FileNote};
pub use chat::{Chat, ChatTurn, Message, ModelOffer, ReplySettings, TokenCheck, read_models};
pub use counter::{TokenCount, TokenCounter};
pub use error::{LazaiError, error_codes, fail_with};
pub use money::{RevenueParts, split_revenue};
pub use safety::{Blocklist, CharacterReport, report_character};
pub use session::{
    Offer, Receipt, Voucher, check_offer, check_receipt, check_voucher, offer_step, session_id, sign_offer,
    sign_receipt, sign_voucher, voucher_digest, voucher_typed_data,
};
pub use sign::{Domain, LocalKey, Signer, SigningRequest};
pub use transport::{BodySink, Header, HttpRequest, ReplyListener, Transport};
pub use verify::{
    ContributorFacts, ProofFacts, Provenance, ProvenanceLink, TrustLevel, evidence_with_words, verifier_key,
    verify_evidence, verify_proof,
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

/// A record: a struct of owned fields that every language gets as its own kind of record.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
        #[cfg_attr(feature = "python", pyo3::pyclass(frozen, get_all, eq, from_py_object, new = "from_fields"))]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        #[cfg(feature = "python")]
        #[pyo3::pymethods]
        impl $name {
            fn __repr__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<String> {
                $crate::python::repr(slf.as_any(), stringify!($name), &[$(stringify!($field)),*])
            }
        }
    };
}
pub(crate) use record;

/// A record of choices, each of which may be left out: in Python and Swift and Kotlin by not naming it.
macro_rules! choices {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: Option<$type:ty>,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
        #[cfg_attr(feature = "python", pyo3::pyclass(frozen, get_all, eq, from_py_object))]
        pub struct $name {
            $($(#[$field_meta])* #[cfg_attr(feature = "uniffi", uniffi(default = None))] pub $field: Option<$type>,)*
        }

        #[cfg(feature = "python")]
        #[pyo3::pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = ($($field = None),*))]
            fn of($($field: Option<$type>),*) -> Self {
                Self { $($field),* }
            }

            fn __repr__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<String> {
                $crate::python::repr(slf.as_any(), stringify!($name), &[$(stringify!($field)),*])
            }
        }
    };
}
pub(crate) use choices;

/// What Python's records have in common.
#[cfg(feature = "python")]
mod python {
    use pyo3::types::PyAnyMethods;
    use pyo3::{Bound, PyAny, PyResult};

    /// A record as Python writes values: `DatasetFacts(records=3, tokens=120)`.
    pub(crate) fn repr(record: &Bound<'_, PyAny>, name: &str, fields: &[&str]) -> PyResult<String> {
        let field = |field: &&str| Ok(format!("{field}={}", record.getattr(*field)?.repr()?));
        let fields = fields.iter().map(field).collect::<PyResult<Vec<_>>>()?;
        Ok(format!("{name}({})", fields.join(", ")))
    }
}
