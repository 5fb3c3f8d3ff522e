//! What a node earned, as its book and the ledger have it.

use std::collections::BTreeMap;

use lazai_core::{Amount, Asset};

use super::Provider;
use crate::node::NodeError;

/// Sums over all sessions in a node's book, in base units of one asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Earnings {
    /// For all replies that were made.
    pub owed: Amount,
    /// Of that, what consumers signed vouchers for.
    pub signed: Amount,
    /// Of that, what the ledger paid.
    pub redeemed: Amount,
    /// Of what was signed, what is lost unless it is redeemed in time: that of sessions that are open.
    pub at_risk: Amount,
}

impl Provider {
    /// What was earned, by asset. Reads a page of the book for each session.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the book cannot be read, [`NodeError::Money`] for sums that no ledger can hold.
    pub async fn earnings(&self) -> Result<BTreeMap<Asset, Earnings>, NodeError> {
        let market = self.ledger().market();
        let mut all: BTreeMap<Asset, Earnings> = BTreeMap::new();
        for id in self.sessions().await? {
            // Without its session, a page says nothing of its asset.
            let Some(session) = market.session(id) else { continue };
            let standing = self.standing(id).await?;
            let sums = all.entry(session.offer.asset).or_default();
            let add = |sum: &mut Amount, more: Amount| sum.checked_add(more).map(|total| *sum = total);
            add(&mut sums.owed, standing.owed)?;
            add(&mut sums.signed, standing.promised())?;
            add(&mut sums.redeemed, session.redeemed)?;
            if !session.closed {
                add(&mut sums.at_risk, standing.promised().checked_sub(session.redeemed).unwrap_or(Amount::ZERO))?;
            }
        }
        Ok(all)
    }
}
