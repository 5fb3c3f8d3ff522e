//! The tills on a chain.

use alloy_primitives::{Address as EvmAddress, B256, Bytes, Log as PlainLog, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use lazai_core::digest::DomainHasher;
use lazai_core::{Address, Digest, Domain, SessionId, Signer};
use serde_json::json;

use super::abi::{self, Balances, Settlement, Tills as Contract, from_evm, to_evm, word};
use super::encode::{self, Call};
use super::orders::Order;
use super::rpc::{Log, failed};
use super::transport::RpcError;
use super::{EvmLedger, Inner};
use crate::ledger::{Ledger as _, LedgerError, LedgerFuture};
use crate::till::{Authorization, Sale, SignedAuthorization, SignedOpening, SignedTransfers, Till};

sol! {
    /// The part of ERC-20, ERC-3009 and EIP-5267 that is used here.
    interface Authorized {
        event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
        event Transfer(address indexed from, address indexed to, uint256 value);
        function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
        function balanceOf(address account) external view returns (uint256);
        function name() external view returns (string memory);
        function version() external view returns (string memory);
        function eip712Domain() external view returns (
            bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract,
            bytes32 salt, uint256[] memory extensions
        );
        function DOMAIN_SEPARATOR() external view returns (bytes32);
    }
}

/// Blocks in which a payment that somebody else sent is looked for: far more than it is valid for.
const LOOK_BACK: u64 = 5_000;

/// What is learnt of a sale once.
pub(super) type Known = std::collections::BTreeMap<Sale, Till>;

/// The call that takes a payment.
pub(super) fn call(tills: Address, sale: Sale, payment: &SignedAuthorization) -> Call {
    let a = &payment.authorization;
    let authorization = Contract::Authorization {
        from: to_evm(a.from),
        value: U256::from(a.value.base_units()),
        validAfter: U256::from(a.valid_after_s),
        validBefore: U256::from(a.valid_before_s),
        nonce: word(a.nonce.as_bytes()),
    };
    let signature = Bytes::copy_from_slice(&payment.signature);
    let data = Contract::settleCall { sale: named(sale), a: authorization, signature }.abi_encode().into();
    Call { to: to_evm(tills), value: 0, data }
}

fn named(sale: Sale) -> Contract::Sale {
    let Sale { node, class, version, asset } = sale;
    Contract::Sale { node: to_evm(node), class: class.0, version: version.0, asset: to_evm(asset.0) }
}

/// The call that opens a session for who signed for it.
pub(super) fn opening(settlement: Address, o: &SignedOpening) -> Result<Call, LedgerError> {
    let deposit = encode::ninety_six_bits(o.deposit.base_units())?;
    let opening = Settlement::Opening { nonce: o.nonce, consumer: to_evm(o.consumer), deposit, tokenId: U256::ZERO };
    let signature = o.signature.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    let call = Settlement::openForCall {
        payer: to_evm(o.payer),
        opening,
        offer: abi::offer(&o.offer),
        offerSignature: abi::packed(&o.offer_signature),
        transfer_: Balances::SignedTransfer {
            validAfter: U256::from(o.valid_after_s),
            validBefore: U256::from(o.valid_before_s),
            signature: signature.ok_or_else(|| refused("the signature is no hex"))?.into(),
        },
    };
    Ok(Call { to: to_evm(settlement), value: 0, data: call.abi_encode().into() })
}

/// The key of a payment: one is taken once.
fn key(sale: Sale, payment: &SignedAuthorization) -> Digest {
    let a = &payment.authorization;
    let hasher = DomainHasher::new("lazai.sale.v1").part(sale.asset.0.as_bytes());
    hasher.part(a.from.as_bytes()).part(a.nonce.as_bytes()).finish()
}

pub(super) fn refused(reason: &str) -> LedgerError {
    LedgerError::Reverted { reason: reason.into() }
}

impl Inner {
    fn tills(&self) -> Result<Address, LedgerError> {
        self.deployment.contracts.tills.ok_or_else(|| refused("this market has no tills"))
    }

    /// Asks a contract; `Err` within for its refusal.
    fn view_of<C: SolCall>(&self, to: EvmAddress, call: &C) -> Result<Result<C::Return, Bytes>, LedgerError> {
        let answer = match self.node.call(to, &call.abi_encode().into()) {
            Ok(answer) => answer,
            Err(RpcError::Answered { data, .. }) => return Ok(Err(data.unwrap_or_default())),
            Err(error) => return Err(failed("eth_call", &error)),
        };
        Ok(C::abi_decode_returns(&answer).map_err(|_| answer))
    }

    pub(super) fn must_tell<C: SolCall>(&self, to: EvmAddress, call: &C) -> Result<C::Return, LedgerError> {
        self.view_of(to, call)?.map_err(|_| refused("the asset takes no signed transfers"))
    }

    fn till(&self, sale: Sale) -> Result<Till, LedgerError> {
        if let Some(known) = super::lock(&self.known_tills).get(&sale) {
            return Ok(known.clone());
        }
        let tills = to_evm(self.tills()?);
        let settlement = self.must_tell(tills, &Contract::settlementCall {})?;
        if from_evm(settlement) != self.deployment.contracts.settlement {
            return Err(LedgerError::Deployment { reason: "the tills are of another settlement".into() });
        }
        let Sale { node, class, version, asset } = sale;
        let of = Contract::tillOfCall { node: to_evm(node), class: class.0, version: version.0 };
        let address = from_evm(self.must_tell(tills, &of)?);
        let till = Till { address, asset: self.domain_of(asset.0)? };
        super::lock(&self.known_tills).insert(sale, till.clone());
        Ok(till)
    }

    /// The domain of an asset, as it says itself: by EIP-5267, or as USDC does; held to the separator that it signs under.
    pub(super) fn domain_of(&self, asset: Address) -> Result<Domain, LedgerError> {
        let contract = to_evm(asset);
        let (name, version) = match self.view_of(contract, &Authorized::eip712DomainCall {})? {
            Ok(told) => (told.name, told.version),
            Err(_) => {
                let name = self.must_tell(contract, &Authorized::nameCall {})?;
                (name, self.must_tell(contract, &Authorized::versionCall {})?)
            }
        };
        let chain_id = self.deployment.chain_id;
        let domain = Domain { name, version, chain_id, verifying_contract: asset, salt: None };
        let separator = self.must_tell(contract, &Authorized::DOMAIN_SEPARATORCall {})?;
        // It tells whether a payment was taken, or takes none.
        let (authorizer, nonce) = (EvmAddress::ZERO, B256::ZERO);
        self.must_tell(contract, &Authorized::authorizationStateCall { authorizer, nonce })?;
        if separator.0 != *domain.separator().as_bytes() {
            return Err(refused("the asset signs in another domain than it says"));
        }
        Ok(domain)
    }

    /// Checks that a payment would be taken, or was.
    fn check_payment(&self, sale: Sale, payment: &SignedAuthorization) -> Result<(), LedgerError> {
        let Call { to, data, .. } = call(self.tills()?, sale, payment);
        let data = match self.node.call(to, &data) {
            Ok(_) => return Ok(()),
            Err(RpcError::Answered { data, .. }) => data.unwrap_or_default(),
            Err(error) => return Err(failed("eth_call", &error)),
        };
        let (asset, a) = (to_evm(sale.asset.0), &payment.authorization);
        if self.is_used(sale.asset.0, a)? {
            let taken = self.taken_at(sale, payment)?;
            return taken.map(|_| ()).ok_or_else(|| refused("invalid_exact_evm_nonce_already_used"));
        }
        let held = self.must_tell(asset, &Authorized::balanceOfCall { account: to_evm(a.from) })?;
        if held < U256::from(a.value.base_units()) {
            return Err(refused("insufficient_funds"));
        }
        Err(refused(&format!("invalid_exact_evm_payload_signature: {}", abi::refusal(&data))))
    }

    pub(super) fn is_used(&self, asset: Address, a: &Authorization) -> Result<bool, LedgerError> {
        let (authorizer, nonce) = (to_evm(a.from), word(a.nonce.as_bytes()));
        self.must_tell(to_evm(asset), &Authorized::authorizationStateCall { authorizer, nonce })
    }

    /// The transaction that took a payment to its till, and its block.
    fn taken_at(&self, sale: Sale, payment: &SignedAuthorization) -> Result<Option<(B256, u64)>, LedgerError> {
        let to = self.till(sale)?.address;
        self.taken(sale.asset.0, &Authorization { to, ..payment.authorization })
    }

    /// The transaction that made a transfer, and its block. One number serves for one transfer, so the transfer that the
    /// asset logs behind its use is the one that was made.
    pub(super) fn taken(&self, asset: Address, a: &Authorization) -> Result<Option<(B256, u64)>, LedgerError> {
        let asset = to_evm(asset);
        let tip = self.node.latest()?.number.to::<u64>();
        let from = tip.saturating_sub(LOOK_BACK).max(self.deployment.first_block);
        let (payer, nonce) = (to_evm(a.from), word(a.nonce.as_bytes()));
        let filter = json!([{"address": [asset], "fromBlock": format!("{from:#x}"), "toBlock": format!("{tip:#x}"),
            "topics": [Authorized::AuthorizationUsed::SIGNATURE_HASH, payer.into_word(), nonce]}]);
        let logs: Vec<Log> = self.node.get("eth_getLogs", &filter)?;
        let used = logs.iter().find(|log| {
            let plain = log.plain().filter(|log| log.address == asset);
            plain
                .and_then(|log| Authorized::AuthorizationUsed::decode_log(&log).ok())
                .is_some_and(|event| event.authorizer == payer && event.nonce == nonce)
        });
        let Some(used) = used else { return Ok(None) };
        let Some(header) = self.node.header(used.block_number.to())? else { return Ok(None) };
        if header.hash != used.block_hash {
            return Ok(None);
        }
        // As the receipts of the block have them, which its header vouches for.
        let Some(all) = self.node.logs_of(&[asset], &header)? else { return Ok(None) };
        let place = all.iter().position(|log| log.log_index == used.log_index && log.topics == used.topics);
        let next = place.and_then(|place| all.get(place + 1)).and_then(Log::plain);
        let to = to_evm(a.to);
        let is_ours = |log: &PlainLog| {
            Authorized::Transfer::decode_log(log).is_ok_and(|event| {
                event.from == payer && event.to == to && event.value == U256::from(a.value.base_units())
            })
        };
        let paid = next.is_some_and(|log| is_ours(&log));
        Ok(paid.then(|| (used.transaction_hash, used.block_number.to())))
    }
}

impl SignedTransfers for EvmLedger {
    fn till(&self, sale: Sale) -> LedgerFuture<'_, Till> {
        let inner = std::sync::Arc::clone(&self.0);
        Box::pin(blocking::unblock(move || inner.till(sale)))
    }

    fn check<'a>(&'a self, sale: Sale, payment: &'a SignedAuthorization) -> LedgerFuture<'a, ()> {
        let (inner, payment) = (std::sync::Arc::clone(&self.0), payment.clone());
        Box::pin(blocking::unblock(move || inner.check_payment(sale, &payment)))
    }

    fn settle<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sale: Sale,
        payment: &'a SignedAuthorization,
    ) -> LedgerFuture<'a, Digest> {
        Box::pin(async move {
            let order = Order::Sale(sale, payment.clone());
            let error = match self.order(signer, key(sale, payment), order).await {
                Ok(entries) => {
                    let hash = entries.first().and_then(|entry| entry.origin.transaction_hash());
                    return hash.ok_or_else(|| refused("nothing was taken"));
                }
                Err(error @ LedgerError::Reverted { .. }) => error,
                Err(error) => return Err(error),
            };
            // Somebody else may have sent it: then the money is at the till, and the next payment there takes it along.
            let (inner, payment) = (std::sync::Arc::clone(&self.0), payment.clone());
            let depth = inner.pace.depth;
            let taken = blocking::unblock(move || {
                let taken = inner.taken_at(sale, &payment)?;
                let Some((hash, block)) = taken else {
                    return Err(inner.check_payment(sale, &payment).err().unwrap_or(error));
                };
                let tip = inner.node.latest()?.number.to::<u64>();
                Ok((hash, block + depth <= tip))
            });
            match taken.await? {
                (hash, true) => Ok(abi::digest(hash)),
                (hash, false) => Err(LedgerError::Unconfirmed { transaction: abi::digest(hash), waited_s: 0 }),
            }
        })
    }

    fn open<'a>(&'a self, signer: &'a dyn Signer, opening: &'a SignedOpening) -> LedgerFuture<'a, SessionId> {
        Box::pin(async move {
            let id = opening.session(self.deployment().ledger());
            let key = DomainHasher::new("lazai.opening.v1").part(id.as_bytes()).finish();
            match self.order(signer, key, Order::OpenFor(Box::new(opening.clone()))).await {
                Ok(_) => Ok(id),
                // Somebody else was first.
                Err(_) if self.market().session(id).is_some() => Ok(id),
                Err(error) => Err(error),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    #[test]
    fn the_event_is_that_of_erc_3009() {
        assert_eq!(Authorized::AuthorizationUsed::SIGNATURE_HASH, keccak256("AuthorizationUsed(address,bytes32)"));
    }
}
