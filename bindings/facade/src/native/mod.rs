//! What needs files, threads and a network: where a language has no better of its own.
//!
//! | module | does |
//! |---|---|
//! | [`data`] | says what files are, makes datasets of them |
//! | [`prove`] | proves datasets (feature `prove`) |
//! | [`node`] | talks to nodes over HTTP |
//! | [`market`] | a market on disk or on a chain: sessions, votes, balances |
//! | [`roles`] | creators submit, validators attest |
//! | [`model`] | base models, fine-tuning |
//! | [`exex`] | the execution node: follows, fine-tunes, mints |
//! | [`dat`] | tokens, what they earned, where replies come from |
//! | [`provider`] | a node that serves |
//! | [`session`] | a session at a node, in one handle |

pub mod dat;
pub mod data;
pub mod exex;
pub mod market;
pub mod model;
pub mod node;
#[cfg(feature = "prove")]
pub mod prove;
pub mod provider;
pub mod roles;
pub mod session;

use std::sync::Arc;

use crate::record;
pub use roles::ExExContact;

record! {
    /// How far something is.
    pub struct Progress {
        /// What is being done.
        pub stage: String,
        /// How much of it is done.
        pub done: u64,
        /// How much there is; 0 where that is not known.
        pub total: u64,
        /// What there is to say of it, for people; may be empty.
        pub note: String,
    }
}

/// Hears how far something is.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait ProgressListener: Send + Sync {
    /// `false` cancels; what can be gone on with stays.
    fn on_progress(&self, progress: Progress) -> bool;
}

/// Tells a listener, if there is one; whether to go on.
fn tell(listener: Option<&Arc<dyn ProgressListener>>, stage: &str, done: u64, total: u64) -> bool {
    listener.is_none_or(|listener| {
        listener.on_progress(Progress { stage: stage.to_owned(), done, total, note: String::new() })
    })
}
