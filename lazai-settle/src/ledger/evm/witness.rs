//! What a provider says of a chain, held to hashes: a header to its own, logs and transactions to the roots in it.
//!
//! A header binds its parent, its bloom and the roots over its transactions and their receipts, so whoever knows a block's
//! hash cannot be told of logs that are not in it, nor of fewer, nor of other calls. Which hash is the chain's is another question: no proof
//! of consensus is checked. [`Endpoints`](super::Endpoints) asks several providers, and takes what all of them say.

use alloy_consensus::proofs::{calculate_transaction_root, ordered_trie_root_with_encoder};
use alloy_consensus::{Eip658Value, Receipt, ReceiptWithBloom, Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address as EvmAddress, B256, U64, keccak256};
use lazai_core::{Digest, Signature};
use serde::Deserialize;
use serde_json::Value;

use super::abi::evm;
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

/// Reads a header, and hashes it anew.
///
/// # Errors
/// What does not hold. Chains whose headers have fields of their own fail here.
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

/// The logs of some contracts in a block, out of all of its receipts, in order.
///
/// # Errors
/// What does not hold: the receipts do not come to the header's root.
pub(super) fn logs(header: &Header, receipts: Value, contracts: &[EvmAddress]) -> Result<Vec<Log>, String> {
    let receipts: Vec<TransactionReceipt> = serde_json::from_value(receipts).map_err(|e| format!("receipts: {e}"))?;
    let found = root(&receipts)?;
    if header.receipts_root != Some(found) {
        return Err(format!("receipts come to the root {found}, the header has another"));
    }
    // What a receipt does not bind (where its logs stand) is counted, not taken over.
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

/// Those transactions of a block that logged these: what they called, and who signed them.
///
/// # Errors
/// What does not hold: the transactions do not come to the header's root, or a log is told of another one than it is of.
pub(super) fn transactions(header: &Header, logs: &[Log], told: Value) -> Result<Vec<ChainTransaction>, String> {
    let all: Vec<TxEnvelope> = serde_json::from_value(told).map_err(|e| format!("transactions: {e}"))?;
    let found = calculate_transaction_root(&all);
    if header.transactions_root != Some(found) {
        return Err(format!("transactions come to the root {found}, the header has another"));
    }
    let mut logged = Vec::new();
    for group in logs.chunk_by(|a, b| a.transaction_index == b.transaction_index) {
        let Some(log) = group.first() else { continue };
        let place = log.transaction_index.to::<usize>();
        let transaction = all.get(place).ok_or_else(|| format!("there is no transaction {place}"))?;
        // Hashed anew: what came with it is the provider's word.
        let hash = keccak256(transaction.encoded_2718());
        if group.iter().any(|log| log.transaction_hash != hash) {
            return Err(format!("a log of transaction {hash} is told of another"));
        }
        let signature = Signature::from_bytes(transaction.signature().as_bytes());
        let signed = Digest::from_bytes(transaction.signature_hash().0);
        let from = signature.recover(signed).map_err(|e| format!("the sender of transaction {hash}: {e}"))?;
        logged.push(ChainTransaction { hash, from: evm(from), input: transaction.input().clone() });
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
    // EIP-2718: the type's byte stands before what is typed.
    Ok(ordered_trie_root_with_encoder(&plain, |(kind, receipt), out| {
        if *kind != 0 {
            out.push(*kind);
        }
        alloy_rlp::Encodable::encode(receipt, out);
    }))
}
