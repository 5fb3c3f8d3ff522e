//! What a node earned, as its book and the ledger have it.

use std::collections::BTreeMap;

use lazai_core::{Amount, Asset, ClassId, MoneyError, VersionNumber};
use lazai_settle::Market;

use super::Provider;
use super::book::{Book, PageSums};
use crate::node::NodeError;

/// Sums over sessions in a node's book, in base units of one asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Earnings {
    /// Sessions in which a reply was begun.
    pub sessions: u64,
    /// Of these, those that the ledger has as open.
    pub open_sessions: u64,
    /// For all replies that were made.
    pub owed: Amount,
    /// Of that, what consumers signed vouchers for.
    pub signed: Amount,
    /// Of that, what the ledger paid.
    pub redeemed: Amount,
    /// Of what was signed, what is lost unless it is redeemed in time: that of sessions that are open.
    pub at_risk: Amount,
}

/// What earns: a version of a character, in an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Earner {
    /// The class.
    pub class: ClassId,
    /// Its version.
    pub version: VersionNumber,
    /// The asset.
    pub asset: Asset,
}

impl Earnings {
    /// Adds other sums.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for sums that no ledger can hold; then nothing has changed.
    pub fn add(&mut self, other: &Self) -> Result<(), MoneyError> {
        *self = Self {
            sessions: self.sessions.saturating_add(other.sessions),
            open_sessions: self.open_sessions.saturating_add(other.open_sessions),
            owed: self.owed.checked_add(other.owed)?,
            signed: self.signed.checked_add(other.signed)?,
            redeemed: self.redeemed.checked_add(other.redeemed)?,
            at_risk: self.at_risk.checked_add(other.at_risk)?,
        };
        Ok(())
    }

    /// Sums by asset of what each version earned.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn by_asset(each: &BTreeMap<Earner, Self>) -> Result<BTreeMap<Asset, Self>, MoneyError> {
        let mut all: BTreeMap<Asset, Self> = BTreeMap::new();
        for (earner, earnings) in each {
            all.entry(earner.asset).or_default().add(earnings)?;
        }
        Ok(all)
    }

    /// What each version earned by the sessions in a node's book: for its keeper, without the node.
    ///
    /// # Errors
    /// As [`Provider::earnings`].
    pub async fn in_book(book: &dyn Book, market: &Market) -> Result<BTreeMap<Earner, Self>, NodeError> {
        let mut all: BTreeMap<Earner, Self> = BTreeMap::new();
        for PageSums { session: id, owed, signed } in book.sums().await? {
            // Without its session, a page says nothing of what was served.
            let Some(session) = market.session(id) else { continue };
            let (offer, open) = (&session.offer, !session.closed);
            let at_risk = signed.checked_sub(session.redeemed).ok().filter(|_| open).unwrap_or(Amount::ZERO);
            let earner = Earner { class: offer.class, version: offer.version, asset: offer.asset };
            all.entry(earner).or_default().add(&Self {
                sessions: 1,
                open_sessions: open.into(),
                owed,
                signed,
                redeemed: session.redeemed,
                at_risk,
            })?;
        }
        Ok(all)
    }
}

impl Provider {
    /// What was earned, by asset, by the book's sums.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the book cannot be read, [`NodeError::Money`] for sums that no ledger can hold.
    pub async fn earnings(&self) -> Result<BTreeMap<Asset, Earnings>, NodeError> {
        Ok(Earnings::by_asset(&self.earnings_by_version().await?)?)
    }

    /// What each version earned, by asset, by the book's sums.
    ///
    /// # Errors
    /// As [`earnings`](Self::earnings).
    pub async fn earnings_by_version(&self) -> Result<BTreeMap<Earner, Earnings>, NodeError> {
        Earnings::in_book(&*self.book, &self.ledger().market()).await
    }
}
