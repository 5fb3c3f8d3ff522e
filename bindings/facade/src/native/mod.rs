//! What needs files, threads and a network: where a language has no better of its own.
//!
//! | module | does |
//! |---|---|
//! | [`data`] | says what files are, makes datasets of them |
//! | [`prove`] | proves datasets (feature `prove`) |
//! | [`node`] | talks to nodes over HTTP |
//! | [`market`] | a market on disk or on a chain: sessions, votes, balances |

pub mod data;
pub mod market;
pub mod node;
#[cfg(feature = "prove")]
pub mod prove;

use std::sync::Arc;

use crate::record;

record! {
    /// How far something is.
    pub struct Progress {
        /// What is being done.
        pub stage: String,
        /// How much of it is done.
        pub done: u64,
        /// How much there is; 0 where that is not known.
        pub total: u64,
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
    listener.is_none_or(|listener| listener.on_progress(Progress { stage: stage.to_owned(), done, total }))
}
