//! Money, sessions, vouchers.

use super::*;

pub fn deposit(w: &mut World) -> Told {
    let (who, native, amount) = (w.anyone(), w.one_in(2), w.amount());
    let asset = if w.one_in(30) { Asset(w.address(1)) } else { w.chain.asset(native) };
    deposit_of(w, who, asset, amount)
}

pub fn deposit_of(w: &mut World, who: usize, asset: Asset, amount: u128) -> Told {
    let value = if asset == Asset::NATIVE { amount } else { 0 };
    let call = Settlement::depositCall { asset: evm(asset.0), amount: U256::from(amount) };
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
    let call = Settlement::withdrawCall { asset: evm(asset.0), to: evm(account), amount: U256::from(amount) };
    let on_chain = w.chain.send(account, to, 0, &call).is_ok();
    let amount = Amount::from_base_units(amount);
    told("withdraw", w.market.cross(Crossing::Withdraw { account, asset, amount }).is_ok(), on_chain)
}

pub fn transfer(w: &mut World) -> Told {
    let (who, other, native, amount) = (w.anyone(), w.anyone(), w.one_in(2), w.amount());
    let (to, asset) = (w.address(other), w.chain.asset(native));
    let call = Settlement::transferCall { to: evm(to), asset: evm(asset.0), amount: U256::from(amount) };
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
        consumer: evm(w.address(consumer)),
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

/// A batch under one offer; each voucher is good or not by itself.
pub fn redeem(w: &mut World) -> Told {
    let Some(first) = some_session(w) else { return told("redeem nothing", true, true) };
    let offer = w.sessions[&first].offer.clone();
    let node = w.person(offer.node).map_or(0, |node| w.mostly(node));
    let same = |w: &World, id: &SessionId| w.sessions[id].offer == offer;
    let mut ids = vec![first];
    ids.extend(w.tried.iter().rev().take(10).filter(|id| same(w, id)).copied());
    let (mut claims, mut redeemed) = (Vec::new(), 0);
    for id in ids {
        let before = w.market.session(id).map_or(0, |s| s.redeemed.base_units());
        let deposit = w.market.session(id).map_or(10, |s| s.deposit().base_units());
        let more = u128::from(w.below(1_000)) * (deposit - before.min(deposit)) / 900;
        let cumulative = Amount::from_base_units(if w.one_in(10) { before } else { before + more });
        let (payer, nonce, consumer) = (w.sessions[&id].payer, w.sessions[&id].nonce, w.sessions[&id].consumer);
        let voucher = offer.voucher(id, cumulative);
        let signer = if w.one_in(15) { w.anyone() } else { consumer };
        let signature = w.signed(signer, &voucher);
        let herself = payer == consumer && w.one_in(2);
        claims.push(Settlement::Claim {
            payer: evm(w.address(payer)),
            nonce,
            consumer: if herself { Default::default() } else { evm(w.address(consumer)) },
            cumulative: cumulative.base_units(),
            signature: bytes(signature),
        });
        redeemed += u64::from(act(w, node, &Transaction::Redeem { voucher, signature }).is_some());
    }
    let call = Settlement::redeemCall { offer: abi::offer(&offer), claims };
    let settlement = w.chain.settlement;
    let answer = w.chain.send(w.address(node), settlement, 0, &call);
    let on_chain = answer.map_or(0, |count| count.to::<u64>());
    assert_eq!(redeemed, on_chain, "vouchers redeemed of a batch");
    told("redeem", redeemed > 0, on_chain > 0)
}

pub fn close(w: &mut World) -> Told {
    let Some(id) = some_session(w) else { return told("close nothing", true, true) };
    let tried = &w.sessions[&id];
    let (payer, consumer, nonce, offer) = (tried.payer, tried.consumer, tried.nonce, tried.offer.clone());
    let node = w.person(offer.node).unwrap_or(0);
    let who = if w.one_in(2) { payer } else { node };
    let who = w.mostly(who);
    let call = Settlement::closeCall {
        payer: evm(w.address(payer)),
        nonce,
        consumer: evm(w.address(consumer)),
        offer: abi::offer(&offer),
    };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), settlement, 0, &call).is_ok();
    told("close", act(w, who, &Transaction::CloseSession { session: id }).is_some(), on_chain)
}
