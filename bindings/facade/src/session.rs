//! Offers, vouchers and receipts, as consumer and node sign them.

use std::sync::Arc;

use lazai::core::sign::{signing_digest, typed_data_json};
use lazai::core::{Amount, Asset, ClassId, TypedData, VersionNumber};
use lazai::settle::session as market;

use crate::sign::{Foreign, parse_signature};
use crate::{BaseUnits, Domain, LazaiError, Signer, record};

record! {
    /// A node's prices and limits for serving a version of a class.
    pub struct Offer {
        /// The node's address.
        pub node: String,
        /// The class it serves.
        pub class_id: u64,
        /// The version it serves.
        pub version: u32,
        /// Address of the asset of the prices; zero for coins.
        pub asset: String,
        /// Price of one token of the conversation before a reply, in base units.
        pub prompt_price: BaseUnits,
        /// Price of one token of a reply, in base units.
        pub completion_price: BaseUnits,
        /// Most tokens of a conversation before a reply.
        pub prompt_ceiling: u32,
        /// Most tokens of a reply.
        pub completion_ceiling: u32,
        /// The length of a session, in seconds.
        pub session_s: u64,
        /// Sessions may be opened under it up to this time, seconds since 1970.
        pub valid_until_s: u64,
        /// The least that a payer reserves for a session, in base units.
        pub min_deposit: BaseUnits,
        /// The amount that a class's fund reserves for a session opened with a unit of quota, in base units; 0: not served
        /// by quota.
        pub quota_deposit: BaseUnits,
        /// The node's series of offers that it belongs to: beginning the next series revokes it.
        pub series: u64,
    }
}

record! {
    /// A promise to pay: the sum of all replies of a session so far.
    pub struct Voucher {
        /// The session.
        pub session: String,
        /// The node that may redeem it.
        pub node: String,
        /// The class that is served.
        pub class_id: u64,
        /// The version that is served.
        pub version: u32,
        /// The amount owed so far, in base units.
        pub cumulative: BaseUnits,
    }
}

record! {
    /// A node's claim of what it did for one reply.
    pub struct Receipt {
        /// The session.
        pub session: String,
        /// The reply's number in the session, from 1.
        pub turn: u32,
        /// Salted digest of the conversation before the reply.
        pub request_digest: String,
        /// Salted digest of the reply.
        pub reply_digest: String,
        /// Tokens of the conversation before the reply.
        pub prompt_tokens: u64,
        /// Tokens of the reply.
        pub completion_tokens: u64,
        /// Digest of the tokenizer that counted.
        pub tokenizer_digest: String,
        /// Temperature in thousandths.
        pub temperature_milli: u32,
        /// Nucleus in thousandths.
        pub top_p_milli: u32,
        /// Seed of the sampler.
        pub seed: u64,
        /// SHA-256 of the base model that the node says it used.
        pub base_digest: String,
        /// SHA-256 of the adapter that the node says it used: claimed, not proved.
        pub adapter_digest: String,
        /// The amount owed for the session, this reply included, in base units.
        pub cumulative: BaseUnits,
    }
}

record! {
    /// A receipt with the node's signature of it.
    pub struct SignedReceipt {
        /// The receipt.
        pub receipt: Receipt,
        /// The node's signature: [`check_receipt`] checks it.
        pub signature: String,
    }
}

impl From<&lazai::node::SignedReceipt> for SignedReceipt {
    fn from(signed: &lazai::node::SignedReceipt) -> Self {
        let market::Receipt {
            session,
            turn,
            request_digest,
            reply_digest,
            prompt_tokens,
            completion_tokens,
            tokenizer_digest,
            temperature_milli,
            top_p_milli,
            seed,
            base_digest,
            adapter_digest,
            cumulative,
        } = &signed.receipt;
        let receipt = Receipt {
            session: session.to_string(),
            turn: *turn,
            request_digest: request_digest.to_string(),
            reply_digest: reply_digest.to_string(),
            prompt_tokens: *prompt_tokens,
            completion_tokens: *completion_tokens,
            tokenizer_digest: tokenizer_digest.to_string(),
            temperature_milli: *temperature_milli,
            top_p_milli: *top_p_milli,
            seed: *seed,
            base_digest: base_digest.to_string(),
            adapter_digest: adapter_digest.to_string(),
            cumulative: cumulative.to_string(),
        };
        Self { receipt, signature: signed.signature.to_string() }
    }
}

impl Offer {
    pub(crate) fn parse(&self) -> Result<market::Offer, LazaiError> {
        Ok(market::Offer {
            node: self.node.parse()?,
            class: ClassId(self.class_id),
            version: VersionNumber(self.version),
            asset: Asset(self.asset.parse()?),
            prompt_price: self.prompt_price.parse()?,
            completion_price: self.completion_price.parse()?,
            prompt_ceiling: self.prompt_ceiling,
            completion_ceiling: self.completion_ceiling,
            session_s: self.session_s,
            valid_until_s: self.valid_until_s,
            min_deposit: self.min_deposit.parse()?,
            quota_deposit: self.quota_deposit.parse()?,
            series: self.series,
        })
    }
}

impl Voucher {
    fn parse(&self) -> Result<market::Voucher, LazaiError> {
        Ok(market::Voucher {
            session: self.session.parse()?,
            node: self.node.parse()?,
            class: ClassId(self.class_id),
            version: VersionNumber(self.version),
            cumulative: self.cumulative.parse::<Amount>()?,
        })
    }
}

impl Receipt {
    fn parse(&self) -> Result<market::Receipt, LazaiError> {
        Ok(market::Receipt {
            session: self.session.parse()?,
            turn: self.turn,
            request_digest: self.request_digest.parse()?,
            reply_digest: self.reply_digest.parse()?,
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            tokenizer_digest: self.tokenizer_digest.parse()?,
            temperature_milli: self.temperature_milli,
            top_p_milli: self.top_p_milli,
            seed: self.seed,
            base_digest: self.base_digest.parse()?,
            adapter_digest: self.adapter_digest.parse()?,
            cumulative: self.cumulative.parse()?,
        })
    }
}

async fn sign<T: TypedData>(domain: &Domain, value: &T, signer: Arc<dyn Signer>) -> Result<String, LazaiError> {
    let signature = lazai::core::sign::sign(&Foreign::new(signer)?, &domain.parse()?, value).await?;
    Ok(signature.to_string())
}

fn check<T: TypedData>(domain: &Domain, value: &T, signature: &str, signer: &str) -> Result<(), LazaiError> {
    Ok(parse_signature(signature)?.verify(&domain.parse()?, value, signer.parse()?)?)
}

/// The most that one reply under an offer can cost, in base units: the least deposit that gets one.
///
/// # Errors
/// `hex.…`, `money.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn offer_step(offer: Offer) -> Result<BaseUnits, LazaiError> {
    Ok(offer.parse()?.step()?.to_string())
}

/// The id of a session, from the payer's number for it: it binds everything that was agreed.
///
/// # Errors
/// `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn session_id(
    ledger: String,
    payer: String,
    nonce: u64,
    consumer: String,
    offer: Offer,
) -> Result<String, LazaiError> {
    let offer = offer.parse()?;
    Ok(market::session_id(ledger.parse()?, payer.parse()?, nonce, consumer.parse()?, &offer).to_string())
}

/// Signs an offer, as its node.
///
/// # Errors
/// `hex.…`, `money.not_decimal`, `signer.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub async fn sign_offer(domain: Domain, offer: Offer, signer: Arc<dyn Signer>) -> Result<String, LazaiError> {
    sign(&domain, &offer.parse()?, signer).await
}

/// Checks that an offer is signed by its node.
///
/// # Errors
/// `signature.…`, `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn check_offer(domain: Domain, offer: Offer, signature: String) -> Result<(), LazaiError> {
    check(&domain, &offer.parse()?, &signature, &offer.node)
}

/// Signs a voucher, as the session's consumer.
///
/// # Errors
/// `hex.…`, `money.not_decimal`, `signer.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub async fn sign_voucher(domain: Domain, voucher: Voucher, signer: Arc<dyn Signer>) -> Result<String, LazaiError> {
    sign(&domain, &voucher.parse()?, signer).await
}

/// Checks that a voucher is signed by an account.
///
/// # Errors
/// `signature.…`, `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn check_voucher(domain: Domain, voucher: Voucher, signature: String, signer: String) -> Result<(), LazaiError> {
    check(&domain, &voucher.parse()?, &signature, &signer)
}

/// The 32 bytes of a voucher that are signed (EIP-712), as hex.
///
/// # Errors
/// `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn voucher_digest(domain: Domain, voucher: Voucher) -> Result<String, LazaiError> {
    Ok(signing_digest(&domain.parse()?, &voucher.parse()?).to_string())
}

/// A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
///
/// # Errors
/// `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn voucher_typed_data(domain: Domain, voucher: Voucher) -> Result<String, LazaiError> {
    // Only strings could make the JSON fail, and a voucher has none.
    Ok(typed_data_json(&domain.parse()?, &voucher.parse()?).unwrap_or_default().to_string())
}

/// Signs a receipt, as the node.
///
/// # Errors
/// `hex.…`, `money.not_decimal`, `signer.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub async fn sign_receipt(domain: Domain, receipt: Receipt, signer: Arc<dyn Signer>) -> Result<String, LazaiError> {
    sign(&domain, &receipt.parse()?, signer).await
}

/// Checks that a receipt is signed by a node.
///
/// # Errors
/// `signature.…`, `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn check_receipt(domain: Domain, receipt: Receipt, signature: String, node: String) -> Result<(), LazaiError> {
    check(&domain, &receipt.parse()?, &signature, &node)
}
