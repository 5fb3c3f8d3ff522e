//! Checks a provider's data against hashes: a header against its own, logs and transactions against the roots in it.
//!
//! A header binds its parent, its bloom and the roots over its transactions and their receipts. Given a block's hash, a
//! provider cannot add logs, leave some out, or report other calls. That the hash is the chain's is not shown: no proof
//! of consensus is checked. [`Endpoints`](super::Endpoints) asks several providers, and accepts only what all of them say.

use alloy_consensus::proofs::{calculate_transaction_root, ordered_trie_root_with_encoder};
use alloy_consensus::{Eip658Value, Receipt, ReceiptWithBloom, Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address as EvmAddress, B256, U64, keccak256};
use lazai_core::{Digest, Signature};
use serde::Deserialize;
use serde_json::Value;

use super::abi::to_evm;
use super::rpc::{ChainTransaction, Header, Log};

/// A receipt as `eth_getBlockReceipts` has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransactionReceipt {
    #[serde(default, rename = "type")]
    kind: U64,
    transaction_hash: B256,
    status: U64,
    cumulative_gas_used: U64,
    logs: Vec<Log>,
}

/// Reads a header, and computes its hash anew.
///
/// # Errors
/// The failed check. Chains whose headers have fields of their own fail here.
pub(super) fn header(told: Value) -> Result<Header, String> {
    let hash: B256 = serde_json::from_value(told["hash"].clone()).map_err(|e| format!("hash: {e}"))?;
    let full: alloy_consensus::Header = serde_json::from_value(told).map_err(|e| format!("header: {e}"))?;
    let found = full.hash_slow();
    if found != hash {
        return Err(format!("a header is told as {hash}, and hashes to {found}"));
    }
    Ok(Header {
        number: U64::from(full.number),
        hash,
        parent_hash: full.parent_hash,
        timestamp: U64::from(full.timestamp),
        base_fee_per_gas: full.base_fee_per_gas.map(alloy_primitives::U256::from),
        logs_bloom: Some(full.logs_bloom),
        receipts_root: Some(full.receipts_root),
        transactions_root: Some(full.transactions_root),
    })
}

/// The receipts of a block.
fn checked(header: &Header, receipts: Value) -> Result<Vec<TransactionReceipt>, String> {
    let receipts: Vec<TransactionReceipt> = serde_json::from_value(receipts).map_err(|e| format!("receipts: {e}"))?;
    let found = root(&receipts)?;
    if header.receipts_root != Some(found) {
        return Err(format!("receipts come to the root {found}, the header has another"));
    }
    Ok(receipts)
}

/// The logs of some contracts in a block, taken from all of its receipts, in order.
///
/// # Errors
/// The failed check: the receipts do not hash to the header's root.
pub(super) fn logs(header: &Header, receipts: Value, contracts: &[EvmAddress]) -> Result<Vec<Log>, String> {
    let receipts = checked(header, receipts)?;
    // Positions of logs, which receipts do not bind, are counted here, not taken over.
    let of = |(place, r): (usize, TransactionReceipt)| {
        r.logs.into_iter().map(move |log| (U64::from(place), r.transaction_hash, log))
    };
    let all = receipts.into_iter().enumerate().flat_map(of);
    let placed = all.enumerate().map(|(i, (transaction_index, transaction_hash, log))| Log {
        block_number: header.number,
        block_hash: header.hash,
        transaction_hash,
        transaction_index,
        log_index: U64::from(i),
        ..log
    });
    Ok(placed.filter(|log| contracts.contains(&log.address)).collect())
}

/// The transactions of a block.
///
/// # Errors
/// The failed check: they do not hash to the header's root.
fn envelopes(header: &Header, told: Value) -> Result<Vec<TxEnvelope>, String> {
    let all: Vec<TxEnvelope> = serde_json::from_value(told).map_err(|e| format!("transactions: {e}"))?;
    let found = calculate_transaction_root(&all);
    if header.transactions_root != Some(found) {
        return Err(format!("transactions come to the root {found}, the header has another"));
    }
    Ok(all)
}

/// A transaction's hash, recomputed: the one that comes with it is only claimed by the provider.
fn hash_of(transaction: &TxEnvelope) -> B256 {
    keccak256(transaction.encoded_2718())
}

fn sender_of(transaction: &TxEnvelope) -> Result<EvmAddress, String> {
    let signature = Signature::from_bytes(transaction.signature().as_bytes());
    let signed = Digest::from_bytes(transaction.signature_hash().0);
    let told = |e| format!("the sender of transaction {}: {e}", hash_of(transaction));
    signature.recover(signed).map(to_evm).map_err(told)
}

/// The transaction of an account with a nonce in a block.
///
/// # Errors
/// The failed check: the transactions do not hash to the header's root.
pub(super) fn of_nonce(header: &Header, told: Value, account: EvmAddress, nonce: u64) -> Result<Option<B256>, String> {
    let all = envelopes(header, told)?;
    for transaction in &all {
        if transaction.nonce() == nonce && sender_of(transaction)? == account {
            return Ok(Some(hash_of(transaction)));
        }
    }
    Ok(None)
}

/// Tells whether a transaction of a block succeeded; `None` if it is not in the block.
///
/// # Errors
/// The failed check: transactions or receipts do not hash to the header's roots.
pub(super) fn succeeded(header: &Header, told: Value, receipts: Value, hash: B256) -> Result<Option<bool>, String> {
    let place = envelopes(header, told)?.iter().position(|t| hash_of(t) == hash);
    let receipts = checked(header, receipts)?;
    let receipt = place.and_then(|place| receipts.get(place));
    Ok(receipt.map(|receipt| receipt.status == U64::from(1)))
}

/// The transactions of a block that made these logs: their calls and signers.
///
/// # Errors
/// The failed check: the transactions do not hash to the header's root, or a log names another transaction than its own.
pub(super) fn transactions(header: &Header, logs: &[Log], told: Value) -> Result<Vec<ChainTransaction>, String> {
    let all = envelopes(header, told)?;
    let mut logged = Vec::new();
    for group in logs.chunk_by(|a, b| a.transaction_index == b.transaction_index) {
        let Some(log) = group.first() else { continue };
        let place = log.transaction_index.to::<usize>();
        let transaction = all.get(place).ok_or_else(|| format!("there is no transaction {place}"))?;
        let hash = hash_of(transaction);
        if group.iter().any(|log| log.transaction_hash != hash) {
            return Err(format!("a log of transaction {hash} is told of another"));
        }
        let (from, to, input) = (sender_of(transaction)?, transaction.to(), transaction.input().clone());
        logged.push(ChainTransaction { hash, from, to, input });
    }
    Ok(logged)
}

fn root(receipts: &[TransactionReceipt]) -> Result<B256, String> {
    let mut plain = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let kind = u8::try_from(receipt.kind.to::<u64>()).map_err(|_| "a transaction's type is no byte".to_owned())?;
        let logs = receipt.logs.iter().map(Log::plain).collect::<Option<Vec<_>>>();
        let logs = logs.ok_or("a log has more than four topics")?;
        let status = Eip658Value::Eip658(receipt.status == U64::from(1));
        let receipt = Receipt { status, cumulative_gas_used: receipt.cumulative_gas_used.to(), logs };
        plain.push((kind, ReceiptWithBloom::from(receipt)));
    }
    // EIP-2718: the type's byte stands before the typed payload.
    Ok(ordered_trie_root_with_encoder(&plain, |(kind, receipt), out| {
        if *kind != 0 {
            out.push(*kind);
        }
        alloy_rlp::Encodable::encode(receipt, out);
    }))
}
