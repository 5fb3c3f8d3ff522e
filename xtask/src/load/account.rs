//! When the load is over: what each side wrote down, to the unit.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::lazai;

/// The most that one reply costs, by the terms of the load: a conversation of 1,200 tokens at 1, and 24 tokens at 4.
const STEP: u128 = 1_200 + 24 * 4;
/// What roundings of all redemptions may come to.
const ROUNDED: u128 = 20_000;

/// What the roles of the market have, in base units.
pub struct Balances {
    node: u128,
    consumer: u128,
}

impl Balances {
    pub fn read(market: &Path) -> Result<Self> {
        Ok(Self { node: balance(market, "node")?, consumer: balance(market, "consumer")? })
    }
}

fn balance(market: &Path, role: &str) -> Result<u128> {
    let told = told(lazai(&["balance", "--json", "--role", role, "--local"]).arg(market))?;
    number(&told["balance"])
}

/// The last line of JSON that a command said.
fn told(command: &mut std::process::Command) -> Result<Value> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().next_back().with_context(|| format!("{command:?} said nothing"))?;
    Ok(serde_json::from_str(line)?)
}

fn number(value: &Value) -> Result<u128> {
    let number = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    number.parse().with_context(|| format!("{value} is no amount"))
}

/// Holds the replicas' book, the proxy's receipts and the ledger against each other.
pub fn check(pages: &str, proxy: &Path, market: &Path, before: &Balances) -> Result<Value> {
    let (mut sessions, mut turns, mut unpaid_sessions, mut begun) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut owed, mut promised) = (0_u128, 0_u128);
    for page in pages.lines() {
        let page: Value = serde_json::from_str(page)?;
        let (is_owed, paid) = (number(&page["owed"])?, page["paid"]["voucher"]["cumulative"].clone());
        let paid = if paid.is_null() { 0 } else { number(&paid)? };
        ensure!(paid <= is_owed, "a voucher of {paid} for {is_owed}");
        sessions += 1;
        turns += page["last"]["turn"].as_u64().unwrap_or(0);
        owed += is_owed;
        promised += paid;
        unpaid_sessions += u64::from(paid < is_owed);
        begun += u64::from(!page["begun"].is_null());
    }
    let receipts = told(lazai(&["receipts", "--json"]).arg(proxy).arg("--market").arg(market))?;
    let (received, wrong) = (number(&receipts["sum"])?, number(&receipts["wrong"])?);
    let after = Balances::read(market)?;
    let (earned, locked) = (after.node - before.node, before.consumer - after.consumer);
    let report = json!({
        "sessions": sessions, "turns": turns, "owed": owed.to_string(), "promised": promised.to_string(),
        "sessions_with_a_reply_not_paid": unpaid_sessions, "turns_begun_and_not_replied": begun,
        "receipts": receipts["receipts"], "receipts_sum": received.to_string(), "receipts_wrong": wrong.to_string(),
        "node_earned": earned.to_string(), "consumer_paid_or_has_in_sessions": locked.to_string(),
    });
    println!("{report:#}");
    ensure!(wrong == 0, "{wrong} receipts do not hold");
    ensure!(promised <= received && received <= owed, "promised {promised}, received {received}, owed {owed}");
    ensure!(number(&receipts["receipts"])? <= turns.into(), "a turn has two receipts");
    let step = STEP * u128::from(unpaid_sessions);
    ensure!(
        owed - promised <= step,
        "{owed} is owed and {promised} promised, in {unpaid_sessions} sessions with a reply not paid"
    );
    // A fifth of each redemption, rounded down.
    let most = promised.div_ceil(5);
    ensure!(earned <= most && earned + ROUNDED >= most, "the node earned {earned} of {promised}");
    Ok(report)
}
