//! Buying from servers that speak x402.

use std::path::Path;
use std::sync::Arc;

use lazai::http::{Bought, Paid, Purchase};

use crate::payer::{PaymentOutcome, SpendingLimit, parsed};
use crate::sign::Foreign;
use crate::{BaseUnits, FilePath, Header, LazaiError, Signer, record};

record! {
    /// What was paid for an answer.
    pub struct PaymentMade {
        /// The chain, as the server names it.
        pub network: String,
        /// Address of the ERC-20.
        pub asset: String,
        /// The amount, in base units.
        pub amount: BaseUnits,
        /// The payee.
        pub pay_to: String,
        /// What the server says of the payment.
        pub outcome: Option<PaymentOutcome>,
    }
}

record! {
    /// A server's answer, and what was paid for it.
    pub struct PaidAnswer {
        /// The status. Redirects are not followed.
        pub status: u16,
        /// Headers.
        pub headers: Vec<Header>,
        /// The body.
        pub body: Vec<u8>,
        /// What was paid; none if the server wanted nothing.
        pub payment: Option<PaymentMade>,
    }
}

record! {
    /// A price of a server, by a transfer that can be signed.
    pub struct ServerPrice {
        /// The chain, as the server names it.
        pub network: String,
        /// Address of the ERC-20.
        pub asset: String,
        /// The amount, in base units.
        pub amount: BaseUnits,
        /// The payee.
        pub pay_to: String,
    }
}

impl From<Bought> for PaidAnswer {
    fn from(bought: Bought) -> Self {
        let Bought { status, headers, body, paid } = bought;
        let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
        let made = |Paid { network, asset, amount, pay_to, outcome }| PaymentMade {
            network,
            asset: asset.to_string(),
            amount: amount.to_string(),
            pay_to: pay_to.to_string(),
            outcome: outcome.map(PaymentOutcome::from),
        };
        Self { status, headers, body, payment: paid.map(made) }
    }
}

/// A client of any server that speaks x402, over this library's own HTTP and TLS: it pays within limits, and sends a payment again whose
/// answer was lost.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct PayingClient(lazai::http::PayingClient);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl PayingClient {
    /// A client whose book is a file, which is made if it is not there: the limits hold over every start, and a payment whose answer was
    /// lost is sent again by the next one. One process has the file at a time.
    ///
    /// # Errors
    /// `file`, `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn open(book: FilePath, signer: Arc<dyn Signer>, limits: Vec<SpendingLimit>) -> Result<Arc<Self>, LazaiError> {
        let (signer, limits) = (Arc::new(Foreign::new(signer)?), parsed(&limits)?);
        Ok(Arc::new(Self(lazai::http::PayingClient::open(Path::new(&book), signer, limits)?)))
    }

    /// Sends a request to an `https` URL, or an `http` one on this machine; pays if the server wants that, at most once, and sends it
    /// again with the payment.
    ///
    /// # Errors
    /// `payment.…`, `signer.…`, `file`. After `payment.unanswered` and `payment.refused` the same request goes out with the same payment.
    pub async fn buy(
        &self,
        method: String,
        url: String,
        headers: Vec<Header>,
        body: Vec<u8>,
    ) -> Result<PaidAnswer, LazaiError> {
        Ok(self.0.buy(&purchase(method, url, headers, body)).await?.into())
    }

    /// The prices of a request that can be paid; none if the server answers without a payment. Nothing is paid.
    ///
    /// # Errors
    /// `payment.transport`, `payment.malformed`, `payment.unsafe`.
    pub async fn prices(
        &self,
        method: String,
        url: String,
        headers: Vec<Header>,
        body: Vec<u8>,
    ) -> Result<Vec<ServerPrice>, LazaiError> {
        let required = self.0.prices(&purchase(method, url, headers, body)).await?;
        Ok(required.map(|required| required.prices).unwrap_or_default().iter().map(ServerPrice::of).collect())
    }
}

impl PayingClient {
    /// A client without a book, as a command line has it for one request.
    ///
    /// # Errors
    /// As [`open`](Self::open); `payment.unsafe` for certificates that are none.
    pub fn with(
        book: Option<&Path>,
        signer: Arc<dyn Signer>,
        limits: &[SpendingLimit],
        certificates: Option<&[u8]>,
    ) -> Result<Self, LazaiError> {
        let (signer, limits) = (Arc::new(Foreign::new(signer)?), parsed(limits)?);
        let client = match book {
            Some(book) => lazai::http::PayingClient::open(book, signer, limits)?,
            None => lazai::http::PayingClient::new(lazai::payer::Payer::new(signer, limits)),
        };
        Ok(Self(match certificates {
            Some(pem) => client.with_root_certificates(pem)?,
            None => client,
        }))
    }
}

impl ServerPrice {
    fn of(price: &lazai::wire::x402::Price) -> Self {
        Self {
            network: price.network.clone(),
            asset: price.asset.to_string(),
            amount: price.amount.to_string(),
            pay_to: price.pay_to.to_string(),
        }
    }
}

fn purchase(method: String, url: String, headers: Vec<Header>, body: Vec<u8>) -> Purchase {
    let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
    Purchase { method, url, headers, body }
}
