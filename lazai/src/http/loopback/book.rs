//! The persistent state of a proxy: the amount spent, the open sessions, and every receipt.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lazai_core::file::{make_private_folder, write_privately};
use lazai_core::quiet::json_error;
use lazai_core::{Address, Amount, MoneyError, SessionId};
use lazai_settle::session::Receipt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoopbackError;
use super::budget::{day_begins, day_of};
use super::page::{MAX_PAUSE_S, Open, Over, Page, Plan, model_of};
use crate::consumer::Conversation;

/// How long a folder is waited for that another proxy has, and between looks.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Book {
    folder: PathBuf,
    page: Page,
    open: BTreeMap<SessionId, Open>,
    // Two proxies on one folder would overspend. Unlocked on drop.
    _lock: File,
}

impl Book {
    pub fn open(folder: PathBuf) -> Result<Self, LoopbackError> {
        let lock = lock(&folder)?;
        let page: Page = read(&folder.join("book.json"))?.unwrap_or_default();
        let mut open = BTreeMap::new();
        for session in &page.open.0 {
            let path = conversation(&folder, *session);
            let found = read(&path)?.ok_or(LoopbackError::Book { path, reason: "is missing".into() })?;
            open.insert(*session, found);
        }
        Ok(Self { folder, page, open, _lock: lock })
    }

    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.open.keys().copied()
    }

    /// The open sessions of a model.
    pub fn open_of<'b>(&'b self, model: &'b str) -> impl Iterator<Item = &'b Open> {
        self.open.values().filter(move |open| open.model() == model)
    }

    /// The sessions of a model that are about to be opened.
    pub fn plans_of<'b>(&'b self, model: &'b str) -> impl Iterator<Item = &'b Plan> {
        self.page.plans.0.iter().filter(move |plan| model_of(&plan.offer) == model)
    }

    pub fn spent(&self) -> Result<Amount, MoneyError> {
        self.open.values().try_fold(self.page.spent, |sum, open| sum.checked_add(open.conversation.owed()))
    }

    /// The amount spent for each model's replies.
    pub fn characters(&self) -> Result<BTreeMap<String, Amount>, MoneyError> {
        let mut all = self.page.characters.clone();
        for open in self.open.values() {
            let sum = all.entry(open.model()).or_default();
            *sum = sum.checked_add(open.conversation.owed())?;
        }
        Ok(all)
    }

    /// The amount spent for a model's replies.
    pub fn spent_with(&self, model: &str) -> Result<Amount, MoneyError> {
        let over = self.page.characters.get(model).copied().unwrap_or_default();
        self.open_of(model).try_fold(over, |sum, open| sum.checked_add(open.conversation.owed()))
    }

    /// The amount spent on the day of this time.
    pub fn spent_on(&self, now_s: u64) -> Result<Amount, MoneyError> {
        let day = self.day(now_s);
        self.open.values().try_fold(self.page.today.on(day), |sum, open| sum.checked_add(open.today.on(day)))
    }

    /// The end of the day of this time.
    pub fn day_ends(&self, now_s: u64) -> u64 {
        day_begins(self.day(now_s).saturating_add(1))
    }

    /// The day of this time, or the last one of which something is known: a clock that is set back frees nothing.
    pub fn day(&self, now_s: u64) -> u64 {
        let known = self.open.values().map(|open| open.today.day).chain([self.page.today.day]);
        known.fold(day_of(now_s), u64::max)
    }

    /// The amount spent or reserved: by sessions that are open, are over and not taken back, or may be open by now.
    pub fn bound(&self) -> Result<Amount, MoneyError> {
        let open = self.open.values().map(|open| open.deposit);
        let over = self.page.over.values().map(|over| over.unused);
        let planned = self.page.plans.0.iter().map(|plan| plan.deposit);
        open.chain(over).chain(planned).try_fold(self.page.spent, Amount::checked_add)
    }

    pub fn plan(&mut self, plan: Plan) -> Result<(), LoopbackError> {
        self.page.plans.0.push(plan);
        self.keep_page()
    }

    /// Forgets a plan that the ledger refused.
    pub fn give_up(&mut self, nonce: u64) {
        self.page.plans.0.retain(|plan| plan.nonce != nonce);
        if let Err(error) = self.keep_page() {
            tracing::warn!(%error, "a plan that was given up stays in the book");
        }
    }

    /// Stores a session that was opened as planned: first its conversation, then the fact that it is open.
    pub fn opened(&mut self, nonce: u64, open: Open) -> Result<(), LoopbackError> {
        let session = open.session();
        // Found open a second time, it may have receipts already.
        if !self.open.contains_key(&session) {
            write(&conversation(&self.folder, session), &open)?;
            self.open.insert(session, open);
            self.page.open.0.push(session);
        }
        self.page.plans.0.retain(|plan| plan.nonce != nonce);
        self.keep_page()
    }

    /// Tells whether an open session ends before this receipt.
    pub fn lacks(&self, receipt: &Receipt) -> bool {
        self.open.get(&receipt.session).is_some_and(|open| open.conversation.next_turn() <= receipt.turn)
    }

    /// Stores what became of an open session.
    pub fn keep(&mut self, open: Open) -> Result<(), LoopbackError> {
        let session = open.session();
        if self.open.contains_key(&session) {
            write(&conversation(&self.folder, session), &open)?;
            self.open.insert(session, open);
        }
        Ok(())
    }

    /// Leaves an open session; its conversation stays in the folder.
    pub fn finish(&mut self, session: SessionId) -> Result<(), LoopbackError> {
        let Some(open) = self.open.get(&session) else { return Ok(()) };
        let failed = |e: MoneyError| LoopbackError::Book { path: self.folder.clone(), reason: e.to_string() };
        let (owed, today) = (open.conversation.owed(), open.today);
        let over = Over { unused: open.deposit.checked_sub(owed).map_err(failed)? };
        self.page.spent = self.page.spent.checked_add(owed).map_err(failed)?;
        let character = self.page.characters.entry(open.model()).or_default();
        *character = character.checked_add(owed).map_err(failed)?;
        if today.day >= self.page.today.day {
            self.page.today.add(today.day, today.spent).map_err(failed)?;
        }
        self.page.over.insert(session, over);
        self.page.open.0.retain(|open| *open != session);
        self.open.remove(&session);
        self.keep_page()
    }

    /// Leaves every open session that has no time or money for another reply, unless it is in use.
    pub fn finish_spent(&mut self, now_s: u64, is_used: impl Fn(SessionId) -> bool) -> Result<(), LoopbackError> {
        let spent = self.open.values().filter(|open| !open.can_go_on(now_s)).map(Open::session);
        let spent: Vec<SessionId> = spent.filter(|session| !is_used(*session)).collect();
        spent.into_iter().try_for_each(|session| self.finish(session))
    }

    /// Sessions that are over and not taken back.
    pub fn over(&self) -> Vec<SessionId> {
        self.page.over.keys().copied().collect()
    }

    /// The conversation of a session that is over.
    pub fn conversation(&self, session: SessionId) -> Option<Conversation> {
        Some(read::<Open>(&conversation(&self.folder, session)).ok()??.conversation)
    }

    /// The folder of all conversations.
    pub fn conversations(&self) -> PathBuf {
        self.folder.join("conversations")
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
    pub fn refused(&mut self, model: &str, node: Address, now_s: u64) -> Result<(), LoopbackError> {
        let refusals = self.page.refusals.entry(pair(model, node)).or_default();
        refusals.in_a_row = refusals.in_a_row.saturating_add(1);
        let pause_s = match refusals.in_a_row {
            1 => 0,
            times => 1_u64.checked_shl(times - 1).unwrap_or(MAX_PAUSE_S).min(MAX_PAUSE_S),
        };
        refusals.until_s = now_s.saturating_add(pause_s);
        self.keep_page()
    }

    /// Notes that a reply arrived.
    pub fn served(&mut self, model: &str, node: Address) -> Result<(), LoopbackError> {
        if self.page.refusals.remove(&pair(model, node)).is_some() { self.keep_page() } else { Ok(()) }
    }

    /// The time before which no session is opened for a model with a node, in the ledger's seconds.
    pub fn left_alone_until(&self, model: &str, node: Address) -> Option<u64> {
        self.page.refusals.get(&pair(model, node)).map(|refusals| refusals.until_s)
    }

    fn keep_page(&self) -> Result<(), LoopbackError> {
        write(&self.folder.join("book.json"), &self.page)
    }
}

fn pair(model: &str, node: Address) -> String {
    format!("{model} {node}")
}

/// Locks a folder for this proxy alone, until the file is closed, also by a crash.
fn lock(folder: &Path) -> Result<File, LoopbackError> {
    let path = folder.join("lock");
    let failed = |reason: String| LoopbackError::Book { path: path.clone(), reason };
    make_private_folder(folder).map_err(|e| failed(e.to_string()))?;
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|e| failed(e.to_string()))?;
    // One that had it may be about to end: agents start a server anew before they leave it.
    let until = Instant::now() + PATIENCE;
    let mut locked = file.try_lock();
    while matches!(locked, Err(TryLockError::WouldBlock)) && Instant::now() < until {
        std::thread::sleep(PAUSE);
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failed("another proxy has this folder".into())),
        Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!("nothing keeps a second proxy from this folder: it has no locks here");
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
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| failed(&json_error(&e))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(&e)),
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), LoopbackError> {
    let failed = |e: &dyn std::fmt::Display| LoopbackError::Book { path: path.into(), reason: e.to_string() };
    #[cfg(test)]
    tests::lives().map_err(|e| failed(&e))?;
    let bytes = serde_json::to_vec_pretty(value).map_err(|e| failed(&e))?;
    write_privately(path, &bytes).map_err(|e| failed(&e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
