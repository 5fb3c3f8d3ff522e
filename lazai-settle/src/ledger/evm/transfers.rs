//! Signed transfers to anybody.

use alloy_primitives::{Address as EvmAddress, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use lazai_core::digest::DomainHasher;
use lazai_core::{Address, Digest, Domain, Signer};
use serde_json::json;

use super::abi::{self, to_evm, word};
use super::encode::Call;
use super::orders::Order;
use super::rpc::failed;
use super::tills::{Authorized, refused};
use super::transport::RpcError;
use super::{EvmLedger, Inner};
use crate::ledger::{Ledger as _, LedgerError, LedgerFuture};
use crate::till::{Authorization, SignedAuthorization};
use crate::transfer::Transfers;

sol! {
    /// ERC-3009's transfer for signatures of keys.
    interface ByKey {
        function transferWithAuthorization(
            address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce,
            uint8 v, bytes32 r, bytes32 s
        ) external;
    }

    /// The one beside it for signatures of contract accounts (ERC-1271), as USDC has it.
    interface ByAccount {
        function transferWithAuthorization(
            address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce,
            bytes memory signature
        ) external;
    }
}

/// The call that makes a transfer.
pub(super) fn call(asset: Address, transfer: &SignedAuthorization, is_key: bool) -> Call {
    let Authorization { from, to, value, valid_after_s, valid_before_s, nonce } = transfer.authorization;
    let (from, to, value) = (to_evm(from), to_evm(to), U256::from(value.base_units()));
    let (valid_after, valid_before) = (U256::from(valid_after_s), U256::from(valid_before_s));
    let nonce = word(nonce.as_bytes());
    let of_key = <&[u8; 65]>::try_from(&*transfer.signature).ok().filter(|_| is_key);
    let data = match of_key {
        Some(signature) => {
            let part = |from: usize| {
                let mut part = [0; 32];
                part.copy_from_slice(&signature[from..from + 32]);
                word(&part)
            };
            let call = ByKey::transferWithAuthorizationCall {
                from,
                to,
                value,
                validAfter: valid_after,
                validBefore: valid_before,
                nonce,
                v: signature[64],
                r: part(0),
                s: part(32),
            };
            call.abi_encode()
        }
        None => {
            let call = ByAccount::transferWithAuthorizationCall {
                from,
                to,
                value,
                validAfter: valid_after,
                validBefore: valid_before,
                nonce,
                signature: Bytes::copy_from_slice(&transfer.signature),
            };
            call.abi_encode()
        }
    };
    Call { to: to_evm(asset), value: 0, data: data.into() }
}

/// The key of a transfer: an asset makes one of a payer's number once.
fn key(asset: Address, transfer: &SignedAuthorization) -> Digest {
    let a = &transfer.authorization;
    let hasher = DomainHasher::new("lazai.transfer.v1").part(asset.as_bytes()).part(a.from.as_bytes());
    hasher.part(a.nonce.as_bytes()).finish()
}

impl Inner {
    /// Tells whether an account is a key's: it has no code.
    fn is_key(&self, account: Address) -> Result<bool, LedgerError> {
        let code: Bytes = self.node.get("eth_getCode", &json!([to_evm(account), "latest"]))?;
        Ok(code.is_empty())
    }

    fn check_transfer(&self, asset: Address, transfer: &SignedAuthorization) -> Result<(), LedgerError> {
        let a = &transfer.authorization;
        self.domain_of(asset)?;
        let Call { to, data, .. } = call(asset, transfer, self.is_key(a.from)?);
        let reverted = match self.node.call(to, &data) {
            Ok(_) => return Ok(()),
            Err(RpcError::Answered { data, .. }) => data.unwrap_or_default(),
            Err(error) => return Err(failed("eth_call", &error)),
        };
        if self.is_used(asset, a)? {
            return Err(refused("invalid_exact_evm_nonce_already_used"));
        }
        let now_s = self.node.latest()?.timestamp.to::<u64>();
        if a.valid_before_s <= now_s {
            return Err(refused("invalid_exact_evm_payload_authorization_valid_before"));
        }
        if a.valid_after_s >= now_s {
            return Err(refused("invalid_exact_evm_payload_authorization_valid_after"));
        }
        if self.held(asset, a.from)? < U256::from(a.value.base_units()) {
            return Err(refused("insufficient_funds"));
        }
        Err(refused(&format!("invalid_exact_evm_payload_signature: {}", abi::refusal(&reverted))))
    }

    fn held(&self, asset: Address, account: Address) -> Result<U256, LedgerError> {
        let account: EvmAddress = to_evm(account);
        self.must_tell(to_evm(asset), &Authorized::balanceOfCall { account })
    }
}

impl Transfers for EvmLedger {
    fn chain_id(&self) -> u64 {
        self.deployment().chain_id
    }

    fn domain(&self, asset: Address) -> LedgerFuture<'_, Domain> {
        let inner = std::sync::Arc::clone(&self.0);
        Box::pin(blocking::unblock(move || inner.domain_of(asset)))
    }

    fn check<'a>(&'a self, asset: Address, transfer: &'a SignedAuthorization) -> LedgerFuture<'a, ()> {
        let (inner, transfer) = (std::sync::Arc::clone(&self.0), transfer.clone());
        Box::pin(blocking::unblock(move || inner.check_transfer(asset, &transfer)))
    }

    fn settle<'a>(
        &'a self,
        signer: &'a dyn Signer,
        asset: Address,
        transfer: &'a SignedAuthorization,
    ) -> LedgerFuture<'a, Digest> {
        Box::pin(async move {
            let (inner, from) = (std::sync::Arc::clone(&self.0), transfer.authorization.from);
            let is_key = blocking::unblock(move || inner.is_key(from)).await?;
            let order = Order::Transfer { asset, transfer: Box::new(transfer.clone()), is_key };
            let sent = match self.order(signer, key(asset, transfer), order).await {
                Ok(_) => None,
                // Somebody else may have sent it, or this account before.
                Err(error @ LedgerError::Reverted { .. }) => Some(error),
                Err(error) => return Err(error),
            };
            self.refresh().await?;
            let (inner, transfer) = (std::sync::Arc::clone(&self.0), transfer.clone());
            let made = blocking::unblock(move || {
                let Some((hash, block)) = inner.taken(asset, &transfer.authorization)? else {
                    let reason = inner.check_transfer(asset, &transfer).err().or(sent);
                    return Err(reason.unwrap_or_else(|| refused("invalid_transaction_state")));
                };
                Ok((hash, block + inner.pace.depth <= inner.node.latest()?.number.to::<u64>()))
            });
            match made.await? {
                (hash, true) => Ok(abi::digest(hash)),
                (hash, false) => Err(LedgerError::Unconfirmed { transaction: abi::digest(hash), waited_s: 0 }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use lazai_core::Amount;

    use super::*;

    #[test]
    fn calls_are_those_of_erc_3009_and_usdc() {
        let authorization = Authorization {
            from: Address::from_bytes([1; 20]),
            to: Address::from_bytes([2; 20]),
            value: Amount::from_base_units(3),
            valid_after_s: 4,
            valid_before_s: 5,
            nonce: Digest::from_bytes([6; 32]),
        };
        let mut signature = vec![7; 64];
        signature.push(27);
        let transfer = SignedAuthorization { authorization, signature };
        let of_key = call(Address::ZERO, &transfer, true).data;
        assert_eq!(
            (&of_key[..4], of_key.len(), of_key[4 + 7 * 32 - 1]),
            (&[0xe3, 0xee, 0x16, 0x0e][..], 4 + 9 * 32, 27)
        );
        for (transfer, is_key) in
            [(transfer.clone(), false), (SignedAuthorization { signature: vec![7; 66], ..transfer }, true)]
        {
            let of_account = call(Address::ZERO, &transfer, is_key).data;
            assert_eq!(&of_account[..4], &[0xcf, 0x09, 0x29, 0x95]);
        }
    }
}
