//! What consumers and nodes say to each other, over a network that loses, doubles and reorders it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lazai::Account;
use lazai::core::digest::{DomainHasher, sha256};
use lazai::core::{Amount, Asset, SessionId};
use lazai::node::{
    ChatReply, ChatRequest, Node, NodeError, NodeFuture, RequestClaim, SignedReceipt, SignedVoucher, reply_digest,
};
use lazai::settle::market::MarketError;
use lazai::settle::session::Receipt;

use super::dice::Dice;

/// What a node remembers of a session.
#[derive(Clone, Default)]
pub struct Page {
    pub owed: Amount,
    pub paid: Option<SignedVoucher>,
    last: Option<(u32, lazai::core::Digest, ChatReply)>,
}

impl Page {
    pub fn paid(&self) -> Amount {
        self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative)
    }
}

/// A node's memory; on its disk.
#[derive(Default)]
pub struct Book(pub Mutex<BTreeMap<SessionId, Page>>);

/// A node by the provider's rules, whose replies are made up.
pub struct Server {
    pub account: Account,
    pub book: Arc<Book>,
    /// What it asks beyond the price.
    pub extra: u128,
}

impl Server {
    async fn serve(&self, request: &ChatRequest) -> Result<ChatReply, NodeError> {
        let ledger = self.account.ledger();
        if ledger.market().session(request.session).is_none() {
            ledger.refresh().await.map_err(|e| NodeError::Book { reason: e.to_string() })?;
        }
        let market = ledger.market();
        let session =
            market.session(request.session).ok_or(MarketError::UnknownSession { session: request.session })?;
        let digest = request.digest();
        let claim = RequestClaim { session: request.session, turn: request.turn, request: digest };
        let checked = request.signature.verify(market.domain(), &claim, session.consumer);
        checked.map_err(|source| MarketError::Signature { what: "chat request", source })?;
        let page = self.book.0.lock().unwrap().get(&request.session).cloned().unwrap_or_default();
        if let Some((turn, of, reply)) = &page.last
            && (*turn, *of) == (request.turn, digest)
        {
            return Ok(reply.clone());
        }
        let next = page.last.as_ref().map_or(0, |(turn, ..)| *turn) + 1;
        if request.turn != next {
            return Err(NodeError::TurnOutOfOrder { asked: request.turn, next });
        }
        if page.owed > page.paid() {
            return Err(NodeError::NotPaid { owed: page.owed, paid: page.paid() });
        }
        let (left, step) = (session.deposit.checked_sub(page.owed)?, session.offer.step()?);
        if left < step {
            return Err(NodeError::DepositExhausted { left, step });
        }
        let (prompt_tokens, completion_tokens) = (10 + u64::from(request.turn), 7);
        let tokens: Vec<u32> = (0..completion_tokens).map(|n| n as u32 + request.turn).collect();
        let price = session.offer.price(prompt_tokens, completion_tokens)?;
        let version = market.class(session.offer.class).and_then(|c| c.version(session.offer.version));
        let metadata = &version.expect("sessions are of versions").metadata;
        let receipt = Receipt {
            session: request.session,
            turn: request.turn,
            request_digest: digest,
            reply_digest: reply_digest(request.salt, &tokens, "so it is"),
            prompt_tokens,
            completion_tokens,
            tokenizer_digest: sha256(b"tokenizer"),
            temperature_milli: 0,
            top_p_milli: 1_000,
            seed: 1,
            base_digest: metadata.base.digest,
            adapter_digest: metadata.adapter_digest,
            cumulative: page.owed.checked_add(price)?.checked_add(Amount::from_base_units(self.extra))?,
        };
        let signature = self.account.sign(&receipt).await?;
        let reply = ChatReply {
            text: "so it is".into(),
            tokens,
            receipt: SignedReceipt { receipt: receipt.clone(), signature },
        };
        let last = Some((request.turn, digest, reply.clone()));
        let page = Page { owed: receipt.cumulative, last, ..page };
        self.book.0.lock().unwrap().insert(request.session, page);
        Ok(reply)
    }
}

impl Node for Server {
    fn chat<'a>(&'a self, request: &'a ChatRequest, _: &'a mut (dyn FnMut(&str) + Send)) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.serve(request))
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            self.account.ledger().market().check_voucher(&voucher.voucher, &voucher.signature)?;
            let mut book = self.book.0.lock().unwrap();
            let page = book.entry(voucher.voucher.session).or_default();
            if page.paid == Some(*voucher) {
                return Ok(());
            }
            let (offered, owed) = (voucher.voucher.cumulative, page.owed);
            if offered <= page.paid() {
                return Err(MarketError::VoucherNotIncreasing { redeemed: page.paid(), offered }.into());
            }
            if offered != owed {
                return Err(NodeError::VoucherNotExact { owed, offered });
            }
            page.paid = Some(*voucher);
            Ok(())
        })
    }
}

/// A network between a consumer and a node.
pub struct Network<'a> {
    pub node: &'a Server,
    pub dice: Mutex<Dice>,
    /// What was said before, which may come a second time.
    pub said: Mutex<Vec<(Option<ChatRequest>, Option<SignedVoucher>)>>,
}

impl Network<'_> {
    fn lost<T>(what: &str) -> Result<T, NodeError> {
        Err(NodeError::Transport { reason: format!("{what} got lost") })
    }

    /// An old message arrives once more; what the node says to it, nobody hears.
    async fn echo(&self) {
        let echo = {
            let said = self.said.lock().unwrap();
            let mut dice = self.dice.lock().unwrap();
            let place = dice.below(said.len() as u64) as usize;
            if dice.one_in(4) { said.get(place).cloned() } else { None }
        };
        match echo {
            Some((Some(request), _)) => drop(self.node.serve(&request).await),
            Some((_, Some(voucher))) => drop(self.node.pay(&voucher).await),
            _ => {}
        }
    }

    fn fails(&self) -> bool {
        self.dice.lock().unwrap().one_in(6)
    }
}

impl Node for Network<'_> {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(async move {
            self.echo().await;
            self.said.lock().unwrap().push((Some(request.clone()), None));
            if self.fails() {
                return Self::lost("the request");
            }
            let reply = self.node.chat(request, on_text).await;
            if self.fails() { Self::lost("the reply") } else { reply }
        })
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            self.echo().await;
            self.said.lock().unwrap().push((None, Some(*voucher)));
            if self.fails() {
                return Self::lost("the voucher");
            }
            let paid = self.node.pay(voucher).await;
            if self.fails() { Self::lost("the answer") } else { paid }
        })
    }
}

/// A digest of some words, for what nobody looks into.
pub fn made_up(words: &str, number: u64) -> lazai::core::Digest {
    DomainHasher::new("made up").part(words.as_bytes()).part(&number.to_le_bytes()).finish()
}

/// The asset of everything here.
pub const COIN: Asset = Asset::NATIVE;
