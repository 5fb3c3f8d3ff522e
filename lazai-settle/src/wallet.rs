//! Calls that a wallet sends by itself to the contract that holds the money (`Settlement`). They are encoded without a node
//! or an EVM library, so that a page or a phone can have its user's wallet open and close sessions.
//!
//! Solidity's ABI puts members of fixed size one after the other in 32 bytes each, as EIP-712 does; only the offer's
//! signature has a length of its own, and stands behind everything else.

use lazai_core::digest::keccak256;
use lazai_core::sign::{Encoder, abi_words};
use lazai_core::{Address, Amount, Asset, Signature, TokenId, TypedData};

use crate::session::{MAX_DEPOSIT, Offer, SessionPayment};

/// A call as its words.
struct Call<F: Fn(&mut Encoder)>(F);

impl<F: Fn(&mut Encoder)> TypedData for Call<F> {
    // It is never signed as such.
    const TYPE: &'static str = "";

    fn encode(&self, out: &mut Encoder) {
        (self.0)(out);
    }
}

/// An offer, as the contract's functions name its type.
const OFFER: &str =
    "(address,uint64,uint32,address,uint128,uint128,uint32,uint32,uint64,uint64,uint128,uint128,uint64)";

fn call(function: &str, words: &[u8]) -> Vec<u8> {
    [&keccak256(function.as_bytes()).as_bytes()[..4], words].concat()
}

/// `Settlement.open`: opens the sender's session number `nonce`. For a deposit in coins, send the part that the sender's
/// balance in the market lacks with the call; deposit other assets before. `None` if the deposit has more than 96 bits.
#[must_use]
pub fn open_session(
    nonce: u64,
    consumer: Address,
    offer: &Offer,
    offer_signature: &Signature,
    payment: SessionPayment,
) -> Option<Vec<u8>> {
    let (deposit, token) = match payment {
        SessionPayment::Deposit(deposit) if deposit > MAX_DEPOSIT => return None,
        SessionPayment::Deposit(deposit) => (deposit, TokenId(0)),
        SessionPayment::Quota(token) => (Amount::ZERO, token),
    };
    let signature = offer_signature.as_bytes();
    let mut words = abi_words(&Call(|out| {
        out.uint(nonce.into());
        out.address(consumer);
        out.uint(deposit.base_units());
        out.uint(token.0.into());
        offer.encode(out);
        // The signature's offset: behind these seventeen words and this one.
        out.uint(18 * 32);
        out.uint(signature.len() as u128);
    }));
    words.extend_from_slice(signature);
    words.resize(words.len().next_multiple_of(32), 0);
    Some(call(&format!("open((uint64,address,uint96,uint256),{OFFER},bytes)"), &words))
}

/// `Settlement.topUp`: adds to the deposit of a session of the sender, until its deadline. Send the coins that the sender's
/// balance in the market lacks with the call. `None` if the amount has more than 96 bits.
#[must_use]
pub fn top_up(nonce: u64, consumer: Address, offer: &Offer, amount: Amount) -> Option<Vec<u8>> {
    let words = abi_words(&Call(|out| {
        out.uint(nonce.into());
        out.address(consumer);
        offer.encode(out);
        out.uint(amount.base_units());
    }));
    (amount <= MAX_DEPOSIT).then(|| call(&format!("topUp(uint64,address,{OFFER},uint96)"), &words))
}

/// `Settlement.close`: called by the payer, it requests the session's end; called again by anyone after the dispute window,
/// it ends the session. Called by the node, it ends the session at once. The rest of the deposit becomes the payer's
/// balance.
#[must_use]
pub fn close_session(payer: Address, nonce: u64, consumer: Address, offer: &Offer) -> Vec<u8> {
    let words = abi_words(&Call(|out| {
        out.address(payer);
        out.uint(nonce.into());
        out.address(consumer);
        offer.encode(out);
    }));
    call(&format!("close(address,uint64,address,{OFFER})"), &words)
}

/// `Settlement.closeTogether`: ends a session of the sender's at once, with its node's signature over a
/// [`SessionRelease`](crate::session::SessionRelease).
#[must_use]
pub fn close_together(payer: Address, nonce: u64, consumer: Address, offer: &Offer, release: &Signature) -> Vec<u8> {
    let release = release.as_bytes();
    let mut words = abi_words(&Call(|out| {
        out.address(payer);
        out.uint(nonce.into());
        out.address(consumer);
        offer.encode(out);
        // The signature's offset: behind these sixteen words and this one.
        out.uint(17 * 32);
        out.uint(release.len() as u128);
    }));
    words.extend_from_slice(release);
    words.resize(words.len().next_multiple_of(32), 0);
    call(&format!("closeTogether(address,uint64,address,{OFFER},bytes)"), &words)
}

/// `Settlement.withdraw`: takes an amount of the sender's balance out of the market.
#[must_use]
pub fn withdraw(asset: Asset, to: Address, amount: Amount) -> Vec<u8> {
    let words = abi_words(&Call(|out| {
        out.address(asset.0);
        out.address(to);
        out.uint(amount.base_units());
    }));
    call("withdraw(address,address,uint256)", &words)
}

#[cfg(all(test, feature = "evm"))]
mod tests {
    use alloy_primitives::{Bytes, U256, Uint};
    use alloy_sol_types::SolCall;
    use lazai_core::{ClassId, VersionNumber};

    use super::*;
    use crate::ledger::evm::abi::{self, Settlement, to_evm};

    /// The words are those that the contract's own interface gives.
    #[test]
    fn calls_are_what_alloy_makes_of_the_artifact() {
        let address = |byte| Address::from_bytes([byte; 20]);
        let offer = Offer {
            node: address(1),
            class: ClassId(u64::MAX),
            version: VersionNumber(3),
            asset: Asset(address(4)),
            prompt_price: Amount::from_base_units(u128::MAX),
            completion_price: Amount::from_base_units(6),
            prompt_ceiling: 7,
            completion_ceiling: u32::MAX,
            session_s: 9,
            valid_until_s: 10,
            min_deposit: Amount::from_base_units(12),
            quota_deposit: Amount::from_base_units(13),
            series: 14,
        };
        let signature = Signature::from_bytes([0xab; 65]);
        for (payment, deposit, token) in [
            (SessionPayment::Deposit(MAX_DEPOSIT), MAX_DEPOSIT.base_units(), 0),
            (SessionPayment::Quota(TokenId(12)), 0, 12),
        ] {
            let ours = open_session(11, address(2), &offer, &signature, payment).expect("the deposit fits");
            let opening = Settlement::Opening {
                nonce: 11,
                consumer: to_evm(address(2)),
                deposit: Uint::<96, 2>::from(deposit),
                tokenId: U256::from(token),
            };
            let offer_signature = Bytes::copy_from_slice(signature.as_bytes());
            let theirs = Settlement::openCall { opening, offer: abi::offer(&offer), offerSignature: offer_signature };
            assert_eq!(ours, theirs.abi_encode());
        }
        let (payer, consumer) = (to_evm(address(5)), to_evm(address(2)));
        let theirs = Settlement::closeCall { payer, nonce: 11, consumer, offer: abi::offer(&offer) };
        assert_eq!(close_session(address(5), 11, address(2), &offer), theirs.abi_encode());
        let release = Bytes::copy_from_slice(signature.as_bytes());
        let theirs = Settlement::closeTogetherCall { payer, nonce: 11, consumer, offer: abi::offer(&offer), release };
        assert_eq!(close_together(address(5), 11, address(2), &offer, &signature), theirs.abi_encode());
        let amount = Uint::<96, 2>::from(MAX_DEPOSIT.base_units());
        let theirs = Settlement::topUpCall { nonce: 11, consumer, offer: abi::offer(&offer), amount };
        assert_eq!(top_up(11, address(2), &offer, MAX_DEPOSIT), Some(theirs.abi_encode()));
        let amount = Amount::from_base_units(u128::MAX);
        let theirs =
            Settlement::withdrawCall { asset: to_evm(address(4)), to: payer, amount: U256::from(amount.base_units()) };
        assert_eq!(withdraw(Asset(address(4)), address(5), amount), theirs.abi_encode());
        let too_much = MAX_DEPOSIT.checked_add(Amount::from_base_units(1)).expect("far from 2^128");
        assert_eq!(open_session(1, address(5), &offer, &signature, SessionPayment::Deposit(too_much)), None);
        assert_eq!(top_up(1, address(5), &offer, too_much), None);
    }
}
