//! What a chain is made of: transactions as they were signed, what became of them, blocks that bind both.

use alloy_consensus::proofs::{calculate_transaction_root, ordered_trie_root_with_encoder};
use alloy_consensus::{Header, ReceiptWithBloom, SignableTransaction as _, TxEip1559, TxEnvelope};
use lazai::core::{Digest, LocalSigner, Signature, Signer as _};
use lazai::settle::ledger::evm::abi::to_evm;
use revm::database::InMemoryDB;
use revm::primitives::{Address as EvmAddress, B256, Bytes, Log, TxKind, U256};
use serde_json::{Value, json};

use super::{CHAIN_ID, GAS};

/// A transaction that a node was given.
#[derive(Clone)]
pub(super) struct Pooled {
    pub(super) hash: B256,
    pub(super) from: EvmAddress,
    pub(super) nonce: u64,
    pub(super) to: TxKind,
    pub(super) value: U256,
    pub(super) data: Bytes,
    /// True if another wallet sent it, which sends it again and again: it never gets lost.
    pub(super) rivals: bool,
    /// As it was signed; none for what is only tried.
    pub(super) signed: Option<TxEnvelope>,
}

impl Pooled {
    pub(super) fn of(envelope: TxEnvelope) -> Result<Self, String> {
        let signed = envelope.as_eip1559().ok_or("of another type")?;
        let signature = Signature::from_bytes(signed.signature().as_bytes());
        let from = signature.recover(Digest::from_bytes(signed.signature_hash().0)).map_err(|e| e.to_string())?;
        let (tx, hash) = (signed.tx().clone(), *signed.hash());
        let TxEip1559 { nonce, to, value, input: data, .. } = tx;
        Ok(Self { hash, from: to_evm(from), nonce, to, value, data, rivals: false, signed: Some(envelope) })
    }

    /// A transaction of somebody who is no part of the market.
    pub(super) fn by(key: &LocalSigner, nonce: u64, to: TxKind, input: Bytes) -> Self {
        let tx = TxEip1559 { chain_id: CHAIN_ID, nonce, gas_limit: GAS, to, input, ..TxEip1559::default() };
        let signature = key.sign_digest(Digest::from_bytes(tx.signature_hash().0));
        let signature = alloy_primitives::Signature::from_raw_array(signature.as_bytes()).unwrap();
        Self::of(tx.into_signed(signature).into()).unwrap()
    }

    /// A transaction that does nothing, with a nonce that somebody wants to use otherwise.
    pub(super) fn of_rival(key: &LocalSigner, nonce: u64) -> Self {
        let to = TxKind::Call(to_evm(key.address()));
        Self { rivals: true, ..Self::by(key, nonce, to, Bytes::new()) }
    }

    /// What a provider tells of it.
    pub(super) fn told(&self) -> Value {
        let mut told = json!(self.signed);
        told["from"] = json!(self.from);
        told
    }
}

#[derive(Clone)]
pub(super) struct Mined {
    pub(super) pooled: Pooled,
    pub(super) succeeded: bool,
    pub(super) gas: u64,
    /// What this transaction and those before it in the block used.
    pub(super) gas_so_far: u64,
    pub(super) logs: Vec<Log>,
}

impl Mined {
    pub(super) fn receipt(&self) -> ReceiptWithBloom<alloy_consensus::Receipt> {
        let logs = self.logs.clone();
        let status = self.succeeded.into();
        alloy_consensus::Receipt { status, cumulative_gas_used: self.gas_so_far, logs }.into()
    }
}

#[derive(Clone)]
pub(super) struct Block {
    pub(super) hash: B256,
    pub(super) header: Header,
    pub(super) time_s: u64,
    pub(super) mined: Vec<Mined>,
    /// The state after it.
    pub(super) after: InMemoryDB,
}

impl Block {
    /// A block whose header says of its transactions what Ethereum's do; `branch` keeps hashes of branches apart.
    pub(super) fn new(
        parent: B256,
        number: u64,
        branch: u64,
        time_s: u64,
        mined: Vec<Mined>,
        after: InMemoryDB,
    ) -> Self {
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
