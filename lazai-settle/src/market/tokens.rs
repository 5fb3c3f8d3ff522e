//! Data Anchoring Tokens, after ERC-8028: minting, quota, sale.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::dat::VersionMetadata;
use lazai_core::record::RecordClaim;
use lazai_core::{Address, Asset, ClassId, Digest, MoneyError, Signature, TokenId, VersionNumber};

use super::class::{Class, MAX_EXPIRING, MAX_EXPIRY_S, MAX_VERSIONS, Pot, Token, Version};
use super::state::Market;
use super::submission::SubmissionStatus;
use super::{Event, MarketError};
use crate::shares::{RevenueAccount, debt_at};

impl Market {
    pub(super) fn mint(
        &mut self,
        now_s: u64,
        exex: Address,
        metadata: &VersionMetadata,
        record_signature: &Signature,
    ) -> Result<Vec<Event>, MarketError> {
        let id = metadata.submission;
        self.check_final(now_s, id)?;
        let state = self.accepted_for(id, exex)?;
        let (submitter, lineage) = (state.submitter, state.submission.lineage);
        let (shares, into) = (state.submission.shares.clone(), lineage.class());
        let total_shares = state.submission.tokens().ok_or(MarketError::TooMany { what: "shares" })?;
        if metadata.exex != exex {
            return Err(MarketError::MetadataMismatch { field: "exex" });
        }
        let digest = metadata.digest();
        let claim = RecordClaim { submission: id, record: metadata.record_digest };
        self.check_signed_by("training record", record_signature, &claim, exex)?;

        let mut class = match into {
            None => Class::owned_by(submitter, true),
            Some(class) => self.class_mut(class)?.clone(),
        };
        class.check_next_by(submitter)?;
        let class_id = into.unwrap_or(ClassId(self.classes.len() as u64 + 1));
        if class.versions.len() == MAX_VERSIONS {
            return Err(MarketError::TooMany { what: "versions" });
        }
        let version = VersionNumber(u32::try_from(class.versions.len() + 1).unwrap_or(u32::MAX));
        let pot = Pot { total_shares, revenue: BTreeMap::new() };
        let (after, keep) = (lineage.after(), lineage.keep());
        class.versions.push(Version { metadata: metadata.clone(), digest, withdrawn: false, after, keep, pot });
        let owner = class.owner;
        self.classes.insert(class_id, class);

        let mut events = Vec::new();
        if into.is_none() {
            events.push(Event::ClassCreated { class: class_id, owner, anchored: true });
        }
        events.push(Event::VersionMinted { class: class_id, version, submission: id, metadata: digest });
        for share in shares {
            let token = Token::of(class_id, Some(version), share.contributor, 0, share.tokens, 0);
            events.push(self.add_token(token));
        }
        if let Some(state) = self.submissions.get_mut(&id) {
            state.status = SubmissionStatus::Minted { class: class_id, version };
        }
        Ok(events)
    }

    pub(super) fn create_class(&mut self, owner: Address) -> Vec<Event> {
        let class = ClassId(self.classes.len() as u64 + 1);
        self.classes.insert(class, Class::owned_by(owner, false));
        vec![Event::ClassCreated { class, owner, anchored: false }]
    }

    fn add_token(&mut self, new: Token) -> Event {
        let token = TokenId(self.tokens.len() as u64 + 1);
        let Token { class, owner: to, value, shares, expire_at_s, .. } = new;
        self.tokens.insert(token, new);
        Event::Minted { token, class, to, value, shares, expire_at_s }
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one transaction")]
    pub(super) fn mint_token(
        &mut self,
        now_s: u64,
        sender: Address,
        class: ClassId,
        to: Address,
        value: u64,
        shares: u64,
        expire_at_s: u64,
    ) -> Result<Vec<Event>, MarketError> {
        let found = self.owned_class(sender, class)?;
        if shares != 0 && found.anchored {
            return Err(MarketError::SharesComeFromSubmissions { class });
        }
        if expire_at_s != 0 && expire_at_s < now_s {
            return Err(MarketError::TokenExpired { token: TokenId(0), expire_at_s });
        }
        if expire_at_s > MAX_EXPIRY_S {
            return Err(MarketError::TooMany { what: "seconds until the expiry" });
        }
        let found = self.classes.get(&class).ok_or(MarketError::UnknownClass { class })?;
        let counted = self.shares_counted(now_s, class).checked_add(shares);
        let counted = counted.ok_or(MarketError::TooMany { what: "shares" })?;
        let expiring = shares != 0 && expire_at_s != 0;
        if expiring && found.expiring.len() - self.expired(now_s, class).len() == MAX_EXPIRING {
            return Err(MarketError::TooMany { what: "share tokens that expire" });
        }
        // Its debt starts at the class's earnings so far, in every asset: it takes no part in the past.
        let had = |(&asset, account): (&Asset, &RevenueAccount)| Ok((asset, debt_at(shares, account.per_share())?));
        let debt = found.pot.revenue.iter().map(had).collect::<Result<_, MoneyError>>()?;
        let mut events = self.process_expiries(now_s, class);
        events.push(self.add_token(Token { debt, ..Token::of(class, None, to, value, shares, expire_at_s) }));
        let token = TokenId(self.tokens.len() as u64);
        let found = self.class_mut(class)?;
        found.pot.total_shares = counted;
        if expiring {
            found.expiring.insert(token);
        }
        Ok(events)
    }

    /// Share tokens of a class whose expiry was not observed yet.
    fn expired(&self, now_s: u64, class: ClassId) -> Vec<TokenId> {
        let expiring = self.classes.get(&class).map(|c| &c.expiring);
        let over = |id: &&TokenId| self.tokens.get(*id).is_some_and(|t| t.has_expired(now_s));
        expiring.into_iter().flatten().filter(over).copied().collect()
    }

    /// Shares of no version that count now.
    pub(super) fn shares_counted(&self, now_s: u64, class: ClassId) -> u64 {
        let gone: u64 = self.expired(now_s, class).iter().filter_map(|id| self.tokens.get(id)).map(|t| t.shares).sum();
        self.classes.get(&class).map_or(0, |c| c.pot.total_shares).saturating_sub(gone)
    }

    /// Observes the expiries of a class. Nothing was settled since, so a share's earnings are still those of that time.
    pub(super) fn process_expiries(&mut self, now_s: u64, class: ClassId) -> Vec<Event> {
        let expired = self.expired(now_s, class);
        let Some(found) = self.classes.get_mut(&class) else { return Vec::new() };
        for id in &expired {
            found.expiring.remove(id);
            if let Some(token) = self.tokens.get_mut(id) {
                found.pot.total_shares = found.pot.total_shares.saturating_sub(token.shares);
                token.frozen = Some(found.pot.revenue.iter().map(|(&asset, a)| (asset, a.per_share())).collect());
            }
        }
        expired.into_iter().map(|token| Event::Expired { token }).collect()
    }

    pub(super) fn withdraw_version(
        &mut self,
        sender: Address,
        class: ClassId,
        version: VersionNumber,
    ) -> Result<Vec<Event>, MarketError> {
        self.owned_class(sender, class)?;
        let found = self.class_mut(class)?;
        let index = (version.0 as usize).checked_sub(1);
        let unknown = MarketError::UnknownVersion { class, version };
        let entry = index.and_then(|i| found.versions.get_mut(i)).ok_or(unknown)?;
        if entry.withdrawn {
            return Err(MarketError::VersionWithdrawn { class, version });
        }
        entry.withdrawn = true;
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

    /// A token that the sender may use now: as its owner, or as an operator whom the owner named.
    pub(super) fn usable_token(&self, now_s: u64, sender: Address, id: TokenId) -> Result<&Token, MarketError> {
        let token = self.tokens.get(&id).ok_or(MarketError::UnknownToken { token: id })?;
        let operator = self.classes.get(&token.class).is_some_and(|c| c.operators.contains(&(token.owner, sender)));
        if token.owner != sender && !operator {
            return Err(MarketError::NotAllowed { sender, role: "the owner of the token, or the owner's operator" });
        }
        if token.has_expired(now_s) {
            return Err(MarketError::TokenExpired { token: id, expire_at_s: token.expire_at_s });
        }
        Ok(token)
    }

    /// The quota of a token after some use; nothing is changed.
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
        if value == 0 {
            return Err(MarketError::InsufficientValue { token: from, available: 0, needed: 1 });
        }
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
        let pot = self.classes.get(&token.class).and_then(|c| c.pot(token.version));
        let assets: Vec<Asset> = pot.map(|pot| pot.revenue.keys().copied().collect()).unwrap_or_default();
        // The seller keeps what the token earned so far.
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
}

impl Class {
    fn owned_by(owner: Address, anchored: bool) -> Self {
        Self {
            owner,
            anchored,
            versions: Vec::new(),
            pot: Pot::default(),
            expiring: BTreeSet::new(),
            operators: BTreeSet::new(),
        }
    }

    /// Versions come from submissions of the class's owner alone.
    pub(super) fn check_next_by(&self, submitter: Address) -> Result<(), MarketError> {
        let role = "the owner of an anchored class";
        let allowed = self.owner == submitter && self.anchored;
        if allowed { Ok(()) } else { Err(MarketError::NotAllowed { sender: submitter, role }) }
    }
}

impl Token {
    fn of(
        class: ClassId,
        version: Option<VersionNumber>,
        owner: Address,
        value: u64,
        shares: u64,
        expire_at_s: u64,
    ) -> Self {
        Self { class, version, owner, value, shares, expire_at_s, debt: BTreeMap::new(), frozen: None }
    }
}
