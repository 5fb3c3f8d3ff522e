//! Sessions that a wallet opens: the market's addresses, the calls for the wallet to send, and the conversation that begins
//! with them.

use lazai::consumer::Conversation;
use lazai::core::{Address, Amount, Asset};
use lazai::node::SignedOffer;
use lazai::settle::market::chain_ledger_id;
use lazai::settle::session::{SessionPayment, session_id};
use lazai::settle::wallet;

use crate::{BaseUnits, Domain, JsonBytes, LazaiError, ModelOffer, record};

record! {
    /// The addresses of a market on a chain. An app ships them, like its trust anchor: a node that could name another
    /// contract could take the deposit.
    pub struct MarketPlace {
        /// The ledger's id.
        pub ledger: String,
        /// The domain of everything that is signed for it.
        pub domain: Domain,
        /// The contract that holds the money.
        pub settlement: String,
    }
}

record! {
    /// A transaction for a wallet to send, as `eth_sendTransaction` takes it, without the sender.
    pub struct WalletCall {
        /// The contract.
        pub to: String,
        /// Coins that go with it, in base units, as hex without leading zeros.
        pub value: String,
        /// The calldata, as hex.
        pub data: String,
    }
}

impl MarketPlace {
    /// The contract, after a check of the ledger's id against the domain.
    fn settlement(&self) -> Result<Address, LazaiError> {
        let domain = self.domain.parse()?;
        let found = chain_ledger_id(domain.chain_id, domain.verifying_contract).to_string();
        if domain.salt.is_some() || found != self.ledger {
            let ledger = &self.ledger;
            return Err(LazaiError::new("market.place", format!("the domain is that of ledger {found}, not {ledger}")));
        }
        Ok(self.settlement.parse()?)
    }

    fn call(&self, value: Amount, data: &[u8]) -> Result<WalletCall, LazaiError> {
        Ok(WalletCall {
            to: self.settlement()?.to_string(),
            value: format!("{:#x}", value.base_units()),
            data: format!("0x{}", hex::encode(data)),
        })
    }
}

/// Reads a market's addresses from this record's JSON, which an app ships with, or its publisher serves.
///
/// # Errors
/// `json.malformed`, `hex.…`, `market.place` if ledger and domain are not of one market.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn read_market_place(json: JsonBytes) -> Result<MarketPlace, LazaiError> {
    let place: MarketPlace = serde_json::from_slice(&json)?;
    place.settlement()?;
    Ok(place)
}

/// A model's offer, checked: its node signed it for this market.
fn checked(place: &MarketPlace, model: &ModelOffer) -> Result<SignedOffer, LazaiError> {
    let signed = model.signed()?;
    signed.signature.verify(&place.domain.parse()?, &signed.offer, signed.offer.node)?;
    Ok(signed)
}

/// The call that opens the wallet's session number `nonce`, with a deposit in base units. `consumer` is the address of the
/// key that will talk: the wallet itself, or a key of the app, which then signs the vouchers. For an offer in coins, the
/// whole deposit goes with the call.
///
/// # Errors
/// `market.place`, `market` for a deposit beyond 96 bits, `signature.…`, `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn open_session_call(
    place: MarketPlace,
    nonce: u64,
    consumer: String,
    model: ModelOffer,
    deposit: BaseUnits,
) -> Result<WalletCall, LazaiError> {
    let SignedOffer { offer, signature } = checked(&place, &model)?;
    let deposit: Amount = deposit.parse()?;
    let payment = SessionPayment::Deposit(deposit);
    let data = wallet::open_session(nonce, consumer.parse()?, &offer, &signature, payment);
    let data = data.ok_or_else(|| LazaiError::new("market", "a deposit has at most 96 bits"))?;
    place.call(if offer.asset == Asset::NATIVE { deposit } else { Amount::ZERO }, &data)
}

/// The conversation in a session that the wallet `payer` opened with that call, as [`Chat`](crate::Chat) takes it. The node
/// answers once the chain shows it the session.
///
/// # Errors
/// As [`open_session_call`].
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn begin_conversation(
    place: MarketPlace,
    payer: String,
    nonce: u64,
    consumer: String,
    model: ModelOffer,
    deposit: BaseUnits,
) -> Result<String, LazaiError> {
    place.settlement()?;
    let offer = checked(&place, &model)?;
    let session = session_id(place.ledger.parse()?, payer.parse()?, nonce, consumer.parse()?, &offer.offer);
    let mut conversation = Conversation::new(session, offer, SessionPayment::Deposit(deposit.parse()?));
    conversation.public_part = model.public_part;
    Ok(serde_json::to_string(&conversation)?)
}

/// The call that requests the end of the wallet's session and, sent again after the market's dispute window, ends it: the
/// unredeemed rest becomes the payer's balance in the market. (The session's node can end it at once.)
///
/// # Errors
/// `market.place`, `signature.…`, `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn close_session_call(
    place: MarketPlace,
    payer: String,
    nonce: u64,
    consumer: String,
    model: ModelOffer,
) -> Result<WalletCall, LazaiError> {
    let offer = checked(&place, &model)?.offer;
    place.call(Amount::ZERO, &wallet::close_session(payer.parse()?, nonce, consumer.parse()?, &offer))
}

/// The call that withdraws an amount, in base units, of the wallet's balance from the market.
///
/// # Errors
/// `market.place`, `hex.…`, `money.not_decimal`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn withdraw_call(
    place: MarketPlace,
    asset: String,
    to: String,
    amount: BaseUnits,
) -> Result<WalletCall, LazaiError> {
    let data = wallet::withdraw(Asset(asset.parse()?), to.parse()?, amount.parse()?);
    place.call(Amount::ZERO, &data)
}
