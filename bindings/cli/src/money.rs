//! `balance` and `claim`.

use lazai_facade::LocalKey;
use pollster::block_on;
use serde_json::json;

use crate::acting::{acting, named, reading};
use crate::args;
use crate::{Done, Output};

pub(crate) fn balance(verb: &args::Balance, out: &mut Output<'_>) -> Done {
    let (market, account) = reading(&verb.reading, "consumer")?;
    block_on(market.refresh())?;
    let (account, asset) = (named(account)?, &verb.asset);
    let balance = market.balance(account.clone(), asset.clone())?;
    let told = json!({"account": account, "asset": asset, "balance": balance});
    out.tell(&told, |_| format!("{account} has {balance} base units"))?;
    Ok(true)
}

pub(crate) fn claim(verb: &args::Claim, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, "creator")?;
    block_on(market.refresh())?;
    let mut own = market.tokens(verb.class);
    own.retain(|token| token.owner == key.address() && token.shares > 0);
    if own.is_empty() {
        let none = json!({"account": key.address(), "class": verb.class, "tokens": 0});
        out.tell(&none, |_| format!("{} has no shares of class {}", key.address(), verb.class))?;
    }
    // A claim is of what is there now: each has a name of its own.
    let label = LocalKey::random()?.address();
    for token in own {
        let claimed = block_on(market.claim(key.clone(), label.clone(), token.token_id, verb.asset.clone()))?;
        let told = json!({"token": token.token_id, "shares": token.shares, "claimed": claimed});
        out.tell(&told, |_| format!("token {}: {claimed} base units", token.token_id))?;
    }
    Ok(true)
}
