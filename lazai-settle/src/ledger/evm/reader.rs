//! The read model: a market rebuilt from the contracts' logs, block by block, with a way back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alloy_primitives::{Address as EvmAddress, B256};
use alloy_sol_types::SolEvent;
use lazai_core::digest::canonical_json;
use lazai_core::{Address, Asset, Digest};

use super::abi::{MarketParameters, ValidatorQuorum, digest, evm, ours, params_of};
use super::decode::{Draft, ReadError, Reading, State};
use super::deploy::Deployment;
use super::rpc::{ChainTransaction, Header, Log, Node, failed};
use super::send::key_of;
use crate::ledger::LedgerError;
use crate::market::{Genesis, Market};
use crate::merkle;
use crate::notice::{Action, Chain, Cursor, Entry, Notice, Origin, Position};
use crate::quorum::ValidatorSet;

/// Blocks that can be undone one by one. A deeper change means reading anew from the start.
pub(super) const KEPT_BLOCKS: u64 = 128;
/// Blocks whose logs are requested at once, if they are too deep to be undone.
const SPAN: u64 = 2_000;
/// Undone blocks that are kept, so that followers can be told their entries.
const UNDONE_BLOCKS: usize = 512;
/// The number of tries to read again when the chain changes meanwhile.
const TRIES: u32 = 16;

/// A block that was read.
struct Block {
    number: u64,
    hash: B256,
    parent: B256,
    time_s: u64,
    /// The length of the log before this block.
    first: usize,
    state: Arc<State>,
}

impl Block {
    fn position(&self) -> Position {
        Position { height: self.number, hash: digest(self.hash) }
    }
}

struct Undone {
    hash: B256,
    parent: B256,
    entries: Vec<Entry>,
}

/// The market as the chain has it.
pub(super) struct Reader {
    pub deployment: Deployment,
    pub genesis: Genesis,
    watched: Vec<EvmAddress>,
    /// The market before the first of `blocks`.
    base: (Position, u64, Arc<State>),
    blocks: VecDeque<Block>,
    log: Vec<Entry>,
    leaves: Vec<Digest>,
    /// The entries of the transaction that a sender sent under a key.
    keys: BTreeMap<(Address, Digest), std::ops::Range<usize>>,
    undone: VecDeque<Undone>,
}

impl Reader {
    /// Finds the market on the chain; reads nothing yet but how it began.
    pub fn open(node: &Node, deployment: &Deployment) -> Result<Self, LedgerError> {
        let wrong = |reason: String| LedgerError::Deployment { reason };
        let chain_id = node.chain_id()?;
        if chain_id != deployment.chain_id {
            return Err(wrong(format!("the node is of chain {chain_id}, expected {}", deployment.chain_id)));
        }
        let (first, validators) = beginning(node, deployment)?;
        let (params, assets) = first.ok_or_else(|| wrong("no parameters were ever applied".into()))?;
        let genesis = Genesis {
            domain: deployment.domain(),
            validators,
            voters: BTreeMap::new(),
            balances: Vec::new(),
            params,
            assets,
            pool: Some(deployment.contracts.timelock),
        };
        // Validators come by their logs, as everything after them.
        let empty = Genesis { validators: ValidatorSet::new(), ..genesis.clone() };
        let market = Market::following_chain(deployment.ledger(), &empty)?;
        let state = State { market: Arc::new(market), proposals: Vec::new() };
        let before = Position { height: deployment.first_block.saturating_sub(1), hash: Digest::ZERO };
        Ok(Self {
            watched: deployment.contracts.watched().to_vec(),
            deployment: deployment.clone(),
            genesis,
            base: (before, 0, Arc::new(state)),
            blocks: VecDeque::new(),
            log: Vec::new(),
            leaves: Vec::new(),
            keys: BTreeMap::new(),
            undone: VecDeque::new(),
        })
    }

    /// The last block that was read.
    pub fn tip(&self) -> Position {
        self.blocks.back().map_or(self.base.0, Block::position)
    }

    pub fn time_s(&self) -> u64 {
        self.blocks.back().map_or(self.base.1, |b| b.time_s)
    }

    pub fn head(&self) -> &Arc<State> {
        self.blocks.back().map_or(&self.base.2, |b| &b.state)
    }

    /// The state `depth` blocks below the tip, and the length of the log there.
    pub fn at_depth(&self, depth: u64) -> (&Arc<State>, usize) {
        let height = self.tip().height.saturating_sub(depth);
        let above = self.blocks.iter().position(|b| b.number > height);
        let entries = above.map_or(self.log.len(), |i| self.blocks[i].first);
        let last = above.map_or(self.blocks.back(), |i| i.checked_sub(1).map(|i| &self.blocks[i]));
        (last.map_or(&self.base.2, |b| &b.state), entries)
    }

    /// The time of the block `depth` blocks below the tip.
    pub fn time_at_depth(&self, depth: u64) -> u64 {
        let height = self.tip().height.saturating_sub(depth);
        let block = self.blocks.iter().rev().find(|block| block.number <= height);
        block.map_or(self.base.1, |block| block.time_s)
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
            if self.blocks.back().is_some_and(|top| top.hash == head.hash) {
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
                Err(error) => return Err(error),
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
            next = to + 1;
        }
        for number in next..=head_number {
            let header = if number == head_number { Some(head.clone()) } else { node.header(number)? };
            let Some(header) = header else { return Ok(false) };
            let parent = self.blocks.back().filter(|b| b.number + 1 == number).map(|b| b.hash);
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
        Ok(true)
    }

    /// Takes blocks back that are not on the chain any more.
    fn undo(&mut self, node: &Node, head: &Header) -> Result<(), LedgerError> {
        let head_number: u64 = head.number.to();
        while let Some(top) = self.blocks.back() {
            let known = match top.number {
                n if n > head_number => None,
                n if n == head_number => Some(head.hash),
                n if n + 1 == head_number => Some(head.parent_hash),
                n => node.header(n)?.map(|h| h.hash),
            };
            if known == Some(top.hash) {
                return Ok(());
            }
            let Some(top) = self.blocks.pop_back() else { break };
            tracing::info!(block = top.number, "undone by the chain");
            let entries = self.log.split_off(top.first);
            self.leaves.truncate(top.first);
            self.keys.retain(|_, range| range.start < top.first);
            self.undone.push_back(Undone { hash: top.hash, parent: top.parent, entries });
            if self.undone.len() > UNDONE_BLOCKS {
                self.undone.pop_front();
            }
        }
        let base = self.base.0;
        let same = base.hash == Digest::ZERO || node.header(base.height)?.is_some_and(|h| digest(h.hash) == base.hash);
        if !same {
            tracing::warn!(height = base.height, "the chain changed deeper than is kept; reading from the start");
            *self = Self::open(node, &self.deployment)?;
        }
        Ok(())
    }

    /// Takes a block over. `false` if the node does not know it any more.
    fn append(&mut self, node: &Node, header: &Header, logs: &[Log]) -> Result<bool, LedgerError> {
        let (number, time_s): (u64, u64) = (header.number.to(), header.timestamp.to());
        let (first, mut state, mut new, mut keys) = (self.log.len(), Arc::clone(self.head()), Vec::new(), Vec::new());
        if !logs.is_empty() {
            let Some(transactions) = node.transactions(header, logs)? else { return Ok(false) };
            let by_hash: BTreeMap<B256, &ChainTransaction> = transactions.iter().map(|t| (t.hash, t)).collect();
            let next = Arc::make_mut(&mut state);
            for group in logs.chunk_by(|a, b| a.transaction_hash == b.transaction_hash) {
                let Some(&transaction) = by_hash.get(&group[0].transaction_hash) else { return Ok(false) };
                let code = |contract| node.code_at(contract, number, header.hash);
                let reading = Reading::new(&self.deployment.contracts, next, time_s, transaction, &code);
                let drafts = reading.all(group).map_err(|error| match error {
                    ReadError::Diverged(reason) => LedgerError::Diverged { block: number, reason },
                    ReadError::Untrue(reason) => LedgerError::Untrue { block: number, reason },
                    ReadError::Ledger(error) => error,
                })?;
                let start = first + new.len();
                let key = key_of(&transaction.input);
                for draft in drafts {
                    new.push(entry(first + new.len(), draft, header, transaction, key));
                }
                if let Some(key) = key
                    && start < first + new.len()
                {
                    keys.push(((ours(transaction.from), key), start..first + new.len()));
                }
            }
        }
        for entry in &new {
            let bytes =
                canonical_json(entry).map_err(|e| LedgerError::Diverged { block: number, reason: e.to_string() })?;
            self.leaves.push(merkle::leaf_hash(&bytes));
        }
        self.log.extend(new);
        // The first use of a key counts.
        for (key, range) in keys {
            self.keys.entry(key).or_insert(range);
        }
        self.blocks.push_back(Block { number, hash: header.hash, parent: header.parent_hash, time_s, first, state });
        while self.blocks.len() as u64 > KEPT_BLOCKS {
            if let Some(old) = self.blocks.pop_front() {
                self.base = (old.position(), old.time_s, old.state);
            }
        }
        Ok(true)
    }

    /// The changes since a follower's cursor.
    pub fn notices(&self, node: &Node, since: &Cursor) -> Result<Vec<Notice>, LedgerError> {
        let tip = self.tip();
        let mut common = Position { height: 0, hash: Digest::ZERO };
        for position in since.positions() {
            if self.holds(node, position)? {
                common = position;
                break;
            }
        }
        let above = self.log.partition_point(|e| block_of(e) <= common.height);
        let new = Chain { entries: self.log[above..].to_vec(), tip };
        let undone = since.last().filter(|last| *last != common);
        let old = undone.map(|last| Chain { entries: self.undone_below(last, common), tip: common });
        Ok(match old {
            None if common == tip => Vec::new(),
            None => vec![Notice::ChainCommitted { new }],
            Some(old) if common == tip => vec![Notice::ChainReverted { old }],
            Some(old) => vec![Notice::ChainReorged { old, new }],
        })
    }

    /// Tells whether a block is on the chain, as far as it was read.
    fn holds(&self, node: &Node, position: Position) -> Result<bool, LedgerError> {
        if position.height > self.tip().height {
            return Ok(false);
        }
        if let Some(block) = self.blocks.iter().find(|b| b.number == position.height) {
            return Ok(digest(block.hash) == position.hash);
        }
        Ok(node.header(position.height)?.is_some_and(|h| digest(h.hash) == position.hash))
    }

    /// Entries of a branch that was undone, as far as they are remembered, in order.
    fn undone_below(&self, last: Position, common: Position) -> Vec<Entry> {
        let (mut hash, mut blocks) = (evm_hash(last.hash), Vec::new());
        while let Some(block) = self.undone.iter().rev().find(|u| u.hash == hash && digest(hash) != common.hash) {
            blocks.push(&block.entries);
            hash = block.parent;
        }
        blocks.into_iter().rev().flatten().filter(|e| block_of(e) > common.height).cloned().collect()
    }
}

fn evm_hash(hash: Digest) -> B256 {
    B256::from(*hash.as_bytes())
}

pub(super) fn block_of(entry: &Entry) -> u64 {
    match entry.origin {
        Origin::Chain { block, .. } => block,
        Origin::Signed { .. } => entry.index,
    }
}

fn entry(index: usize, draft: Draft, header: &Header, transaction: &ChainTransaction, key: Option<Digest>) -> Entry {
    let Draft { sender, action, events, log_index } = draft;
    // A key belongs to its sender: it says nothing of others' actions in the same transaction.
    let key = key.filter(|_| matches!(action, Action::Transaction(_) | Action::Crossed(_)));
    let origin = Origin::Chain {
        block: header.number.to(),
        block_hash: digest(header.hash),
        transaction: digest(transaction.hash),
        log_index,
        key,
    };
    Entry { index: index as u64, time_s: header.timestamp.to(), sender, action, origin, events }
}

type First = (crate::governance::Params, Vec<Asset>);

/// The constructors' arguments: parameters and assets, and the first validators.
fn beginning(node: &Node, deployment: &Deployment) -> Result<(Option<First>, ValidatorSet), LedgerError> {
    let head: u64 = node.latest()?.number.to();
    let (parameters, quorum) = (evm(deployment.contracts.parameters), evm(deployment.contracts.quorum));
    let (mut first, mut assets, mut members, mut by) = (None, Vec::new(), ValidatorSet::new(), None);
    let mut from = deployment.first_block;
    while from <= head && (first.is_none() || by.is_none()) {
        let to = (from + SPAN - 1).min(head);
        let logged = node.logged(&[parameters, quorum], from, to)?;
        let logged = logged.ok_or_else(|| failed("eth_getLogs", &"the chain changed while it was read"))?;
        for log in logged.into_iter().flat_map(|(_, logs)| logs) {
            let (topics, data) = (log.topics.iter().copied(), &log.data[..]);
            if log.address == quorum {
                let of_first = *by.get_or_insert(log.transaction_hash) == log.transaction_hash;
                if let (true, Ok(e)) = (of_first, ValidatorQuorum::MemberSet::decode_raw_log(topics, data)) {
                    members.insert(ours(e.member), e.weight);
                }
            } else if first.is_none() {
                if let Ok(e) = MarketParameters::AssetAccepted::decode_raw_log(topics.clone(), data) {
                    assets.push(Asset(ours(e.asset)));
                } else if let Ok(e) = MarketParameters::ParametersApplied::decode_raw_log(topics, data) {
                    first = params_of(&e.params);
                }
            }
        }
        from = to + 1;
    }
    assets.retain(|asset| *asset != Asset::NATIVE);
    Ok((first.map(|params| (params, assets)), members))
}
