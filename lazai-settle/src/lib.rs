//! The rules and the money of the market, and its ledgers.
//!
//! | module | holds |
//! |---|---|
//! | [`market`] | the state machine, sans I/O: `apply(transaction) -> events`, all or nothing |
//! | [`split`] | an amount in three: creator's class, node, pool; exactly |
//! | [`lineage`] | a model's class, the version it comes after, and the part of revenue that version keeps |
//! | [`shares`] | revenue of a class among its share tokens, after ERC-8028; dust carried |
//! | [`session`] | offers, sessions, vouchers, receipts |
//! | [`speech`] | terms and receipts of spoken text |
//! | [`credit`] | terms and receipts of credits, which pay without telling by whom |
//! | [`quorum`] | attestations of validators |
//! | [`dispute`] | nodes' bonds, disputes about replies |
//! | [`governance`] | parameters, proposals, votes |
//! | [`ledger`] | one trait; [`ledger::EmbeddedLedger`] keeps it in a folder |
//! | [`merkle`] | the log's tree (RFC 6962): checkpoints and inclusion |
//! | [`notice`] | notifications to followers, in the shape of reth's ExEx |
//! | [`agent`] | calls to registries of agents (ERC-8004), for a wallet, too |
//! | [`till`] | payments at once from plain wallets |
//! | [`transfer`] | signed transfers to anybody, as a facilitator of x402 settles them |
//! | [`wallet`] | calls that a user's wallet sends by itself |
//!
//! The rules read neither clock nor network: time comes with each call. Ledgers do: [`ledger::SystemClock`], and with the
//! feature `evm` a chain's node.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod agent;
pub mod credit;
pub mod dispute;
pub mod governance;
pub mod ledger;
pub mod lineage;
pub mod market;
pub mod merkle;
pub mod notice;
pub mod quorum;
pub mod session;
pub mod shares;
pub mod speech;
pub mod split;
pub mod till;
pub mod transfer;
pub mod wallet;

pub use governance::Params;
pub use ledger::{Clock, EmbeddedLedger, Ledger, LedgerError, ManualClock, SystemClock};
pub use lineage::Lineage;
pub use market::{Event, Genesis, Market, MarketError, SignedTransaction, Transaction};
pub use split::{RevenueSplit, Split};
