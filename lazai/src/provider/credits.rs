//! Selling credits: the keys of a version's periods, terms, orders.
//!
//! Keys lie in the book, so that all replicas of a node have the same ones, and none is told before it is on disk: what was sold under
//! a key is taken as long as its terms hold, whatever the node's keeper asks for by then. There is one key for each time: another price begins
//! with the next period.

mod spending;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lazai_core::digest::DomainHasher;
use lazai_core::sign::SignatureError;
use lazai_core::{Address, Amount, Asset, ClassId, Digest, SessionId, Signature, VersionNumber};
use lazai_settle::credit::{CreditReceipt, CreditTerms};
use lazai_settle::market::MarketError;
use serde::{Deserialize, Serialize};

use super::Provider;
use super::page::{Page, lock};
use crate::credits::{
    BlindBytes, BlindError, CreditDelivery, CreditKey, CreditNode, CreditOrder, CreditRequest, CreditSecret,
    LEAST_PERIOD_S, MOST_CREDITS, SignedCreditReceipt, SignedCreditTerms,
};
use crate::node::{Asked, ChatReply, NodeError, NodeFuture};

/// Orders of one session that are kept: each can be collected again.
const MOST_ORDERS: usize = 64;

/// The time between two looks for keys that other replicas made.
const LOOK: Duration = Duration::from_secs(1);

/// A node's price and limits for credits of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditSale {
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The asset of the price: that of the version's offer.
    pub asset: Asset,
    /// Price of one credit.
    pub price: Amount,
    /// Most tokens of the conversation before a reply.
    pub prompt_ceiling: u32,
    /// Most tokens of a reply.
    pub completion_ceiling: u32,
    /// The length of a period, in seconds, at least [`LEAST_PERIOD_S`]. A credit is good for as long again after the period it was sold in.
    /// Everybody who buys in a period is one among its buyers: a longer one hides better.
    pub period_s: u64,
}

/// A key as a page has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptKey {
    pub terms: CreditTerms,
    pub signature: Signature,
    /// In DER, in hex.
    pub secret: String,
}

/// An order as a page has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptOrder {
    pub order: Digest,
    pub receipt: SignedCreditReceipt,
}

/// A spent credit as its page has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptCredit {
    pub price: Amount,
    /// Nobody takes the credit after this time: its page may go.
    pub valid_until_s: u64,
}

/// A key that is open here.
pub(super) struct OpenKey {
    terms: SignedCreditTerms,
    digest: Digest,
    key: CreditKey,
    secret: CreditSecret,
}

type Keys = Vec<Arc<OpenKey>>;

/// What a node sells, and its keys, by version.
#[derive(Default)]
pub(super) struct Credits {
    sales: BTreeMap<(ClassId, VersionNumber), CreditSale>,
    open: Mutex<BTreeMap<(ClassId, VersionNumber), Keys>>,
    /// A key is made by one thread at a time.
    making: async_lock::Mutex<()>,
    /// When the book was asked last for keys that are not open here.
    looked: Mutex<Option<Instant>>,
}

fn failed(error: BlindError) -> NodeError {
    NodeError::Generation { reason: format!("credits: {error}") }
}

fn refused<T>(reason: impl Into<String>) -> Result<T, NodeError> {
    Err(NodeError::Credit { reason: reason.into() })
}

impl OpenKey {
    fn read(kept: &KeptKey) -> Result<Self, NodeError> {
        let key = CreditKey::read(&kept.terms.public_key).map_err(failed)?;
        let der = hex::decode(&kept.secret).map(zeroize::Zeroizing::new).map_err(|_| failed(BlindError::Key))?;
        let terms = SignedCreditTerms { terms: kept.terms.clone(), signature: kept.signature };
        Ok(Self { digest: terms.digest(), terms, key, secret: CreditSecret::read(&der).map_err(failed)? })
    }

    fn is_sold(&self, now_s: u64) -> bool {
        self.terms.terms.sold_until_s >= now_s
    }

    fn is_good(&self, now_s: u64) -> bool {
        self.terms.terms.valid_until_s >= now_s
    }
}

impl Provider {
    /// Also sells credits for a version: replies that are paid without telling by whom. A price, or a period, that is another than before begins
    /// once the present period is over.
    #[must_use]
    pub fn with_credits(mut self, sale: CreditSale) -> Self {
        self.credits.sales.insert((sale.class, sale.version), sale);
        self
    }

    /// The terms of a version whose credits are good now: those that are sold first. None if this node sold none. The key of a new
    /// period is made here, which may take seconds.
    ///
    /// # Errors
    /// [`NodeError::Book`], [`NodeError::Signer`].
    pub async fn credit_terms_of(
        &self,
        class: ClassId,
        version: VersionNumber,
    ) -> Result<Vec<SignedCreditTerms>, NodeError> {
        let keys = self.credit_keys(class, version).await?;
        Ok(keys.iter().map(|key| key.terms.clone()).collect())
    }

    /// The place of a version's keys in the book, instead of a session.
    fn credit_page(&self, class: ClassId, version: VersionNumber) -> SessionId {
        let market = self.ledger().market();
        let hasher = DomainHasher::new("lazai.credit.keys.v1").part(market.ledger().as_bytes());
        let hasher = hasher.part(self.address().as_bytes()).part(&class.0.to_le_bytes());
        SessionId::from_bytes(*hasher.part(&version.0.to_le_bytes()).finish().as_bytes())
    }

    /// The keys whose credits are good now, that which is sold by first.
    async fn credit_keys(&self, class: ClassId, version: VersionNumber) -> Result<Keys, NodeError> {
        let now_s = self.ledger().now_s();
        let sale = self.credits.sales.get(&(class, version));
        let is_enough = |keys: &Keys| sale.is_none() || keys.iter().any(|key| key.is_sold(now_s));
        let good = |keys: Keys| keys.into_iter().filter(|key| key.is_good(now_s)).collect::<Keys>();
        let open = lock(&self.credits.open).get(&(class, version)).cloned();
        if let Some(keys) = open.filter(is_enough) {
            return Ok(good(keys));
        }
        let _making = self.credits.making.lock().await;
        let keys = self.read_credit_keys(class, version).await?;
        match sale {
            Some(sale) if !is_enough(&keys) => {
                self.make_credit_key(sale, now_s).await?;
                Ok(good(self.read_credit_keys(class, version).await?))
            }
            _ => Ok(good(keys)),
        }
    }

    /// Opens the keys that the book has now, those that are sold last first.
    async fn read_credit_keys(&self, class: ClassId, version: VersionNumber) -> Result<Keys, NodeError> {
        let kept = self.page(self.credit_page(class, version)).await?.credit_keys;
        let mut keys: Keys = kept.iter().map(|kept| OpenKey::read(kept).map(Arc::new)).collect::<Result<_, _>>()?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.terms.terms.sold_until_s));
        lock(&self.credits.open).insert((class, version), keys.clone());
        Ok(keys)
    }

    /// Makes the key of a period, unless another replica was first: then that one counts.
    async fn make_credit_key(&self, sale: &CreditSale, now_s: u64) -> Result<(), NodeError> {
        let place = self.credit_page(sale.class, sale.version);
        let last_of = |page: &Page| page.credit_keys.iter().map(|kept| kept.terms.sold_until_s).max();
        let last = last_of(&self.page(place).await?);
        // Periods begin at multiples of their length, and not before the last one ended.
        let period_s = sale.period_s.max(LEAST_PERIOD_S);
        let from_s = (now_s - now_s % period_s).max(last.unwrap_or_default());
        let sold_until_s = from_s.saturating_add(period_s);
        let secret = blocking::unblock(CreditSecret::generate).await.map_err(failed)?;
        let terms = CreditTerms {
            node: self.address(),
            class: sale.class,
            version: sale.version,
            asset: sale.asset,
            price: sale.price,
            prompt_ceiling: sale.prompt_ceiling,
            completion_ceiling: sale.completion_ceiling,
            public_key: secret.public().and_then(|key| key.to_bytes()).map_err(failed)?,
            sold_until_s,
            valid_until_s: sold_until_s.saturating_add(period_s),
        };
        let signature = self.account.sign(&terms).await?;
        let secret = hex::encode(&*secret.to_bytes().map_err(failed)?);
        let made = KeptKey { terms, signature, secret };
        self.change(place, |page| {
            if last_of(page) == last {
                // The last one stays: it says when the next may begin.
                page.credit_keys
                    .retain(|kept| kept.terms.valid_until_s >= now_s || Some(kept.terms.sold_until_s) == last);
                page.credit_keys.push(made.clone());
            }
            Ok(())
        })
        .await
    }

    /// The key that some terms name.
    async fn credit_key(&self, of: (ClassId, VersionNumber), terms: Digest) -> Result<Arc<OpenKey>, NodeError> {
        let keys = self.credit_keys(of.0, of.1).await?;
        if let Some(key) = keys.iter().find(|key| key.digest == terms) {
            return Ok(key.clone());
        }
        let unknown = || NodeError::Credit { reason: "their terms are not this node's, or over".into() };
        // Whoever makes terms up has the book asked once in a while, and not each time.
        {
            let mut looked = lock(&self.credits.looked);
            if looked.is_some_and(|before| before.elapsed() < LOOK) {
                return Err(unknown());
            }
            *looked = Some(Instant::now());
        }
        // Another replica may have made it just now.
        let (kept, now_s) = (self.read_credit_keys(of.0, of.1).await?, self.ledger().now_s());
        kept.into_iter().find(|key| key.digest == terms && key.is_good(now_s)).ok_or_else(unknown)
    }

    /// The consumer whose key signed an order of credits.
    ///
    /// # Errors
    /// [`NodeError::Market`] for another's signature or an unknown session.
    pub async fn buyer_of(&self, order: &CreditOrder) -> Result<Address, NodeError> {
        self.learn_of(order.session).await?;
        let consumer = self.consumer_of(order.session)?;
        let checked = order.signature.verify(&self.account.domain(), &order.claim(), consumer);
        checked.map_err(|source: SignatureError| MarketError::Signature { what: "order of credits", source })?;
        Ok(consumer)
    }

    /// Takes an order of credits as the next turn of its session; once its sum is paid, signs the blinded messages. The same order
    /// again gets the same answer as long as its credits are good, whatever the session did since.
    ///
    /// # Errors
    /// [`NodeError::Credit`] under terms that are not sold now; as a reply's.
    pub async fn sell_credits(&self, order: &CreditOrder) -> Result<CreditDelivery, NodeError> {
        let id = order.session;
        self.buyer_of(order).await?;
        self.see(id).await?;
        let asked = Asked { session: id, turn: order.turn, digest: order.digest() };
        let of = {
            let market = self.ledger().market();
            let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
            (session.offer.class, session.offer.version)
        };
        // What was taken before waits for nobody.
        let receipt = match kept(&self.page(id).await?, &asked) {
            Some(receipt) => receipt,
            None => {
                let _first = self.first_in_line(&asked, &|| true).await?;
                let page = self.page(id).await?;
                match kept(&page, &asked) {
                    Some(receipt) => receipt,
                    None => self.take_order(order, &asked, of, &page).await?,
                }
            }
        };
        let paid = self.page(id).await?.paid();
        if paid < receipt.receipt.cumulative {
            return Ok(CreditDelivery { receipt, signatures: Vec::new() });
        }
        let key = self.credit_key(of, order.terms).await?;
        let blinded = order.blinded.clone();
        let signatures = blocking::unblock(move || -> Result<Vec<_>, BlindError> {
            blinded.iter().map(|one| key.secret.sign(&one.0).map(BlindBytes)).collect()
        });
        let signatures = signatures.await.map_err(|e| NodeError::Credit { reason: e.to_string() })?;
        Ok(CreditDelivery { receipt, signatures })
    }

    /// Notes a new order in its session's page: its sum is then owed.
    async fn take_order(
        &self,
        order: &CreditOrder,
        asked: &Asked,
        of: (ClassId, VersionNumber),
        page: &Page,
    ) -> Result<SignedCreditReceipt, NodeError> {
        let session = self.session(order.session)?;
        page.is_next(asked)?;
        let count = order.blinded.len();
        if count == 0 || count > MOST_CREDITS {
            return refused(format!("{count} are ordered, from 1 to {MOST_CREDITS} are sold at a time"));
        }
        if session.is_sponsored() {
            return refused("none are sold for a unit of quota");
        }
        if page.bought.len() >= MOST_ORDERS {
            return refused(format!("{MOST_ORDERS} orders of this session are kept: open another session"));
        }
        if !self.credits.sales.contains_key(&of) {
            return refused("none are sold for this character");
        }
        let key = self.credit_key(of, order.terms).await?;
        let terms = &key.terms.terms;
        if !key.is_sold(self.ledger().now_s()) || !terms.belong_to(&session.offer) {
            return refused("these terms are not sold by now: the node's list of models tells others");
        }
        // A message that cannot be signed would be paid for nothing.
        if order.blinded.iter().any(|one| !key.key.is_below_modulus(&one.0)) {
            return refused(BlindError::Message.to_string());
        }
        let price = terms.price_of(count as u64)?;
        self.check_standing(&session, page, price)?;
        let receipt = CreditReceipt {
            session: order.session,
            turn: order.turn,
            terms_digest: order.terms,
            order_digest: asked.digest,
            credits: u32::try_from(count).unwrap_or(u32::MAX),
            cumulative: page.owed.checked_add(price)?,
        };
        let signature = self.account.sign(&receipt).await?;
        let receipt = SignedCreditReceipt { receipt, signature };
        let noted = KeptOrder { order: asked.digest, receipt: receipt.clone() };
        let taken = self.change(order.session, |page| {
            page.is_next(asked)?;
            page.owed = noted.receipt.receipt.cumulative;
            page.bought.push(noted.clone());
            page.begun = None;
            Ok(())
        });
        match taken.await {
            Ok(()) => Ok(receipt),
            // A replica that took this one for dead was first.
            Err(error) => kept(&self.page(order.session).await?, asked).ok_or(error),
        }
    }
}

/// The receipt of the same order, if it was taken before.
fn kept(page: &Page, asked: &Asked) -> Option<SignedCreditReceipt> {
    let same = |kept: &&KeptOrder| (kept.receipt.receipt.turn, kept.order) == (asked.turn, asked.digest);
    page.bought.iter().find(same).map(|kept| kept.receipt.clone())
}

impl CreditNode for Provider {
    fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
        Box::pin(async move {
            let named = self.adapters.keys().find(|(class, version)| format!("dat:{class}:{version}") == model);
            match named {
                Some((class, version)) => self.credit_terms_of(*class, *version).await,
                None => refused(format!("no model {model:.80?} is served here")),
            }
        })
    }

    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
        Box::pin(self.sell_credits(order))
    }

    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.chat_by_credit_while(request, &|| true, on_text))
    }
}
