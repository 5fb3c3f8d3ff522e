//! A consumer's credits in a file, which processes share.
//!
//! An order is on disk before the node has it, a credit is on disk before it is told of, and the request that it pays before that is
//! sent: no crash loses a credit or spends one for two requests.

mod taking;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use lazai_core::file::{make_private_folder, write_privately};
use lazai_core::quiet::json_error;
use lazai_core::{Address, ClassId, Digest, SessionId, VersionNumber};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{BlindBytes, Blinded, Credit, CreditError, CreditOrder, SignedCreditTerms, credit_message};

/// The version of the file.
const VERSION: u32 = 1;
/// Largest file that is read.
const MOST_BYTES: u64 = 32 << 20;
/// Most credits, with those that are ordered: a file of these is far below the largest one.
const MOST_HELD: usize = 10_000;
/// The time after which credits that are over are left out, in seconds: a clock that is wrong for a day loses none.
const OVER_S: u64 = 30 * 86_400;

/// Why a purse could not be read or written, or has not what is asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PurseError {
    /// A blind signature is not by the key of the terms. The order stays: the node can still deliver.
    #[error(transparent)]
    Credit(#[from] CreditError),
    /// No credit of this version at this node is good now.
    #[error("no credit of class {class}, version {version} at node {node} is in the purse")]
    Empty {
        /// The node.
        node: Address,
        /// The class.
        class: ClassId,
        /// The version.
        version: VersionNumber,
    },
    /// The operating system's error.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
    /// So many credits are in it that no more are bought.
    #[error("{path}: a purse holds at most {most} credits")]
    Full {
        /// The file.
        path: PathBuf,
        /// Most credits.
        most: usize,
    },
    /// It is no purse, or one of a later version.
    #[error("{path}: it is no purse of version 1: {reason}")]
    NotPurse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The node does not tell everybody the terms of the credits here: those that it told to this buyer may be told to nobody else, and
    /// would mark its credits.
    #[error("the node tells everybody other terms than those of the {credits} credits in the purse: none is sent")]
    NotTold {
        /// Credits that are good and not sent.
        credits: usize,
    },
    /// The node delivered another number of signatures than was ordered; none, if the order is not paid.
    #[error("{found} signatures came, {expected} credits were ordered")]
    NotDelivered {
        /// Credits of the order.
        expected: usize,
        /// Signatures.
        found: usize,
    },
}

/// An order, with what blinds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub order: CreditOrder,
    pub terms: SignedCreditTerms,
    pub blinds: Vec<Blinded>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    credit: Credit,
    /// Keyed digests of the requests that it was sent with: it may have paid for one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requests: Vec<Digest>,
    /// True once it was sent with any: its node may have seen it, and would know it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    seen: bool,
    /// True once its node said that it was spent for another request than it was sent with: for one of these, or for none of ours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    spent: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    /// Random: digests of requests tell nothing of their words.
    key: Digest,
    /// Terms that credits name.
    terms: Vec<SignedCreditTerms>,
    orders: Vec<Order>,
    credits: Vec<Held>,
}

/// Credits of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurseSum {
    /// Their terms.
    pub terms: SignedCreditTerms,
    /// Credits that nothing was sent with.
    pub free: usize,
    /// Credits that a request was sent with whose answer did not come.
    pub under_way: usize,
    /// Credits that were ordered and did not come yet.
    pub ordered: usize,
}

/// A consumer's credits, in a file that its owner alone can read (0600): whoever reads it can spend them, and link those that are
/// ordered and not collected yet to their order. Clones, and other processes, share the file.
///
/// # Example
/// ```no_run
/// # fn main() -> Result<(), lazai::credits::PurseError> {
/// let purse = lazai::credits::Purse::new("credits.json");
/// for sum in purse.sums()? {
///     println!("{} credits, good until {}", sum.free, sum.terms.terms.valid_until_s);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Purse {
    path: PathBuf,
}

impl Purse {
    /// The purse in a file, which is made with the first order.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that is in it, by terms.
    ///
    /// # Errors
    /// [`PurseError::File`], [`PurseError::NotPurse`].
    pub fn sums(&self) -> Result<Vec<PurseSum>, PurseError> {
        let Some(contents) = self.read()? else { return Ok(Vec::new()) };
        let sum = |terms: &SignedCreditTerms| {
            let digest = terms.digest();
            let of = |is_free: bool| {
                let held = |held: &&Held| held.credit.terms == digest && held.requests.is_empty() == is_free;
                contents.credits.iter().filter(held).count()
            };
            let ordered = contents.orders.iter().filter(|order| order.order.terms == digest);
            let ordered = ordered.map(|order| order.blinds.len()).sum();
            PurseSum { terms: terms.clone(), free: of(true), under_way: of(false), ordered }
        };
        let sums = contents.terms.iter().map(sum);
        Ok(sums.filter(|sum| sum.free + sum.under_way + sum.ordered > 0).collect())
    }

    /// The order of a session that is not collected yet.
    pub(super) fn order_of(&self, session: SessionId) -> Result<Option<Order>, PurseError> {
        let orders = self.read()?.map(|contents| contents.orders).unwrap_or_default();
        Ok(orders.into_iter().find(|order| order.order.session == session))
    }

    /// The signed terms of a version that are known from what was bought.
    pub(super) fn terms(&self, of: (Address, ClassId, VersionNumber)) -> Result<Vec<SignedCreditTerms>, PurseError> {
        let all = self.read()?.map(|contents| contents.terms).unwrap_or_default();
        Ok(all.into_iter().filter(|signed| signed.is_of(of)).collect())
    }

    /// Notes an order before it is sent. Returns the order of the session: another process may have been first.
    pub(super) fn begin(&self, order: Order) -> Result<Order, PurseError> {
        self.change(|contents| {
            if let Some(first) = contents.orders.iter().find(|first| first.order.session == order.order.session) {
                return Ok(first.clone());
            }
            let ordered: usize = contents.orders.iter().map(|order| order.blinds.len()).sum();
            if contents.credits.len() + ordered + order.blinds.len() > MOST_HELD {
                return Err(PurseError::Full { path: self.path.clone(), most: MOST_HELD });
            }
            if !contents.terms.contains(&order.terms) {
                contents.terms.push(order.terms.clone());
            }
            contents.orders.push(order.clone());
            Ok(order)
        })
    }

    /// Forgets the order of a session, which its node did not take.
    pub(super) fn forget(&self, session: SessionId) -> Result<(), PurseError> {
        self.change(|contents| {
            contents.orders.retain(|order| order.order.session != session);
            Ok(())
        })
    }

    /// Takes the blinds off the signatures of a session's order, all or none: credits in place of the order. Credits whose time is over are left out.
    pub(super) fn collect(&self, session: SessionId, signed: &[BlindBytes], now_s: u64) -> Result<usize, PurseError> {
        self.change(|contents| {
            let at = contents.orders.iter().position(|order| order.order.session == session);
            // Another process was first.
            let Some(at) = at else { return Ok(0) };
            let order = &contents.orders[at];
            let (expected, found) = (order.blinds.len(), signed.len());
            if expected != found {
                return Err(PurseError::NotDelivered { expected, found });
            }
            let key = super::CreditKey::read(&order.terms.terms.public_key).map_err(CreditError::from)?;
            let terms = order.order.terms;
            let unblind = |(blind, signed): (&Blinded, &BlindBytes)| -> Result<Held, PurseError> {
                let message = credit_message(terms, blind.number);
                let signature = key.unblind(blind, &signed.0, message.as_bytes()).map_err(CreditError::from)?;
                let credit = Credit { terms, number: blind.number, prefix: blind.prefix, signature };
                Ok(Held { credit, requests: Vec::new(), seen: false, spent: false })
            };
            let credits: Vec<Held> = order.blinds.iter().zip(signed).map(unblind).collect::<Result<_, PurseError>>()?;
            contents.credits.extend(credits);
            contents.orders.remove(at);
            contents.clear(now_s);
            Ok(expected)
        })
    }

    fn failed(&self) -> impl Fn(std::io::Error) -> PurseError + '_ {
        |source| PurseError::File { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<Option<Contents>, PurseError> {
        let not = |reason: String| PurseError::NotPurse { path: self.path.clone(), reason };
        match std::fs::metadata(&self.path) {
            Ok(about) if about.len() > MOST_BYTES => return Err(not(format!("{} bytes", about.len()))),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        let bytes = Zeroizing::new(std::fs::read(&self.path).map_err(self.failed())?);
        let contents: Contents = serde_json::from_slice(&bytes).map_err(|e| not(json_error(&e)))?;
        if contents.version == VERSION { Ok(Some(contents)) } else { Err(not(format!("version {}", contents.version))) }
    }

    /// Changes the file while no other process does. After an error it is as before.
    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> Result<T, PurseError>) -> Result<T, PurseError> {
        let _alone = self.alone().map_err(self.failed())?;
        let before = self.read()?;
        let mut contents = match &before {
            Some(contents) => contents.clone(),
            None => {
                let key = Digest::random().map_err(|e| self.failed()(std::io::Error::other(e.to_string())))?;
                Contents { version: VERSION, key, terms: Vec::new(), orders: Vec::new(), credits: Vec::new() }
            }
        };
        let done = change(&mut contents)?;
        if before.as_ref() != Some(&contents) {
            let bytes = serde_json::to_vec(&contents).map_err(|e| self.failed()(e.into()))?;
            write_privately(&self.path, &Zeroizing::new(bytes)).map_err(self.failed())?;
        }
        Ok(done)
    }

    /// The right to write: a lock on a file beside it, for the purse itself is replaced. A process that dies frees it.
    fn alone(&self) -> std::io::Result<File> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        if let Some(folder) = lock.parent() {
            make_private_folder(folder)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock)?;
        file.lock()?;
        Ok(file)
    }
}

impl SignedCreditTerms {
    fn is_of(&self, of: (Address, ClassId, VersionNumber)) -> bool {
        (self.terms.node, self.terms.class, self.terms.version) == of
    }
}

impl Contents {
    /// Leaves out credits and orders whose time is long over, and terms that nothing names.
    fn clear(&mut self, now_s: u64) {
        let over = |terms: &SignedCreditTerms| terms.terms.valid_until_s.saturating_add(OVER_S) < now_s;
        let over: Vec<Digest> = self.terms.iter().filter(|terms| over(terms)).map(SignedCreditTerms::digest).collect();
        self.credits.retain(|held| !over.contains(&held.credit.terms));
        self.orders.retain(|order| !over.contains(&order.order.terms));
        self.terms.retain(|terms| !over.contains(&terms.digest()));
    }
}
