//! A node that answers, and is paid for it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lazai::core::{Amount, ClassId, VersionNumber};
use lazai::http::{Front, Serving};
use lazai::lora::generate::Sampler;
use lazai::provider::{OfferTerms, Provider};

use super::data::file_error;
use super::market::Market;
use super::model::BaseModel;
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
    }
}

/// A node with an HTTP front like OpenAI's, on threads of its own until it is stopped.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct NodeServer {
    provider: Arc<Provider>,
    url: String,
    serving: Mutex<Option<Serving>>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl NodeServer {
    /// Serves adapters of a base model at an address such as `127.0.0.1:8028` (port 0: any). A folder keeps its session
    /// book; replies have at most `reply_tokens` tokens.
    ///
    /// # Errors
    /// `model` if an adapter is not the one that the ledger names, `dat.unknown` if the ledger has no such version,
    /// `money.not_decimal`, `io` for an address that cannot be had.
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
        let account = market.account(signer)?;
        let sampler = Sampler { max_tokens: reply_tokens, ..Sampler::default() };
        let mut provider = Provider::new(account, base.engine()?, folder).with_sampler(sampler);
        let mut terms = Vec::new();
        for model in served {
            let (class, version) = (ClassId(model.class_id), VersionNumber(model.version));
            let expected = market.version(class, version)?.metadata.adapter_digest;
            provider = provider.with_adapter(class, version, Path::new(&model.adapter_folder), expected)?;
            let price = |text: String| text.parse::<Amount>();
            terms.push(OfferTerms {
                prompt_price: price(model.prompt_price)?,
                completion_price: price(model.completion_price)?,
                prompt_ceiling: model.prompt_ceiling,
                session_s: model.session_s,
                ..OfferTerms::free(class, version)
            });
        }
        let provider = Arc::new(provider);
        let serving = Front::new(provider.clone(), terms).spawn(address.as_str());
        let serving = serving.map_err(|e| LazaiError::new("io", file_error(&address, e).detail()))?;
        Ok(Arc::new(Self { provider, url: serving.url(), serving: Mutex::new(Some(serving)) }))
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
        drop(self.serving.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
