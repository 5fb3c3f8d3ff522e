//! The read model: a market rebuilt from the contracts' logs, block by block, with a way back.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alloy_primitives::{Address as EvmAddress, B256};
use lazai_core::digest::canonical_json;
use lazai_core::{Address, Digest};

use super::abi::{digest, from_evm};
use super::beginning;
use super::decode::{CodeOf, Draft, ReadError, Reading, State};
use super::deploy::Deployment;
use super::kept::{Kept, Logged, Place, Trouble};
use super::rpc::{ChainTransaction, Header, Log, Node};
use super::send::key_of;
use crate::ledger::LedgerError;
use crate::market::{Genesis, Market};
use crate::merkle;
use crate::notice::{Action, Entry, Origin, Position};
use crate::quorum::ValidatorSet;

/// Blocks that can be undone one by one. A deeper change means reading anew from the start.
pub(super) const KEPT_BLOCKS: u64 = 128;
/// Blocks whose logs are requested at once, if they are too deep to be undone.
pub(super) const SPAN: u64 = 2_000;
/// Undone blocks that are kept, so that followers can be told their entries.
const UNDONE_BLOCKS: usize = 512;
/// The number of tries to read again when the chain changes meanwhile.
const TRIES: u32 = 16;

/// A block that was read.
pub(super) struct Block {
    pub at: Place,
    /// The length of the log before this block.
    pub first: usize,
    pub state: Arc<State>,
    /// The source of the block, if it has logs and blocks are kept.
    read: Option<Logged>,
}

impl Place {
    fn position(&self) -> Position {
        Position { height: self.number, hash: digest(self.hash) }
    }
}

/// The result of a block's logs.
struct Applied {
    state: Arc<State>,
    entries: Vec<Entry>,
    leaves: Vec<Digest>,
    keys: Vec<((Address, Digest), std::ops::Range<usize>)>,
}

/// A block that is not on the chain any more.
pub(super) struct Undone {
    pub hash: B256,
    pub parent: B256,
    pub entries: Vec<Entry>,
}

/// The market as the chain has it.
pub(super) struct Reader {
    pub deployment: Deployment,
    pub genesis: Genesis,
    watched: Vec<EvmAddress>,
    /// The market before the first of `blocks`.
    pub(super) base: (Place, Arc<State>),
    pub(super) blocks: VecDeque<Block>,
    pub(super) log: Vec<Entry>,
    leaves: Vec<Digest>,
    /// The entries of the transaction that a sender sent under a key.
    keys: BTreeMap<(Address, Digest), std::ops::Range<usize>>,
    pub(super) undone: VecDeque<Undone>,
    /// The disk, and blocks below `base` that are not on it yet.
    kept: Option<(Kept, Vec<Logged>)>,
    /// The number of the last block that the disk knows of.
    kept_to: u64,
}

impl Reader {
    /// Finds the market on the chain, and reads what is kept of it.
    pub fn open(node: &Node, deployment: &Deployment, kept: Option<Kept>) -> Result<Self, LedgerError> {
        let chain_id = node.chain_id()?;
        if chain_id != deployment.chain_id {
            let reason = format!("the node is of chain {chain_id}, expected {}", deployment.chain_id);
            return Err(LedgerError::Deployment { reason });
        }
        let reach = kept.as_ref().and_then(|kept| kept.reach().inspect_err(Trouble::told).ok().flatten());
        let (mut resumed, mut kept) = (None, kept);
        if let Some((genesis, last)) = reach {
            match node.header(last.number)? {
                Some(header) if header.hash == last.hash => {
                    let resume = |kept| Self::resumed(deployment, kept, genesis, last).inspect_err(Trouble::told).ok();
                    resumed = kept.as_ref().and_then(resume);
                }
                Some(_) => {}
                // The node is behind: what is kept is of no use now, and will be.
                None => kept = None,
            }
        }
        let (reader, kept) = match resumed {
            Some(reader) => (reader, kept),
            None => (Self::before(deployment, beginning::genesis(node, deployment)?)?, Kept::cleared(kept)),
        };
        Ok(Self { kept: kept.map(|kept| (kept, Vec::new())), ..reader })
    }

    /// The market before its first block.
    fn before(deployment: &Deployment, genesis: Genesis) -> Result<Self, LedgerError> {
        // Validators come by their logs, as everything after them.
        let empty = Genesis { validators: ValidatorSet::new(), ..genesis.clone() };
        let market = Market::following_chain(deployment.ledger(), &empty)?;
        let state = State { market: Arc::new(market), proposals: Vec::new() };
        let number = deployment.first_block.saturating_sub(1);
        Ok(Self {
            watched: deployment.contracts.watched(),
            deployment: deployment.clone(),
            genesis,
            base: (Place { number, hash: B256::ZERO, parent: B256::ZERO, time_s: 0 }, Arc::new(state)),
            blocks: VecDeque::new(),
            log: Vec::new(),
            leaves: Vec::new(),
            keys: BTreeMap::new(),
            undone: VecDeque::new(),
            kept: None,
            kept_to: number,
        })
    }

    /// The market as far as it is kept.
    fn resumed(deployment: &Deployment, kept: &Kept, genesis: Genesis, last: Place) -> Result<Self, Trouble> {
        let mut reader = Self::before(deployment, genesis).map_err(Trouble::of)?;
        kept.each(|block| {
            let code = |contract| Ok(block.codes.get(&contract).cloned().unwrap_or_default());
            let applied = reader.applied(&block, &code).map_err(Trouble::of)?;
            let applied =
                applied.ok_or_else(|| Trouble::of(format!("block {} lacks a transaction", block.at.number)))?;
            reader.base = (block.at, reader.take(applied));
            Ok(())
        })?;
        reader.base.0 = last;
        reader.kept_to = last.number;
        Ok(reader)
    }

    /// The last block that was read.
    pub fn tip(&self) -> Position {
        self.blocks.back().map_or(self.base.0, |b| b.at).position()
    }

    pub fn time_s(&self) -> u64 {
        self.blocks.back().map_or(self.base.0, |b| b.at).time_s
    }

    pub fn head(&self) -> &Arc<State> {
        self.blocks.back().map_or(&self.base.1, |b| &b.state)
    }

    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    pub fn leaves(&self) -> &[Digest] {
        &self.leaves
    }

    /// The entries of the transaction that a sender sent under a key.
    pub fn of_key(&self, sender: Address, key: Digest) -> Option<&[Entry]> {
        self.keys.get(&(sender, key)).map(|range| &self.log[range.clone()])
    }

    /// Reads new blocks, and undoes those that no longer hold.
    pub fn sync(&mut self, node: &Node) -> Result<(), LedgerError> {
        for _ in 0..TRIES {
            let head = node.latest()?;
            if self.blocks.back().is_some_and(|top| top.at.hash == head.hash) {
                return Ok(());
            }
            match self.catch_up(node, &head) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // Asked about a block that is gone, a node may say so instead of nothing.
                Err(error @ LedgerError::Rpc { .. }) => {
                    if node.header(head.number.to())?.is_some_and(|h| h.hash == head.hash) {
                        return Err(error);
                    }
                }
                Err(error) => {
                    // What is on disk may be what misleads: the next start reads the chain anew.
                    if matches!(error, LedgerError::Diverged { .. } | LedgerError::Untrue { .. }) {
                        drop(Kept::cleared(self.kept.take().map(|(kept, _)| kept)));
                    }
                    return Err(error);
                }
            }
            tracing::debug!("the chain changed while it was read");
        }
        Err(LedgerError::Rpc {
            method: "eth_getLogs".into(),
            reason: "the chain changes faster than it is read".into(),
        })
    }

    /// Reads up to a header. `false` if the chain changed meanwhile.
    fn catch_up(&mut self, node: &Node, head: &Header) -> Result<bool, LedgerError> {
        self.undo(node, head)?;
        let head_number: u64 = head.number.to();
        let recent = head_number.saturating_sub(KEPT_BLOCKS) + 1;
        let mut next = self.tip().height + 1;
        while next < recent {
            // Too deep to be undone: only blocks with logs matter.
            let to = (next + SPAN - 1).min(recent - 1);
            let Some(logged) = node.logged(&self.watched, next, to)? else { return Ok(false) };
            for (header, logs) in logged {
                if !self.append(node, &header, &logs)? {
                    return Ok(false);
                }
            }
            let Some(header) = node.header(to)? else { return Ok(false) };
            if self.tip().height < to && !self.append(node, &header, &[])? {
                return Ok(false);
            }
            self.keep(head_number);
            next = to + 1;
        }
        for number in next..=head_number {
            let header = if number == head_number { Some(head.clone()) } else { node.header(number)? };
            let Some(header) = header else { return Ok(false) };
            let parent = self.blocks.back().filter(|b| b.at.number + 1 == number).map(|b| b.at.hash);
            if parent.is_some_and(|hash| hash != header.parent_hash) {
                return Ok(false);
            }
            let mut logs = Vec::new();
            if header.may_have_logs_of(&self.watched) {
                let Some(found) = node.logs_of(&self.watched, &header)? else { return Ok(false) };
                logs = found;
            }
            if !self.append(node, &header, &logs)? {
                return Ok(false);
            }
        }
        self.keep(head_number);
        Ok(true)
    }

    /// Takes blocks back that are not on the chain any more.
    fn undo(&mut self, node: &Node, head: &Header) -> Result<(), LedgerError> {
        let head_number: u64 = head.number.to();
        while let Some(top) = self.blocks.back() {
            let known = match top.at.number {
                n if n > head_number => None,
                n if n == head_number => Some(head.hash),
                n if n + 1 == head_number => Some(head.parent_hash),
                n => node.header(n)?.map(|h| h.hash),
            };
            if known == Some(top.at.hash) {
                return Ok(());
            }
            let Some(top) = self.blocks.pop_back() else { break };
            tracing::info!(block = top.at.number, "undone by the chain");
            let entries = self.log.split_off(top.first);
            self.leaves.truncate(top.first);
            self.keys.retain(|_, range| range.start < top.first);
            self.undone.push_back(Undone { hash: top.at.hash, parent: top.at.parent, entries });
            if self.undone.len() > UNDONE_BLOCKS {
                self.undone.pop_front();
            }
        }
        let base = self.base.0;
        let same = base.hash == B256::ZERO || node.header(base.number)?.is_some_and(|h| h.hash == base.hash);
        if !same {
            tracing::warn!(height = base.number, "the chain changed deeper than is kept; reading from the start");
            let fresh = Self::open(node, &self.deployment, None)?;
            let kept = Kept::cleared(self.kept.take().map(|(kept, _)| kept));
            *self = Self { kept: kept.map(|kept| (kept, Vec::new())), ..fresh };
        }
        Ok(())
    }

    /// Takes a block over. `false` if the node does not know it any more.
    fn append(&mut self, node: &Node, header: &Header, logs: &[Log]) -> Result<bool, LedgerError> {
        let at = Place::from(header);
        let (first, mut state, mut read) = (self.log.len(), Arc::clone(self.head()), None);
        if !logs.is_empty() {
            let Some(mut transactions) = node.transactions(header, logs)? else { return Ok(false) };
            transactions.retain(|t| logs.iter().any(|log| log.transaction_hash == t.hash));
            let block = Logged { at, logs: logs.to_vec(), transactions, codes: BTreeMap::new() };
            let codes = RefCell::new(BTreeMap::new());
            let code = |contract| {
                let code = node.code_at(contract, at.number, at.hash)?;
                codes.borrow_mut().insert(contract, code.clone());
                Ok(code)
            };
            let Some(applied) = self.applied(&block, &code)? else { return Ok(false) };
            state = self.take(applied);
            read = self.kept.is_some().then(|| Logged { codes: codes.into_inner(), ..block });
        }
        self.blocks.push_back(Block { at, first, state, read });
        while self.blocks.len() as u64 > KEPT_BLOCKS {
            self.settle_oldest();
        }
        Ok(true)
    }

    /// Gives the way back behind the oldest block up.
    fn settle_oldest(&mut self) {
        if let Some(old) = self.blocks.pop_front() {
            self.base = (old.at, old.state);
            if let Some((_, waiting)) = &mut self.kept {
                waiting.extend(old.read);
            }
        }
    }

    /// Puts blocks that are too deep to be undone on the disk, if there is something new of them.
    fn keep(&mut self, head: u64) {
        while self.blocks.front().is_some_and(|b| b.at.number + KEPT_BLOCKS <= head) {
            self.settle_oldest();
        }
        let Some((kept, waiting)) = &mut self.kept else { return };
        if !waiting.is_empty() || self.base.0.number >= self.kept_to + SPAN {
            match kept.put(&self.genesis, waiting, self.base.0) {
                Ok(()) => {
                    waiting.clear();
                    self.kept_to = self.base.0.number;
                }
                Err(trouble) => {
                    trouble.told();
                    self.kept = None;
                }
            }
        }
    }

    /// Applies the logs of a block. Returns `None` if a transaction of theirs is missing.
    fn applied(&self, block: &Logged, code: CodeOf<'_>) -> Result<Option<Applied>, LedgerError> {
        let Place { number, time_s, .. } = block.at;
        let (first, mut state) = (self.log.len(), Arc::clone(self.head()));
        let (mut entries, mut leaves, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let by_hash: BTreeMap<B256, &ChainTransaction> = block.transactions.iter().map(|t| (t.hash, t)).collect();
        let next = Arc::make_mut(&mut state);
        for group in block.logs.chunk_by(|a, b| a.transaction_hash == b.transaction_hash) {
            let Some(&transaction) = by_hash.get(&group[0].transaction_hash) else { return Ok(None) };
            let reading = Reading::new(&self.deployment.contracts, next, time_s, transaction, code);
            let drafts = reading.all(group).map_err(|error| match error {
                ReadError::Diverged(reason) => LedgerError::Diverged { block: number, reason },
                ReadError::Untrue(reason) => LedgerError::Untrue { block: number, reason },
                ReadError::Ledger(error) => error,
            })?;
            let start = first + entries.len();
            let key = key_of(&transaction.input);
            for draft in drafts {
                let entry = entry(first + entries.len(), draft, block.at, transaction, key);
                let bytes = canonical_json(&entry)
                    .map_err(|e| LedgerError::Diverged { block: number, reason: e.to_string() })?;
                leaves.push(merkle::leaf_hash(&bytes));
                entries.push(entry);
            }
            if let Some(key) = key
                && start < first + entries.len()
            {
                keys.push(((from_evm(transaction.from), key), start..first + entries.len()));
            }
        }
        Ok(Some(Applied { state, entries, leaves, keys }))
    }

    /// Adds a block's entries to the log; gives the state after it.
    fn take(&mut self, applied: Applied) -> Arc<State> {
        self.log.extend(applied.entries);
        self.leaves.extend(applied.leaves);
        // The first use of a key counts.
        for (key, range) in applied.keys {
            self.keys.entry(key).or_insert(range);
        }
        applied.state
    }
}

pub(super) fn block_of(entry: &Entry) -> u64 {
    match entry.origin {
        Origin::Chain { block, .. } => block,
        Origin::Signed { .. } => entry.index,
    }
}

fn entry(index: usize, draft: Draft, at: Place, transaction: &ChainTransaction, key: Option<Digest>) -> Entry {
    let Draft { sender, action, events, log_index } = draft;
    // A key belongs to its sender: it says nothing of others' actions in the same transaction.
    let key = key.filter(|_| matches!(action, Action::Transaction(_) | Action::Crossed(_)));
    let (block, block_hash, transaction) = (at.number, digest(at.hash), digest(transaction.hash));
    let origin = Origin::Chain { block, block_hash, transaction, log_index, key };
    Entry { index: index as u64, time_s: at.time_s, sender, action, origin, events }
}
