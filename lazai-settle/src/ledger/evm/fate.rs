//! What became of a transaction, shown by the block that decided it: a provider's word alone has nothing signed a second time.

use alloy_primitives::{Address as EvmAddress, B256, U64};
use serde_json::{Value, json};

use super::rpc::{Node, Trust};
use super::witness;
use crate::ledger::LedgerError;

impl Node {
    /// The transaction that used an account's nonce, as deep in the chain as `depth`; nothing if none did, or not as deep.
    ///
    /// # Errors
    /// [`LedgerError`]: the node says that it was used and does not show by what, or keeps no state that is old enough.
    pub fn used(&self, account: EvmAddress, nonce: u64, depth: u64) -> Result<Option<B256>, LedgerError> {
        let used_by = |block: u64| self.nonce_at(account, block).map(|next| next > nonce);
        let Some(last) = self.latest()?.number.to::<u64>().checked_sub(depth) else { return Ok(None) };
        if !used_by(last)? {
            return Ok(None);
        }
        // Back in steps that double, so that a recent block is found in recent states; then halved.
        let (mut after, mut step) = (last, 1);
        let mut before = loop {
            let Some(block) = last.checked_sub(step) else { break 0 };
            if !used_by(block)? {
                break block;
            }
            (after, step) = (block, step.saturating_mul(2));
        };
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if used_by(middle)? {
                after = middle;
            } else {
                before = middle;
            }
        }
        let Some(header) = self.header(after)? else { return Ok(None) };
        let Some(told) = self.told_transactions(&header)? else { return Ok(None) };
        let found = match self.trust {
            Trust::Hashes => witness::of_nonce(&header, told, account, nonce),
            Trust::Provider => Ok(believed(&told, account, nonce)),
        };
        let shown = found.and_then(|found| found.ok_or_else(|| format!("none of {account} has nonce {nonce}")));
        shown.map(Some).map_err(|reason| LedgerError::Untrue { block: after, reason })
    }

    /// Whether a transaction that is said to have failed in a block did; nothing if the block is gone.
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

    fn nonce_at(&self, account: EvmAddress, block: u64) -> Result<u64, LedgerError> {
        self.get::<U64>("eth_getTransactionCount", &json!([account, U64::from(block)])).map(|nonce| nonce.to())
    }
}

fn believed(told: &Value, account: EvmAddress, nonce: u64) -> Option<B256> {
    let (account, nonce) = (json!(account), json!(U64::from(nonce)));
    let found = told.as_array()?.iter().find(|t| t["from"] == account && t["nonce"] == nonce)?;
    serde_json::from_value(found["hash"].clone()).ok()
}
