//! Money, sessions, vouchers.

use super::*;

pub fn deposit(w: &mut World) -> Told {
    let (who, native, amount) = (w.anyone(), w.one_in(2), w.amount());
    let asset = if w.one_in(30) { Asset(w.address(1)) } else { w.chain.asset(native) };
    deposit_of(w, who, asset, amount)
}

pub fn deposit_of(w: &mut World, who: usize, asset: Asset, amount: u128) -> Told {
    let value = if asset == Asset::NATIVE { amount } else { 0 };
    let call = Settlement::depositCall { asset: to_evm(asset.0), amount: U256::from(amount) };
    let to = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), to, value, &call).is_ok();
    let account = w.address(who);
    let done = w.market.cross(Crossing::Deposit { account, asset, amount: Amount::from_base_units(amount) }).is_ok();
    told("deposit", done, on_chain)
}

pub fn withdraw(w: &mut World) -> Told {
    let (who, native, amount) = (w.anyone(), w.one_in(2), w.amount());
    let (account, asset) = (w.address(who), w.chain.asset(native));
    let to = w.chain.settlement;
    let call = Settlement::withdrawCall { asset: to_evm(asset.0), to: to_evm(account), amount: U256::from(amount) };
    let on_chain = w.chain.send(account, to, 0, &call).is_ok();
    let amount = Amount::from_base_units(amount);
    told("withdraw", w.market.cross(Crossing::Withdraw { account, asset, amount }).is_ok(), on_chain)
}

pub fn transfer(w: &mut World) -> Told {
    let (who, other, native, amount) = (w.anyone(), w.anyone(), w.one_in(2), w.amount());
    let (to, asset) = (w.address(other), w.chain.asset(native));
    let call = Settlement::transferCall { to: to_evm(to), asset: to_evm(asset.0), amount: U256::from(amount) };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), settlement, 0, &call).is_ok();
    let done = act(w, who, &Transaction::Transfer { to, asset, amount: Amount::from_base_units(amount) });
    told("transfer", done.is_some(), on_chain)
}

pub fn open(w: &mut World) -> Told {
    let (node, offer) = w.offer();
    let (payer, consumer) = (w.anyone(), w.anyone());
    w.nonce += u64::from(!w.one_in(10));
    let nonce = w.nonce;
    let signer = if w.one_in(25) { w.anyone() } else { node };
    let offer_signature = w.signed(signer, &offer);
    let balance = w.market.balance(w.address(payer), offer.asset).base_units();
    let payment = if w.one_in(4) {
        let own = (1..200).map(TokenId).filter(|&t| {
            w.market.token(t).is_some_and(|t| t.owner == w.address(payer) && t.class == offer.class && t.value > 0)
        });
        SessionPayment::Quota(own.last().unwrap_or(TokenId(1)))
    } else {
        let large = w.one_in(20);
        let part = u128::from(w.below(1_000));
        let deposit = if large { balance + 1 } else { balance / 1_000 * part };
        SessionPayment::Deposit(Amount::from_base_units(deposit.min((1 << 96) - 1)))
    };
    let opening = Settlement::Opening {
        nonce,
        consumer: to_evm(w.address(consumer)),
        deposit: match payment {
            SessionPayment::Deposit(d) => d.base_units().try_into().unwrap(),
            SessionPayment::Quota(_) => Default::default(),
        },
        tokenId: match payment {
            SessionPayment::Deposit(_) => U256::ZERO,
            SessionPayment::Quota(token) => U256::from(token.0),
        },
    };
    let call = Settlement::openCall { opening, offer: abi::offer(&offer), offerSignature: bytes(offer_signature) };
    let settlement = w.chain.settlement;
    let answer = w.chain.send(w.address(payer), settlement, 0, &call);
    let id = session_id(w.market.ledger(), w.address(payer), nonce, w.address(consumer), &offer);
    if let Ok(found) = &answer {
        assert_eq!(found, &id32(id.as_bytes()), "the session's id");
    }
    let transaction = Transaction::OpenSession {
        nonce,
        consumer: w.address(consumer),
        offer: offer.clone(),
        offer_signature,
        payment,
    };
    let done = act(w, payer, &transaction).is_some();
    w.tried.push(id);
    w.sessions.entry(id).or_insert(Tried { payer, nonce, consumer, offer });
    told("open", done, answer.is_ok())
}

pub fn some_session(w: &mut World) -> Option<SessionId> {
    let opened: Vec<SessionId> = w.tried.iter().rev().take(20).copied().collect();
    let open: Vec<SessionId> =
        opened.iter().filter(|&&id| w.market.session(id).is_some_and(|s| !s.closed)).copied().collect();
    let pick = if open.is_empty() || w.one_in(8) { opened } else { open };
    let at = w.below(pick.len() as u64) as usize;
    pick.get(at).copied()
}

/// A batch under the node's offers; each voucher is good or not by itself.
pub fn redeem(w: &mut World) -> Told {
    let Some(first) = some_session(w) else { return told("redeem nothing", true, true) };
    let owner = w.sessions[&first].offer.node;
    let node = w.person(owner).map_or(0, |node| w.mostly(node));
    let same = |w: &World, id: &SessionId| w.sessions[id].offer.node == owner;
    let mut ids = vec![first];
    ids.extend(w.tried.iter().rev().take(10).filter(|id| same(w, id)).copied());
    let (mut batches, mut redeemed): (Vec<Settlement::Claims>, u64) = (Vec::new(), 0);
    let mut order: Vec<(Settlement::Offer, Vec<(SessionId, Settlement::Claim)>)> = Vec::new();
    for id in ids {
        let before = w.market.session(id).map_or(0, |s| s.redeemed.base_units());
        let deposit = w.market.session(id).map_or(10, |s| s.deposit.base_units());
        let more = u128::from(w.below(1_000)) * (deposit - before.min(deposit)) / 900;
        let cumulative = Amount::from_base_units(if w.one_in(10) { before } else { before + more });
        let (payer, nonce, consumer) = (w.sessions[&id].payer, w.sessions[&id].nonce, w.sessions[&id].consumer);
        let offer = w.sessions[&id].offer.clone();
        let voucher = offer.voucher(id, cumulative);
        let signer = if w.one_in(15) { w.anyone() } else { consumer };
        let signature = w.signed(signer, &voucher);
        let herself = payer == consumer && w.one_in(2);
        let claim = Settlement::Claim {
            payer: to_evm(w.address(payer)),
            nonce,
            consumer: if herself { Default::default() } else { to_evm(w.address(consumer)) },
            cumulative: cumulative.base_units(),
            signature: bytes(signature),
        };
        let under = abi::offer(&offer);
        match order.iter_mut().find(|(o, _)| *o == under) {
            Some((_, claims)) => claims.push((id, claim)),
            None => order.push((under, vec![(id, claim)])),
        }
    }
    // In the order of the batch, offer by offer: a session that is there twice is redeemed twice.
    for (offer, claims) in order {
        for (id, claim) in &claims {
            let cumulative = Amount::from_base_units(claim.cumulative);
            let voucher = w.sessions[id].offer.voucher(*id, cumulative);
            let signature = Signature::from_slice(&claim.signature).unwrap();
            redeemed += u64::from(act(w, node, &Transaction::Redeem { voucher, signature }).is_some());
        }
        batches.push(Settlement::Claims { offer, claims: claims.into_iter().map(|(_, claim)| claim).collect() });
    }
    let settlement = w.chain.settlement;
    let answer = w.chain.send(w.address(node), settlement, 0, &Settlement::redeemCall { batches });
    let on_chain = answer.map_or(0, |count| count.to::<u64>());
    assert_eq!(redeemed, on_chain, "vouchers redeemed of a batch");
    told("redeem", redeemed > 0, on_chain > 0)
}

/// What names a session in calls.
fn named(w: &World, id: SessionId) -> (usize, usize, u64, Settlement::Offer) {
    let tried = &w.sessions[&id];
    (tried.payer, tried.consumer, tried.nonce, abi::offer(&tried.offer))
}

/// An end asked for, an end at once, an end by anyone: whoever asks, and when.
pub fn close(w: &mut World) -> Told {
    let Some(id) = some_session(w) else { return told("close nothing", true, true) };
    let (payer, consumer, nonce, offer) = named(w, id);
    let node = w.person(w.sessions[&id].offer.node).unwrap_or(0);
    let who = if w.one_in(2) { payer } else { node };
    let who = w.mostly(who);
    let found = w.market.session(id);
    let final_at_s = found.and_then(|s| s.final_at_s.or(s.is_sponsored().then_some(s.deadline_s)));
    if let (Some(at_s), true) = (final_at_s, w.one_in(3)) {
        // The last second, and the first in which anyone ends it, or asks for the end of one by quota.
        w.now_s = w.now_s.max(at_s + w.below(2));
        let now_s = w.now_s;
        w.chain.at(now_s);
    }
    let (payer, consumer) = (to_evm(w.address(payer)), to_evm(w.address(consumer)));
    let call = Settlement::closeCall { payer, nonce, consumer, offer };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), settlement, 0, &call).is_ok();
    told("close", act(w, who, &Transaction::CloseSession { session: id }).is_some(), on_chain)
}

pub fn close_together(w: &mut World) -> Told {
    let Some(id) = some_session(w) else { return told("close nothing", true, true) };
    let (payer, consumer, nonce, offer) = named(w, id);
    let node = w.person(w.sessions[&id].offer.node).unwrap_or(0);
    let (signer, sender) = (w.mostly(node), w.mostly(payer));
    let redeemed = w.market.session(id).map_or(Amount::ZERO, |s| s.redeemed);
    let redeemed = if w.one_in(6) { redeemed.checked_add(Amount::from_base_units(1)).unwrap() } else { redeemed };
    let release = w.signed(signer, &SessionRelease { session: id, redeemed });
    let (payer, consumer) = (to_evm(w.address(payer)), to_evm(w.address(consumer)));
    let call = Settlement::closeTogetherCall { payer, nonce, consumer, offer, release: bytes(release) };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(sender), settlement, 0, &call).is_ok();
    let done = act(w, sender, &Transaction::CloseTogether { session: id, release });
    told("close together", done.is_some(), on_chain)
}

pub fn top_up(w: &mut World) -> Told {
    let Some(id) = some_session(w) else { return told("top up nothing", true, true) };
    let (payer, consumer, nonce, offer) = named(w, id);
    let who = w.mostly(payer);
    let most = (1_u128 << 96) - 1;
    let amount = if w.one_in(12) { most } else { w.amount().min(most) };
    let consumer = to_evm(w.address(consumer));
    let call = Settlement::topUpCall { nonce, consumer, offer, amount: amount.try_into().unwrap() };
    let settlement = w.chain.settlement;
    // Somebody else's session has another name on chain: it is not known there.
    let on_chain = w.chain.send(w.address(who), settlement, 0, &call).is_ok();
    let amount = Amount::from_base_units(amount);
    told("top up", act(w, who, &Transaction::TopUp { session: id, amount }).is_some(), on_chain)
}

/// What a class puts aside for its quota, or takes back.
pub fn sponsor(w: &mut World) -> Told {
    let class = ClassId(1 + w.below(4));
    let owner = w.market.class(class).and_then(|c| w.person(c.owner)).unwrap_or(0);
    let (who, native, amount) = (w.mostly(owner), w.one_in(2), w.amount());
    let asset = if w.one_in(20) { Asset(w.address(0)) } else { w.chain.asset(native) };
    let (settlement, account) = (w.chain.settlement, w.address(who));
    let id = U256::from(class.0);
    if w.one_in(4) {
        let call = Settlement::unsponsorCall { class: id, asset: to_evm(asset.0), amount };
        let on_chain = w.chain.send(account, settlement, 0, &call).is_ok();
        let amount = Amount::from_base_units(amount);
        return told("unsponsor", act(w, who, &Transaction::Unsponsor { class, asset, amount }).is_some(), on_chain);
    }
    let per_unit = u128::from(w.below(5_000));
    let call = Settlement::sponsorCall { class: id, asset: to_evm(asset.0), amount, perUnit: per_unit };
    let on_chain = w.chain.send(account, settlement, 0, &call).is_ok();
    let (amount, per_unit) = (Amount::from_base_units(amount), Amount::from_base_units(per_unit));
    let done = act(w, who, &Transaction::Sponsor { class, asset, amount, per_unit });
    told("sponsor", done.is_some(), on_chain)
}

pub fn revoke_offers(w: &mut World) -> Told {
    let who = NODES[w.below(2) as usize];
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), settlement, 0, &Settlement::revokeOffersCall {}).is_ok();
    told("revoke offers", act(w, who, &Transaction::RevokeOffers).is_some(), on_chain)
}
