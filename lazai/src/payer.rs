//! A payer of any server that speaks x402, within limits: it chooses a price, signs one transfer for it, and remembers what it signed.
//!
//! Nothing here has a socket or a clock, so that a page's `fetch` and a phone's network do as well as
//! [`PayingClient`](crate::http::PayingClient).
//!
//! ```
//! # use std::sync::Arc;
//! # use lazai::{Amount, LocalSigner};
//! use lazai::payer::{Payer, SpendingLimit, request_digest};
//!
//! # fn pay(signer: LocalSigner, headers: &[(String, String)], body: &[u8], now_s: u64) -> lazai::Result<()> {
//! let limit = SpendingLimit {
//!     chain_id: 8_453,
//!     asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913".parse()?,
//!     payment: Amount::from_base_units(10_000),
//!     total: Amount::from_base_units(1_000_000),
//! };
//! let payer = Payer::new(Arc::new(signer), vec![limit]);
//! let request = request_digest("GET", "https://server.example/report", b"");
//! // The server answered with status 402, these headers and this body.
//! # futures_lite::future::block_on(async {
//! let payment = payer.pay(request, headers, body, now_s).await?;
//! // Now the same request goes out with one more header.
//! let (name, value) = (payment.version.header(), payment.header);
//! # Ok(()) })
//! # }
//! ```

mod book;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::digest::DomainHasher;
use lazai_core::sign::sign;
use lazai_core::{Address, Amount, Digest, MoneyError, NoRandomness, Signer, SignerError};
use lazai_settle::till::Authorization;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::book::PayerBook;
use crate::wire::exact::{ExactAuthorization, ExactPayload};
use crate::wire::x402::{NotX402, Outcome, PaymentRequired, Price, Version};

/// The shortest and longest time that a transfer is valid for, whatever a server asks: until then it can be taken.
const SHORTEST_S: u64 = 60;
const LONGEST_S: u64 = 3_600;
/// Most payments whose answers are awaited.
const MOST_OPEN: usize = 1_000;

/// The most that is spent of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendingLimit {
    /// The chain (EIP-155).
    pub chain_id: u64,
    /// The ERC-20.
    pub asset: Address,
    /// The most for one payment, in base units.
    pub payment: Amount,
    /// The most in all, in base units. A payment counts from when it is signed, whatever the server says of it.
    pub total: Amount,
}

/// Why nothing was bought.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PayError {
    /// The book of the payer cannot be read or written.
    #[error("{path}: {reason}")]
    Book {
        /// The file.
        path: std::path::PathBuf,
        /// The reason.
        reason: String,
    },
    /// The server now wants something else than what was signed for. Nothing more is signed for this request.
    #[error("the server changed its price after a payment was signed for it: {amount} of {asset} to {pay_to}")]
    Changed {
        /// The amount that was signed for.
        amount: Amount,
        /// The asset.
        asset: Address,
        /// The payee.
        pay_to: Address,
    },
    /// Sums beyond what is counted.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// None of the server's prices is in an asset that may be spent, by a transfer that can be signed.
    #[error("no price can be paid: {understood} of {named} ways to pay are `exact` by a signed transfer, {told}")]
    NoPrice {
        /// The number of ways to pay that the server named.
        named: usize,
        /// The number that is understood.
        understood: usize,
        /// What those want.
        told: String,
    },
    /// The operating system gave no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The server's answer is not x402.
    #[error(transparent)]
    NotX402(#[from] NotX402),
    /// The price is beyond a limit; nothing was signed.
    #[error(
        "{asked} of {asset} on chain {chain_id} are asked for; one payment may be {payment}, and {left} are left in all"
    )]
    OverLimit {
        /// The price.
        asked: Amount,
        /// The asset.
        asset: Address,
        /// The chain.
        chain_id: u64,
        /// The most for one payment.
        payment: Amount,
        /// What is left of the most in all.
        left: Amount,
    },
    /// The server did not take the payment. It stays valid for a while, so the same request is sent with the same payment until then.
    #[error("the server did not take the payment: {reason}")]
    Refused {
        /// The server's reason.
        reason: String,
    },
    /// The signer's error; nothing was signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Too many payments wait for an answer.
    #[error("{MOST_OPEN} payments wait for an answer: their requests come first")]
    TooManyOpen,
    /// The server was not reached; nothing was signed.
    #[error("{reason}")]
    Transport {
        /// The reason.
        reason: String,
    },
    /// A payment was sent, and no answer came. The same request again is sent with the same payment: nobody pays twice.
    #[error(
        "{amount} of {asset} were sent, and no answer came: {reason}; the same request is sent with the same payment"
    )]
    Unanswered {
        /// The amount.
        amount: Amount,
        /// The asset.
        asset: Address,
        /// The reason.
        reason: String,
    },
    /// A URL or a header that no payment goes with.
    #[error("{reason}")]
    Unsafe {
        /// The reason.
        reason: String,
    },
}

/// A payment for one request, signed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedPayment {
    /// The protocol's version, which names the header.
    pub version: Version,
    /// The chain, as the server names it.
    pub network: String,
    /// Its number (EIP-155).
    pub chain_id: u64,
    /// The ERC-20.
    pub asset: Address,
    /// The amount, in base units.
    pub amount: Amount,
    /// The payee.
    pub pay_to: Address,
    /// The payer's number for it: a chain takes it once.
    pub nonce: Digest,
    /// The time until which it can be taken, in seconds since 1970.
    pub valid_before_s: u64,
    /// The value of the header.
    pub header: String,
}

impl std::fmt::Debug for SignedPayment {
    /// Without the header: whoever has it can use the payment.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { network, asset, amount, pay_to, nonce, .. } = self;
        write!(f, "SignedPayment {{ {amount} of {asset} on {network} to {pay_to}, nonce {nonce}, header: [redacted] }}")
    }
}

impl SignedPayment {
    /// Tells whether a price is the one that was signed for.
    fn is_for(&self, price: &Price) -> bool {
        (self.chain_id, self.asset, self.amount, self.pay_to)
            == (price.chain_id, price.asset, price.amount, price.pay_to)
    }
}

/// The digest by which a payer knows a request again: its method, its URL and its body.
#[must_use]
pub fn request_digest(method: &str, url: &str, body: &[u8]) -> Digest {
    DomainHasher::new("lazai.x402.request.v1").part(method.as_bytes()).part(url.as_bytes()).part(body).finish()
}

/// A payer: a key, limits, and what was signed so far.
pub struct Payer {
    signer: Arc<dyn Signer>,
    limits: Vec<SpendingLimit>,
    book: Mutex<PayerBook>,
}

impl Payer {
    /// A payer that has spent nothing yet. Of several prices it pays the one of the first limit that any is in, and of those the lowest.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, limits: Vec<SpendingLimit>) -> Self {
        Self::resume(signer, limits, PayerBook::default())
    }

    /// A payer that goes on with its book.
    #[must_use]
    pub fn resume(signer: Arc<dyn Signer>, limits: Vec<SpendingLimit>, book: PayerBook) -> Self {
        Self { signer, limits, book: Mutex::new(book) }
    }

    fn book(&self) -> MutexGuard<'_, PayerBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was signed so far: a copy, to be kept.
    #[must_use]
    pub fn to_book(&self) -> PayerBook {
        self.book().clone()
    }

    /// What was signed for of an asset so far, in base units.
    #[must_use]
    pub fn spent(&self, chain_id: u64, asset: Address) -> Amount {
        self.book().spent(chain_id, asset)
    }

    /// The payment that was signed for a request and may still be taken: the request goes out with it again.
    #[must_use]
    pub fn open(&self, request: Digest, now_s: u64) -> Option<SignedPayment> {
        self.book().open(request, now_s)
    }

    /// Signs a payment for a request that was answered with status 402; or gives the one that was signed for it, as long as that may
    /// still be taken.
    ///
    /// # Errors
    /// [`PayError::NotX402`], [`PayError::NoPrice`], [`PayError::OverLimit`], [`PayError::Changed`], [`PayError::Signer`],
    /// [`PayError::NoRandomness`], [`PayError::TooManyOpen`]; then nothing was signed.
    pub async fn pay(
        &self,
        request: Digest,
        headers: &[(String, String)],
        body: &[u8],
        now_s: u64,
    ) -> Result<SignedPayment, PayError> {
        let required = PaymentRequired::read(headers, body)?;
        if let Some(open) = self.open(request, now_s) {
            if required.prices.iter().any(|price| open.is_for(price)) {
                return Ok(open);
            }
            let SignedPayment { amount, asset, pay_to, .. } = open;
            return Err(PayError::Changed { amount, asset, pay_to });
        }
        let price = self.reserve(&required, now_s)?;
        let signed = self.sign(&required, &price, now_s).await;
        let mut book = self.book();
        match signed {
            Ok(payment) => {
                book.note(request, payment.clone());
                Ok(payment)
            }
            Err(error) => {
                book.give_back(&price);
                Err(error)
            }
        }
    }

    /// Takes what became of a request that went out with a payment. Once it is served, the same request is another purchase. What the
    /// server says of the payment, if it says something.
    ///
    /// # Errors
    /// [`PayError::Changed`] and [`PayError::Refused`] for status 402.
    pub fn answered(
        &self,
        payment: &SignedPayment,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Option<Outcome>, PayError> {
        // A header that cannot be read takes nothing from what was served.
        let outcome = Outcome::read(payment.version, headers).ok().flatten();
        if (200..300).contains(&status) {
            self.book().close(payment.nonce);
        }
        if status != 402 {
            return Ok(outcome);
        }
        let said = outcome.map(|outcome| outcome.reason).filter(|reason| !reason.is_empty());
        let reason = match PaymentRequired::read(headers, body) {
            Ok(required) if !required.prices.iter().any(|price| payment.is_for(price)) => {
                let SignedPayment { amount, asset, pay_to, .. } = *payment;
                return Err(PayError::Changed { amount, asset, pay_to });
            }
            Ok(required) => said.unwrap_or(required.error),
            Err(_) => said.unwrap_or_else(|| "it gives no reason".into()),
        };
        Err(PayError::Refused { reason })
    }

    /// Chooses a price, and counts it as spent.
    fn reserve(&self, required: &PaymentRequired, now_s: u64) -> Result<Price, PayError> {
        let mut book = self.book();
        book.forget_before(now_s);
        if book.is_full(MOST_OPEN) {
            return Err(PayError::TooManyOpen);
        }
        let mut over = None;
        for limit in &self.limits {
            let of_limit = |price: &&Price| (price.chain_id, price.asset) == (limit.chain_id, limit.asset);
            let Some(price) = required.prices.iter().filter(of_limit).min_by_key(|price| price.amount) else {
                continue;
            };
            let spent = book.spent(limit.chain_id, limit.asset);
            let left = limit.total.checked_sub(spent).unwrap_or(Amount::ZERO);
            if price.amount <= limit.payment && price.amount <= left {
                book.spend(price)?;
                return Ok(price.clone());
            }
            let SpendingLimit { chain_id, asset, payment, .. } = *limit;
            over.get_or_insert(PayError::OverLimit { asked: price.amount, asset, chain_id, payment, left });
        }
        Err(over.unwrap_or_else(|| {
            let told = |price: &Price| format!("{} of {} on {}", price.amount, price.asset, price.network);
            let told: Vec<String> = required.prices.iter().take(4).map(told).collect();
            let told = if told.is_empty() { "and none is".to_owned() } else { format!("such as {}", told.join(", ")) };
            PayError::NoPrice { named: required.named, understood: required.prices.len(), told }
        }))
    }

    async fn sign(&self, required: &PaymentRequired, price: &Price, now_s: u64) -> Result<SignedPayment, PayError> {
        let valid_before_s = now_s.saturating_add(price.valid_s.clamp(SHORTEST_S, LONGEST_S));
        let authorization = Authorization {
            from: self.signer.address(),
            to: price.pay_to,
            value: price.amount,
            // A chain's clock may be behind this one, and who waits gains nothing.
            valid_after_s: 0,
            valid_before_s,
            nonce: Digest::random()?,
        };
        let signature = sign(&*self.signer, &price.domain(), &authorization).await?;
        let Authorization { from, to, value, valid_after_s, valid_before_s, nonce } = authorization;
        let (valid_after, valid_before) = (valid_after_s, valid_before_s);
        let authorization = ExactAuthorization { from, to, value, valid_after, valid_before, nonce };
        let payload = ExactPayload { authorization, signature: signature.to_string() };
        Ok(SignedPayment {
            version: required.version,
            network: price.network.clone(),
            chain_id: price.chain_id,
            asset: price.asset,
            amount: price.amount,
            pay_to: price.pay_to,
            nonce,
            valid_before_s,
            header: required.payment(price, &payload),
        })
    }
}

impl std::fmt::Debug for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payer").field("address", &self.signer.address()).field("limits", &self.limits).finish()
    }
}

#[cfg(test)]
mod tests;
