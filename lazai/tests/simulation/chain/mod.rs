//! A chain of this process that behaves as badly as chains do: blocks that are undone, transactions that wait or get
//! lost, calls that do not get through, processes that die while they call.

mod block;
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::Decodable2718;
use block::{Block, Mined, Pooled};
use lazai::core::{LocalSigner, Signer as _};
use lazai::settle::ledger::evm::RpcError;
use lazai::settle::ledger::evm::abi::{from_evm, to_evm};
pub use provider::Line;
use revm::context::result::{ExecutionResult, Output};
use revm::context::{BlockEnv, CfgEnv, Context, Journal, TxEnv};
use revm::database::{CacheDB, EmptyDB, InMemoryDB};
use revm::primitives::{Address as EvmAddress, B256, Bytes, TxKind, U256};
use revm::state::AccountInfo;
use revm::{Database, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext};

use super::dice::Dice;

pub const CHAIN_ID: u64 = 31_337;
pub const START_S: u64 = 1_800_000_000;
/// Seconds between blocks.
const BLOCK_S: u64 = 12;
/// More than a transaction of the market needs, less than a block may hold.
const GAS: u64 = 16_000_000;

/// Blocks whose states are kept: more than a reorganisation can undo.
const KEPT_STATES: usize = 40;

/// The chain.
#[derive(Clone)]
pub struct Chain {
    blocks: Vec<Block>,
    pool: Vec<Pooled>,
    pub dice: Dice,
    /// How deep a reorganisation may go; 0 for a chain on which everything goes well.
    pub deepest: u64,
    /// Blocks are not earlier than this.
    not_before_s: u64,
    branch: u64,
    pub reorganised: u64,
    /// Whose wallet sends other transactions with the nonces of hers that are under way.
    pub rival: Option<Arc<LocalSigner>>,
}

impl Chain {
    /// A chain on which these accounts have coins, and on which everything goes well.
    pub fn new(accounts: &[EvmAddress], coins: u128) -> Self {
        let mut db = CacheDB::new(EmptyDB::default());
        for &account in accounts {
            db.insert_account_info(account, AccountInfo { balance: U256::from(coins), ..Default::default() });
        }
        let first = Block::new(B256::ZERO, 0, 0, START_S, Vec::new(), db);
        let dice = Dice::new(0);
        Self {
            blocks: vec![first],
            pool: Vec::new(),
            dice,
            deepest: 0,
            not_before_s: 0,
            branch: 0,
            reorganised: 0,
            rival: None,
        }
    }

    fn tip(&self) -> &Block {
        self.blocks.last().expect("a chain has a first block")
    }

    pub fn time_s(&self) -> u64 {
        self.tip().time_s
    }

    /// Lets time pass: the next block is so much later.
    pub fn leap(&mut self, seconds: u64) {
        self.not_before_s = self.time_s() + seconds;
    }

    /// What happens while somebody waits: a block, and now and then a reorganisation.
    pub fn tick(&mut self) {
        if self.deepest > 0 && self.dice.one_in(12) {
            let depth = 1 + self.dice.below(self.deepest);
            self.reorganise(depth);
        }
        self.mine();
    }

    /// Replaces the last blocks by one more than they were.
    pub fn reorganise(&mut self, depth: u64) {
        let depth = depth.min(self.blocks.len() as u64 - 1);
        for _ in 0..depth {
            let Some(gone) = self.blocks.pop() else { break };
            for mined in gone.mined {
                // Most of what was in it waits again; some of it is lost.
                if mined.pooled.rivals || !self.dice.one_in(8) {
                    self.pool.push(mined.pooled);
                }
            }
        }
        self.branch += 1;
        self.reorganised += 1;
        for _ in 0..depth {
            self.mine();
        }
    }

    fn mine(&mut self) {
        let tip = self.tip();
        let time_s = (tip.time_s + BLOCK_S).max(self.not_before_s);
        let (parent, mut db) = (tip.hash, tip.after.clone());
        let (mut mined, mut gas_so_far) = (Vec::new(), 0);
        loop {
            let ready = self.pool.iter().position(|p| nonce(&mut db, p.from) >= p.nonce);
            let Some(place) = ready else { break };
            let mut pooled = self.pool.remove(place);
            if nonce(&mut db, pooled.from) > pooled.nonce {
                continue; // Another one has its nonce.
            }
            if !pooled.rivals && self.deepest > 0 && self.dice.one_in(24) {
                continue; // Dropped: nobody hears of it again.
            }
            let rival = self.rival.clone().filter(|key| to_evm(key.address()) == pooled.from);
            if let Some(key) = rival.filter(|_| self.deepest > 0 && self.dice.one_in(6)) {
                // Her wallet sends something else with this nonce, and that gets through instead.
                pooled = Pooled::of_rival(&key, pooled.nonce);
            }
            let (result, next) = run(db, &pooled, time_s);
            db = next;
            let (succeeded, gas) = (result.is_success(), result.tx_gas_used());
            gas_so_far += gas;
            mined.push(Mined { pooled, succeeded, gas, gas_so_far, logs: result.into_logs() });
            if self.deepest > 0 && self.dice.one_in(4) {
                break; // The others wait for the next block.
            }
        }
        let number = self.blocks.len() as u64;
        self.blocks.push(Block::new(parent, number, self.branch, time_s, mined, db));
        // Nobody looks at old states any more.
        let old = self.blocks.len().saturating_sub(KEPT_STATES);
        if let Some(block) = old.checked_sub(1).and_then(|i| self.blocks.get_mut(i)) {
            block.after = InMemoryDB::default();
        }
    }

    /// Sends a transaction by a wallet of its own, which sends it again and again; creates a contract if it is to nobody. The
    /// contract's address, if it is one.
    pub fn send(&mut self, key: &LocalSigner, to: Option<EvmAddress>, data: Bytes) -> EvmAddress {
        let from = to_evm(key.address());
        let mut next = self.info(from).nonce;
        while self.pool.iter().any(|p| (p.from, p.nonce) == (from, next)) {
            next += 1;
        }
        let pooled = Pooled::by(key, next, to.map_or(TxKind::Create, TxKind::Call), data);
        self.pool.push(Pooled { rivals: true, ..pooled });
        from.create(next)
    }

    /// Asks a contract, without changing anything.
    pub fn ask(&self, to: EvmAddress, data: Bytes) -> Result<Bytes, Bytes> {
        self.attempt(EvmAddress::repeat_byte(0xde), TxKind::Call(to), U256::ZERO, data).map(|(out, _)| out)
    }

    pub fn coins(&self, account: EvmAddress) -> U256 {
        self.info(account).balance
    }

    fn info(&self, account: EvmAddress) -> AccountInfo {
        self.tip().after.clone().basic(account).ok().flatten().unwrap_or_default()
    }

    fn attempt(&self, from: EvmAddress, to: TxKind, value: U256, data: Bytes) -> Result<(Bytes, u64), Bytes> {
        let mut db = self.tip().after.clone();
        let nonce = nonce(&mut db, from);
        let pooled = Pooled { hash: B256::ZERO, from, nonce, to, value, data, rivals: false, signed: None };
        let mut machine = machine(db, (self.time_s() + BLOCK_S).max(self.not_before_s));
        let result = machine.transact(environment(&pooled)).map_err(|_| Bytes::new())?.result;
        let gas = result.tx_gas_used();
        match result {
            ExecutionResult::Success { output: Output::Call(out) | Output::Create(out, _), .. } => Ok((out, gas)),
            ExecutionResult::Revert { output, .. } => Err(output),
            ExecutionResult::Halt { .. } => Err(Bytes::new()),
        }
    }

    fn accept(&mut self, raw: &[u8]) -> Result<B256, RpcError> {
        let refused = |message: &str| RpcError::Answered { code: -32_000, message: message.into(), data: None };
        let envelope = TxEnvelope::decode_2718(&mut &raw[..]).map_err(|e| refused(&e.to_string()))?;
        let pooled = Pooled::of(envelope).map_err(|e| refused(&e))?;
        let (hash, from, nonce) = (pooled.hash, pooled.from, pooled.nonce);
        if self.pool.iter().any(|p| p.hash == hash) {
            return Err(refused("already known"));
        }
        if self.info(from).nonce > nonce {
            return Err(refused("nonce too low"));
        }
        if self.pool.iter().any(|p| (p.from, p.nonce) == (from, nonce)) {
            return Err(refused("replacement transaction underpriced"));
        }
        self.pool.push(pooled);
        Ok(hash)
    }
}

fn nonce(db: &mut InMemoryDB, account: EvmAddress) -> u64 {
    db.basic(account).ok().flatten().map_or(0, |info| info.nonce)
}

fn machine(db: InMemoryDB, time_s: u64) -> revm::MainnetEvm<revm::handler::MainnetContext<InMemoryDB>> {
    let context: Context<BlockEnv, TxEnv, CfgEnv, InMemoryDB, Journal<InMemoryDB>, ()> = Context::mainnet()
        .with_db(db)
        .modify_cfg_chained(|cfg| cfg.chain_id = CHAIN_ID)
        .modify_block_chained(|block| block.timestamp = U256::from(time_s));
    context.build_mainnet()
}

fn environment(pooled: &Pooled) -> TxEnv {
    TxEnv::builder()
        .caller(pooled.from)
        .kind(pooled.to)
        .value(pooled.value)
        .data(pooled.data.clone())
        .nonce(pooled.nonce)
        .chain_id(Some(CHAIN_ID))
        .gas_limit(GAS)
        .build()
        .expect("a whole transaction")
}

fn run(db: InMemoryDB, pooled: &Pooled, time_s: u64) -> (ExecutionResult, InMemoryDB) {
    let mut machine = machine(db, time_s);
    let result = machine.transact_commit(environment(pooled)).expect("a transaction whose nonce is next");
    (result, machine.ctx.journaled_state.database)
}

/// Coins of all accounts there are.
pub fn all_coins(chain: &Chain) -> U256 {
    let accounts: BTreeMap<EvmAddress, U256> =
        chain.tip().after.cache.accounts.iter().map(|(a, account)| (*a, account.info.balance)).collect();
    accounts.values().fold(U256::ZERO, |sum, coins| sum + *coins)
}

/// An address of the market's, for messages.
pub fn told(address: EvmAddress) -> String {
    from_evm(address).to_string()
}
