//! `facilitator`: checking and settling payments for servers that speak x402.

use std::io::BufRead;

use lazai_facade::native::facilitator::{self as served, FacilitatorSettings};
use pollster::block_on;
use serde_json::json;

use crate::acting::acting;
use crate::args;
use crate::pay::shown_key;
use crate::stopping::{told_to_stop, wait};
use crate::{Done, Output};

/// Settles until a signal, or until its input ends if that is asked for.
pub(crate) fn facilitator(verb: args::Facilitator, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let stop = told_to_stop()?;
    let (market, key) = acting(&verb.acting, "node")?;
    block_on(market.refresh())?;
    let until_input_ends = verb.hearing.until_input_ends;
    let (account, is_open) = (key.address(), verb.key_file.is_none());
    let settings = FacilitatorSettings {
        assets: verb.asset,
        payees: verb.pay_to,
        least: verb.least,
        key: verb.key_file.as_deref().map(shown_key).transpose()?,
        listening: verb.hearing.at(verb.address),
    };
    let anybody = is_open && settings.payees.is_empty();
    let server = served::facilitator(&market, key, settings)?;
    if anybody {
        eprintln!(
            "lazai: warning: anybody's payments are settled, and {account} pays the gas; --pay-to and --key-file bound that"
        );
    }
    let told = json!({"url": server.url(), "account": account});
    out.tell(&told, |_| format!("settling at {} by {account}", server.url()))?;
    wait(&stop, until_input_ends.then_some(input));
    server.stop();
    Ok(true)
}
