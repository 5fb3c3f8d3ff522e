//! Sending: nonces, fees, and transactions that get lost, so that one key is applied once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address as EvmAddress, B256, Bytes, Signature as EvmSignature, TxKind, U256};
use lazai_core::digest::{DomainHasher, keccak256};
use lazai_core::quiet::without_addresses;
use lazai_core::sign::{SigningRequest, SigningSubject};
use lazai_core::{Address, Amount, Digest, Signature};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::abi::{from_evm, refusal, to_evm};
use super::encode::Call;
use super::rpc::{Node, failed};
use super::transport::RpcError;
use crate::ledger::LedgerError;

/// The mark before a key at the end of a call's data. Solidity reads arguments from the front and ignores further bytes.
const KEY_MARK: &[u8; 8] = b"lazaikey";

/// The data of a call with the key that it is sent under: anyone who reads the chain finds it again.
pub(super) fn with_key(data: &Bytes, key: Digest) -> Bytes {
    [data.as_ref(), key.as_bytes(), KEY_MARK].concat().into()
}

/// The key that a call was sent under, if it names one.
pub(super) fn key_of(input: &[u8]) -> Option<Digest> {
    let before = input.strip_suffix(KEY_MARK)?;
    before.last_chunk::<32>().map(|key| Digest::from_bytes(*key))
}

/// A transaction that is yet to be signed.
#[derive(Debug, Clone)]
pub(super) struct Unsigned(TxEip1559);

impl Unsigned {
    /// Prepares a call or, without `to`, a creation. The node simulates it first: a call that would be refused is not sent.
    pub fn prepare(
        node: &Node,
        chain_id: u64,
        from: Address,
        to: Option<EvmAddress>,
        value: u128,
        data: Bytes,
        nonce: u64,
    ) -> Result<Self, LedgerError> {
        let call = json!({"from": to_evm(from), "to": to, "value": U256::from(value), "data": data});
        let gas = node.estimate_gas(&call).map_err(|error| match error {
            RpcError::Answered { data: Some(data), .. } if !data.is_empty() => {
                LedgerError::Reverted { reason: refusal(&data) }
            }
            RpcError::Answered { message, .. } => LedgerError::Reverted { reason: message },
            transport => failed("eth_estimateGas", &transport),
        })?;
        let (base, tip) = fees(node)?;
        Ok(Self(TxEip1559 {
            chain_id,
            nonce,
            // The state may differ a little by the time it runs.
            gas_limit: gas.saturating_add(gas / 4).saturating_add(10_000),
            max_fee_per_gas: base.saturating_mul(2).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            to: to.map_or(TxKind::Create, TxKind::Call),
            value: U256::from(value),
            input: data,
            ..TxEip1559::default()
        }))
    }

    /// The same, for enough more that a node takes it instead: at least an eighth, unless that is more than may be spent.
    pub fn dearer(mut self, node: &Node, base: u128) -> Self {
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        self.0.max_priority_fee_per_gas = node.capped(more(self.0.max_priority_fee_per_gas));
        let enough = base.saturating_mul(2).saturating_add(self.0.max_priority_fee_per_gas);
        self.0.max_fee_per_gas = more(self.0.max_fee_per_gas).max(enough);
        self
    }

    /// The request to the signer.
    pub fn request(&self) -> SigningRequest {
        let encoded = self.0.encoded_for_signing();
        SigningRequest {
            digest: keccak256(&encoded),
            subject: SigningSubject::Transaction {
                chain_id: self.0.chain_id,
                to: self.0.to.to().map(|&to| from_evm(to)),
                value: Amount::from_base_units(u128::try_from(self.0.value).unwrap_or(u128::MAX)),
                data: self.0.input.to_vec(),
                encoded,
            },
        }
    }

    /// The signed bytes and their hash.
    pub fn signed(&self, signature: &Signature) -> (Bytes, B256) {
        let bytes = signature.as_bytes();
        let signature = EvmSignature::from_bytes_and_parity(&bytes[..64], bytes[64] == 28);
        let signed = self.0.clone().into_signed(signature);
        (signed.encoded_2718().into(), *signed.hash())
    }

    pub fn nonce(&self) -> u64 {
        self.0.nonce
    }

    pub fn max_fee(&self) -> u128 {
        self.0.max_fee_per_gas
    }
}

/// The base fee of the last block, and the tip for the block's maker.
pub(super) fn fees(node: &Node) -> Result<(u128, u128), LedgerError> {
    let base = node.latest()?.base_fee_per_gas.unwrap_or_default();
    Ok((u128::try_from(base).unwrap_or(u128::MAX / 4), node.tip()?))
}

/// A transaction under way: all variants of it, which share a nonce, so that at most one is ever applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    pub sender: Address,
    pub key: Digest,
    pub nonce: u64,
    /// The chain's height when it was signed first: its nonce was free there.
    pub since: u64,
    /// The most that the last variant pays for a unit of gas.
    pub max_fee: u128,
    /// Signed bytes, the dearest last.
    pub variants: Vec<(Bytes, B256)>,
}

/// Transactions that are sent and not confirmed yet: written to disk before the node gets them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    folder: Option<PathBuf>,
    sent: Mutex<BTreeMap<(Address, Digest), Sent>>,
}

impl Outbox {
    /// An outbox in a folder; without one, pending transactions are forgotten with the process.
    pub fn open(folder: Option<&Path>) -> Result<Self, LedgerError> {
        let outbox = Self { folder: folder.map(Into::into), sent: Mutex::default() };
        let Some(folder) = folder else { return Ok(outbox) };
        let failed = |e: &dyn std::fmt::Display| LedgerError::Storage { path: folder.into(), reason: e.to_string() };
        std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        let mut all = BTreeMap::new();
        for file in std::fs::read_dir(folder).map_err(|e| failed(&e))? {
            let path = file.map_err(|e| failed(&e))?.path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let bytes = match std::fs::read(&path) {
                // Another process of the folder saw it confirmed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                read => read.map_err(|e| failed(&e))?,
            };
            let sent: Sent = serde_json::from_slice(&bytes).map_err(|e| failed(&e))?;
            all.insert((sent.sender, sent.key), sent);
        }
        *outbox.lock() = all;
        Ok(outbox)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Address, Digest), Sent>> {
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn file(&self, sender: Address, key: Digest) -> Option<PathBuf> {
        let name = DomainHasher::new("lazai.outbox.v1").part(sender.as_bytes()).part(key.as_bytes()).finish();
        self.folder.as_ref().map(|folder| folder.join(format!("{}.json", hex::encode(name.as_bytes()))))
    }

    pub fn get(&self, sender: Address, key: Digest) -> Option<Sent> {
        self.lock().get(&(sender, key)).cloned()
    }

    /// All pending transactions of an account.
    pub fn of(&self, sender: Address) -> Vec<Sent> {
        let mut own: Vec<_> = self.lock().values().filter(|sent| sent.sender == sender).cloned().collect();
        own.sort_by_key(|sent| sent.nonce);
        own
    }

    pub fn put(&self, sent: Sent) -> Result<(), LedgerError> {
        if let Some(path) = self.file(sent.sender, sent.key) {
            let failed = |e: &dyn std::fmt::Display| LedgerError::Storage { path: path.clone(), reason: e.to_string() };
            let bytes = serde_json::to_vec(&sent).map_err(|e| failed(&e))?;
            lazai_core::file::write_atomically(&path, &bytes).map_err(|e| failed(&e))?;
        }
        self.lock().insert((sent.sender, sent.key), sent);
        Ok(())
    }

    pub fn remove(&self, sender: Address, key: Digest) {
        if let Some(path) = self.file(sender, key)
            && let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            // It will be found to be done when it is looked at again.
            tracing::warn!(%error, "a transaction that is done could not be removed from the folder");
        }
        self.lock().remove(&(sender, key));
    }
}

/// Sends a transaction to the node. It is no error if the node has it already, or has no use for it any more.
pub(super) fn broadcast(node: &Node, sent: &Sent) -> Result<(), LedgerError> {
    let Some((raw, _)) = sent.variants.last() else { return Ok(()) };
    match node.send(raw) {
        Ok(_) => Ok(()),
        Err(RpcError::Answered { message, .. }) => {
            let known = ["already known", "already imported", "nonce too low", "underpriced", "known transaction"];
            let told = message.to_lowercase();
            if known.iter().any(|k| told.contains(k)) {
                return Ok(());
            }
            Err(LedgerError::Rpc { method: "eth_sendRawTransaction".into(), reason: message })
        }
        // It may have got through: the waiting caller will see it, or send it again.
        Err(error @ (RpcError::Transport { .. } | RpcError::Disagreed { .. })) => {
            tracing::debug!(error = %without_addresses(error), "not known whether it was sent");
            Ok(())
        }
    }
}

/// A call under a key.
pub(super) fn keyed(call: Call, key: Digest) -> Call {
    Call { data: with_key(&call.data, key), ..call }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Pace, Trust};
    use super::*;

    #[test]
    fn a_key_is_found_behind_a_call_and_nowhere_else() {
        let key = Digest::from_bytes([7; 32]);
        let data = Bytes::from_static(&[1, 2, 3, 4]);
        assert_eq!(key_of(&with_key(&data, key)), Some(key));
        assert_eq!(key_of(&data), None);
        assert_eq!(key_of(KEY_MARK), None);
    }

    /// A provider that names a fee which burns the account.
    struct Dear;

    impl super::super::Rpc for Dear {
        fn request(&self, method: &str, _: serde_json::Value) -> Result<serde_json::Value, RpcError> {
            let zero = B256::ZERO;
            Ok(match method {
                "eth_estimateGas" => json!("0x5208"),
                "eth_maxPriorityFeePerGas" => json!(U256::MAX),
                _ => json!({"number": "0x1", "hash": zero, "parentHash": zero, "timestamp": "0x1",
                    "baseFeePerGas": "0x7", "logsBloom": null}),
            })
        }
    }

    #[test]
    fn no_provider_has_a_sender_pay_what_it_likes() {
        let most = 5_000_000_000;
        let pace = Pace { trust: Trust::Provider, max_tip_wei: most, ..Pace::default() };
        let node = Node::new(Dear, pace);
        let sender = Address::from_bytes([1; 20]);
        let unsigned = Unsigned::prepare(&node, 1, sender, None, 0, Bytes::new(), 0).unwrap();
        assert_eq!(unsigned.0.max_priority_fee_per_gas, most);
        assert_eq!(unsigned.max_fee(), most + 14);
        assert_eq!(unsigned.dearer(&node, 9).0.max_priority_fee_per_gas, most);
    }

    #[test]
    fn what_is_under_way_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(Some(folder.path())).unwrap();
        let (sender, key) = (Address::from_bytes([1; 20]), Digest::from_bytes([2; 32]));
        let variants = vec![(Bytes::from_static(&[2, 3]), B256::repeat_byte(4))];
        let sent = Sent { sender, key, nonce: 7, since: 3, max_fee: 1 << 70, variants };
        outbox.put(sent.clone()).unwrap();
        let again = Outbox::open(Some(folder.path())).unwrap();
        assert_eq!(again.get(sender, key), Some(sent));
        assert_eq!(again.of(Address::ZERO), []);
        again.remove(sender, key);
        again.remove(sender, key);
        assert_eq!(Outbox::open(Some(folder.path())).unwrap().of(sender), []);
    }
}
