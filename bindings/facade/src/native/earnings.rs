//! What creators and nodes earned.

use std::collections::BTreeMap;

use lazai::core::{Address, ClassId};
use lazai::creator::share_earnings;
use lazai::provider::{Book, Earner, Earnings, FolderBook};
use lazai::settle;
use lazai::settle::ledger::LedgerError;

use super::book::NodeBook;
use super::market::Market;
use super::provider::NodeServer;
use crate::{BaseUnits, FilePath, LazaiError, record};

record! {
    /// What the shares of a token earned in an asset, in base units.
    pub struct ShareEarnings {
        /// The token.
        pub token_id: u64,
        /// Its class.
        pub class_id: u64,
        /// The version whose revenue its shares have a part of; none in a class without versions.
        pub version: Option<u32>,
        /// The character's name.
        pub character: Option<String>,
        /// The owner.
        pub owner: String,
        /// The name under which the owner contributed to the version; none for who bought the token.
        pub contributor: Option<String>,
        /// Its shares.
        pub shares: u64,
        /// All shares of that revenue.
        pub total_shares: u64,
        /// The asset; the zero address stands for coins.
        pub asset: String,
        /// The amount that was claimed since the token was minted, by all its owners; none in a class without versions.
        pub claimed: Option<BaseUnits>,
        /// The amount that its owner can claim now.
        pub claimable: BaseUnits,
        /// The amount that can be claimed once the ledger's last entries are confirmed.
        pub pending: BaseUnits,
    }
}

record! {
    /// What a node earned by a version in an asset, in base units.
    pub struct NodeEarnings {
        /// The class.
        pub class_id: u64,
        /// The version.
        pub version: u32,
        /// The character's name.
        pub character: Option<String>,
        /// The asset; the zero address stands for coins.
        pub asset: String,
        /// Sessions in which a reply was begun.
        pub sessions: u64,
        /// Of these, those that the ledger has as open.
        pub open_sessions: u64,
        /// For all replies that were made.
        pub owed: BaseUnits,
        /// Of that, what consumers signed vouchers for.
        pub signed: BaseUnits,
        /// Of that, what the ledger paid.
        pub redeemed: BaseUnits,
        /// Of what was signed, what is lost unless it is redeemed in time.
        pub at_risk: BaseUnits,
    }
}

fn told(market: &settle::Market, all: BTreeMap<Earner, Earnings>) -> Vec<NodeEarnings> {
    let one = |(Earner { class, version, asset }, earnings): (Earner, Earnings)| {
        let Earnings { sessions, open_sessions, owed, signed, redeemed, at_risk } = earnings;
        let found = market.class(class).and_then(|class| class.version(version));
        NodeEarnings {
            class_id: class.0,
            version: version.0,
            character: found.map(|version| version.metadata.character.clone()),
            asset: asset.0.to_string(),
            sessions,
            open_sessions,
            owed: owed.to_string(),
            signed: signed.to_string(),
            redeemed: redeemed.to_string(),
            at_risk: at_risk.to_string(),
        }
    };
    all.into_iter().map(one).collect()
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// What share tokens earned, by token and asset: of an owner or of all, of a class or of all.
    ///
    /// # Errors
    /// `hex.…`, `market`.
    pub fn share_earnings(
        &self,
        owner: Option<String>,
        class_id: Option<u64>,
    ) -> Result<Vec<ShareEarnings>, LazaiError> {
        let owner = owner.map(|owner| owner.parse::<Address>()).transpose()?;
        let all = share_earnings(&**self.ledger(), owner, class_id.map(ClassId)).map_err(LedgerError::from)?;
        let one = |earned: lazai::creator::ShareEarnings| ShareEarnings {
            token_id: earned.token.0,
            class_id: earned.class.0,
            version: earned.version.map(|version| version.0),
            character: earned.character,
            owner: earned.owner.to_string(),
            contributor: earned.contributor,
            shares: earned.shares,
            total_shares: earned.total_shares,
            asset: earned.asset.0.to_string(),
            claimed: earned.claimed.map(|claimed| claimed.to_string()),
            claimable: earned.claimable.to_string(),
            pending: earned.pending.to_string(),
        };
        Ok(all.into_iter().map(one).collect())
    }

    /// What a node earned by each version, by the folder of its book: also while the node runs.
    ///
    /// # Errors
    /// `node.book`, `node.money`.
    pub fn book_earnings(&self, book: FilePath) -> Result<Vec<NodeEarnings>, LazaiError> {
        self.earnings_in(&FolderBook::new(book))
    }
}

impl Market {
    /// As [`book_earnings`](Self::book_earnings), of the node with an address, by a book in any place.
    ///
    /// # Errors
    /// As [`book_earnings`](Self::book_earnings).
    pub fn node_earnings(&self, book: &NodeBook, node: &str) -> Result<Vec<NodeEarnings>, LazaiError> {
        self.earnings_in(&*book.open(node.parse()?)?)
    }

    fn earnings_in(&self, book: &dyn Book) -> Result<Vec<NodeEarnings>, LazaiError> {
        let market = self.ledger().market();
        Ok(told(&market, pollster::block_on(Earnings::in_book(book, &market))?))
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl NodeServer {
    /// What it earned by each version, by its book and the ledger.
    ///
    /// # Errors
    /// `node.book`, `node.money`.
    pub fn earnings(&self) -> Result<Vec<NodeEarnings>, LazaiError> {
        let all = pollster::block_on(self.provider.earnings_by_version())?;
        Ok(told(&self.provider.ledger().market(), all))
    }
}
