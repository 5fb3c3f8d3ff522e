//! Sales: a reply that is paid at once, by a wallet without a session.
//!
//! The reply is made and on disk before its payment is taken, and is told once the payment is confirmed. So whoever asks again
//! with the same payment and the same words gets that reply, whatever broke off in between, and nobody pays twice or is
//! served for nothing.

use lazai_core::digest::DomainHasher;
use lazai_core::message::Message;
use lazai_core::{Amount, Digest, SessionId, Signature};
use lazai_settle::LedgerError;
use lazai_settle::session::{Offer, Session, SessionPayment};
use lazai_settle::till::{Sale, SignedAuthorization, SignedOpening, SignedTransfers, Till};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Provider;
use super::page::{KeptReply, LastReply};
use crate::node::{Asked, ChatReply, ChatRequest, NodeError, ReplySettings, request_digest};

/// The seconds that a payment must still be valid for: it is taken when the reply is made.
pub const SALE_MARGIN_S: u64 = 30;

/// A request for one reply, and its payment.
#[derive(Debug, Clone)]
pub struct SaleRequest {
    /// The offer that prices it.
    pub offer: Offer,
    /// The least that is taken, whatever the offer says: taking a payment costs the node gas.
    pub least: Amount,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The requested reply settings.
    pub settings: ReplySettings,
    /// The payment.
    pub payment: SignedAuthorization,
}

/// A reply that was paid at once.
#[derive(Debug, Clone)]
pub struct Sold {
    /// The reply. The session that its receipt names is the sale's own, and on no ledger.
    pub reply: ChatReply,
    /// The transaction that took the payment.
    pub transaction: Digest,
}

/// Why a reply was not sold.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SaleError {
    /// This payment was for another request: it is not taken for this one too.
    #[error("this payment is for another request")]
    AnotherRequest,
    /// The node does not serve.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The payment is under way: the same request with the same payment gets the reply.
    #[error("the payment is not confirmed yet; the same request with the same payment gets the reply")]
    Pending,
    /// The payment is not what is asked for, or cannot be taken: a reason in x402's words.
    #[error("{reason}")]
    Unpaid {
        /// The reason.
        reason: String,
    },
}

impl SaleError {
    fn unpaid(reason: &str) -> Self {
        Self::Unpaid { reason: reason.into() }
    }
}

impl From<LedgerError> for SaleError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Reverted { reason } => Self::Unpaid { reason },
            LedgerError::Unconfirmed { .. } => Self::Pending,
            error => Self::Node(NodeError::Ledger { reason: error.to_string() }),
        }
    }
}

/// What a page has of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptSale {
    /// Digest of the payment: its number alone may be in another one, too.
    pub payment: Digest,
    pub amount: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Digest>,
}

impl SaleRequest {
    fn sale(&self) -> Sale {
        let Offer { node, class, version, asset, .. } = self.offer;
        Sale { node, class, version, asset }
    }

    fn payment_digest(&self) -> Digest {
        let (a, signature) = (&self.payment.authorization, &self.payment.signature);
        let hasher = DomainHasher::new("lazai.sale.payment.v1").part(a.from.as_bytes()).part(a.to.as_bytes());
        let hasher = hasher.part(&a.value.base_units().to_le_bytes()).part(&a.valid_after_s.to_le_bytes());
        hasher.part(&a.valid_before_s.to_le_bytes()).part(a.nonce.as_bytes()).part(signature).finish()
    }

    /// Where the book has it, instead of a session: a payer's number is used once for an asset.
    fn id(&self, ledger: &[u8; 32]) -> SessionId {
        let a = &self.payment.authorization;
        let hasher = DomainHasher::new("lazai.sale.id.v1").part(ledger).part(self.offer.asset.0.as_bytes());
        SessionId::from_bytes(*hasher.part(a.from.as_bytes()).part(a.nonce.as_bytes()).finish().as_bytes())
    }
}

impl Provider {
    /// The tills of its ledger, if it has any.
    fn tills(&self) -> Result<&dyn SignedTransfers, SaleError> {
        self.ledger().signed_transfers().ok_or_else(|| SaleError::unpaid("unsupported_scheme"))
    }

    /// The till for an offer; `None` if its ledger has none, or its asset takes no signed transfers, or the class is not paid so.
    ///
    /// # Errors
    /// [`NodeError::Ledger`] if the chain does not answer.
    pub async fn till(&self, offer: &Offer) -> Result<Option<Till>, NodeError> {
        let Some(tills) = self.ledger().signed_transfers() else { return Ok(None) };
        if offer.asset == lazai_core::Asset::NATIVE || !self.is_paid_in_money(offer) {
            return Ok(None);
        }
        let Offer { node, class, version, asset, .. } = *offer;
        match tills.till(Sale { node, class, version, asset }).await {
            Ok(till) => Ok(Some(till)),
            Err(LedgerError::Reverted { .. }) => Ok(None),
            Err(error) => Err(NodeError::Ledger { reason: error.to_string() }),
        }
    }

    /// Opens a session for its payer, who signed for it with one signature; the node pays the gas.
    ///
    /// # Errors
    /// [`NodeError::NotServed`] for another node's offer, or without a chain; the market's error; [`NodeError::Ledger`].
    pub async fn open_for(&self, opening: &SignedOpening) -> Result<SessionId, NodeError> {
        let market = self.ledger().market();
        let session = opening.session(market.ledger());
        let refused = |reason| NodeError::NotServed { session, reason };
        let Some(transfers) = self.ledger().signed_transfers() else {
            return Err(refused("this node's ledger takes no signed transfers"));
        };
        if opening.offer.node != self.address() {
            return Err(refused("the offer is another node's"));
        }
        market.check_terms(&opening.offer)?;
        drop(market);
        let _claim = self.at_ledger().await?;
        match transfers.open(&*self.account.signer(), opening).await {
            Ok(session) => Ok(session),
            Err(LedgerError::Market(error)) => Err(error.into()),
            Err(LedgerError::Reverted { .. }) => {
                Err(refused("the contracts refuse it: its signature, its offer or its money"))
            }
            Err(error) => Err(NodeError::Ledger { reason: error.to_string() }),
        }
    }

    fn is_paid_in_money(&self, offer: &Offer) -> bool {
        let market = self.ledger().market();
        let version = market.class(offer.class).and_then(|class| class.version(offer.version));
        version.is_some_and(|version| version.metadata.policy.payment != lazai_core::dat::Payment::Quota)
    }

    /// The price of one reply to these words: their tokens, and the most that the reply may have.
    ///
    /// # Errors
    /// [`NodeError::PromptTooLong`], [`NodeError::Setting`], [`NodeError::Generation`], [`NodeError::Money`].
    pub fn price_at_once(
        &self,
        offer: &Offer,
        messages: &[Message],
        settings: &ReplySettings,
    ) -> Result<Amount, NodeError> {
        settings.check().map_err(|bad| NodeError::Setting { setting: bad.setting.into(), reason: bad.reason })?;
        let prompt = self.prompt(offer, messages)?;
        let tokens = self.check_length(offer, &prompt.messages)?;
        Ok(offer.price(tokens, most_tokens(offer, settings.max_tokens).into())?)
    }

    /// Sells one reply. Nothing of it is told before its payment is confirmed.
    ///
    /// # Errors
    /// [`SaleError`]; then the payment was not taken, unless it is [`SaleError::Pending`].
    pub async fn sell(&self, request: &SaleRequest, wanted: &(dyn Fn() -> bool + Sync)) -> Result<Sold, SaleError> {
        let tills = self.tills()?;
        let payment = request.payment_digest();
        let id = request.id(self.ledger().market().ledger().as_bytes());
        // Nobody but the payer has it before the payment is taken.
        let salt = DomainHasher::new("lazai.sale.salt.v1").part(payment.as_bytes()).finish();
        let asked = Asked { session: id, turn: 1, digest: request_digest(salt, &request.messages, &request.settings) };
        let first = self.first_in_line(&asked, wanted).await?;
        let page = self.page(id).await?;
        let kept = page.sale.filter(|_| page.last.is_some());
        let reply = match (kept, page.last) {
            (Some(kept), Some(last)) => {
                if kept.payment != payment || last.request != asked.digest {
                    return Err(SaleError::AnotherRequest);
                }
                let reply = last.reply.open(&asked, salt)?;
                if let Some(transaction) = kept.transaction {
                    return Ok(Sold { reply, transaction });
                }
                reply
            }
            _ => {
                self.check_sale(request, tills).await?;
                let wanted = || wanted() || first.is_waited_for();
                let reply = self.make_for_sale(request, id, salt, &wanted).await?;
                self.keep_sale(request, payment, &asked, salt, &reply).await?;
                reply
            }
        };
        let transaction = {
            let _claim = self.at_ledger().await?;
            tills.settle(&*self.account.signer(), request.sale(), &request.payment).await?
        };
        let noted = self.change(id, |page| {
            if let Some(sale) = &mut page.sale {
                sale.transaction = Some(transaction);
            }
            Ok(())
        });
        noted.await?;
        Ok(Sold { reply, transaction })
    }

    /// All checks of a payment before the reply is made.
    async fn check_sale(&self, request: &SaleRequest, tills: &dyn SignedTransfers) -> Result<(), SaleError> {
        let (offer, a) = (&request.offer, &request.payment.authorization);
        self.ledger().market().check_terms(offer).map_err(NodeError::from)?;
        if !self.is_paid_in_money(offer) {
            return Err(SaleError::unpaid("unsupported_scheme"));
        }
        let till = tills.till(request.sale()).await?;
        if a.to != till.address {
            return Err(SaleError::unpaid("invalid_exact_evm_payload_recipient_mismatch"));
        }
        let price = self.price_at_once(offer, &request.messages, &request.settings)?.max(request.least);
        if a.value != price {
            return Err(SaleError::unpaid("invalid_exact_evm_payload_authorization_value_mismatch"));
        }
        let now_s = self.ledger().now_s();
        if a.valid_before_s < now_s.saturating_add(SALE_MARGIN_S) {
            return Err(SaleError::unpaid("invalid_exact_evm_payload_authorization_valid_before"));
        }
        tills.check(request.sale(), &request.payment).await?;
        if let Some(reason) = self.moderator.before(&request.messages) {
            return Err(NodeError::Moderated { reason }.into());
        }
        Ok(())
    }

    async fn make_for_sale(
        &self,
        request: &SaleRequest,
        id: SessionId,
        salt: Digest,
        wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<ChatReply, SaleError> {
        let SaleRequest { offer, messages, settings, payment, .. } = request;
        let (from, amount) = (payment.authorization.from, payment.authorization.value);
        let session = Session {
            payer: from,
            nonce: 0,
            consumer: from,
            offer: offer.clone(),
            payment: SessionPayment::Deposit(amount),
            params: self.ledger().market().params().0,
            deposit: amount,
            redeemed: Amount::ZERO,
            deadline_s: payment.authorization.valid_before_s,
            final_at_s: None,
            closed: false,
        };
        let (messages, settings) = (messages.clone(), settings.clone());
        // Its payment is its signature.
        let signature = Signature::NOT_LOGGED;
        let asked = ChatRequest { session: id, turn: 1, messages, settings, salt, signature };
        let prompt = self.prompt(offer, &asked.messages)?;
        let page = super::page::Page::default();
        let mut served = self.generate(&session, &page, &asked, prompt, wanted, &mut |_: &str| {}).await?;
        served.receipt.cumulative = amount;
        Ok(self.signed(served, salt).await?)
    }

    /// Keeps a reply before its payment is taken.
    async fn keep_sale(
        &self,
        request: &SaleRequest,
        payment: Digest,
        asked: &Asked,
        salt: Digest,
        reply: &ChatReply,
    ) -> Result<(), SaleError> {
        let amount = request.payment.authorization.value;
        let last = LastReply { turn: 1, request: asked.digest, reply: KeptReply::seal(asked, salt, reply)? };
        let kept = self.change(asked.session, |page| {
            // A replica that took this one for dead was first.
            page.is_next(asked)?;
            page.last = Some(last.clone());
            page.sale = Some(KeptSale { payment, amount, transaction: None });
            Ok(())
        });
        Ok(kept.await?)
    }
}

/// The most tokens of a reply, as a generator is told.
pub(crate) fn most_tokens(offer: &Offer, asked: Option<u32>) -> u32 {
    let most = offer.completion_ceiling.max(1);
    asked.map_or(offer.completion_ceiling, |tokens| tokens.clamp(1, most))
}
