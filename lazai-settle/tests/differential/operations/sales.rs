//! Payments at once: out of a balance, and from a plain wallet to a till.

use lazai_core::sign::signing_digest;
use lazai_settle::till::Authorization;

use super::*;

/// A node, a class and a version: seldom ones that there are not.
fn sold(w: &mut World) -> (Address, ClassId, VersionNumber) {
    let (node, class) = (NODES[w.below(2) as usize], some_class(w));
    let (node, version) = (w.mostly(node), VersionNumber(some_version(w, class)));
    (w.address(node), class, version)
}

pub fn pay(w: &mut World) -> Told {
    let (who, native, units) = (w.anyone(), w.one_in(2), w.amount());
    let (node, class, version) = sold(w);
    let (payer, asset, amount) = (w.address(who), w.chain.asset(native), Amount::from_base_units(units));
    let call = Settlement::payCall {
        node: to_evm(node),
        class: class.0,
        version: version.0,
        asset: to_evm(asset.0),
        amount: units,
    };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(payer, settlement, 0, &call).is_ok();
    let done = act(w, who, &Transaction::Pay { node, class, version, asset, amount });
    told("pay at once", done.is_some(), on_chain)
}

/// A transfer that its payer signs, and anyone sends; to the till, and from there into the market.
pub fn pay_till(w: &mut World) -> Told {
    let (payer, sender, units) = (w.anyone(), w.anyone(), 1 + w.amount());
    let (node, class, version) = sold(w);
    let (asset, amount) = (w.chain.asset(false), Amount::from_base_units(units));
    let tills = w.chain.tills;
    let of = Tills::tillOfCall { node: to_evm(node), class: class.0, version: version.0 };
    let till = w.chain.ask(tills, &of);
    w.nonce += u64::from(!w.one_in(10));
    let nonce = sha256(&w.nonce.to_le_bytes());
    let (valid_after_s, valid_before_s) = (0, w.now_s + u64::from(!w.one_in(10)));
    let to = from_evm(till);
    let authorization =
        Authorization { from: w.address(payer), to, value: amount, valid_after_s, valid_before_s, nonce };
    let domain = dollars(asset);
    let signer = w.mostly(payer);
    let signature = w.signers[signer].sign_digest(signing_digest(&domain, &authorization));
    let call = Tills::settleCall {
        sale: Tills::Sale { node: to_evm(node), class: class.0, version: version.0, asset: to_evm(asset.0) },
        a: Tills::Authorization {
            from: to_evm(authorization.from),
            value: U256::from(units),
            validAfter: U256::from(valid_after_s),
            validBefore: U256::from(valid_before_s),
            nonce: b(nonce),
        },
        signature: bytes(signature),
    };
    let good = signer == payer && valid_before_s > w.now_s && w.paid_nonces.insert((payer, nonce));
    let on_chain = w.chain.send(w.address(sender), tills, 0, &call).is_ok();
    let mut market = w.market.clone();
    let account = from_evm(tills);
    let arrived = market.cross(Crossing::Deposit { account, asset, amount });
    let pay = Transaction::Pay { node, class, version, asset, amount };
    let done = good && arrived.is_ok() && market.apply_as(w.now_s, account, &pay).is_ok();
    if done {
        w.market = market;
    } else if good {
        // It was refused as a whole: the payer's number is free.
        w.paid_nonces.remove(&(payer, nonce));
    }
    told("pay a till", done, on_chain)
}
