//! Payments at once from wallets that know nothing of the market: signed transfers of an ERC-20 (ERC-3009) to a till.
//!
//! A till is the address of one version at one node on a chain: what arrives there, by whichever call, is split as the
//! market's revenue is, and for nobody else. So a payment needs no other signature than the transfer's.

use lazai_core::sign::Encoder;
use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, Domain, LedgerId, SessionId, Signature, Signer, TypedData, VersionNumber,
};
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerFuture;
use crate::session::{Offer, session_id};

/// A version at a node, for whose replies is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sale {
    /// The node.
    pub node: Address,
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The ERC-20.
    pub asset: Asset,
}

/// A transfer that its payer signs, and anybody sends: `TransferWithAuthorization` of ERC-3009.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// The payer.
    pub from: Address,
    /// The payee: a till.
    pub to: Address,
    /// The amount, in base units.
    pub value: Amount,
    /// The time after which it is valid, in seconds since 1970.
    pub valid_after_s: u64,
    /// The time before which it is valid, in seconds since 1970.
    pub valid_before_s: u64,
    /// The payer's number for it: each is used once.
    pub nonce: Digest,
}

/// The fields that both of ERC-3009's structs have.
fn encode(out: &mut Encoder, parties: [Address; 2], value: Amount, valid_s: [u64; 2], nonce: Digest) {
    parties.into_iter().for_each(|party| out.address(party));
    out.uint(value.base_units());
    valid_s.into_iter().for_each(|time| out.uint(time.into()));
    out.bytes32(nonce);
}

impl TypedData for Authorization {
    const TYPE: &'static str = "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,\
                                uint256 validBefore,bytes32 nonce)";

    fn encode(&self, out: &mut Encoder) {
        encode(out, [self.from, self.to], self.value, [self.valid_after_s, self.valid_before_s], self.nonce);
    }
}

/// A deposit that its payer signs, and anybody sends: `ReceiveWithAuthorization` of ERC-3009 to the settlement, whose nonce is
/// the id of the session that it opens. So one signature says payer, consumer, offer and deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositAuthorization {
    /// The payer.
    pub from: Address,
    /// The settlement.
    pub to: Address,
    /// The deposit, in base units.
    pub value: Amount,
    /// The time after which it is valid, in seconds since 1970.
    pub valid_after_s: u64,
    /// The time before which it is valid, in seconds since 1970.
    pub valid_before_s: u64,
    /// The session.
    pub session: SessionId,
}

impl TypedData for DepositAuthorization {
    const TYPE: &'static str = "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,\
                                uint256 validBefore,bytes32 nonce)";

    fn encode(&self, out: &mut Encoder) {
        let nonce = Digest::from_bytes(*self.session.as_bytes());
        encode(out, [self.from, self.to], self.value, [self.valid_after_s, self.valid_before_s], nonce);
    }
}

/// A session that its payer opens with one signature, over a [`DepositAuthorization`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedOpening {
    /// The payer.
    pub payer: Address,
    /// The payer's number for it.
    pub nonce: u64,
    /// The consumer.
    pub consumer: Address,
    /// The deposit, in base units.
    pub deposit: Amount,
    /// The offer.
    pub offer: Offer,
    /// Its node's signature.
    pub offer_signature: Signature,
    /// The time after which the transfer is valid, in seconds since 1970.
    pub valid_after_s: u64,
    /// The time before which it is valid, in seconds since 1970.
    pub valid_before_s: u64,
    /// The payer's signature, in hex; that of a contract account (ERC-1271) may have any form.
    pub signature: String,
}

impl SignedOpening {
    /// The session.
    #[must_use]
    pub fn session(&self, ledger: LedgerId) -> SessionId {
        session_id(ledger, self.payer, self.nonce, self.consumer, &self.offer)
    }

    /// What the payer signs, in the domain of the offer's asset.
    #[must_use]
    pub fn authorization(&self, ledger: LedgerId, settlement: Address) -> DepositAuthorization {
        DepositAuthorization {
            from: self.payer,
            to: settlement,
            value: self.deposit,
            valid_after_s: self.valid_after_s,
            valid_before_s: self.valid_before_s,
            session: self.session(ledger),
        }
    }
}

/// A signed transfer. The signature is that of a key, or whatever a contract account (ERC-1271) takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAuthorization {
    /// The transfer.
    pub authorization: Authorization,
    /// Its signature, in the asset's own domain.
    pub signature: Vec<u8>,
}

/// A till, and what a wallet needs to pay it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Till {
    /// Its address.
    pub address: Address,
    /// The domain in which the asset's transfers are signed.
    pub asset: Domain,
}

/// What is paid on a chain by transfers that plain wallets sign (ERC-3009).
pub trait SignedTransfers: Send + Sync {
    /// The till of a sale.
    ///
    /// # Errors
    /// [`LedgerError::Reverted`](crate::LedgerError::Reverted) for an asset that takes no signed transfers; the ledger's errors.
    fn till(&self, sale: Sale) -> LedgerFuture<'_, Till>;

    /// Checks that a payment would be taken now, or was taken already, by whomever.
    ///
    /// # Errors
    /// [`LedgerError::Reverted`](crate::LedgerError::Reverted) with a reason in x402's words; the ledger's errors.
    fn check<'a>(&'a self, sale: Sale, payment: &'a SignedAuthorization) -> LedgerFuture<'a, ()>;

    /// Takes a payment, once, and waits until it is confirmed; gives the transaction in which it was taken. Asked again, it
    /// gives the same one. One that somebody else sent counts too.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`LedgerError::Unconfirmed`](crate::LedgerError::Unconfirmed) while it is under way.
    fn settle<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sale: Sale,
        payment: &'a SignedAuthorization,
    ) -> LedgerFuture<'a, Digest>;

    /// Opens a session that its payer signed for, once, and waits until it is confirmed; the sender pays the gas. One that
    /// somebody else opened with the same signature counts too.
    ///
    /// # Errors
    /// [`LedgerError::Reverted`](crate::LedgerError::Reverted) if it cannot be opened; the ledger's errors.
    fn open<'a>(&'a self, signer: &'a dyn Signer, opening: &'a SignedOpening) -> LedgerFuture<'a, SessionId>;
}
