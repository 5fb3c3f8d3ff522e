//! A chain of this process that behaves as badly as chains do: blocks that are undone, transactions that wait or get
//! lost, calls that do not get through, processes that die while they call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_consensus::proofs::{calculate_transaction_root, ordered_trie_root_with_encoder};
use alloy_consensus::{Header, ReceiptWithBloom, SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use lazai::core::{Digest, LocalSigner, Signature, Signer as _};
use lazai::settle::ledger::evm::abi::{evm, ours};
use lazai::settle::ledger::evm::{Rpc, RpcError};
use revm::context::result::{ExecutionResult, Output};
use revm::context::{BlockEnv, CfgEnv, Context, Journal, TxEnv};
use revm::database::{CacheDB, EmptyDB, InMemoryDB};
use revm::primitives::{Address as EvmAddress, B256, Bytes, Log, TxKind, U256};
use revm::state::AccountInfo;
use revm::{Database, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext};
use serde_json::{Value, json};

use super::dice::Dice;
use super::lies::Lies;

pub const CHAIN_ID: u64 = 31_337;
pub const START_S: u64 = 1_800_000_000;
/// Seconds between blocks.
const BLOCK_S: u64 = 12;
/// More than a transaction of the market needs, less than a block may hold.
const GAS: u64 = 16_000_000;

/// Blocks whose states are kept: more than a reorganisation can undo.
const KEPT_STATES: usize = 40;

/// A transaction that a node was given.
#[derive(Clone)]
struct Pooled {
    hash: B256,
    from: EvmAddress,
    nonce: u64,
    to: TxKind,
    value: U256,
    data: Bytes,
    /// Whether another wallet sent it, which sends it again and again: it never gets lost.
    rivals: bool,
    /// As it was signed; none for what is only tried.
    signed: Option<TxEnvelope>,
}

impl Pooled {
    fn of(envelope: TxEnvelope) -> Result<Self, String> {
        let signed = envelope.as_eip1559().ok_or("of another type")?;
        let signature = Signature::from_bytes(signed.signature().as_bytes());
        let from = signature.recover(Digest::from_bytes(signed.signature_hash().0)).map_err(|e| e.to_string())?;
        let (tx, hash) = (signed.tx().clone(), *signed.hash());
        let TxEip1559 { nonce, to, value, input: data, .. } = tx;
        Ok(Self { hash, from: evm(from), nonce, to, value, data, rivals: false, signed: Some(envelope) })
    }

    /// A transaction that does nothing, with a nonce that somebody wants to use otherwise.
    fn of_rival(key: &LocalSigner, nonce: u64) -> Self {
        let to = TxKind::Call(evm(key.address()));
        let gas_limit = GAS;
        let tx = TxEip1559 { chain_id: CHAIN_ID, nonce, gas_limit, to, ..TxEip1559::default() };
        let signature = key.sign_digest(Digest::from_bytes(tx.signature_hash().0));
        let signature = alloy_primitives::Signature::from_raw_array(signature.as_bytes()).unwrap();
        Self { rivals: true, ..Self::of(tx.into_signed(signature).into()).unwrap() }
    }

    /// What a provider tells of it.
    fn told(&self) -> Value {
        let mut told = json!(self.signed);
        told["from"] = json!(self.from);
        told
    }
}

#[derive(Clone)]
struct Mined {
    pooled: Pooled,
    succeeded: bool,
    gas: u64,
    /// What this transaction and those before it in the block used.
    gas_so_far: u64,
    logs: Vec<Log>,
}

impl Mined {
    fn receipt(&self) -> ReceiptWithBloom<alloy_consensus::Receipt> {
        let logs = self.logs.clone();
        let status = self.succeeded.into();
        alloy_consensus::Receipt { status, cumulative_gas_used: self.gas_so_far, logs }.into()
    }
}

#[derive(Clone)]
struct Block {
    hash: B256,
    header: Header,
    time_s: u64,
    mined: Vec<Mined>,
    /// The state after it.
    after: InMemoryDB,
}

impl Block {
    /// A block whose header says of its transactions what Ethereum's do; `branch` keeps hashes of branches apart.
    fn new(parent: B256, number: u64, branch: u64, time_s: u64, mined: Vec<Mined>, after: InMemoryDB) -> Self {
        let receipts: Vec<_> = mined.iter().map(Mined::receipt).collect();
        let signed: Vec<_> = mined.iter().filter_map(|m| m.pooled.signed.clone()).collect();
        let mut logs_bloom = alloy_primitives::Bloom::default();
        receipts.iter().for_each(|r| logs_bloom.accrue_bloom(&r.logs_bloom));
        let header = Header {
            parent_hash: parent,
            number,
            timestamp: time_s,
            logs_bloom,
            base_fee_per_gas: Some(0),
            extra_data: branch.to_be_bytes().to_vec().into(),
            transactions_root: calculate_transaction_root(&signed),
            // All transactions are of type 2.
            receipts_root: ordered_trie_root_with_encoder(&receipts, |receipt, out| {
                out.push(2);
                alloy_rlp::Encodable::encode(receipt, out);
            }),
            ..Header::default()
        };
        Self { hash: header.hash_slow(), header, time_s, mined, after }
    }
}

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
            let rival = self.rival.clone().filter(|key| evm(key.address()) == pooled.from);
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

    fn header(&self, number: usize) -> Value {
        let Some(block) = self.blocks.get(number) else { return Value::Null };
        let mut told = json!(block.header);
        told["hash"] = json!(block.hash);
        told
    }

    fn receipts(&self, number: usize) -> Value {
        let Some(block) = self.blocks.get(number) else { return Value::Null };
        let addresses: Vec<EvmAddress> = block.mined.iter().flat_map(|m| &m.logs).map(|log| log.address).collect();
        let mut logs = self.logs(number, &addresses).into_iter();
        let one = |m: &Mined| {
            json!({"type": "0x2", "transactionHash": m.pooled.hash, "status": if m.succeeded { "0x1" } else { "0x0" },
                "cumulativeGasUsed": format!("{:#x}", m.gas_so_far),
                "logs": logs.by_ref().take(m.logs.len()).collect::<Vec<_>>()})
        };
        block.mined.iter().map(one).collect()
    }

    fn place(&self, hash: &Value) -> Option<usize> {
        let hash: B256 = serde_json::from_value(hash.clone()).ok()?;
        self.blocks.iter().rposition(|b| b.hash == hash)
    }

    fn logs(&self, number: usize, addresses: &[EvmAddress]) -> Vec<Value> {
        let block = &self.blocks[number];
        let all = block.mined.iter().flat_map(|m| m.logs.iter().map(move |log| (m.pooled.hash, log)));
        let told = |(i, (hash, log)): (usize, (B256, &Log))| {
            json!({"address": log.address, "topics": log.data.topics(), "data": log.data.data,
                "blockNumber": format!("{number:#x}"), "blockHash": block.hash, "transactionHash": hash,
                "logIndex": format!("{i:#x}")})
        };
        all.enumerate().filter(|(_, (_, log))| addresses.contains(&log.address)).map(told).collect()
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let address = |value: &Value| serde_json::from_value::<EvmAddress>(value.clone()).unwrap_or_default();
        Ok(match method {
            "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
            "eth_getBlockByNumber" if params[0] == "latest" => self.header(self.blocks.len() - 1),
            "eth_getBlockByNumber" => self.header(number(&params[0])),
            "eth_getBlockByHash" => self.place(&params[0]).map_or(Value::Null, |n| {
                let told: Vec<_> = self.blocks[n].mined.iter().map(|m| m.pooled.told()).collect();
                json!({"transactions": told})
            }),
            "eth_getBlockReceipts" => self.receipts(number(&params[0])),
            "eth_getLogs" => {
                let filter = &params[0];
                let addresses: Vec<EvmAddress> = serde_json::from_value(filter["address"].clone()).unwrap_or_default();
                let range = if filter["blockHash"].is_string() {
                    let unknown = RpcError::Answered { code: -32_000, message: "unknown block".into(), data: None };
                    let n = self.place(&filter["blockHash"]).ok_or(unknown)?;
                    n..n + 1
                } else {
                    number(&filter["fromBlock"])..(number(&filter["toBlock"]) + 1).min(self.blocks.len())
                };
                json!(range.flat_map(|n| self.logs(n, &addresses)).collect::<Vec<_>>())
            }
            "eth_getCode" => {
                if params[1] == "latest" {
                    let code = self.info(address(&params[0])).code;
                    return Ok(json!(code.map(|code| code.original_bytes()).unwrap_or_default()));
                }
                let block = self.place(&params[1]["blockHash"]);
                let block =
                    block.ok_or(RpcError::Answered { code: -32_000, message: "unknown block".into(), data: None })?;
                // Old states are not kept.
                if block + KEPT_STATES <= self.blocks.len() {
                    return Err(RpcError::Answered { code: -32_000, message: "no such state".into(), data: None });
                }
                let code =
                    self.blocks[block].after.clone().basic(address(&params[0])).ok().flatten().unwrap_or_default().code;
                json!(code.map(|code| code.original_bytes()).unwrap_or_default())
            }
            "eth_getBalance" => json!(self.coins(address(&params[0]))),
            "eth_getTransactionCount" => {
                let account = address(&params[0]);
                let mut next = self.info(account).nonce;
                while params[1] == "pending" && self.pool.iter().any(|p| (p.from, p.nonce) == (account, next)) {
                    next += 1;
                }
                json!(format!("{next:#x}"))
            }
            "eth_maxPriorityFeePerGas" => json!("0x0"),
            "eth_estimateGas" | "eth_call" => {
                let call = &params[0];
                let to = if call["to"].is_null() { TxKind::Create } else { TxKind::Call(address(&call["to"])) };
                let value: U256 = serde_json::from_value(call["value"].clone()).unwrap_or_default();
                let data: Bytes = serde_json::from_value(call["data"].clone()).unwrap_or_default();
                let (out, gas) = self.attempt(address(&call["from"]), to, value, data).map_err(|data| {
                    RpcError::Answered { code: 3, message: "execution reverted".into(), data: Some(data) }
                })?;
                if method == "eth_call" { json!(out) } else { json!(format!("{gas:#x}")) }
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = serde_json::from_value(params[0].clone()).unwrap_or_default();
                json!(self.accept(&raw)?)
            }
            "eth_getTransactionReceipt" => self.receipt(&params[0]),
            other => panic!("{other} is not asked for"),
        })
    }

    fn receipt(&self, hash: &Value) -> Value {
        let hash: B256 = serde_json::from_value(hash.clone()).unwrap_or_default();
        for (number, block) in self.blocks.iter().enumerate().rev() {
            if let Some(mined) = block.mined.iter().find(|m| m.pooled.hash == hash) {
                return json!({"blockNumber": format!("{number:#x}"), "blockHash": block.hash,
                    "status": if mined.succeeded { "0x1" } else { "0x0" }, "gasUsed": format!("{:#x}", mined.gas)});
            }
        }
        Value::Null
    }
}

fn number(value: &Value) -> usize {
    let digits = value.as_str().unwrap_or_default().trim_start_matches("0x");
    usize::from_str_radix(digits, 16).unwrap_or(usize::MAX)
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

/// A process's connection to the chain.
#[derive(Clone)]
pub struct Line {
    pub chain: Arc<Mutex<Chain>>,
    /// Calls until the process dies; below zero it does not.
    pub fuse: Arc<AtomicI64>,
    pub dice: Arc<Mutex<Dice>>,
    /// Of how many calls one does not get through, there or back; 0 for none.
    pub lossy: u64,
    /// What of the truth does not arrive, where the provider lies.
    pub lies: Option<Arc<Mutex<Lies>>>,
    /// How often the last block was asked for: once for every look at what is new.
    pub looks: Arc<AtomicU64>,
}

impl Line {
    pub fn is_dead(&self) -> bool {
        self.fuse.load(Ordering::SeqCst) == 0
    }
}

impl Rpc for Line {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let lost = |reason: &str| RpcError::Transport { reason: reason.into() };
        if self.is_dead() {
            return Err(lost("the process is dead"));
        }
        let (before, after) = {
            let mut dice = self.dice.lock().unwrap();
            let lost = |dice: &mut Dice| self.lossy > 0 && dice.one_in(self.lossy);
            (lost(&mut dice), lost(&mut dice))
        };
        if method == "eth_getBlockByNumber" && params[0] == "latest" {
            self.looks.fetch_add(1, Ordering::SeqCst);
        }
        if before {
            return Err(lost("the call got lost"));
        }
        let mut answer = self.chain.lock().unwrap().answer(method, &params);
        if let (Some(lies), Ok(answer)) = (&self.lies, &mut answer) {
            lies.lock().unwrap().twist(method, answer);
        }
        let left = self.fuse.load(Ordering::SeqCst);
        if left > 0 {
            self.fuse.store(left - 1, Ordering::SeqCst);
        }
        if after || self.is_dead() { Err(lost("the answer got lost")) } else { answer }
    }

    fn pause(&self, _: Duration) {
        if !self.is_dead() {
            self.chain.lock().unwrap().tick();
        }
    }
}

/// Coins of all accounts there are.
pub fn all_coins(chain: &Chain) -> U256 {
    let accounts: BTreeMap<EvmAddress, U256> =
        chain.tip().after.cache.accounts.iter().map(|(a, account)| (*a, account.info.balance)).collect();
    accounts.values().fold(U256::ZERO, |sum, coins| sum + *coins)
}

/// An address of the market's, for messages.
pub fn told(address: EvmAddress) -> String {
    ours(address).to_string()
}
