//! Classes, tokens, quota, revenue.

use lazai_core::record::Quality;

use super::*;

pub fn mint(w: &mut World) -> Told {
    let Some(id) = some_submission(w) else { return told("mint nothing", true, true) };
    if w.one_in(30) {
        // Just in time, or a moment late.
        if let Some(until_s) = w.market.mintable_until_s(id) {
            w.now_s = w.now_s.max(until_s + w.below(2));
            let now_s = w.now_s;
            w.chain.at(now_s);
        }
    }
    mint_of(w, id)
}

pub fn mint_of(w: &mut World, id: SubmissionId) -> Told {
    let exex = w.mostly(EXEX);
    if w.one_in(10) {
        let call = DatasetRegistry::refuseCall { id: id32(id.as_bytes()), reason: "no".into() };
        let registry = w.chain.registry;
        let on_chain = w.chain.send(w.address(exex), registry, 0, &call).is_ok();
        let done = act(w, exex, &Transaction::Refuse { submission: id, reason: "no".into() });
        return told("refuse", done.is_some(), on_chain);
    }
    let payments = [Payment::Gas, Payment::Quota, Payment::GasOrQuota, Payment::GasOrQuota];
    let payment = if w.careful { Payment::GasOrQuota } else { payments[w.below(4) as usize] };
    let policy = AccessPolicy {
        rating: Rating::General,
        minimum_age: 0,
        payment,
        consent: "all".into(),
        report_contact: "none".into(),
    };
    let voice = VoiceInfo { base_digest: sha256(b"base voice"), adapter_digest: sha256(b"voice") };
    let voice = w.one_in(2).then_some(voice);
    let quality = Quality {
        records: 7,
        tokens: 900,
        base_micronats: 4_000_000,
        prompted_micronats: w.one_in(2).then_some(3_500_000),
        tuned_micronats: 3_000_000,
    };
    let quality = w.one_in(2).then_some(quality);
    let metadata = VersionMetadata {
        character: "Ada".into(),
        base: BaseInfo { name: "base".into(), digest: sha256(b"base"), licence: "MIT".into() },
        adapter_digest: sha256(b"adapter"),
        voice,
        quality,
        record_digest: sha256(b"record"),
        submission: id,
        exex: w.address(exex),
        policy,
        endpoints: vec!["local:a".into(), String::new()],
    };
    let claim = RecordClaim { submission: id, record: metadata.record_digest };
    let signer = if w.one_in(20) { w.anyone() } else { exex };
    let record_signature = w.signed(signer, &claim);
    let call = DataAnchoringToken::mintVersionCall {
        metadata: abi::metadata(&metadata),
        recordSignature: bytes(record_signature),
        metadataURI: String::new(),
    };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(exex), token, 0, &call).is_ok();
    let done = act(w, exex, &Transaction::Mint { metadata, record_signature });
    told("mint", done.is_some(), on_chain)
}

/// A class, mostly one that there is.
pub fn some_class(w: &mut World) -> ClassId {
    let count = (1..).take_while(|&n| w.market.class(ClassId(n)).is_some()).count() as u64;
    ClassId(if w.one_in(20) { count + w.below(2) } else { 1 + w.below(count) })
}

pub fn owner_of(w: &mut World, class: ClassId) -> usize {
    let owner = w.market.class(class).and_then(|c| w.person(c.owner));
    owner.map_or(0, |owner| w.mostly(owner))
}

pub fn create_or_mint_token(w: &mut World) -> Told {
    let token = w.chain.token;
    if w.one_in(8) {
        let who = w.anyone();
        let call = DataAnchoringToken::createClassCall {
            metadataURI: String::new(),
            integrityHash: B256::ZERO,
            unitDecimals: 0,
            policyURI: String::new(),
        };
        let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
        return told("create class", act(w, who, &Transaction::CreateClass).is_some(), on_chain);
    }
    let class = some_class(w);
    let (who, to) = (owner_of(w, class), w.anyone());
    let anchored = w.market.class(class).is_some_and(|c| c.anchored);
    let shares = match w.below(8) {
        0 => w.below(u64::MAX),
        1 | 2 => 0,
        _ if anchored => 0,
        _ => w.below(50),
    };
    let value = if w.one_in(10) { u64::MAX - w.below(2) } else { w.below(5) };
    let expire_at_s = match w.below(4) {
        0 if w.one_in(3) => (1 << 40) - w.below(2),
        0 => w.now_s - w.below(2),
        1 => 0,
        _ => w.now_s + w.below(4_000),
    };
    let to = w.address(to);
    let call = DataAnchoringToken::mintCall {
        classId: U256::from(class.0),
        to: to_evm(to),
        value: U256::from(value),
        shareRatio: U256::from(shares),
        expireAt: expire_at_s,
    };
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    let done = act(w, who, &Transaction::MintToken { class, to, value, shares, expire_at_s });
    told("mint token", done.is_some(), on_chain)
}

pub fn tokens(w: &World) -> u64 {
    (1..).take_while(|&n| w.market.token(TokenId(n)).is_some()).count() as u64
}

/// A token, mostly one that there is, and mostly who has it.
pub fn some_token(w: &mut World) -> (TokenId, usize) {
    let count = tokens(w);
    let id = TokenId(if w.one_in(20) { w.below(count + 2) } else { 1 + w.below(count) });
    let owner = w.market.token(id).and_then(|t| w.person(t.owner)).unwrap_or(0);
    (id, w.mostly(owner))
}

pub fn claim(w: &mut World) -> Told {
    let ((id, who), native) = (some_token(w), w.one_in(2));
    let (account, asset) = (w.address(who), w.chain.asset(native));
    let call = DataAnchoringToken::claimCall { tokenId: U256::from(id.0), asset: to_evm(asset.0), to: to_evm(account) };
    let token = w.chain.token;
    let answer = w.chain.send(account, token, 0, &call);
    let events = act(w, who, &Transaction::Claim { token: id, asset });
    // On chain it is paid out at once.
    if let Some([Event::Claimed { amount, .. }]) = events.as_deref() {
        assert_eq!(answer.as_ref().ok(), Some(&U256::from(amount.base_units())), "what was claimed");
        w.market.cross(Crossing::Withdraw { account, asset, amount: *amount }).unwrap();
    }
    told("claim", events.is_some(), answer.is_ok())
}

pub fn sell(w: &mut World) -> Told {
    let ((id, who), to) = (some_token(w), w.anyone());
    let to = w.address(to);
    let call = DataAnchoringToken::transferTokenCall { tokenId: U256::from(id.0), to: to_evm(to) };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    told("transfer token", act(w, who, &Transaction::TransferToken { token: id, to }).is_some(), on_chain)
}

pub fn move_value(w: &mut World) -> Told {
    let ((from, who), (to, _)) = (some_token(w), some_token(w));
    let value = if w.one_in(6) { u64::MAX - 3 } else { w.below(4) };
    let call = DataAnchoringToken::transferValueCall {
        fromTokenId: U256::from(from.0),
        toTokenId: U256::from(to.0),
        value: U256::from(value),
    };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    let done = act(w, who, &Transaction::TransferValue { from, to, value });
    told("transfer value", done.is_some(), on_chain)
}

pub fn use_quota(w: &mut World) -> Told {
    let ((id, who), amount) = (some_token(w), w.below(3));
    let token = w.chain.token;
    if w.one_in(3) {
        let (class, other, approved) = (some_class(w), w.anyone(), !w.one_in(3));
        let operator = w.address(other);
        let call = DataAnchoringToken::approveForClassCall {
            classId: U256::from(class.0),
            operator: to_evm(operator),
            approved,
        };
        let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
        let done = act(w, who, &Transaction::ApproveForClass { class, operator, approved });
        return told("approve", done.is_some(), on_chain);
    }
    let metric = sha256(b"metric");
    let call = DataAnchoringToken::recordUsageCall {
        tokenId: U256::from(id.0),
        metricType: b(metric),
        amount: U256::from(amount),
    };
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    told("usage", act(w, who, &Transaction::RecordUsage { token: id, metric, amount }).is_some(), on_chain)
}

/// The version number of a class, mostly one that there is, as both sides say it.
pub fn some_version(w: &mut World, class: ClassId) -> u32 {
    let versions = w.market.class(class).map_or(0, |c| c.versions.len() as u64);
    match versions {
        _ if w.one_in(10) => w.below(versions + 2) as u32,
        0 => 0,
        _ => 1 + w.below(versions) as u32,
    }
}

pub fn pass_on(w: &mut World) -> Told {
    let (who, class, native) = (w.anyone(), some_class(w), w.one_in(2));
    let (number, asset) = (some_version(w, class), w.chain.asset(native));
    let call = DataAnchoringToken::passCall { classId: U256::from(class.0), version: number, asset: to_evm(asset.0) };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    let done = act(w, who, &Transaction::PassRevenue { class, version: VersionNumber(number), asset });
    told("pass revenue", done.is_some(), on_chain)
}

pub fn settle(w: &mut World) -> Told {
    let (who, class, native, units) = (w.anyone(), some_class(w), w.one_in(2), w.amount());
    let number = some_version(w, class);
    let version = (number != 0).then_some(VersionNumber(number));
    let (account, asset, amount) = (w.address(who), w.chain.asset(native), Amount::from_base_units(units));
    let token = w.chain.token;
    let on_chain = if native {
        let call = DataAnchoringToken::settleRevenueETH_0Call { classId: U256::from(class.0), version: number };
        w.chain.send(account, token, units, &call).is_ok()
    } else {
        let (class, asset) = (U256::from(class.0), to_evm(asset.0));
        let amount = U256::from(units);
        let call = DataAnchoringToken::settleRevenueERC20_0Call { classId: class, version: number, asset, amount };
        w.chain.send(account, token, 0, &call).is_ok()
    };
    let done = paid(w, who, asset, amount, &Transaction::SettleRevenue { class, version, asset, amount });
    told("settle revenue", done.is_some(), on_chain)
}

pub fn withdraw_version(w: &mut World) -> Told {
    // Seldom: what is withdrawn opens no sessions any more.
    if !w.one_in(4) {
        return pass(w);
    }
    let class = some_class(w);
    let (who, version) = (owner_of(w, class), VersionNumber(w.below(3) as u32));
    let call = DataAnchoringToken::withdrawVersionCall { classId: U256::from(class.0), version: version.0 };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    told("withdraw version", act(w, who, &Transaction::WithdrawVersion { class, version }).is_some(), on_chain)
}
