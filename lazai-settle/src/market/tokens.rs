//! Data Anchoring Tokens: minting, quota, revenue; ERC-8028 with its holes closed.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::dat::VersionMetadata;
use lazai_core::record::RecordClaim;
use lazai_core::{Address, Amount, Asset, ClassId, Digest, Signature, TokenId, VersionNumber};

use super::state::{Class, Market, SubmissionStatus, Token, Version};
use super::{Event, MarketError};

impl Market {
    pub(super) fn mint(
        &mut self,
        exex: Address,
        metadata: &VersionMetadata,
        record_signature: &Signature,
        into: Option<ClassId>,
    ) -> Result<Vec<Event>, MarketError> {
        let id = metadata.submission;
        let state = self.accepted_for(id, exex)?;
        let (submitter, shares) = (state.submitter, state.submission.shares.clone());
        if metadata.exex != exex {
            return Err(MarketError::MetadataMismatch { field: "exex" });
        }
        let digest = metadata.digest().map_err(|_| MarketError::MetadataMismatch { field: "digest" })?;
        let claim = RecordClaim { submission: id, record: metadata.record_digest };
        let checked = record_signature.verify(&self.domain, &claim, exex);
        checked.map_err(|source| MarketError::Signature { what: "training record", source })?;

        let mut class = match into {
            None => Class {
                owner: submitter,
                versions: Vec::new(),
                total_shares: 0,
                revenue: BTreeMap::new(),
                operators: BTreeSet::new(),
            },
            Some(class) => self.class_mut(class)?.clone(),
        };
        if class.owner != submitter {
            return Err(MarketError::NotAllowed { sender: submitter, role: "the owner of the class" });
        }
        for share in &shares {
            let total = class.total_shares.checked_add(share.tokens);
            class.total_shares = total.ok_or(MarketError::TooMany { what: "shares" })?;
        }
        let class_id = into.unwrap_or(ClassId(self.classes.len() as u64 + 1));
        let number = u32::try_from(class.versions.len() + 1).map_err(|_| MarketError::TooMany { what: "versions" })?;
        let version = VersionNumber(number);
        class.versions.push(Version { metadata: metadata.clone(), digest, withdrawn: false });
        let owner = class.owner;
        self.classes.insert(class_id, class);

        let mut events = Vec::new();
        if into.is_none() {
            events.push(Event::ClassCreated { class: class_id, owner });
        }
        events.push(Event::VersionMinted { class: class_id, version, submission: id, metadata: digest });
        for share in shares {
            events.push(self.add_token(class_id, share.contributor, 0, share.tokens, 0));
        }
        if let Some(state) = self.submissions.get_mut(&id) {
            state.status = SubmissionStatus::Minted { class: class_id, version };
        }
        Ok(events)
    }

    /// A new token. It owes what the class has earned so far, in every asset: it takes no part in the past.
    fn add_token(&mut self, class: ClassId, owner: Address, value: u64, shares: u64, expire_at_s: u64) -> Event {
        let token = TokenId(self.tokens.len() as u64 + 1);
        let revenue = self.classes.get(&class).map(|c| &c.revenue);
        let debt = revenue.into_iter().flatten().map(|(&asset, account)| (asset, account.per_share())).collect();
        self.tokens.insert(token, Token { class, owner, value, shares, expire_at_s, debt });
        Event::Minted { token, class, to: owner, value, shares, expire_at_s }
    }

    pub(super) fn mint_access(
        &mut self,
        now_s: u64,
        sender: Address,
        class: ClassId,
        to: Address,
        value: u64,
        expire_at_s: u64,
    ) -> Result<Vec<Event>, MarketError> {
        if self.class_mut(class)?.owner != sender {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the class" });
        }
        if expire_at_s != 0 && expire_at_s < now_s {
            return Err(MarketError::TokenExpired { token: TokenId(0), expire_at_s });
        }
        Ok(vec![self.add_token(class, to, value, 0, expire_at_s)])
    }

    pub(super) fn withdraw_version(
        &mut self,
        sender: Address,
        class: ClassId,
        version: VersionNumber,
    ) -> Result<Vec<Event>, MarketError> {
        let found = self.class_mut(class)?;
        if found.owner != sender {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the class" });
        }
        let index = (version.0 as usize).checked_sub(1);
        let unknown = MarketError::UnknownVersion { class, version };
        let entry = index.and_then(|i| found.versions.get_mut(i)).ok_or(unknown)?;
        if entry.withdrawn {
            return Err(MarketError::VersionWithdrawn { class, version });
        }
        entry.withdrawn = true;
        // What is deposited on it can be fetched back at once.
        for session in self.sessions.values_mut() {
            if session.offer.class == class && session.offer.version == version {
                session.deadline_s = 0;
            }
        }
        Ok(vec![Event::VersionWithdrawn { class, version }])
    }

    pub(super) fn approve_for_class(
        &mut self,
        owner: Address,
        class: ClassId,
        operator: Address,
        approved: bool,
    ) -> Result<Vec<Event>, MarketError> {
        let operators = &mut self.class_mut(class)?.operators;
        if approved {
            operators.insert((owner, operator));
        } else {
            operators.remove(&(owner, operator));
        }
        Ok(vec![Event::ApprovalForClass { owner, class, operator, approved }])
    }

    /// A token that the sender may use now: hers, or of somebody who named her operator.
    pub(super) fn usable_token(&self, now_s: u64, sender: Address, id: TokenId) -> Result<&Token, MarketError> {
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        let operator = self.classes.get(&token.class).is_some_and(|c| c.operators.contains(&(token.owner, sender)));
        if token.owner != sender && !operator {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the token, or her operator" });
        }
        if token.has_expired(now_s) {
            return Err(MarketError::TokenExpired { token: id, expire_at_s: token.expire_at_s });
        }
        Ok(token)
    }

    /// What a token has left after some use; nothing is changed.
    pub(super) fn value_less(&self, now_s: u64, sender: Address, id: TokenId, needed: u64) -> Result<u64, MarketError> {
        let available = self.usable_token(now_s, sender, id)?.value;
        available.checked_sub(needed).ok_or(MarketError::InsufficientValue { token: id, available, needed })
    }

    pub(super) fn set_value(&mut self, id: TokenId, value: u64) {
        if let Some(token) = self.tokens.get_mut(&id) {
            token.value = value;
        }
    }

    pub(super) fn record_usage(
        &mut self,
        now_s: u64,
        sender: Address,
        token: TokenId,
        metric: Digest,
        amount: u64,
    ) -> Result<Vec<Event>, MarketError> {
        let rest = self.value_less(now_s, sender, token, amount)?;
        self.set_value(token, rest);
        Ok(vec![Event::UsageRecorded { token, metric, amount, actor: sender }])
    }

    pub(super) fn transfer_value(
        &mut self,
        now_s: u64,
        sender: Address,
        from: TokenId,
        to: TokenId,
        value: u64,
    ) -> Result<Vec<Event>, MarketError> {
        let rest = self.value_less(now_s, sender, from, value)?;
        let target = self.tokens.get(&to).ok_or(MarketError::UnknownToken { token: to })?;
        if self.tokens.get(&from).map(|t| t.class) != Some(target.class) {
            return Err(MarketError::TokensOfDifferentClasses { from, to });
        }
        if target.has_expired(now_s) {
            return Err(MarketError::TokenExpired { token: to, expire_at_s: target.expire_at_s });
        }
        if from != to {
            let sum = target.value.checked_add(value).ok_or(MarketError::TooMany { what: "units of value" })?;
            self.set_value(from, rest);
            self.set_value(to, sum);
        }
        Ok(vec![Event::ValueTransferred { from, to, value }])
    }

    pub(super) fn transfer_token(
        &mut self,
        sender: Address,
        id: TokenId,
        to: Address,
    ) -> Result<Vec<Event>, MarketError> {
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        if token.owner != sender {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the token" });
        }
        let assets: Vec<Asset> =
            self.classes.get(&token.class).map(|c| c.revenue.keys().copied().collect()).unwrap_or_default();
        // What the token earned so far is the seller's.
        let mut events = Vec::new();
        for asset in assets {
            events.extend(self.claim(sender, id, asset)?);
        }
        if let Some(token) = self.tokens.get_mut(&id) {
            token.owner = to;
        }
        events.push(Event::TransferToken { token: id, from: sender, to });
        Ok(events)
    }

    /// What a token could claim now.
    ///
    /// # Errors
    /// [`MarketError::UnknownToken`].
    pub fn pending_revenue(&self, id: TokenId, asset: Asset) -> Result<Amount, MarketError> {
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        let Some(account) = self.classes.get(&token.class).and_then(|c| c.revenue.get(&asset)) else {
            return Ok(Amount::ZERO);
        };
        let debt = token.debt.get(&asset).copied().unwrap_or_default();
        Ok(account.pending(token.shares, debt)?)
    }

    pub(super) fn claim(&mut self, sender: Address, id: TokenId, asset: Asset) -> Result<Vec<Event>, MarketError> {
        let amount = self.pending_revenue(id, asset)?;
        let token = self.tokens.get_mut(&id).ok_or(MarketError::UnknownToken { token: id })?;
        if token.owner != sender {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the token" });
        }
        let class = token.class;
        if let Some(account) = self.classes.get_mut(&class).and_then(|c| c.revenue.get_mut(&asset)) {
            account.pay_out(amount)?;
            token.debt.insert(asset, account.per_share());
        }
        self.credit(sender, asset, amount)?;
        Ok(vec![Event::Claimed { token: id, to: sender, asset, amount }])
    }

    /// Revenue for a class: to its share tokens, or to its owner where nothing counts.
    pub(super) fn settle_revenue(&mut self, class: ClassId, asset: Asset, amount: Amount) -> Result<(), MarketError> {
        let found = self.class_mut(class)?;
        let owner = found.owner;
        if found.total_shares == 0 {
            return self.credit(owner, asset, amount);
        }
        let shares = found.total_shares;
        Ok(found.revenue.entry(asset).or_default().settle(amount, shares)?)
    }
}
