//! Getting paid: redeems vouchers, ends sessions.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use lazai_core::quiet::without_addresses;
use lazai_core::sign::SignatureError;
use lazai_core::{SessionId, Signature};
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::{Event, Market, MarketError, Transaction};
use lazai_settle::session::{Session, SessionRelease, Voucher};

use super::Provider;
use super::book::Matter;
use crate::account::SendError;
use crate::node::{NodeError, ReleaseClaim, ReleaseRequest, SignedRelease, SignedVoucher};

/// Vouchers per redeeming transaction: a block holds a few such.
const BATCH: usize = 100;
/// Transactions in progress at a time.
const UNDER_WAY: usize = 8;
/// The time for which a reply that another replica makes is waited for before its session ends.
const PATIENCE: Duration = Duration::from_secs(30);

impl Provider {
    /// Redeems the last voucher of a session. Does nothing if it was redeemed, alone or among others.
    ///
    /// # Errors
    /// [`NodeError::Book`], [`NodeError::Ledger`], or the market's error.
    pub async fn redeem(&self, session: SessionId) -> Result<(), NodeError> {
        let Some(SignedVoucher { voucher, signature }) = self.page(session).await?.paid else {
            return Ok(());
        };
        let label = format!("redeem {session} {}", voucher.cumulative);
        let sent = self.send(&label, Transaction::Redeem { voucher, signature }).await;
        // The node may have redeemed it meanwhile: then the caller's goal is reached.
        let redeemed = self.account.ledger().head().session(session).map(|s| s.redeemed);
        if redeemed >= Some(voucher.cumulative) { Ok(()) } else { sent }
    }

    /// Redeems everything that is owed and not redeemed yet, under any offer: on a chain, a hundred sessions per
    /// transaction. Returns those that the ledger refused.
    ///
    /// # Errors
    /// [`NodeError::Book`] if the folder of sessions cannot be read, [`NodeError::Ledger`] on a whole batch.
    pub async fn redeem_all(&self) -> Result<Vec<(SessionId, NodeError)>, NodeError> {
        self.redeem_where(|_| true).await
    }

    /// Redeems vouchers that could soon be lost: of sessions whose end was requested, or whose deadline is less than
    /// `margin` away. Call it more often than every half dispute window of the market; [`Front::spawn`] does.
    ///
    /// # Errors
    /// As [`redeem_all`](Self::redeem_all).
    ///
    /// [`Front::spawn`]: crate::http::Front::spawn
    pub async fn redeem_due(&self, margin: Duration) -> Result<Vec<(SessionId, NodeError)>, NodeError> {
        let refreshed = self.account.ledger().refresh().await;
        refreshed.map_err(|e| NodeError::Ledger { reason: e.to_string() })?;
        let soon_s = self.account.ledger().now_s().saturating_add(margin.as_secs());
        self.redeem_where(|session| session.final_at_s.is_some() || session.deadline_s < soon_s).await
    }

    async fn redeem_where(&self, due: impl Fn(&Session) -> bool) -> Result<Vec<(SessionId, NodeError)>, NodeError> {
        let _claim = self.at_ledger().await?;
        // Another replica may have redeemed while this one waited.
        if let Err(error) = self.account.ledger().refresh().await {
            let error = without_addresses(error);
            tracing::debug!(%error, "the ledger does not answer: what was read last counts");
        }
        let (market, head) = (self.account.ledger().market(), self.account.ledger().head());
        let mut vouchers = Vec::new();
        for id in self.sessions().await? {
            let Some(session) = market.session(id).filter(|s| !s.closed) else { continue };
            // That its end was asked for is heeded before it is deep.
            let latest = head.session(id).unwrap_or(session);
            if !due(latest) {
                continue;
            }
            let paid = self.page(id).await?.paid.filter(|paid| paid.voucher.cumulative > session.redeemed);
            if let Some(SignedVoucher { voucher, signature }) = paid {
                let won = voucher.cumulative.checked_sub(session.redeemed)?;
                let until_s = latest.final_at_s.unwrap_or(latest.deadline_s);
                vouchers.push((until_s, Reverse(won), (voucher, signature)));
            }
        }
        // Soonest lost first, then dearest.
        vouchers.sort_by_key(|(until_s, won, _)| (*until_s, *won));
        let vouchers: Vec<_> = vouchers.into_iter().map(|(.., voucher)| voucher).collect();
        let batches = vouchers.chunks(BATCH).map(|batch| self.redeem_batch(batch.to_vec()));
        let done: Vec<_> = stream::iter(batches).buffered(UNDER_WAY).collect().await;
        let refused: Result<Vec<_>, NodeError> = done.into_iter().collect();
        Ok(refused?.into_iter().flatten().collect())
    }

    /// Redeems vouchers in one transaction; returns those that the ledger refused.
    async fn redeem_batch(&self, batch: Vec<(Voucher, Signature)>) -> Result<Vec<(SessionId, NodeError)>, NodeError> {
        let entries = self.account.redeem(batch.clone()).await.map_err(in_words)?;
        let redeemed: BTreeSet<SessionId> = entries.iter().flat_map(|e| &e.events).filter_map(redeemed_of).collect();
        let market = self.account.ledger().market();
        let passed_over = || NodeError::Ledger { reason: "the voucher was passed over".into() };
        let reason = |voucher, signature| {
            market.check_voucher(voucher, signature).err().map_or_else(passed_over, NodeError::from)
        };
        let left = batch.iter().filter(|(voucher, _)| !redeemed.contains(&voucher.session));
        Ok(left.map(|(voucher, signature)| (voucher.session, reason(voucher, signature))).collect())
    }

    /// Signs that a session may end at once; its payer can then end it. First redeems everything owed; the session is not
    /// served any more.
    ///
    /// # Errors
    /// [`NodeError::NotPaid`] while a reply is owed; [`NodeError::Book`], [`NodeError::Ledger`], or the market's error.
    pub async fn release(&self, session: SessionId) -> Result<SignedRelease, NodeError> {
        let line = self.line(session)?;
        let _first = line.lock().await;
        let claim = self.book.claim(Matter::Session(session), PATIENCE).await?;
        let _claim =
            claim.ok_or(NodeError::Busy { reason: "another replica of this node makes a reply of this session" })?;
        self.change(session, |page| {
            if page.owed > page.paid() {
                return Err(NodeError::NotPaid { owed: page.owed, paid: page.paid() });
            }
            page.released = true;
            Ok(())
        })
        .await?;
        let unknown = || MarketError::UnknownSession { session };
        let redeemed = |market: &Market| market.session(session).map(|s| s.redeemed).ok_or_else(unknown);
        let (paid, before) = (self.page(session).await?.paid(), redeemed(&self.account.ledger().market())?);
        if before < paid {
            self.redeem(session).await?;
        }
        let release = SessionRelease { session, redeemed: before.max(paid) };
        Ok(SignedRelease { release, signature: self.account.sign(&release).await? })
    }

    /// As [`release`](Self::release), at the signed request of the session's consumer.
    ///
    /// # Errors
    /// [`NodeError::Market`] for another's signature or an unknown session, [`NodeError::NotServed`] for one of another node
    /// or one that is closed; otherwise as [`release`](Self::release).
    pub async fn release_asked(&self, request: &ReleaseRequest) -> Result<SignedRelease, NodeError> {
        let ReleaseRequest { session: id, signature } = *request;
        self.learn_of(id).await?;
        let market = self.account.ledger().market();
        let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
        if session.offer.node != self.address() || session.closed {
            return Err(NodeError::NotServed { session: id, reason: "it is opened with another node, or closed" });
        }
        let checked = signature.verify(&self.account.domain(), &ReleaseClaim { session: id }, session.consumer);
        let refused = |source: SignatureError| MarketError::Signature { what: "release request", source };
        checked.map_err(refused)?;
        self.release(id).await
    }

    /// Ends a session; the unredeemed rest goes back to its payer.
    ///
    /// # Errors
    /// The ledger's error.
    pub async fn close(&self, session: SessionId) -> Result<(), NodeError> {
        self.send(&format!("close {session}"), Transaction::CloseSession { session }).await
    }

    async fn send(&self, label: &str, transaction: Transaction) -> Result<(), NodeError> {
        let _claim = self.at_ledger().await?;
        self.account.send(label, transaction).await.map(|_| ()).map_err(in_words)
    }
}

fn in_words(error: SendError) -> NodeError {
    match error {
        SendError::Signer(error) => error.into(),
        SendError::Ledger(LedgerError::Market(error)) => error.into(),
        error => NodeError::Ledger { reason: error.to_string() },
    }
}

fn redeemed_of(event: &Event) -> Option<SessionId> {
    match event {
        Event::VoucherRedeemed { session, .. } => Some(*session),
        _ => None,
    }
}
