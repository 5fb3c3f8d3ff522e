//! Paying any server that speaks x402, over a language's own network.

use std::sync::Arc;

use lazai::payer::request_digest;
use lazai::wire::x402::{PAYMENT_V1, Version, chain_id};

use crate::sign::Foreign;
use crate::{BaseUnits, Header, LazaiError, Signer, record};

record! {
    /// The most that is spent of one asset.
    pub struct SpendingLimit {
        /// The chain, as CAIP-2 names it: `eip155:8453`.
        pub network: String,
        /// Address of the ERC-20.
        pub asset: String,
        /// The most for one payment, in base units.
        pub payment: BaseUnits,
        /// The most in all, in base units. A payment counts from when it is signed.
        pub total: BaseUnits,
    }
}

impl SpendingLimit {
    pub(crate) fn parse(&self) -> Result<lazai::payer::SpendingLimit, LazaiError> {
        Ok(lazai::payer::SpendingLimit {
            chain_id: of_chain(Version::Two, &self.network)?,
            asset: self.asset.parse()?,
            payment: self.payment.parse()?,
            total: self.total.parse()?,
        })
    }
}

record! {
    /// A payment for one request, signed. Whoever has it can use it, once, to pay this payee.
    pub struct SignedPayment {
        /// The header that pays: the request is sent again with it.
        pub header: Header,
        /// The chain, as the server names it.
        pub network: String,
        /// Address of the ERC-20.
        pub asset: String,
        /// The amount, in base units.
        pub amount: BaseUnits,
        /// The payee.
        pub pay_to: String,
        /// The payer's number for it: a chain takes it once.
        pub nonce: String,
        /// The time until which it can be taken, in seconds since 1970.
        pub valid_before_s: u64,
    }
}

impl From<lazai::payer::SignedPayment> for SignedPayment {
    fn from(payment: lazai::payer::SignedPayment) -> Self {
        Self {
            header: Header { name: payment.version.header().to_owned(), value: payment.header },
            network: payment.network,
            asset: payment.asset.to_string(),
            amount: payment.amount.to_string(),
            pay_to: payment.pay_to.to_string(),
            nonce: payment.nonce.to_string(),
            valid_before_s: payment.valid_before_s,
        }
    }
}

impl SignedPayment {
    fn parse(self) -> Result<lazai::payer::SignedPayment, LazaiError> {
        let version = if self.header.name == PAYMENT_V1 { Version::One } else { Version::Two };
        Ok(lazai::payer::SignedPayment {
            version,
            chain_id: of_chain(version, &self.network)?,
            network: self.network,
            asset: self.asset.parse()?,
            amount: self.amount.parse()?,
            pay_to: self.pay_to.parse()?,
            nonce: self.nonce.parse()?,
            valid_before_s: self.valid_before_s,
            header: self.header.value,
        })
    }
}

record! {
    /// What became of a payment, as the server says.
    pub struct PaymentOutcome {
        /// True if the server has it.
        pub success: bool,
        /// The transaction; may be empty.
        pub transaction: String,
        /// Why not, in x402's words; may be empty.
        pub reason: String,
    }
}

impl From<lazai::wire::x402::Outcome> for PaymentOutcome {
    fn from(outcome: lazai::wire::x402::Outcome) -> Self {
        let lazai::wire::x402::Outcome { success, transaction, reason } = outcome;
        Self { success, transaction, reason }
    }
}

/// A payer of any server that speaks x402, within limits. It has no network: an app sends a request, gives the answer with status 402 to
/// [`pay`](Self::pay), sends the request again with the header that it gets, and gives that answer to [`answered`](Self::answered).
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct Payer(lazai::payer::Payer);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Payer {
    /// A payer; `book` is what [`to_json`](Self::to_json) gave before. Of several prices it pays the one of the first limit that any is
    /// in, and of those the lowest.
    ///
    /// # Errors
    /// `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`, `json.malformed`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn new(
        signer: Arc<dyn Signer>,
        limits: Vec<SpendingLimit>,
        book: Option<String>,
    ) -> Result<Arc<Self>, LazaiError> {
        let signer = Arc::new(Foreign::new(signer)?);
        let limits = parsed(&limits)?;
        let book = book.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
        Ok(Arc::new(Self(lazai::payer::Payer::resume(signer, limits, book))))
    }

    /// What was signed so far, to be kept before a payment is sent: it holds signed payments.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&self.0.to_book())?)
    }

    /// What was signed for of an asset so far, in base units.
    ///
    /// # Errors
    /// `payment.unsafe`, `hex.…`.
    pub fn spent(&self, network: String, asset: String) -> Result<BaseUnits, LazaiError> {
        Ok(self.0.spent(of_chain(Version::Two, &network)?, asset.parse()?).to_string())
    }

    /// The payment that was signed for a request and may still be taken: the request is sent with it again. `request` names the request,
    /// as for [`pay`](Self::pay).
    pub fn open(&self, request: String, now_s: u64) -> Option<SignedPayment> {
        self.0.open(named(&request), now_s).map(SignedPayment::from)
    }

    /// Signs a payment for a request that was answered with status 402, these headers and this body; or gives the one that was signed
    /// for it. `request` is any text that names the request, such as its method, URL and body: the same text gets the same payment until
    /// it is answered.
    ///
    /// # Errors
    /// `payment.malformed`, `payment.no_price`, `payment.over_limit`, `payment.changed`, `payment.too_many_open`, `signer.…`; then
    /// nothing was signed.
    pub async fn pay(
        &self,
        request: String,
        headers: Vec<Header>,
        body: Vec<u8>,
        now_s: u64,
    ) -> Result<SignedPayment, LazaiError> {
        Ok(self.0.pay(named(&request), &pairs(headers), &body, now_s).await?.into())
    }

    /// Takes the answer to a request that was sent with a payment. Once it is served, the same request is another purchase. What the
    /// server says of the payment, if it says something.
    ///
    /// # Errors
    /// `payment.changed` and `payment.refused` for status 402; `hex.…`, `money.not_decimal` for a payment that is none.
    pub fn answered(
        &self,
        payment: SignedPayment,
        status: u16,
        headers: Vec<Header>,
        body: Vec<u8>,
    ) -> Result<Option<PaymentOutcome>, LazaiError> {
        let outcome = self.0.answered(&payment.parse()?, status, &pairs(headers), &body)?;
        Ok(outcome.map(PaymentOutcome::from))
    }
}

pub(crate) fn parsed(limits: &[SpendingLimit]) -> Result<Vec<lazai::payer::SpendingLimit>, LazaiError> {
    limits.iter().map(SpendingLimit::parse).collect()
}

fn of_chain(version: Version, network: &str) -> Result<u64, LazaiError> {
    let none = || LazaiError::new("payment.unsafe", format!("{network:.80}: a network is named as in eip155:8453"));
    chain_id(version, network).ok_or_else(none)
}

fn named(request: &str) -> lazai::core::Digest {
    request_digest("", request, b"")
}

fn pairs(headers: Vec<Header>) -> Vec<(String, String)> {
    headers.into_iter().map(|header| (header.name, header.value)).collect()
}
