//! Classes of tokens, their versions, and the tokens.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::dat::VersionMetadata;
use lazai_core::{Address, Asset, BasisPoints, ClassId, Digest, TokenId, VersionNumber};

use crate::shares::{RevenueAccount, Scaled};

/// One adapter of a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version's metadata.
    pub metadata: VersionMetadata,
    /// Digest of that.
    pub digest: Digest,
    /// True if it takes no new sessions.
    pub withdrawn: bool,
    /// The version that it comes after, as its contributors signed; none for the first. Two may come after one.
    pub after: Option<VersionNumber>,
    /// The part of its revenue that the version before it gets.
    pub keep: BasisPoints,
    /// Its shares, fixed when it was minted, and their revenue.
    pub pot: Pot,
}

/// Shares that count, and their revenue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pot {
    /// Shares of all tokens that count.
    pub total_shares: u64,
    /// Revenue, by asset.
    pub revenue: BTreeMap<Asset, RevenueAccount>,
}

/// Share tokens of a class that expire: they are processed before each settlement.
pub const MAX_EXPIRING: usize = 64;
/// Versions of a class are numbered in 24 bits.
pub const MAX_VERSIONS: usize = (1 << 24) - 1;
/// A token expires at the latest then, seconds since 1970: 40 bits.
pub const MAX_EXPIRY_S: u64 = (1 << 40) - 1;

/// A class of Data Anchoring Tokens: one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The account that may mint tokens without shares and withdraw versions.
    pub owner: Address,
    /// True if it comes from a submission: its shares come from submissions alone, and each belongs to a version.
    pub anchored: bool,
    /// Its versions, from 1; never removed.
    pub versions: Vec<Version>,
    /// Shares of no version, and their revenue: of a class that is not anchored.
    pub pot: Pot,
    /// Share tokens that will expire, at most [`MAX_EXPIRING`].
    pub expiring: BTreeSet<TokenId>,
    /// Operators, as pairs of token owner and operator.
    pub operators: BTreeSet<(Address, Address)>,
}

impl Class {
    /// The last version's number; `None` without versions.
    #[must_use]
    pub fn last_version(&self) -> Option<VersionNumber> {
        u32::try_from(self.versions.len()).ok().filter(|&count| count != 0).map(VersionNumber)
    }

    /// A version, by its number.
    #[must_use]
    pub fn version(&self, number: VersionNumber) -> Option<&Version> {
        self.versions.get(usize::try_from(number.0).ok()?.checked_sub(1)?)
    }

    /// Shares and revenue of a version; of none, those of a class that has no versions.
    #[must_use]
    pub fn pot(&self, version: Option<VersionNumber>) -> Option<&Pot> {
        match version {
            None => Some(&self.pot),
            Some(number) => self.version(number).map(|v| &v.pot),
        }
    }
}

/// A Data Anchoring Token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its class.
    pub class: ClassId,
    /// The version whose revenue its shares have a part of; none in a class without versions, or without shares.
    pub version: Option<VersionNumber>,
    /// The owner.
    pub owner: Address,
    /// Quota: sessions it pays for.
    pub value: u64,
    /// Its weight in the revenue of its version, or of its class.
    pub shares: u64,
    /// Quota can be used up to this time, seconds since 1970; 0 for ever.
    pub expire_at_s: u64,
    /// The amount that its shares have had, by asset, scaled: see [`crate::shares`].
    pub debt: BTreeMap<Asset, Scaled>,
    /// The amount that one share had earned, by asset, when the token's expiry was observed: it earns no more.
    pub frozen: Option<BTreeMap<Asset, Scaled>>,
}

impl Token {
    /// Tells whether its quota can no longer be used.
    #[must_use]
    pub fn has_expired(&self, now_s: u64) -> bool {
        self.expire_at_s != 0 && now_s > self.expire_at_s
    }
}
