//! A node before it listens: what it needs was read, and what it offers was held to its market.

use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use lazai::core::seal::{AtRest, sealed_path};
use lazai::core::{Amount, ClassId, VersionNumber};
use lazai::credits::LEAST_PERIOD_S;
use lazai::http::{Front, Limits, TlsFiles};
use lazai::lora::adapter::WEIGHTS_FILE;
use lazai::lora::generate::Sampler;
use lazai::provider::{CreditSale, OfferTerms, Provider, QuoteCommand};
use lazai::settle::ledger::LedgerError;
use lazai::wire::talk::model_id;

use super::book::NodeBook;
use super::data::file_error;
use super::market::Market;
use super::model::BaseModel;
use super::provider::{NodeServer, ServedModel};
use super::voice::{Opened, speaking};
use crate::sign::Foreign;
use crate::{BaseUnits, FilePath, LazaiError, Signer};

/// Where a node listens, and to whom how often.
#[derive(Debug, Clone)]
pub struct Listening {
    /// For consumers.
    pub address: String,
    /// A certificate and its key, in PEM files, for TLS.
    pub tls: Option<(FilePath, FilePath)>,
    /// For the operator: status, health, readiness and counts.
    pub operations: Option<String>,
    /// Limits on how often it is asked.
    pub limits: RequestLimits,
}

/// Requests in a minute; 0: any number.
#[derive(Debug, Clone, Default)]
pub struct RequestLimits {
    /// From one address.
    pub address_requests: u32,
    /// For replies, in one session.
    pub session_requests: u32,
    /// For replies, by one consumer's key.
    pub consumer_requests: u32,
    /// Counts this machine's own addresses, too.
    pub limit_loopback: bool,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

impl Listening {
    /// For consumers, without TLS and without limits.
    #[must_use]
    pub fn at(address: String) -> Self {
        Self { address, tls: None, operations: None, limits: RequestLimits::default() }
    }

    fn tls_files(&self) -> Option<TlsFiles> {
        let files =
            |(certificates, key): (String, String)| TlsFiles { certificates: certificates.into(), key: key.into() };
        self.tls.clone().map(files)
    }

    fn limits(&self) -> Result<Limits, LazaiError> {
        let RequestLimits { address_requests, session_requests, consumer_requests, limit_loopback, .. } = self.limits;
        let proxies = self.limits.trusted_proxies.iter().map(|network| network.parse());
        let trusted_proxies = proxies.collect::<Result<_, _>>().map_err(|e| LazaiError::new("address", e))?;
        Ok(Limits { address_requests, session_requests, consumer_requests, limit_loopback, trusted_proxies })
    }

    /// Checks all of it, and listens nowhere.
    ///
    /// # Errors
    /// `tls` for files that are no certificate with its key, `address` for what is none.
    pub fn check(&self) -> Result<(), LazaiError> {
        self.limits()?;
        // Port 0 is any, and so another each time.
        if self.operations.as_ref() == Some(&self.address) && !self.address.ends_with(":0") {
            let reason = format!("{}: consumers and the operator have addresses of their own", self.address);
            return Err(LazaiError::new("address", reason));
        }
        for at in [Some(&self.address), self.operations.as_ref()].into_iter().flatten() {
            at.to_socket_addrs().map_err(|error| LazaiError::new("address", format!("{at}: {error}")))?;
        }
        self.tls_files().map_or(Ok(()), |files| files.check()).map_err(|error| failed("TLS", error))
    }

    /// Tries whether it could listen, for a moment; returns the addresses that another program has, which may be this node, running.
    ///
    /// # Errors
    /// `address` for one that this machine does not have, or may not give.
    pub fn in_use(&self) -> Result<Vec<String>, LazaiError> {
        let mut taken = Vec::new();
        for at in [Some(&self.address), self.operations.as_ref()].into_iter().flatten() {
            match std::net::TcpListener::bind(at.as_str()) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => taken.push(at.clone()),
                Err(error) => return Err(LazaiError::new("address", format!("{at}: {error}"))),
            }
        }
        Ok(taken)
    }

    /// Tells whether anybody who reaches this machine reaches the operator's pages, which have no key.
    #[must_use]
    pub fn shows_operations(&self) -> bool {
        let found = self.operations.as_ref().and_then(|at| at.to_socket_addrs().ok());
        found.into_iter().flatten().any(|address| address.ip().is_unspecified())
    }
}

/// What a node offers.
#[derive(Debug, Clone)]
pub struct Offered {
    /// Its id at the node: `dat:CLASS:VERSION`.
    pub model: String,
    /// The character's name.
    pub character: String,
    /// The most that one reply can cost, in base units.
    pub step: BaseUnits,
    /// Most tokens of a conversation before a reply.
    pub prompt_ceiling: u32,
    /// Of these, those that the character's card takes; none without a card.
    pub card_tokens: Option<u64>,
}

/// A node that can listen.
#[derive(Debug)]
pub struct PreparedNode {
    provider: Arc<Provider>,
    front: Front,
    offered: Vec<Offered>,
}

/// Credits that a node sells for each version that it serves.
#[derive(Debug, Clone)]
pub struct SoldCredits {
    /// Price of one, in base units of coins.
    pub price: BaseUnits,
    /// The length of a period, in seconds, a day or more: its buyers have one key.
    pub period_s: u64,
}

impl PreparedNode {
    /// Reads adapters and terms, and checks them: as [`NodeServer::start`], which then listens.
    ///
    /// # Errors
    /// As [`NodeServer::start`], but for those of the address.
    pub fn read(
        market: Arc<Market>,
        signer: Arc<dyn Signer>,
        base: Arc<BaseModel>,
        served: Vec<ServedModel>,
        reply_tokens: u32,
        book: &NodeBook,
    ) -> Result<Self, LazaiError> {
        Self::selling(market, signer, base, served, reply_tokens, book, None)
    }

    /// As [`read`](Self::read), of a node that sells credits, if any are told.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn selling(
        market: Arc<Market>,
        signer: Arc<dyn Signer>,
        base: Arc<BaseModel>,
        served: Vec<ServedModel>,
        reply_tokens: u32,
        book: &NodeBook,
        credits: Option<SoldCredits>,
    ) -> Result<Self, LazaiError> {
        if let Some(SoldCredits { period_s, .. }) = credits.as_ref().filter(|credits| credits.period_s < LEAST_PERIOD_S)
        {
            let reason = format!(
                "a period of credits has at least {LEAST_PERIOD_S} seconds, not {period_s}: shorter ones hide nobody"
            );
            return Err(LazaiError::new("config", reason));
        }
        if reply_tokens == 0 {
            return Err(LazaiError::new("config", "replies of no tokens are none, and would be paid for"));
        }
        let account = market.account(signer.clone())?;
        book.check_left(&market)?;
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
        let kept = book.open(account.address())?;
        let mut provider = Provider::new(account, engine, &book.folder).with_book(kept).with_sampler(sampler);
        if let Some(program) = &book.quotes {
            provider = provider.with_quoter(QuoteCommand::new(program, []));
        }
        let (mut terms, mut offered, mut voices) = (Vec::new(), Vec::new(), Opened::new());
        for model in served {
            let (class, version) = (ClassId(model.class_id), VersionNumber(model.version));
            let about = market.version(class, version)?.metadata;
            let folder = Path::new(&model.adapter_folder);
            let is_sealed = sealed_path(&folder.join(WEIGHTS_FILE)).is_file();
            let at_rest = if is_sealed { kept_for(signer.clone())? } else { AtRest::Clear };
            provider = provider.with_adapter_at(class, version, folder, about.adapter_digest, &at_rest)?;
            if let Some(voice) = model.voice {
                provider = speaking(provider, (class, version), voice, about.voice, &mut voices)?;
            }
            let price = |text: String| text.parse::<Amount>();
            let asked = OfferTerms {
                prompt_price: price(model.prompt_price)?,
                completion_price: price(model.completion_price)?,
                prompt_ceiling: model.prompt_ceiling,
                session_s: model.session_s,
                ..OfferTerms::free(class, version)
            };
            provider.check_terms(&asked).map_err(LedgerError::from)?;
            if let Some(credits) = &credits {
                provider = provider.with_credits(CreditSale {
                    class,
                    version,
                    asset: asked.asset,
                    price: price(credits.price.clone())?,
                    prompt_ceiling: model.prompt_ceiling,
                    completion_ceiling: reply_tokens,
                    period_s: credits.period_s,
                });
            }
            let (character, prompt_ceiling) = (about.character, model.prompt_ceiling);
            let card_tokens = provider.card_tokens(class, version)?;
            if let Some(tokens) = card_tokens.filter(|tokens| *tokens > prompt_ceiling.into()) {
                let reason = format!(
                    "the card of {character} with one word said has {tokens} tokens, a conversation may have {prompt_ceiling} by the \
                     terms: no request would be served; raise the prompt ceiling"
                );
                return Err(LazaiError::new("model", reason));
            }
            let step = provider.step(&asked)?.to_string();
            offered.push(Offered { model: model_id(class, version), character, step, prompt_ceiling, card_tokens });
            terms.push(asked);
        }
        let provider = Arc::new(provider);
        let front = Front::new(provider.clone(), terms);
        Ok(Self { provider, front, offered })
    }

    /// What it offers.
    #[must_use]
    pub fn offered(&self) -> &[Offered] {
        &self.offered
    }

    /// Serves, on threads of its own.
    ///
    /// # Errors
    /// As [`Listening::check`]; `io` for an address that cannot be had.
    pub fn listen(self, listening: Listening) -> Result<Arc<NodeServer>, LazaiError> {
        let Self { provider, front, .. } = self;
        front.limit(listening.limits()?);
        let at = listening.address.as_str();
        let serving = match listening.tls_files() {
            None => front.spawn(at),
            Some(files) => front.spawn_tls(at, &files),
        };
        let mut serving = vec![serving.map_err(|e| failed(at, e))?];
        let url = serving[0].url();
        if let Some(at) = &listening.operations {
            serving.push(front.spawn_operations(at.as_str()).map_err(|e| failed(at, e))?);
        }
        Ok(Arc::new(NodeServer { provider, front, url, serving: Mutex::new(serving) }))
    }
}

/// Files that this node alone opens.
fn kept_for(signer: Arc<dyn Signer>) -> Result<AtRest, LazaiError> {
    Ok(pollster::block_on(lazai::adapters::at_rest(&Foreign::new(signer)?))?)
}

fn failed(at: &str, error: std::io::Error) -> LazaiError {
    match error.kind() {
        // A certificate: the error names its file.
        std::io::ErrorKind::InvalidData => LazaiError::new("tls", error.to_string()),
        _ => LazaiError::new("io", file_error(at, error).detail()),
    }
}
