//! What a node remembers of a session: a page of its book, written before a reply is sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lazai_core::digest::DomainHasher;
use lazai_core::quiet::json_error;
use lazai_core::seal::DataKey;
use lazai_core::{Amount, Digest, SessionId};
use serde::{Deserialize, Serialize};

use super::Provider;
use super::book::{BookError, Claim, Matter};
use super::credits::{KeptCredit, KeptKey, KeptOrder};
use super::sale::KeptSale;
use crate::node::{Asked, ChatReply, NodeError, SignedVoucher};
use crate::speech::SignedSpeechReceipt;

/// Where the requests of a session stand in line; one at a time is served.
pub(super) type Line = Arc<async_lock::Mutex<()>>;

/// Requests of one session that wait while one is served.
const MAX_WAITING: usize = 2;
/// The time for which a claim that another replica holds is waited for before the page is looked at again.
const GLANCE: Duration = Duration::from_millis(200);
/// The time for which other replicas' transactions are waited for.
const AT_LEDGER: Duration = Duration::from_secs(30);

/// The first place in a session's line, and the claim to the session among replicas: given back when it is dropped.
pub(super) struct First {
    place: async_lock::MutexGuardArc<()>,
    _claim: Option<Claim>,
}

impl First {
    /// Tells whether others beside its holder and the map wait in the line.
    pub fn is_waited_for(&self) -> bool {
        Arc::strong_count(async_lock::MutexGuardArc::source(&self.place)) > 2
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves whole state: it is replaced, never half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Session state. Written to disk before a reply is sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub owed: Amount,
    pub paid: Option<SignedVoucher>,
    pub last: Option<LastReply>,
    /// What was spoken last, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoken: Option<LastSpeech>,
    /// The orders of credits, each of which can be collected again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bought: Vec<KeptOrder>,
    /// The keys of credits, in the page of a version's keys alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credit_keys: Vec<KeptKey>,
    /// In the page of a credit: it is spent once `begun` or `last` names a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<KeptCredit>,
    /// On disk before the first token leaves, so that a client that returns after a crash gets that reply and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    #[serde(default, skip_serializing_if = "Moderated::is_none")]
    pub moderated: Moderated,
    /// A reply that is paid at once: the page is of no session then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<KeptSale>,
    /// The node signed that the session may end: it is not served any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

/// The turn that is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    pub turn: u32,
    pub request: Digest,
    /// True if everybody who wanted it left once: the next time it is made to its end, so that no turn stays begun for
    /// ever.
    pub left: bool,
}

impl Begun {
    pub fn is_by(&self, asked: &Asked) -> bool {
        (self.turn, self.request) == (asked.turn, asked.digest)
    }
}

/// Requests that the moderator stopped lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moderated {
    /// The number of requests in a row.
    pub in_a_row: u32,
    /// The time before which no request is looked at, in the ledger's seconds.
    pub until_s: u64,
}

impl Moderated {
    /// The number of stopped requests in a row that are looked at (a reply may have been made for each, for nothing) before
    /// a pause.
    const MOST: u32 = 5;
    const PAUSE_S: u64 = 600;

    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// One more.
    pub fn count(&mut self, now_s: u64) {
        self.in_a_row += 1;
        if self.in_a_row >= Self::MOST {
            *self = Self { in_a_row: 0, until_s: now_s.saturating_add(Self::PAUSE_S) };
        }
    }
}

/// The state of one session in a node's book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last reply that was made, from 1; 0 before the first.
    pub turn: u32,
    /// The amount owed for all replies.
    pub owed: Amount,
    /// The last voucher that came in.
    pub paid: Option<SignedVoucher>,
}

impl Standing {
    /// The amount that the last voucher promises.
    #[must_use]
    pub fn promised(&self) -> Amount {
        self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastReply {
    pub turn: u32,
    pub request: Digest,
    pub reply: KeptReply,
}

/// A reply as it is kept: only who asks for it again has its words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum KeptReply {
    Sealed(SealedReply),
    /// As versions before kept it.
    Clear(Box<ChatReply>),
}

/// A reply under a key that its request's salt makes, in hex. The salt comes with each request, and is kept nowhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedReply {
    sealed: String,
}

impl KeptReply {
    fn key(asked: &Asked, salt: Digest) -> DataKey {
        let key = DomainHasher::new("lazai.kept.v1").part(salt.as_bytes()).part(asked.digest.as_bytes());
        DataKey::from_bytes(*key.finish().as_bytes())
    }

    pub fn seal(asked: &Asked, salt: Digest, reply: &ChatReply) -> Result<Self, NodeError> {
        let failed = |reason: &dyn std::fmt::Display| BookError::new(asked.session, reason);
        let words = serde_json::to_vec(reply).map_err(|e| failed(&json_error(&e)))?;
        let sealed = Self::key(asked, salt).encrypt(&words, asked.session.as_bytes()).map_err(|e| failed(&e))?;
        Ok(Self::Sealed(SealedReply { sealed: hex::encode(sealed) }))
    }

    pub fn open(self, asked: &Asked, salt: Digest) -> Result<ChatReply, NodeError> {
        let failed = |reason: &dyn std::fmt::Display| BookError::new(asked.session, reason);
        let sealed = match self {
            Self::Clear(reply) => return Ok(*reply),
            Self::Sealed(SealedReply { sealed }) => hex::decode(sealed).map_err(|e| failed(&e))?,
        };
        let words = Self::key(asked, salt).decrypt(&sealed, asked.session.as_bytes()).map_err(|e| failed(&e))?;
        Ok(serde_json::from_slice(&words).map_err(|e| failed(&json_error(&e)))?)
    }
}

/// What was spoken last. Its samples are not kept: the same seed gives them again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastSpeech {
    pub turn: u32,
    pub request: Digest,
    pub receipt: SignedSpeechReceipt,
    pub price: Amount,
    /// How often it was spoken again.
    #[serde(default)]
    pub again: u8,
}

impl Page {
    /// A page of the book; that of a session without replies where there is none.
    pub fn read(session: SessionId, bytes: Option<&[u8]>) -> Result<Self, BookError> {
        let read = |bytes| serde_json::from_slice(bytes).map_err(|e| BookError::new(session, json_error(&e)));
        bytes.map_or_else(|| Ok(Self::default()), read)
    }

    pub fn paid(&self) -> Amount {
        self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative)
    }

    pub fn turn(&self) -> u32 {
        let spoken = self.spoken.as_ref().map_or(0, |spoken| spoken.turn);
        let bought = self.bought.last().map_or(0, |bought| bought.receipt.receipt.turn);
        self.last.as_ref().map_or(0, |last| last.turn).max(spoken).max(bought)
    }

    /// Checks that a request is for the next reply, and that no other was begun for it. Looked at again whenever the page is
    /// replaced: another replica may have been here since.
    pub fn is_next(&self, asked: &Asked) -> Result<(), NodeError> {
        let (session, next) = (asked.session, self.turn().saturating_add(1));
        if self.released {
            return Err(NodeError::NotServed { session, reason: "the node released it" });
        }
        if asked.turn != next {
            return Err(NodeError::TurnOutOfOrder { asked: asked.turn, next });
        }
        if self.begun.is_some_and(|begun| begun.turn == next && !begun.is_by(asked)) {
            let reason = "another request for this reply was begun: the same words again get it";
            return Err(NodeError::NotServed { session, reason });
        }
        Ok(())
    }
}

impl Provider {
    /// The sessions with a page.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the book cannot be read.
    pub async fn sessions(&self) -> Result<Vec<SessionId>, NodeError> {
        Ok(self.book.sessions().await?)
    }

    /// The state of a session in the book; that of a session without replies if nothing is kept.
    ///
    /// # Errors
    /// [`NodeError::Book`] if its page cannot be read.
    pub async fn standing(&self, session: SessionId) -> Result<Standing, NodeError> {
        let page = self.page(session).await?;
        Ok(Standing { turn: page.turn(), owed: page.owed, paid: page.paid })
    }

    pub(super) async fn page(&self, session: SessionId) -> Result<Page, NodeError> {
        Ok(Page::read(session, self.book.page(session).await?.as_deref())?)
    }

    /// Changes a session's page. If another replica of this node changed it meanwhile, the change is made to what that one
    /// wrote.
    pub(super) async fn change(
        &self,
        session: SessionId,
        change: impl Fn(&mut Page) -> Result<(), NodeError> + Send + Sync,
    ) -> Result<(), NodeError> {
        loop {
            let before = self.book.page(session).await?;
            let mut page = Page::read(session, before.as_deref())?;
            change(&mut page)?;
            let after = serde_json::to_vec(&page).map_err(|e| BookError::new(session, e))?;
            if before.as_deref() == Some(&*after) || self.book.replace(session, before.as_deref(), &after).await? {
                return Ok(());
            }
        }
    }

    /// The earlier reply to the same request, if there is one.
    pub(super) async fn repeated(&self, asked: &Asked, salt: Digest) -> Result<Option<ChatReply>, NodeError> {
        let last = self.page(asked.session).await?.last;
        let last = last.filter(|last| (last.turn, last.request) == (asked.turn, asked.digest));
        last.map(|last| last.reply.open(asked, salt)).transpose()
    }

    /// The first place in the session's line, here and among all replicas of this node: one turn is made at a time. Who asks for
    /// the same as the one before waits for it; any other would wait for a refusal, and has it at once.
    pub(super) async fn first_in_line(
        &self,
        asked: &Asked,
        wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<First, NodeError> {
        let line = self.line(asked.session)?;
        let place = match line.try_lock_arc() {
            Some(place) => place,
            None => {
                let begun = self.page(asked.session).await?.begun;
                if begun.is_some_and(|begun| !begun.is_by(asked)) {
                    return Err(NodeError::TurnOutOfOrder { asked: asked.turn, next: asked.turn.saturating_add(1) });
                }
                let place = line.lock_arc();
                // Who waits counts once.
                drop(line);
                place.await
            }
        };
        let mut first = First { place, _claim: None };
        let claim = self.claim(asked, &|| wanted() || first.is_waited_for()).await?;
        first._claim = Some(claim);
        Ok(first)
    }

    /// The line of a session's requests.
    ///
    /// # Errors
    /// [`NodeError::Busy`] if enough requests wait for that session: one consumer does not fill a whole server.
    pub(super) fn line(&self, session: SessionId) -> Result<Line, NodeError> {
        let mut lines = lock(&self.lines);
        // Nobody stands in the others.
        lines.retain(|id, line| *id == session || Arc::strong_count(line) > 1);
        let line = lines.entry(session).or_default();
        if Arc::strong_count(line) > 1 + 1 + MAX_WAITING {
            return Err(NodeError::Busy { reason: "enough requests of this session are waiting" });
        }
        Ok(Arc::clone(line))
    }

    /// The claim to a session among all replicas of this node, for who is first in its line here. Waits for another replica
    /// only while that one makes the same reply.
    async fn claim(&self, asked: &Asked, wanted: &(dyn Fn() -> bool + Sync)) -> Result<Claim, NodeError> {
        loop {
            if let Some(claim) = self.book.claim(Matter::Session(asked.session), GLANCE).await? {
                return Ok(claim);
            }
            let begun = self.page(asked.session).await?.begun;
            if begun.is_some_and(|begun| !begun.is_by(asked)) {
                return Err(NodeError::TurnOutOfOrder { asked: asked.turn, next: asked.turn.saturating_add(1) });
            }
            if !wanted() {
                return Err(NodeError::Left);
            }
        }
    }

    /// The right to send transactions as this node: its replicas take turns, as they have one account. A turn only saves lost
    /// transactions, so one that does not come is not waited for long: what is due is redeemed in time.
    pub(super) async fn at_ledger(&self) -> Result<Option<Claim>, NodeError> {
        let claim = self.book.claim(Matter::Ledger, AT_LEDGER).await?;
        if claim.is_none() {
            tracing::debug!("another replica sends transactions for long: this one does not wait any more");
        }
        Ok(claim)
    }
}
