//! The provider: serves versions of characters, meters what it says, redeems what it is owed.

mod reports;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::digest::DomainHasher;
use lazai_core::sign::SignatureError;
use lazai_core::{Address, Amount, ClassId, Digest, SessionId, SignerError, VersionNumber};
use lazai_lora::LoraError;
use lazai_lora::backend::{Backend, GenerateJob};
use lazai_lora::generate::{Reply, Sampler};
use lazai_settle::market::{MarketError, Transaction};
use lazai_settle::session::{Offer, Receipt, Session, SessionPayment};
use serde::{Deserialize, Serialize};

use crate::account::{Account, SendError};
use crate::node::{
    ChatReply, ChatRequest, Moderator, NoModeration, Node, NodeError, NodeFuture, RequestClaim, SignedOffer,
    SignedReceipt, SignedVoucher, reply_digest, request_digest,
};
use crate::store::write_atomically;

/// A node that serves characters on one base model.
pub struct Provider {
    account: Account,
    backend: Arc<dyn Backend>,
    /// Digests of adapters, which every receipt names.
    adapters: BTreeMap<(ClassId, VersionNumber), Digest>,
    moderator: Box<dyn Moderator>,
    sampler: Sampler,
    seed: u64,
    folder: PathBuf,
    /// Who makes a reply has the session's claim from admission until the reply is kept: one reply is made a turn,
    /// however many ask for it. Other sessions, and payments, wait for nothing.
    claims: Mutex<BTreeMap<SessionId, Arc<async_lock::Mutex<()>>>>,
    /// Held for as long as a page is read and written, never longer.
    pages: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is whole: pages are replaced, never half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the node remembers of a session, on disk before anybody is told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    owed: Amount,
    paid: Option<SignedVoucher>,
    last: Option<LastReply>,
    /// The turn that is being served, and its request: on disk before the first token leaves, so that whoever comes
    /// back after a crash gets that reply and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<(u32, Digest)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastReply {
    turn: u32,
    request: Digest,
    reply: ChatReply,
}

impl Page {
    fn paid(&self) -> Amount {
        self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative)
    }

    fn turn(&self) -> u32 {
        self.last.as_ref().map_or(0, |l| l.turn)
    }
}

impl Provider {
    /// A node that keeps its session book in a folder. The seed makes its replies repeatable.
    pub fn new(account: Account, backend: Arc<dyn Backend>, folder: impl Into<PathBuf>, seed: u64) -> Self {
        Self {
            account,
            backend,
            adapters: BTreeMap::new(),
            moderator: Box::new(NoModeration),
            sampler: Sampler::default(),
            seed,
            folder: folder.into(),
            claims: Mutex::default(),
            pages: Mutex::new(()),
        }
    }

    /// Serves a version with the adapter in a folder of PEFT's files, which must be the one that the ledger names.
    ///
    /// # Errors
    /// [`LoraError::AdapterDigest`] if it is another, or why it cannot be loaded.
    pub fn with_adapter(
        mut self,
        class: ClassId,
        version: VersionNumber,
        folder: &Path,
        expected: Digest,
    ) -> Result<Self, LoraError> {
        let found = self.backend.load_adapter(folder)?;
        if found != expected {
            return Err(LoraError::AdapterDigest { expected, found });
        }
        self.adapters.insert((class, version), found);
        Ok(self)
    }

    /// Has a moderator look at what goes in and comes out.
    #[must_use]
    pub fn with_moderator(mut self, moderator: impl Moderator + 'static) -> Self {
        self.moderator = Box::new(moderator);
        self
    }

    /// Chooses tokens otherwise; its ceiling is the offer's.
    #[must_use]
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.account.address()
    }

    /// Signs an offer in its name; node and reply ceiling are its own.
    ///
    /// # Errors
    /// What the signer says.
    pub async fn offer(&self, offer: Offer) -> Result<SignedOffer, SignerError> {
        let offer = Offer { node: self.address(), completion_ceiling: self.sampler.max_tokens, ..offer };
        let signature = self.account.sign(&offer).await?;
        Ok(SignedOffer { offer, signature })
    }

    /// Redeems the last voucher of a session.
    ///
    /// # Errors
    /// [`NodeError::Book`], or what the ledger says.
    pub async fn redeem(&self, session: SessionId) -> Result<(), NodeError> {
        let Some(SignedVoucher { voucher, signature }) = self.page(session)?.paid else {
            return Ok(());
        };
        let label = format!("redeem {session} {}", voucher.cumulative);
        self.send(&label, Transaction::Redeem { voucher, signature }).await
    }

    /// Redeems whatever is owed and not redeemed yet, session by session; gives those that the ledger refused.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the folder of sessions cannot be read.
    pub async fn redeem_all(&self) -> Result<Vec<(SessionId, NodeError)>, NodeError> {
        let failed = |e: std::io::Error| NodeError::Book { reason: format!("{}: {e}", self.folder.display()) };
        let files = match std::fs::read_dir(&self.folder) {
            Ok(files) => files.collect::<Result<Vec<_>, _>>().map_err(failed)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let mut refused = Vec::new();
        for file in files {
            let path = file.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let (Some(session), true) = (name, path.extension().is_some_and(|e| e == "json")) else { continue };
            let redeemed = self.account.ledger().market().session(session).map(|s| s.redeemed);
            if redeemed.is_some_and(|redeemed| redeemed >= self.page(session).map_or(Amount::ZERO, |p| p.paid())) {
                continue;
            }
            if let Err(error) = self.redeem(session).await {
                refused.push((session, error));
            }
        }
        Ok(refused)
    }

    /// What its backend says of itself.
    #[must_use]
    pub fn about(&self) -> &lazai_lora::backend::About {
        self.backend.about()
    }

    /// The ledger that its sessions are on.
    #[must_use]
    pub fn ledger(&self) -> &dyn lazai_settle::Ledger {
        self.account.ledger()
    }

    /// Ends a session; what was not redeemed goes back to its payer.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn close(&self, session: SessionId) -> Result<(), NodeError> {
        self.send(&format!("close {session}"), Transaction::CloseSession { session }).await
    }

    async fn send(&self, label: &str, transaction: Transaction) -> Result<(), NodeError> {
        match self.account.send(label, transaction).await {
            Ok(_) => Ok(()),
            Err(SendError::Signer(error)) => Err(error.into()),
            Err(SendError::Ledger(lazai_settle::ledger::LedgerError::Market(error))) => Err(error.into()),
            Err(error) => Err(NodeError::Book { reason: error.to_string() }),
        }
    }

    fn page_path(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string()).with_extension("json")
    }

    fn page(&self, session: SessionId) -> Result<Page, NodeError> {
        let path = self.page_path(session);
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("{}: {e}", path.display()) };
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Page::default()),
            Err(e) => Err(failed(&e)),
        }
    }

    fn keep(&self, session: SessionId, page: &Page) -> Result<(), NodeError> {
        let path = self.page_path(session);
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("{}: {e}", path.display()) };
        let bytes = serde_json::to_vec(page).map_err(|e| failed(&e))?;
        write_atomically(&path, &bytes).map_err(|e| failed(&e))
    }

    /// Has the ledger look for a session that it does not know yet. On a chain its deposit counts when it is as deep as
    /// the ledger was told to wait for.
    async fn learn_of(&self, session: SessionId) -> Result<(), NodeError> {
        if self.account.ledger().market().session(session).is_some() {
            return Ok(());
        }
        let refreshed = self.account.ledger().refresh().await;
        refreshed.map_err(|e| NodeError::Book { reason: e.to_string() })
    }

    /// A session that this node may serve now.
    fn session(&self, id: SessionId) -> Result<Session, NodeError> {
        let market = self.account.ledger().market();
        let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
        let refused = |reason| Err(NodeError::NotServed { session: id, reason });
        if session.offer.node != self.address() {
            return refused("it is opened with another node");
        }
        if session.closed {
            return refused("it is closed");
        }
        if self.account.ledger().now_s() > session.deadline_s {
            return refused("its deadline has passed");
        }
        if let SessionPayment::Quota(token) = session.payment
            && market.token(token).is_none_or(|t| t.has_expired(self.account.ledger().now_s()))
        {
            return refused("its access token has expired");
        }
        Ok(session.clone())
    }

    /// Whether the session's consumer signed a request: before anybody waits, or hears what was said before.
    fn check_signed(&self, request: &ChatRequest) -> Result<(), NodeError> {
        let market = self.account.ledger().market();
        let unknown = MarketError::UnknownSession { session: request.session };
        let consumer = market.session(request.session).ok_or(unknown)?.consumer;
        let claim = RequestClaim { session: request.session, turn: request.turn, request: request.digest() };
        let checked = request.signature.verify(&self.account.domain(), &claim, consumer);
        checked.map_err(|source: SignatureError| MarketError::Signature { what: "chat request", source }.into())
    }

    /// Everything else that is checked before a token is generated; gives the tokens of the conversation.
    fn admit(&self, session: &Session, page: &Page, request: &ChatRequest) -> Result<u64, NodeError> {
        let digest = request.digest();
        let next = page.turn() + 1;
        if request.turn != next {
            return Err(NodeError::TurnOutOfOrder { asked: request.turn, next });
        }
        if page.begun.is_some_and(|(turn, begun)| turn == next && begun != digest) {
            let reason = "another request for this reply was begun";
            return Err(NodeError::NotServed { session: request.session, reason });
        }
        if page.owed > page.paid() {
            return Err(NodeError::NotPaid { owed: page.owed, paid: page.paid() });
        }
        match session.payment {
            SessionPayment::Deposit(deposit) => {
                let (left, step) = (deposit.checked_sub(page.owed)?, session.offer.step()?);
                if left < step {
                    return Err(NodeError::DepositExhausted { left, step });
                }
            }
            SessionPayment::Quota(_) => {
                let market = self.account.ledger().market();
                let turns = market.params_of(session.params).map_or(0, |p| p.turns_per_quota);
                if request.turn > turns {
                    return Err(NodeError::NotServed { session: request.session, reason: "its quota is used up" });
                }
            }
        }
        if let Some(reason) = self.moderator.before(&request.messages) {
            return Err(NodeError::Moderated { reason });
        }
        let tokens = self.backend.prompt_tokens(&request.messages);
        let tokens = tokens.map_err(|e| NodeError::Generation { reason: e.to_string() })?;
        let ceiling = session.offer.prompt_ceiling;
        if tokens > ceiling.into() { Err(NodeError::PromptTooLong { tokens, ceiling }) } else { Ok(tokens) }
    }

    /// What keeps others from making a reply of the same session.
    fn claim(&self, session: SessionId) -> Arc<async_lock::Mutex<()>> {
        let mut claims = lock(&self.claims);
        // Nobody has or waits for the others.
        claims.retain(|id, claim| *id == session || Arc::strong_count(claim) > 1);
        Arc::clone(claims.entry(session).or_default())
    }

    /// Changes what is kept of a session.
    fn change(
        &self,
        session: SessionId,
        change: impl FnOnce(&mut Page) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let _pages = lock(&self.pages);
        let mut page = self.page(session)?;
        change(&mut page)?;
        self.keep(session, &page)
    }

    /// Makes a reply that was asked for, and begins its turn on disk before. Takes the session's claim for granted.
    fn serve(
        &self,
        request: &ChatRequest,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Receipt, Reply), NodeError> {
        let session = self.session(request.session)?;
        let page = self.page(request.session)?;
        self.admit(&session, &page, request)?;
        let begin = |begun| {
            self.change(request.session, |page| {
                page.begun = begun;
                Ok(())
            })
        };
        begin(Some((request.turn, request.digest())))?;
        let mut heard = false;
        let generated = self.generate(&session, &page, request, &mut |text| {
            heard = true;
            on_text(text);
        });
        if generated.is_err() && !heard {
            // Nothing of it left: other words may be said instead.
            begin(None)?;
        }
        generated
    }

    fn generate(
        &self,
        session: &Session,
        page: &Page,
        request: &ChatRequest,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Receipt, Reply), NodeError> {
        let (class, version) = (session.offer.class, session.offer.version);
        let missing = NodeError::NotServed { session: request.session, reason: "its version is not loaded" };
        let adapter_digest = *self.adapters.get(&(class, version)).ok_or(missing)?;
        let failed = |e: LoraError| NodeError::Generation { reason: e.to_string() };
        // Follows from the node's seed and the words alone, so that a repeated request gets the same reply.
        let wanted = request.settings;
        let words = request_digest(Digest::ZERO, &request.messages, &wanted);
        let seed = DomainHasher::new("lazai.seed.v1").part(&self.seed.to_le_bytes()).part(words.as_bytes()).finish();
        let seed = u64::from_le_bytes(seed.as_bytes().first_chunk::<8>().copied().unwrap_or_default());
        let ceiling = session.offer.completion_ceiling;
        let sampler = Sampler {
            max_tokens: wanted.max_tokens.map_or(ceiling, |most| most.clamp(1, ceiling.max(1))),
            temperature_milli: wanted.temperature_milli.unwrap_or(self.sampler.temperature_milli),
            top_p_milli: wanted.top_p_milli.unwrap_or(self.sampler.top_p_milli),
        };
        let job = GenerateJob { adapter: Some(adapter_digest), messages: &request.messages, sampler, seed };
        let live = self.moderator.is_live();
        let reply = self.backend.generate(&job, &mut |text| {
            if live {
                on_text(text);
            }
            true
        });
        let reply = reply.map_err(failed)?;
        if let Some(reason) = self.moderator.after(&reply.text) {
            return Err(NodeError::Moderated { reason });
        }
        if !live {
            on_text(&reply.text);
        }
        let completion_tokens = reply.tokens.len() as u64;
        let price = match session.payment {
            SessionPayment::Deposit(_) => session.offer.price(reply.prompt_tokens, completion_tokens)?,
            SessionPayment::Quota(_) => Amount::ZERO,
        };
        let receipt = Receipt {
            session: request.session,
            turn: request.turn,
            request_digest: request.digest(),
            reply_digest: reply_digest(request.salt, &reply.tokens),
            prompt_tokens: reply.prompt_tokens,
            completion_tokens,
            tokenizer_digest: self.backend.about().tokenizer_digest,
            temperature_milli: sampler.temperature_milli,
            top_p_milli: sampler.top_p_milli,
            seed,
            base_digest: self.backend.about().base_digest,
            adapter_digest,
            cumulative: page.owed.checked_add(price)?,
        };
        Ok((receipt, reply))
    }

    /// The reply that was given before to the same request, if this is one.
    fn repeated(&self, request: &ChatRequest) -> Result<Option<ChatReply>, NodeError> {
        let digest = request.digest();
        let last = self.page(request.session)?.last;
        Ok(last.filter(|l| l.turn == request.turn && l.request == digest).map(|l| l.reply))
    }
}

impl Node for Provider {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(async move {
            self.learn_of(request.session).await?;
            self.check_signed(request)?;
            if let Some(reply) = self.repeated(request)? {
                on_text(&reply.text);
                return Ok(reply);
            }
            let claim = self.claim(request.session);
            let _claim = match claim.try_lock() {
                Some(claim) => claim,
                None => {
                    // Who asks the same waits for it; who asks for something else would wait for a refusal.
                    let begun = self.page(request.session)?.begun;
                    if begun.is_some_and(|begun| begun != (request.turn, request.digest())) {
                        return Err(NodeError::TurnOutOfOrder { asked: request.turn, next: request.turn + 1 });
                    }
                    claim.lock().await
                }
            };
            // Somebody may have asked the same meanwhile.
            if let Some(reply) = self.repeated(request)? {
                on_text(&reply.text);
                return Ok(reply);
            }
            let (receipt, reply) = self.serve(request, on_text)?;
            let signature = self.account.sign(&receipt).await?;
            let owed = receipt.cumulative;
            let receipt = SignedReceipt { receipt, signature };
            let reply = ChatReply { text: reply.text, tokens: reply.tokens, receipt };
            let kept =
                LastReply { turn: request.turn, request: reply.receipt.receipt.request_digest, reply: reply.clone() };
            self.change(request.session, |page| {
                page.owed = owed;
                page.last = Some(kept);
                page.begun = None;
                Ok(())
            })?;
            Ok(reply)
        })
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            self.learn_of(voucher.voucher.session).await?;
            let id = voucher.voucher.session;
            if self.page(id)?.paid == Some(*voucher) {
                return Ok(());
            }
            self.session(id)?;
            self.account.ledger().market().check_voucher(&voucher.voucher, &voucher.signature)?;
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
        })
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Provider {{ account: {:?}, backend: {:?}, adapters: {} }}",
            self.account,
            self.backend,
            self.adapters.len()
        )
    }
}
