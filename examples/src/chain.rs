//! A market on a chain of one's own: anvil, a test node, which gives coins away and lets time pass.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use lazai::core::digest::keccak256;
use lazai::core::{Address, Amount, Asset, LocalSigner};
use lazai::settle::ledger::evm::{Deployment, EvmLedger, Founding, HttpRpc, Pace, Rpc};
use lazai::settle::notice::{Action, Cursor};
use lazai::settle::{Ledger, Params};
use pollster::block_on;
use serde_json::{Value, json};

use crate::home::once;

/// Coins that everybody begins with, in base units: ten, and what their transactions cost.
pub const FUNDS: u128 = 11_000_000_000_000_000_000;

/// The chain of a home.
pub struct TestChain {
    /// The market on it.
    pub ledger: EvmLedger,
    rpc: HttpRpc,
}

impl TestChain {
    /// Opens the market of a home on a chain, or deploys one: with the validators and voters of the demo, who have one
    /// vote each, an hour for doubts, and a minute in the timelock.
    ///
    /// # Errors
    /// What the node or the file system says.
    pub fn open(
        folder: &Path,
        url: &str,
        people: &[Address],
        deployer: &LocalSigner,
        validators: BTreeMap<Address, u64>,
        voters: &[Address],
    ) -> anyhow::Result<Self> {
        let rpc = HttpRpc::new(url);
        wait_for(&rpc)?;
        // One block on top is enough where nobody else makes any.
        let pace = Pace { depth: 1, poll: Duration::from_millis(100), ..Pace::default() };
        let deployment = once(&folder.join("deployment.json"), || {
            let dollar = dollar(&rpc)?;
            for person in people {
                rpc.request("anvil_setBalance", json!([person, format!("{FUNDS:#x}")]))?;
            }
            let founding = Founding {
                params: Params { challenge_window_s: 3_600, ..Params::default() },
                assets: vec![Asset(dollar)],
                validators,
                voters: voters.iter().map(|&voter| (voter, 10u128.pow(18))).collect(),
                guardian: Address::ZERO,
                timelock_s: 3_600,
            };
            let deployment = block_on(EvmLedger::deploy(rpc.clone(), deployer, &founding, pace))?;
            Ok(serde_json::to_vec_pretty(&deployment)?)
        })?;
        // ANCHOR: chain
        let deployment: Deployment = serde_json::from_slice(&deployment)?;
        let outbox = folder.join("outbox");
        let ledger = EvmLedger::open(rpc.clone(), &deployment, Some(&outbox), pace)
            .context("the chain does not have this home's market; begin anew with --fresh")?;
        // ANCHOR_END: chain
        Ok(Self { ledger, rpc })
    }

    /// Lets the chain's time pass, which on a test node needs no patience.
    ///
    /// # Errors
    /// What the node says.
    pub fn pass_time(&self, until_s: u64) -> anyhow::Result<()> {
        let seconds = until_s.saturating_sub(self.ledger.now_s());
        self.rpc.request("evm_increaseTime", json!([seconds]))?;
        self.rpc.request("evm_mine", json!([]))?;
        block_on(self.ledger.refresh())?;
        Ok(())
    }

    /// The ERC-20 for tests that the market takes.
    ///
    /// # Errors
    /// If there is none.
    pub fn dollar(&self) -> anyhow::Result<Asset> {
        let market = self.ledger.market();
        let found = market.assets().iter().find(|asset| **asset != Asset::NATIVE);
        found.copied().context("the market takes coins alone")
    }

    /// Gives somebody's wallet units of it.
    ///
    /// # Errors
    /// What the node says.
    pub fn give_dollars(&self, to: Address, units: u128) -> anyhow::Result<()> {
        let call = keccak256(b"give(address,uint256)");
        let (selector, to) = (hex::encode(&call.as_bytes()[..4]), hex::encode(to.as_bytes()));
        let data = format!("0x{selector}{to:0>64}{units:064x}");
        by_the_node(&self.rpc, json!({"to": self.dollar()?.0, "data": data})).map(|_| ())
    }

    /// True if the contracts hold just what the market says.
    ///
    /// # Errors
    /// What the node says.
    pub fn is_covered(&self, total: Amount) -> anyhow::Result<bool> {
        let contracts = self.ledger.deployment().contracts;
        let settlement = block_on(self.ledger.wallet(contracts.settlement))?;
        let quorum = block_on(self.ledger.wallet(contracts.quorum))?;
        Ok(settlement.checked_add(quorum)? == total)
    }

    /// What the market's transactions cost, by what they did: how often, and gas on average.
    ///
    /// # Errors
    /// What the node says.
    pub fn gas(&self) -> anyhow::Result<Value> {
        let mut by_kind: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        for notice in block_on(self.ledger.notices(&Cursor::new()))? {
            let (_, Some(new)) = notice.parts() else { continue };
            for entry in &new.entries {
                let Action::Transaction(transaction) = &entry.action else { continue };
                let Some(hash) = entry.origin.transaction_hash().filter(|hash| seen.insert(*hash)) else { continue };
                let gas = block_on(self.ledger.gas_used(hash))?.unwrap_or_default();
                let kind = serde_json::to_value(transaction)?["kind"].as_str().unwrap_or("other").to_owned();
                let sum = by_kind.entry(kind).or_default();
                *sum = (sum.0 + 1, sum.1 + gas);
            }
        }
        let told = |(kind, (times, gas)): (String, (u64, u64))| (kind, json!({"times": times, "gas": gas / times}));
        Ok(Value::Object(by_kind.into_iter().map(told).collect()))
    }
}

/// Sends a transaction of the account that a test node signs for; gives its receipt.
fn by_the_node(rpc: &HttpRpc, mut transaction: Value) -> anyhow::Result<Value> {
    let accounts = rpc.request("eth_accounts", json!([]))?;
    transaction["from"] = accounts[0].clone();
    let hash = rpc.request("eth_sendTransaction", json!([transaction]))?;
    for _ in 0..100 {
        let receipt = rpc.request("eth_getTransactionReceipt", json!([hash]))?;
        if receipt["status"] == "0x1" {
            return Ok(receipt);
        }
        anyhow::ensure!(receipt.is_null(), "refused: {receipt}");
        std::thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("the chain's node makes no blocks")
}

/// A new ERC-20 for tests, which anybody gives to anybody.
fn dollar(rpc: &HttpRpc) -> anyhow::Result<Address> {
    let artifact: Value = serde_json::from_str(include_str!("../../lazai-settle/artifacts/Dollar.json"))?;
    let receipt = by_the_node(rpc, json!({"data": artifact["bytecode"]}))?;
    Ok(serde_json::from_value(receipt["contractAddress"].clone())?)
}

/// A node that was just started needs a moment.
fn wait_for(rpc: &HttpRpc) -> anyhow::Result<()> {
    for _ in 0..100 {
        if rpc.request("eth_chainId", json!([])).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("the chain's node does not answer")
}
