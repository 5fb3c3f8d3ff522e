//! Functions that need files, threads and a network, for languages without better ones of their own.
//!
//! | module | does |
//! |---|---|
//! | [`data`] | identifies files, makes datasets of them |
//! | [`prove`] | proves datasets (feature `prove`) |
//! | [`node`] | talks to nodes over HTTP |
//! | [`market`] | a market on disk or on a chain: sessions, votes, balances |
//! | [`roles`] | creators submit, validators attest |
//! | [`model`] | base models, fine-tuning |
//! | [`exex`] | the execution node: follows, fine-tunes, mints |
//! | [`agent`] | characters in registries of agents |
//! | [`credits`] | replies that are paid without telling by whom |
//! | [`dat`] | tokens, their earnings, provenance of replies |
//! | [`disputes`] | bonds of nodes, disputes about replies |
//! | [`earnings`] | what creators and nodes earned |
//! | [`listening`] | where relays and facilitators listen |
//! | [`facilitator`] | settling payments for servers that speak x402 |
//! | [`book`] | where that node keeps its sessions |
//! | [`provider`] | a node that serves |
//! | [`prepared`] | that node before it listens |
//! | [`memory`] | memories in files |
//! | [`paying`] | buying from servers that speak x402 |
//! | [`proxy`] | an endpoint on this machine for stock clients |
//! | [`recheck`] | repeating replies |
//! | [`retraining`] | repeating training |
//! | [`relay`] | an oblivious relay between consumers and nodes |
//! | [`receipts`] | receipts that are kept, checked again |
//! | [`session`] | a session at a node, in one handle |
//! | [`signed`] | folders of a model's files that are signed |
//! | [`voice`] | the base voice: training, speaking on this machine |
//! | [`speech`] | a session that speaks |
//! | [`store`] | adapters in stores |

pub mod agent;
pub mod book;
pub mod credits;
pub mod dat;
pub mod data;
pub mod disputes;
pub mod earnings;
pub mod exex;
pub mod facilitator;
pub mod listening;
pub mod market;
pub mod memory;
pub mod model;
pub mod node;
pub mod paying;
pub mod prepared;
#[cfg(feature = "prove")]
pub mod prove;
pub mod provider;
pub mod proxy;
pub mod receipts;
pub mod recheck;
pub mod relay;
pub mod retraining;
pub mod roles;
pub mod session;
pub mod signed;
pub mod speech;
pub mod store;
pub mod voice;

use std::sync::Arc;

use crate::error::passed_on;
use crate::record;
#[cfg(feature = "otel")]
pub use lazai::http::{Traces, TracesError};
pub use roles::ExExContact;

passed_on! {
    lazai::SendError,
    lazai::adapters::AdapterError,
    lazai::core::inspect::InspectError,
    lazai::core::oms::OmsError,
    lazai::core::pov::PovError,
    lazai::core::prepare::PrepareError,
    lazai::creator::CreatorError,
    lazai::credits::PurseError,
    lazai::exex::ExExError,
    lazai::lora::GenerateError,
    lazai::lora::ModelError,
    lazai::lora::TrainError,
    lazai::models::DatasetError,
    lazai::settle::ledger::LedgerError,
    lazai::store::StoreError,
    lazai::validator::ValidationError,
    lazai::zk::CommitError,
}
#[cfg(feature = "prove")]
passed_on!(lazai::zk::ProveError);

record! {
    /// Progress of a task.
    pub struct Progress {
        /// The current stage.
        pub stage: String,
        /// The part that is done.
        pub done: u64,
        /// The total; 0 if it is not known.
        pub total: u64,
        /// A message for people; may be empty.
        pub note: String,
    }
}

/// Receives progress.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait ProgressListener: Send + Sync {
    /// `false` cancels; a later call can continue from what is kept.
    fn on_progress(&self, progress: Progress) -> bool;
}

/// Informs a listener, if there is one; returns whether to go on.
fn tell(listener: Option<&Arc<dyn ProgressListener>>, stage: &str, done: u64, total: u64) -> bool {
    listener.is_none_or(|listener| {
        listener.on_progress(Progress { stage: stage.to_owned(), done, total, note: String::new() })
    })
}
