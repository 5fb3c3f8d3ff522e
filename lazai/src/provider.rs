//! The provider: serves versions of characters, meters replies, redeems vouchers.

mod admission;
mod book;
mod cards;
mod credits;
mod earnings;
mod order;
mod page;
mod quoting;
mod receipt;
mod redemption;
mod reports;
mod sale;
mod sealing;
mod speech;
mod strangers;
mod terms;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lazai_core::seal::AtRest;
use lazai_core::{Address, ClassId, Digest, SessionId, Signature, VersionNumber};
use lazai_lora::generate::Sampler;
use lazai_lora::recheck::Trail;
use lazai_lora::{About, EngineCounts, Generator};
use lazai_lora::{GenerateError, ModelError};
use lazai_settle::market::MarketError;
use lazai_settle::session::Receipt;
use serde_json::Value;

use crate::account::Account;
use crate::node::{
    ChatReply, ChatRequest, Moderator, NoModeration, Node, NodeError, NodeFuture, SignedReceipt, SignedVoucher,
};
use crate::recheck::{RecheckError, SignedTrail};
use crate::speech::{SpeechReply, SpeechRequest};
#[cfg(feature = "postgres")]
pub use book::PostgresBook;
pub use book::{Book, BookError, BookFuture, Claim, FolderBook, Matter, PageSums};
use cards::Cards;
pub use credits::CreditSale;
use credits::Credits;
pub use earnings::{Earner, Earnings};
use order::Order;
pub use page::Standing;
use page::{KeptReply, LastReply, Line, Moderated, lock};
pub use quoting::{QuoteCommand, Quoter, QuoterError};
use receipt::Served;
#[cfg(feature = "node")]
pub(crate) use sale::most_tokens;
pub use sale::{SALE_MARGIN_S, SaleError, SaleRequest, Sold};
pub use sealing::{SEAL_OVERLAP_S, SEAL_PERIOD_S, UnsealError};
pub use speech::VoiceTerms;
use speech::Voices;
use strangers::Strangers;
pub use terms::OfferTerms;

/// A node that serves characters on one base model.
pub struct Provider {
    account: Account,
    generator: Arc<dyn Generator>,
    /// Digests of adapters, which every receipt names.
    adapters: BTreeMap<(ClassId, VersionNumber), Digest>,
    moderator: Box<dyn Moderator>,
    sampler: Sampler,
    book: Arc<dyn Book>,
    /// For reports.
    folder: PathBuf,
    strangers: Strangers,
    order: Order,
    cards: Cards,
    voices: Voices,
    credits: Credits,
    sealing: sealing::Sealing,
    quoting: quoting::Quoting,
    /// Who is first in a session's line is so from admission until the reply is kept: one reply is made per turn, however many
    /// requests ask for it. Other sessions, and payments, do not wait.
    lines: Mutex<BTreeMap<SessionId, Line>>,
}

impl Provider {
    /// A node that keeps its session book in a folder, with the secret that makes its replies repeatable: 32 random bytes,
    /// created before its first reply. Book and secret together reveal the last reply of every session.
    pub fn new(account: Account, generator: Arc<dyn Generator>, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            account,
            generator,
            adapters: BTreeMap::new(),
            moderator: Box::new(NoModeration),
            sampler: Sampler::default(),
            book: Arc::new(FolderBook::new(&folder)),
            sealing: sealing::Sealing::new(&folder),
            quoting: quoting::Quoting::default(),
            folder,
            strangers: Strangers::default(),
            order: Order::default(),
            cards: Cards::default(),
            voices: Voices::default(),
            credits: Credits::default(),
            lines: Mutex::default(),
        }
    }

    /// Keeps its sessions in another book, such as one that replicas of this node share. Reports stay in the folder.
    #[must_use]
    pub fn with_book(mut self, book: impl Book + 'static) -> Self {
        self.book = Arc::new(book);
        self
    }

    /// Serves a version with the adapter in a folder of PEFT's files, which must be the one that the ledger names.
    ///
    /// # Errors
    /// [`ModelError::AdapterDigest`] if it is another, or the reason that it cannot be loaded.
    pub fn with_adapter(
        self,
        class: ClassId,
        version: VersionNumber,
        folder: &Path,
        expected: Digest,
    ) -> Result<Self, GenerateError> {
        self.with_adapter_at(class, version, folder, expected, &AtRest::Clear)
    }

    /// As [`Provider::with_adapter`], of weights that are kept as told.
    ///
    /// # Errors
    /// As [`Provider::with_adapter`].
    pub fn with_adapter_at(
        mut self,
        class: ClassId,
        version: VersionNumber,
        folder: &Path,
        expected: Digest,
        at_rest: &AtRest,
    ) -> Result<Self, GenerateError> {
        let found = self.generator.load_adapter_at(folder, at_rest)?;
        if found != expected {
            return Err(ModelError::AdapterDigest { expected, found }.into());
        }
        self.adapters.insert((class, version), found);
        Ok(self)
    }

    /// Has a moderator check requests and replies.
    #[must_use]
    pub fn with_moderator(mut self, moderator: impl Moderator + 'static) -> Self {
        self.moderator = Box::new(moderator);
        self
    }

    /// Sets the sampling parameters; the ceiling is the offer's.
    #[must_use]
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// The node's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.account.address()
    }

    /// The series of its offers: those of earlier series are revoked.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.ledger().market().series_of(self.address())
    }

    /// The generator's own description.
    #[must_use]
    pub fn about(&self) -> &About {
        self.generator.about()
    }

    /// What the generator has done since it was started, if it counts.
    #[must_use]
    pub fn counts(&self) -> Option<EngineCounts> {
        self.generator.counts()
    }

    /// The ledger that its sessions are on.
    #[must_use]
    pub fn ledger(&self) -> &dyn lazai_settle::Ledger {
        self.account.ledger()
    }
}

impl Provider {
    /// As [`Node::chat`], for as long as a reply is wanted: it stops once `wanted` returns false and nobody else waits for
    /// the same reply. The turn stays begun: the next request must be for that reply, which is then made to its end, even
    /// if the client leaves.
    ///
    /// # Errors
    /// [`NodeError`]; [`NodeError::Left`] for a reply that nobody wanted.
    pub async fn chat_while(
        &self,
        request: &ChatRequest,
        wanted: &(dyn Fn() -> bool + Sync),
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ChatReply, NodeError> {
        let admission = tracing::info_span!("admission");
        self.learn_of(request.session).await?;
        self.check_signed(request)?;
        self.see(request.session).await?;
        let asked = request.asked();
        if let Some(reply) = self.repeated(&asked, request.salt).await? {
            on_text(&reply.text);
            return Ok(reply);
        }
        let first = self.first_in_line(&asked, wanted).await?;
        // Somebody may have asked the same meanwhile.
        if let Some(reply) = self.repeated(&asked, request.salt).await? {
            on_text(&reply.text);
            return Ok(reply);
        }
        let wanted = || wanted() || first.is_waited_for();
        drop(admission);
        let served = self.serve(request, &wanted, on_text).await?;
        let _receipt = tracing::info_span!("receipt");
        let owed = served.receipt.cumulative;
        let reply = self.signed(served, request.salt).await?;
        let sealed = KeptReply::seal(&asked, request.salt, &reply)?;
        let kept = LastReply { turn: request.turn, request: reply.receipt.receipt.request_digest, reply: sealed };
        let kept = self.change(request.session, |page| {
            page.is_next(&asked)?;
            page.owed = owed;
            page.last = Some(kept.clone());
            page.begun = None;
            page.moderated = Moderated::default();
            Ok(())
        });
        match kept.await {
            Ok(()) => Ok(reply),
            // A replica that took this one for dead was first: its reply is the session's, and nobody heard of this receipt.
            Err(refused) => self.repeated(&asked, request.salt).await?.ok_or(refused),
        }
    }
}

impl Provider {
    /// A reply that was made, with its receipt and its trail signed.
    async fn signed(&self, served: Served, salt: Digest) -> Result<ChatReply, NodeError> {
        let Served { receipt, reply, sampler } = served;
        let signature = self.account.sign(&receipt).await?;
        let trail = match &reply.trail {
            Some(trail) => Some(self.sign_trail(&receipt, salt, trail, sampler).await?),
            None => None,
        };
        let receipt = SignedReceipt { receipt, signature };
        Ok(ChatReply { text: reply.text, tokens: reply.tokens, receipt, notes: reply.notes, trail, enclave: None })
    }

    /// Signs the trail of a reply.
    async fn sign_trail(
        &self,
        receipt: &Receipt,
        salt: Digest,
        trail: &Trail,
        sampler: Value,
    ) -> Result<SignedTrail, NodeError> {
        let (trail, machine) = (trail.as_bytes().to_vec(), self.generator.about().machine.clone());
        let mut signed = SignedTrail { trail, sampler, machine, signature: Signature::from_bytes([0; 65]) };
        let failed = |error: RecheckError| NodeError::Generation { reason: error.to_string() };
        signed.signature = self.account.sign(&signed.claim(receipt, salt).map_err(failed)?).await?;
        Ok(signed)
    }
}

impl Node for Provider {
    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        on_samples: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        Box::pin(self.speak_while(request, &|| true, on_samples))
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.chat_while(request, &|| true, on_text))
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            self.learn_of(voucher.voucher.session).await?;
            let id = voucher.voucher.session;
            // Anybody may have it from the chain: nothing is sent for one that is kept.
            if self.page(id).await?.paid == Some(*voucher) {
                return Ok(());
            }
            // For as long as it can be redeemed, be its deadline over or its end asked for.
            let market = self.account.ledger().market();
            if market.session(id).is_some_and(|session| session.offer.node != self.address()) {
                return Err(NodeError::NotServed { session: id, reason: "it is opened with another node" });
            }
            market.check_voucher(&voucher.voucher, &voucher.signature)?;
            // An embedded ledger copies a market that somebody still holds when it changes.
            drop(market);
            let offered = voucher.voucher.cumulative;
            self.change(id, |page| {
                if page.paid == Some(*voucher) {
                    return Ok(());
                }
                if offered <= page.paid() {
                    return Err(MarketError::VoucherNotIncreasing { redeemed: page.paid(), offered }.into());
                }
                if offered != page.owed {
                    return Err(NodeError::VoucherNotExact { owed: page.owed, offered });
                }
                page.paid = Some(*voucher);
                Ok(())
            })
            .await
        })
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Provider {{ account: {:?}, generator: {:?}, adapters: {}, lines: {} }}",
            self.account,
            self.generator,
            self.adapters.len(),
            lock(&self.lines).len()
        )
    }
}
