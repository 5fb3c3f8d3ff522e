//! The persistent state of a proxy: the amount spent, the open sessions, and every receipt.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use lazai_core::file::{make_private_folder, write_privately};
use lazai_core::{Amount, MoneyError, SessionId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::LoopbackError;
use crate::consumer::Conversation;
use crate::node::SignedOffer;

/// Seconds before its deadline at which a session is left: a reply takes time.
const MARGIN_S: u64 = 30;
/// The longest pause for a node that refuses, in seconds.
const MAX_PAUSE_S: u64 = 3_600;

/// A session that is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    pub deposit: Amount,
    pub deadline_s: u64,
    pub conversation: Conversation,
}

impl Open {
    /// Tells whether it has time and money for another reply.
    pub fn can_go_on(&self, now_s: u64) -> bool {
        let offer = &self.conversation.offer.offer;
        let left = self.deposit.checked_sub(self.conversation.owed());
        // At most half of a short session is left unused.
        let margin_s = MARGIN_S.min(offer.session_s / 2);
        let pays = left.is_ok_and(|left| offer.step().is_ok_and(|step| left >= step));
        pays && now_s.saturating_add(margin_s) < self.deadline_s
    }
}

/// A session that is about to be opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub nonce: u64,
    pub deposit: Amount,
    pub offer: SignedOffer,
}

/// A session that is over: its unused deposit is reserved until it is taken back. Older books hold more fields.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Over {
    unused: Amount,
}

/// A node that ends one session after another.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusals {
    /// The number since its last reply.
    in_a_row: u32,
    until_s: u64,
}

/// The file `book.json`; conversations are files of their own beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Spent in sessions that are over.
    spent: Amount,
    plans: BTreeMap<String, Plan>,
    open: BTreeMap<String, SessionId>,
    over: BTreeMap<SessionId, Over>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refusals: BTreeMap<String, Refusals>,
}

pub(super) struct Book {
    folder: PathBuf,
    page: Page,
    open: BTreeMap<String, Open>,
    // Two proxies on one folder would overspend. Unlocked on drop.
    _lock: File,
}

impl Book {
    pub fn open(folder: PathBuf) -> Result<Self, LoopbackError> {
        let lock = lock(&folder)?;
        let page: Page = read(&folder.join("book.json"))?.unwrap_or_default();
        let mut open = BTreeMap::new();
        for (model, session) in &page.open {
            let path = conversation(&folder, *session);
            let found = read(&path)?.ok_or(LoopbackError::Book { path, reason: "is missing".into() })?;
            open.insert(model.clone(), found);
        }
        Ok(Self { folder, page, open, _lock: lock })
    }

    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.open.values().map(|open| open.conversation.session)
    }

    pub fn spent(&self) -> Result<Amount, MoneyError> {
        self.open.values().try_fold(self.page.spent, |sum, open| sum.checked_add(open.conversation.owed()))
    }

    /// The amount spent or reserved: by sessions that are open, are over and not taken back, or may be open by now.
    pub fn bound(&self) -> Result<Amount, MoneyError> {
        let open = self.open.values().map(|open| open.deposit);
        let over = self.page.over.values().map(|over| over.unused);
        let planned = self.page.plans.values().map(|plan| plan.deposit);
        open.chain(over).chain(planned).try_fold(self.page.spent, Amount::checked_add)
    }

    pub fn present(&self, model: &str) -> Option<&Open> {
        self.open.get(model)
    }

    pub fn planned(&self, model: &str) -> Option<&Plan> {
        self.page.plans.get(model)
    }

    pub fn plan(&mut self, model: &str, plan: Plan) -> Result<(), LoopbackError> {
        self.page.plans.insert(model.to_owned(), plan);
        self.keep_page()
    }

    /// Forgets a plan that the ledger refused.
    pub fn give_up(&mut self, model: &str) {
        self.page.plans.remove(model);
        if let Err(error) = self.keep_page() {
            tracing::warn!(%error, "a plan that was given up stays in the book");
        }
    }

    /// Stores an open session: first its conversation, then the fact that it is open.
    pub fn keep(&mut self, model: &str, open: Open) -> Result<(), LoopbackError> {
        let session = open.conversation.session;
        write(&conversation(&self.folder, session), &open)?;
        self.open.insert(model.to_owned(), open);
        let planned = self.page.plans.remove(model).is_some();
        if planned || self.page.open.insert(model.to_owned(), session) != Some(session) {
            self.page.open.insert(model.to_owned(), session);
            self.keep_page()?;
        }
        Ok(())
    }

    /// Leaves the open session of a model; its conversation stays in the folder.
    pub fn finish(&mut self, model: &str) -> Result<(), LoopbackError> {
        let Some(open) = self.open.get(model) else { return Ok(()) };
        let failed = |e: MoneyError| LoopbackError::Book { path: self.folder.clone(), reason: e.to_string() };
        let owed = open.conversation.owed();
        let over = Over { unused: open.deposit.checked_sub(owed).map_err(failed)? };
        self.page.spent = self.page.spent.checked_add(owed).map_err(failed)?;
        self.page.over.insert(open.conversation.session, over);
        self.page.open.remove(model);
        self.open.remove(model);
        self.keep_page()
    }

    /// Leaves every open session that has no time or money for another reply.
    pub fn finish_spent(&mut self, now_s: u64) -> Result<(), LoopbackError> {
        let spent = self.open.iter().filter(|(_, open)| !open.can_go_on(now_s)).map(|(model, _)| model.clone());
        let spent: Vec<String> = spent.collect();
        spent.iter().try_for_each(|model| self.finish(model))
    }

    /// Sessions that are over and not taken back.
    pub fn over(&self) -> Vec<SessionId> {
        self.page.over.keys().copied().collect()
    }

    /// The conversation of a session that is over.
    pub fn conversation(&self, session: SessionId) -> Option<Conversation> {
        Some(read::<Open>(&conversation(&self.folder, session)).ok()??.conversation)
    }

    /// Forgets a session's reservation: it is back. If this is not stored, a later start takes it back again.
    pub fn taken_back(&mut self, session: SessionId) {
        self.page.over.remove(&session);
        if let Err(error) = self.keep_page() {
            tracing::warn!(%session, %error, "a deposit that is back stays reserved in the book");
        }
    }

    /// Notes that a node ended a session of a model. The first time, another is opened at once; then after two seconds,
    /// four, and so on.
    pub fn refused(&mut self, model: &str, now_s: u64) -> Result<(), LoopbackError> {
        let refusals = self.page.refusals.entry(model.to_owned()).or_default();
        refusals.in_a_row = refusals.in_a_row.saturating_add(1);
        let pause_s = match refusals.in_a_row {
            1 => 0,
            times => 1_u64.checked_shl(times - 1).unwrap_or(MAX_PAUSE_S).min(MAX_PAUSE_S),
        };
        refusals.until_s = now_s.saturating_add(pause_s);
        self.keep_page()
    }

    /// Notes that a reply arrived.
    pub fn served(&mut self, model: &str) -> Result<(), LoopbackError> {
        if self.page.refusals.remove(model).is_some() { self.keep_page() } else { Ok(()) }
    }

    /// The time before which no session is opened for a model, in the ledger's seconds.
    pub fn left_alone_until(&self, model: &str) -> Option<u64> {
        self.page.refusals.get(model).map(|refusals| refusals.until_s)
    }

    fn keep_page(&self) -> Result<(), LoopbackError> {
        write(&self.folder.join("book.json"), &self.page)
    }
}

/// Locks a folder for this proxy alone, until the file is closed, also by a crash.
fn lock(folder: &Path) -> Result<File, LoopbackError> {
    let path = folder.join("lock");
    let failed = |reason: String| LoopbackError::Book { path: path.clone(), reason };
    make_private_folder(folder).map_err(|e| failed(e.to_string()))?;
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|e| failed(e.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failed("another proxy has this folder".into())),
        Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "nothing keeps a second proxy from this folder: it has no locks here");
            Ok(file)
        }
        Err(TryLockError::Error(e)) => Err(failed(e.to_string())),
    }
}

fn conversation(folder: &Path, session: SessionId) -> PathBuf {
    folder.join("conversations").join(session.to_string()).with_extension("json")
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LoopbackError> {
    let failed = |e: &dyn std::fmt::Display| LoopbackError::Book { path: path.into(), reason: e.to_string() };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| failed(&e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(&e)),
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), LoopbackError> {
    let failed = |e: &dyn std::fmt::Display| LoopbackError::Book { path: path.into(), reason: e.to_string() };
    let bytes = serde_json::to_vec_pretty(value).map_err(|e| failed(&e))?;
    write_privately(path, &bytes).map_err(|e| failed(&e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::{Address, Asset, ClassId, Signature, VersionNumber};
    use lazai_settle::session::{Offer, SessionPayment};

    use super::*;

    #[test]
    fn what_is_reserved_counts_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let units = Amount::from_base_units;
        let offer = Offer {
            node: Address::ZERO,
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            prompt_price: units(1),
            completion_price: units(1),
            prompt_ceiling: 1,
            completion_ceiling: 1,
            session_s: 60,
            valid_until_s: 60,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
            series: 0,
        };
        let offer = SignedOffer { offer, signature: Signature::from_bytes([1; 65]) };
        let plan = Plan { nonce: 1, deposit: units(500), offer: offer.clone() };
        let session = SessionId::from_bytes([1; 32]);
        let conversation = Conversation::new(session, offer, SessionPayment::Deposit(units(500)));
        let open = Open { deposit: units(500), deadline_s: 60, conversation };
        let mut book = Book::open(folder.path().into()).unwrap();
        assert!(Book::open(folder.path().into()).is_err(), "one proxy at a time");
        let is_bound = |book: &Book, to: u128| {
            let kept: Page = read(&folder.path().join("book.json")).unwrap().unwrap_or_default();
            assert_eq!(serde_json::to_value(&kept).unwrap(), serde_json::to_value(&book.page).unwrap());
            assert_eq!(book.bound().unwrap(), units(to));
        };
        is_bound(&book, 0);
        book.plan("one", plan.clone()).unwrap();
        is_bound(&book, 500);
        book.keep("one", open).unwrap();
        is_bound(&book, 500);
        book.plan("two", plan).unwrap();
        is_bound(&book, 1_000);
        book.finish_spent(29).unwrap();
        assert_eq!(book.over(), [], "a session with time and money stays open");
        book.finish_spent(30).unwrap();
        is_bound(&book, 1_000);
        assert_eq!(book.over(), [session], "its deadline is not waited for");
        book.taken_back(session);
        is_bound(&book, 500);
        book.give_up("two");
        is_bound(&book, 0);
    }

    #[test]
    fn a_node_that_refuses_is_left_alone_for_longer_and_longer() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = Book::open(folder.path().into()).unwrap();
        let pauses: Vec<u64> = (0..70)
            .map(|_| {
                book.refused("one", 1_000).unwrap();
                book.left_alone_until("one").unwrap() - 1_000
            })
            .collect();
        assert_eq!((&pauses[..5], pauses[69]), (&[0, 2, 4, 8, 16][..], MAX_PAUSE_S));
        book.served("one").unwrap();
        assert_eq!(book.left_alone_until("one"), None);
    }
}
