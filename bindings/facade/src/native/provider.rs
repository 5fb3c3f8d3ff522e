//! A node that answers, and is paid for it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lazai::core::{Amount, ClassId, VersionNumber};
use lazai::http::{Front, Serving, TlsFiles};
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
    serving: Mutex<Vec<Serving>>,
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
        Self::start_at(market, signer, base, served, reply_tokens, folder, Listening::at(address))
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

/// Where a node listens.
#[derive(Debug, Clone)]
pub struct Listening {
    /// For consumers.
    pub address: String,
    /// A certificate and its key, in PEM files, for TLS.
    pub tls: Option<(FilePath, FilePath)>,
    /// For the operator: health, readiness and counts.
    pub operations: Option<String>,
}

impl Listening {
    /// For consumers, without TLS.
    #[must_use]
    pub fn at(address: String) -> Self {
        Self { address, tls: None, operations: None }
    }
}

impl NodeServer {
    /// As [`start`](Self::start), with TLS and an address for the operator.
    ///
    /// # Errors
    /// As [`start`](Self::start); `io` for files that are no certificate with its key.
    pub fn start_at(
        market: Arc<Market>,
        signer: Arc<dyn Signer>,
        base: Arc<BaseModel>,
        served: Vec<ServedModel>,
        reply_tokens: u32,
        folder: FilePath,
        listening: Listening,
    ) -> Result<Arc<Self>, LazaiError> {
        let account = market.account(signer)?;
        let sampler = Sampler { max_tokens: reply_tokens, ..Sampler::default() };
        let engine = base.engine()?;
        let longest = served.iter().map(|model| u64::from(model.prompt_ceiling)).max().unwrap_or_default();
        let (longest, most) = (longest + u64::from(reply_tokens), engine.room_tokens() as u64);
        if longest > most {
            let reason = format!(
                "conversation and reply may have {longest} tokens by the terms, and the memory for conversations holds {most}: lower \
                 the ceilings, or give it more"
            );
            return Err(LazaiError::new("model", reason));
        }
        let mut provider = Provider::new(account, engine, folder).with_sampler(sampler);
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
        let front = Front::new(provider.clone(), terms);
        let failed = |at: &str, error: std::io::Error| match error.kind() {
            // A certificate: the error names its file.
            std::io::ErrorKind::InvalidData => LazaiError::new("io", error.to_string()),
            _ => LazaiError::new("io", file_error(at, error).detail()),
        };
        let Listening { address, tls, operations } = listening;
        let at = address.as_str();
        let serving = match tls {
            None => front.spawn(at),
            Some((certificates, key)) => {
                front.spawn_tls(at, &TlsFiles { certificates: certificates.into(), key: key.into() })
            }
        };
        let mut serving = vec![serving.map_err(|e| failed(at, e))?];
        let url = serving[0].url();
        if let Some(at) = operations {
            serving.push(front.spawn_operations(at.as_str()).map_err(|e| failed(&at, e))?);
        }
        Ok(Arc::new(Self { provider, url, serving: Mutex::new(serving) }))
    }
}
