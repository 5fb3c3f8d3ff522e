//! A node's prices and limits: its keeper decides terms, the node signs offers.

use lazai_core::{Amount, Asset, ClassId, MoneyError, SignerError, VersionNumber};
use lazai_settle::market::MarketError;
use lazai_settle::session::Offer;

use super::Provider;
use crate::node::SignedOffer;

/// A node's price and limits for serving a version. Its address, the ceiling of its replies and its series come from the
/// node itself, when it signs the [`Offer`].
///
/// # Example
/// ```
/// use lazai::core::{Amount, ClassId, VersionNumber};
/// use lazai::provider::OfferTerms;
///
/// let terms = OfferTerms {
///     prompt_price: Amount::from_base_units(1),
///     completion_price: Amount::from_base_units(4),
///     ..OfferTerms::free(ClassId(1), VersionNumber(1))
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferTerms {
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The asset of the prices.
    pub asset: Asset,
    /// Price of one token of the conversation before a reply.
    pub prompt_price: Amount,
    /// Price of one token of a reply.
    pub completion_price: Amount,
    /// Most tokens of a conversation before a reply.
    pub prompt_ceiling: u32,
    /// The length of a session, in seconds.
    pub session_s: u64,
    /// The least that a payer reserves for a session.
    pub min_deposit: Amount,
    /// The amount that a class's fund reserves for a session opened with a unit of quota; 0: not served by quota.
    pub quota_deposit: Amount,
}

impl OfferTerms {
    /// Free terms for a version: sessions of a day, conversations of up to 1,024 tokens, prices in coins.
    #[must_use]
    pub fn free(class: ClassId, version: VersionNumber) -> Self {
        Self {
            class,
            version,
            asset: Asset::NATIVE,
            prompt_price: Amount::ZERO,
            completion_price: Amount::ZERO,
            prompt_ceiling: 1_024,
            session_s: 86_400,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
        }
    }
}

impl Provider {
    /// Checks terms against the market as it is now: that it has the version, lets sessions last so long, and takes such prices.
    /// Offers under other terms open no session.
    ///
    /// # Errors
    /// The market's error.
    pub fn check_terms(&self, terms: &OfferTerms) -> Result<(), MarketError> {
        self.ledger().market().check_terms(&self.offered(terms, u64::MAX))
    }

    /// The most that one reply can cost under some terms.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn step(&self, terms: &OfferTerms) -> Result<Amount, MoneyError> {
        self.offered(terms, u64::MAX).step()
    }

    /// Signs an offer under some terms, valid up to a time (seconds since 1970).
    ///
    /// # Errors
    /// The signer's error.
    pub async fn offer(&self, terms: &OfferTerms, valid_until_s: u64) -> Result<SignedOffer, SignerError> {
        let offer = self.offered(terms, valid_until_s);
        let signature = self.account.sign(&offer).await?;
        Ok(SignedOffer { offer, signature })
    }

    fn offered(&self, terms: &OfferTerms, valid_until_s: u64) -> Offer {
        Offer {
            node: self.address(),
            class: terms.class,
            version: terms.version,
            asset: terms.asset,
            prompt_price: terms.prompt_price,
            completion_price: terms.completion_price,
            prompt_ceiling: terms.prompt_ceiling,
            completion_ceiling: self.sampler.max_tokens,
            session_s: terms.session_s,
            valid_until_s,
            min_deposit: terms.min_deposit,
            quota_deposit: terms.quota_deposit,
            series: self.series(),
        }
    }
}
