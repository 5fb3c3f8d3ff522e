//! Credits: nobody can link one to its buyer, none is spent twice, and none is lost.

mod keys;
mod linked;
mod lost;
mod spent;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lazai::Client;
use lazai::consumer::ConsumerError;
use lazai::credits::{CreditNode, CreditTalker, Purse, SignedCreditTerms};
use lazai::http::{HttpNode, Sealing};
use lazai::node::ReplySettings;
use lazai::provider::{CreditSale, Provider};
use lazai::settle::ledger::{Clock as _, Ledger as _};
use lazai_core::message::{Message, Role};
use lazai_core::{Amount, Asset, ClassId, VersionNumber};
use pollster::block_on;

use super::gossip::{Counter, REPLY, WORDS};
use super::stage::{Node, Stage};

pub const PRICE: u128 = 1_000;
/// So long that no test runs from one into the next.
pub const PERIOD_S: u64 = 1_000_000;

pub fn sale() -> CreditSale {
    CreditSale {
        class: ClassId(1),
        version: VersionNumber(1),
        asset: Asset::NATIVE,
        price: Amount::from_base_units(PRICE),
        prompt_ceiling: 600,
        completion_ceiling: WORDS,
        period_s: PERIOD_S,
    }
}

/// A node that sells credits.
pub fn seller(stage: &Stage, name: &str) -> Node {
    stage.node_with(name, |provider| provider.with_credits(sale()))
}

pub fn user(words: &str) -> Vec<Message> {
    vec![Message::new(Role::User, words)]
}

pub fn terms_of(node: &dyn CreditNode) -> Vec<SignedCreditTerms> {
    block_on(node.credit_terms("dat:1:1")).unwrap()
}

pub fn purse(stage: &Stage, name: &str) -> Purse {
    Purse::new(stage.path(name).join("credits.json"))
}

pub fn talker(stage: &Stage, node: &Provider, purse: &Purse) -> CreditTalker {
    let market = stage.ledger.market();
    CreditTalker::new(&market, node.address(), ClassId(1), VersionNumber(1), purse.clone())
        .with_counter(Arc::new(Counter))
}

pub fn free(purse: &Purse) -> usize {
    purse.sums().unwrap().iter().map(|sum| sum.free).sum()
}

/// Has a client buy credits in a session of its own.
pub fn buy(client: &Client, purse: &Purse, count: usize) -> lazai::Session {
    let model = block_on(client.models()).unwrap().remove(0);
    let session = block_on(client.open(&model, Amount::from_base_units(100_000))).unwrap();
    assert_eq!(block_on(session.buy_credits(purse, count)).unwrap(), count);
    session
}

pub fn say(talker: &CreditTalker, node: &dyn CreditNode, stage: &Stage, words: &str) -> Result<String, ConsumerError> {
    block_on(talker.ask(node, user(words), ReplySettings::default(), stage.hand.now_s(), &mut |_| {}))
        .map(|reply| reply.text)
}

// ANCHOR: credits
/// The account buys credits, and nobody in particular talks.
async fn buy_and_talk(client: &Client, file: &Path) -> Result<String, ConsumerError> {
    let model = client.models().await?.remove(0);
    let session = client.open(&model, Amount::from_base_units(100_000)).await?;
    let purse = Purse::new(file);
    session.buy_credits(&purse, 20).await?;
    session.end().await?;

    // Another day, best by way of a relay: `HttpNode::with_relay`.
    let chat = client.chat_by_credits(&model, purse);
    Ok(chat.say("Speak: who are you?").await?.text)
}
// ANCHOR_END: credits

#[test]
fn an_app_buys_credits_and_talks_by_them() {
    let stage = Stage::new();
    let node = seller(&stage, "node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let client = stage.client_of(0, &HttpNode::new(&serving.url()).unwrap());
    let file = stage.path("app").join("credits.json");
    assert!(block_on(buy_and_talk(&client, &file)).unwrap().contains(REPLY));
    assert_eq!(free(&Purse::new(file)), 19);
}

#[test]
fn credits_are_paid_like_replies_and_the_money_is_split() {
    let stage = Stage::new();
    let node = seller(&stage, "node");
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let line = HttpNode::new(&serving.url()).unwrap();
    let purse = purse(&stage, "purse");
    let client = stage.client_of(0, &line);
    let session = buy(&client, &purse, 7);
    assert_eq!((free(&purse), session.owed().base_units()), (7, 7 * PRICE));
    // The receipt is signed proof of the order: it is checked again with all others, and replies go on after it.
    block_on(session.say("Speak: between")).unwrap();
    assert_eq!(block_on(session.buy_credits(&purse, 3)).unwrap(), 3);
    let domain = stage.account().domain();
    let kept = session.conversation().kept_receipts(Some(&domain));
    let told: Vec<_> = kept.iter().map(|one| (one.turn, one.credits, one.trust.as_str())).collect();
    assert_eq!(told, [(1, 7, "checked"), (2, 0, "checked"), (3, 3, "checked")]);
    assert_eq!(kept[2].price, (3 * PRICE).to_string());
    let owed = session.owed();
    let left = block_on(session.end()).unwrap();
    assert_eq!(left, Amount::from_base_units(100_000).checked_sub(owed).unwrap());

    // What the ledger divides is the sum of the vouchers, credits and all.
    let market = stage.ledger.market();
    let (sum, node_has) = (owed.base_units(), market.balance(node.provider.address(), Asset::NATIVE).base_units());
    let shares = (1..=2).map(|token| market.pending_revenue(lazai_core::TokenId(token), Asset::NATIVE).unwrap());
    let shares: u128 = shares.map(Amount::base_units).sum();
    let (seventy, twenty) = (sum * 7 / 10, sum * 2 / 10);
    assert!(shares.abs_diff(seventy) <= 2 && node_has.abs_diff(twenty) <= 1, "{shares} and {node_has} of {sum}");
    // Spending moves no money: it was paid before.
    let chat = client.chat_by_credits(&block_on(client.models()).unwrap().remove(0), purse.clone());
    for turn in 1..=2 {
        let reply = block_on(chat.say(&format!("Speak: {turn}"))).unwrap();
        assert_eq!(reply.receipt.receipt.cumulative.base_units(), PRICE);
        assert_eq!((chat.messages().len(), free(&purse)), (2 * turn, 10 - turn));
    }
    assert!(stage.ledger.market().balance(node.provider.address(), Asset::NATIVE).base_units() == node_has);
    assert_eq!(node.asked.load(Ordering::SeqCst), 3);
    block_on(node.provider.redeem_all()).unwrap();
}

#[test]
fn a_credit_is_never_sent_in_clear_text() {
    let stage = Stage::new();
    let node = stage.node_with("node", |provider| provider.with_credits(sale()).without_sealing());
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let line = HttpNode::new(&serving.url()).unwrap().with_sealing(Sealing::Off);
    let purse = purse(&stage, "purse");
    let client = stage.client_of(0, &line);
    let _session = buy(&client, &purse, 1);
    let chat = client.chat_by_credits(&block_on(client.models()).unwrap().remove(0), purse.clone());
    let error = block_on(chat.say("Speak: now")).unwrap_err();
    assert_eq!(super::stage::code(error), "node.unsealed");
    assert_eq!(node.asked.load(Ordering::SeqCst), 0);
}
