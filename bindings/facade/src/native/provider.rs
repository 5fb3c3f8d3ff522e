//! A node that answers, and is paid for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lazai::http::{Front, Serving};
use lazai::provider::Provider;

use super::market::Market;
use super::model::BaseModel;
use super::prepared::{Listening, PreparedNode};
use super::voice::ServedVoice;
use crate::{BaseUnits, FilePath, LazaiError, Signer, record};

record! {
    /// A version of a class that a node serves, with its prices and limits.
    pub struct ServedModel {
        /// The class.
        pub class_id: u64,
        /// The version.
        pub version: u32,
        /// Its adapter, in PEFT's files.
        pub adapter_folder: FilePath,
        /// Price of one token of the conversation before a reply, in base units of coins.
        pub prompt_price: BaseUnits,
        /// Price of one token of a reply, in base units of coins.
        pub completion_price: BaseUnits,
        /// Most tokens of a conversation before a reply.
        pub prompt_ceiling: u32,
        /// The length of a session, in seconds.
        pub session_s: u64,
        /// The voice that it speaks with; none if it does not speak.
        pub voice: Option<ServedVoice>,
    }
}

/// The time for what was said last to leave, however long draining took.
const LAST: Duration = Duration::from_millis(500);

/// A node with an HTTP front like OpenAI's, on threads of its own until it is stopped.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct NodeServer {
    pub(super) provider: Arc<Provider>,
    pub(super) front: Front,
    pub(super) url: String,
    pub(super) serving: Mutex<Vec<Serving>>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl NodeServer {
    /// Serves adapters of a base model at an address such as `127.0.0.1:8028` (port 0: any). A folder keeps its session
    /// book; replies have at most `reply_tokens` tokens.
    ///
    /// # Errors
    /// `model` if an adapter is not the one that the ledger names, `dat.unknown` if the ledger has no such version, `market` for terms
    /// beyond its limits, `money.not_decimal`, `io` for an address that cannot be had.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn start(
        market: Arc<Market>,
        signer: Arc<dyn Signer>,
        base: Arc<BaseModel>,
        served: Vec<ServedModel>,
        reply_tokens: u32,
        folder: FilePath,
        address: String,
    ) -> Result<Arc<Self>, LazaiError> {
        let node = PreparedNode::read(market, signer, base, served, reply_tokens, &folder.into())?;
        node.listen(Listening::at(address))
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Redeems the last voucher of every session; returns the number of those that could not be redeemed now.
    ///
    /// # Errors
    /// `node.…`.
    pub async fn redeem(&self) -> Result<u64, LazaiError> {
        Ok(self.provider.redeem_all().await?.len() as u64)
    }

    /// Stops listening; replies in progress are finished.
    pub fn stop(&self) {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl NodeServer {
    /// The URL for its operator, if there is one.
    #[must_use]
    pub fn operations_url(&self) -> Option<String> {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.get(1).map(Serving::url)
    }

    /// Begins no more replies, and waits for those in progress, at most so many seconds; then stops listening, wherever it listens for
    /// consumers. Returns the number of requests that were cut off. [`redeem`](Self::redeem) comes after it.
    pub fn drain(&self, most_s: u64) -> usize {
        let most = Duration::from_secs(most_s);
        let (began, left) = (Instant::now(), self.front.drain(most));
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        // The operator looks on until the end.
        if !serving.is_empty() {
            serving.remove(0).stop_within(most.saturating_sub(began.elapsed()).max(LAST));
        }
        left
    }
}
