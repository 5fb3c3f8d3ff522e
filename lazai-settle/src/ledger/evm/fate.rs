//! The outcome of a transaction, shown by the block that decided it: on a provider's word alone, nothing is signed again.

use alloy_primitives::{Address as EvmAddress, B256, U64};
use serde_json::{Value, json};

use super::rpc::{Node, failed};
use super::transport::{RpcError, Trust};
use super::witness;
use crate::ledger::LedgerError;

impl Node {
    /// The transaction that used an account's nonce after block `since`, at least `depth` blocks deep; `None` if none did,
    /// or not as deep.
    ///
    /// # Errors
    /// [`LedgerError`]: the node says that it was used, but does not show by which transaction.
    pub fn used(&self, account: EvmAddress, nonce: u64, since: u64, depth: u64) -> Result<Option<B256>, LedgerError> {
        let used_by = |block: u64| self.nonce_at(account, block).map(|next| next.map(|next| next > nonce));
        let Some(last) = self.latest()?.number.to::<u64>().checked_sub(depth) else { return Ok(None) };
        match used_by(last)? {
            Some(true) => {}
            Some(false) => return Ok(None),
            None => return Err(no_state(last)),
        }
        // Back in steps that double, so that a recent block is found in recent states; then halved. Nodes that keep no archive
        // have no old states: where these end, halving ends.
        let (mut after, mut before, mut step) = (last, since.min(last), 1);
        let mut is_exact = false;
        while let Some(block) = last.checked_sub(step).filter(|block| *block > before) {
            match used_by(block)? {
                Some(true) => (after, step) = (block, step.saturating_mul(2)),
                unused => {
                    (before, is_exact) = (block, unused.is_some());
                    break;
                }
            }
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            match used_by(middle)? {
                Some(true) => after = middle,
                unused => (before, is_exact) = (middle, unused.is_some()),
            }
        }
        // Bodies of blocks are kept by every node: with the states gone, they tell.
        let first = if is_exact { after } else { since.min(after) };
        for block in (first..=after).rev() {
            let Some(header) = self.header(block)? else { return Ok(None) };
            let Some(told) = self.told_transactions(&header)? else { return Ok(None) };
            let found = match self.trust {
                Trust::Hashes => witness::of_nonce(&header, told, account, nonce),
                Trust::Provider => Ok(believed(&told, account, nonce)),
            };
            if let Some(hash) = found.map_err(|reason| LedgerError::Untrue { block, reason })? {
                return Ok(Some(hash));
            }
        }
        let reason = format!("none of {account} has nonce {nonce} from block {first} on");
        Err(LedgerError::Untrue { block: after, reason })
    }

    /// Checks that a transaction reported as failed in a block did fail; `None` if the block is gone.
    ///
    /// # Errors
    /// [`LedgerError`]: the block's receipts say otherwise.
    pub fn has_failed(&self, block: u64, hash: B256) -> Result<Option<bool>, LedgerError> {
        if self.trust == Trust::Provider {
            return Ok(Some(true));
        }
        let Some(header) = self.header(block)? else { return Ok(None) };
        let Some(told) = self.told_transactions(&header)? else { return Ok(None) };
        let receipts: Value = self.get("eth_getBlockReceipts", &json!([header.number]))?;
        if receipts.is_null() {
            return Ok(None);
        }
        match witness::succeeded(&header, told, receipts, hash) {
            Ok(succeeded) => Ok(succeeded.map(|succeeded| !succeeded)),
            Err(reason) => self.undone_or_untrue(&header, reason),
        }
    }

    /// The next nonce of an account after a block; `None` if the node does not keep that block's state.
    fn nonce_at(&self, account: EvmAddress, block: u64) -> Result<Option<u64>, LedgerError> {
        match self.ask(NONCE, &json!([account, U64::from(block)])) {
            Ok(told) => {
                let next: U64 = serde_json::from_value(told).map_err(|e| failed(NONCE, &e))?;
                Ok(Some(next.to()))
            }
            Err(RpcError::Answered { .. }) => Ok(None),
            Err(error) => Err(failed(NONCE, &error)),
        }
    }
}

const NONCE: &str = "eth_getTransactionCount";

fn no_state(block: u64) -> LedgerError {
    failed(NONCE, &format!("the provider keeps no state of block {block}, which is recent"))
}

fn believed(told: &Value, account: EvmAddress, nonce: u64) -> Option<B256> {
    let (account, nonce) = (json!(account), json!(U64::from(nonce)));
    let found = told.as_array()?.iter().find(|t| t["from"] == account && t["nonce"] == nonce)?;
    serde_json::from_value(found["hash"].clone()).ok()
}
