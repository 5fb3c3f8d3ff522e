//! What is logged: a node and a proxy at the most talkative level of this library's crates, through turns, errors, garbage, lies and a
//! handler that crashes. No line holds a prompt, a word of a reply, a key, a consumer's account or a peer's address. A stand-in speaks for
//! the model; ledger, nodes, sockets and the proxy are the real ones.
//!
//! A node's own address, the URLs of nodes without their passwords, and sessions may stand there: an operator must know them apart.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, missing_docs)]

mod gossip;
mod lines;
#[path = "../soak/market.rs"]
#[allow(dead_code, reason = "the soak uses all of it")]
mod market;
mod stage;
#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use gossip::{Ask, PROMPT, REPLY};
use tracing_subscriber::fmt::format::FmtSpan;

use stage::{Stage, WRONG_KEY, account, bare, garbage};

/// What must be logged on the way, so that the test sees what it is about.
const SEEN: [&str; 8] = [
    "request failed",
    "a request broke off",
    "a reply did not come",
    "a URL of a node does not answer",
    "a session is refused",
    "a connection broke off",
    "no TLS with a client",
    "the node does not release the session",
];

#[test]
fn no_line_of_a_log_holds_what_is_private() {
    let lines = lines::Lines::collect(FmtSpan::FULL);
    let stage = Stage::new();
    let node = stage.node();
    let proxy = stage.proxy(&node, "proxy", 4_000);
    for stream in [false, true] {
        let (status, answer) = proxy.ask(Ask::Speak, stream);
        assert!(status == 200 && answer.contains(REPLY), "{status} {answer}");
    }
    for (ask, expected) in
        [(Ask::Fail, 500), (Ask::Setting, 400), (Ask::Moderated, 400), (Ask::Long, 400), (Ask::Crash, 500)]
    {
        let (status, answer) = proxy.ask(ask, false);
        assert_eq!(status, expected, "{ask:?}: {answer}");
        assert!(ask != Ask::Crash || !answer.contains(PROMPT), "a panic is not told to clients: {answer}");
    }
    // The turn that crashed stays begun at the node: the proxy leaves its session, whose release does not get through.
    let (status, answer) = proxy.ask(Ask::Speak, false);
    assert_eq!(status, 200, "{answer}");
    // Who has no key, other people's signatures, and what is no request.
    assert_eq!(proxy.ask_with(Ask::Speak, false, WRONG_KEY).0, 401);
    node.strangers(&stage);
    for address in [node.address, node.tls_address, proxy.address] {
        garbage(address);
    }
    // A proxy that plans more than its payer has.
    let rich = stage.proxy(&node, "rich", 2 * market::FUNDS);
    let (status, answer) = rich.ask(Ask::Speak, false);
    assert_eq!(status, 402, "{answer}");
    // Somebody in between, who answers in another shape, with the words.
    node.lies.store(true, Ordering::SeqCst);
    let (status, answer) = proxy.ask(Ask::Speak, false);
    assert_eq!(status, 502, "{answer}");
    node.lies.store(false, Ordering::SeqCst);
    // A damaged book, whose pages hold last replies.
    let secrets = stage.secrets(&proxy);
    stage.damage();
    let (status, answer) = proxy.ask(Ask::Speak, false);
    assert_eq!(status, 500, "{answer}");
    pollster::block_on(node.provider.redeem_all()).unwrap_err();
    // Nobody answers any more.
    node.stop();
    proxy.ask(Ask::Speak, false);
    let seen = lines.soon(|all| SEEN.iter().all(|seen| all.contains(seen)), Duration::from_secs(20));
    let all = lines.all();
    let missing: Vec<_> = SEEN.iter().filter(|seen| !all.contains(**seen)).collect();
    assert!(seen, "{missing:?} are not logged:\n{all}");
    assert!(all.contains("DEBUG") && all.contains("admission") && all.contains("gen_ai.usage.output_tokens"), "{all}");
    let lower = all.to_lowercase();
    for (what, secret) in secrets {
        let line = lower.lines().find(|line| line.contains(&secret.to_lowercase()));
        assert_eq!(line, None, "{what} is logged");
    }
    // What is looked for is written as addresses are.
    assert!(format!("{:?}", account(0)).contains(&bare(account(0))));
}
