//! What consumers and strangers do to a node.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lazai::conversation::Talker;
use lazai::http::{Front, Serving};
use lazai::node::{ChatRequest, Moderator, Node, NodeError, SignedVoucher};
use lazai_core::message::Message;
use lazai_core::{Amount, SessionId, Signature};
use lazai_settle::market::{MarketError, Transaction};

use super::stage::Stage;
use super::world::{CONSUMER, NODE, SESSION_KEY, signer};

/// Sixty-four questions as the first turn, at once.
fn ask_at_once(stage: Stage, text: impl Fn(usize) -> String) -> (Vec<String>, usize, usize) {
    let requests: Vec<_> = (0..64).map(|i| stage.ask(&text(i))).collect();
    let (stage, heard) = (Arc::new(stage), Arc::new(Mutex::new(Vec::new())));
    let one = |request| {
        let (stage, heard) = (stage.clone(), heard.clone());
        std::thread::spawn(move || {
            let mut on_text = |text: &str| heard.lock().unwrap().push(text.to_owned());
            pollster::block_on(stage.provider.chat(&request, &mut on_text)).is_ok()
        })
    };
    let threads: Vec<_> = requests.into_iter().map(one).collect();
    let receipts = threads.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count();
    let heard = heard.lock().unwrap().clone();
    (heard, receipts, stage.echo.generated.load(Ordering::SeqCst))
}

#[test]
fn who_asks_many_times_at_once_hears_one_reply() {
    for signature_ms in [0, 30] {
        let (heard, receipts, generated) = ask_at_once(Stage::new(5, signature_ms), |i| format!("question {i}"));
        assert_eq!((heard.len(), receipts, generated), (1, 1, 1), "{heard:?}");
    }
}

#[test]
fn the_same_question_at_once_is_answered_once_and_only_some_wait_for_it() {
    let stage = Stage::new(500, 10);
    let request = stage.ask("the same");
    let (provider, echo) = (Arc::new(stage.provider), stage.echo);
    let ask = || {
        let (provider, request) = (provider.clone(), request.clone());
        std::thread::spawn(move || pollster::block_on(provider.chat(&request, &mut |_| {})))
    };
    let said: Vec<_> = (0..64).map(|_| ask()).collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).collect();
    let served = said.iter().filter(|said| said.is_ok()).count();
    let busy = said.iter().filter(|said| matches!(said, Err(NodeError::Busy { .. }))).count();
    // One is served, two wait. (Whoever came when the reply was there heard it at once.)
    assert!(busy >= 40 && served >= 3 && served + busy == 64, "{served} served, {busy} busy");
    // Asked again, all hear it.
    assert_eq!(ask().join().unwrap().unwrap().text, "answer to the same");
    assert_eq!(echo.generated.load(Ordering::SeqCst), 1);
}

#[test]
fn a_reply_that_nobody_waits_for_is_not_made_to_its_end_and_stays_begun() {
    let stage = Stage::new(0, 0);
    let (request, other) = (stage.ask("begun"), stage.ask("other"));
    let left = |request| pollster::block_on(stage.provider.chat_while(request, &|| false, &mut |_| {}));
    stage.echo.lingers.store(true, Ordering::SeqCst);
    assert!(matches!(left(&request), Err(NodeError::Left)));
    stage.echo.wait_until_left(1);
    stage.echo.lingers.store(false, Ordering::SeqCst);
    // What was heard is not followed by something else, for nothing.
    let refused = stage.chat(&other);
    assert!(matches!(refused, Err(NodeError::NotServed { reason, .. }) if reason.contains("begun")), "{refused:?}");
    // Whoever leaves again and again does not keep the node busy with it: now it is made, kept, and owed.
    let owed = left(&request).unwrap();
    assert_eq!(stage.echo.left.load(Ordering::SeqCst), 1);
    // Whose line broke loses nothing: the same request has that reply.
    assert_eq!(stage.chat(&request).unwrap(), owed);
    let seeds = stage.echo.seeds.lock().unwrap().clone();
    assert_eq!((seeds.len(), seeds[0]), (2, seeds[1]), "both times the same reply was begun");
}

#[test]
fn a_client_that_hangs_up_does_not_keep_the_node_busy() {
    let stage = Stage::new(700, 0);
    let request = stage.ask("hi");
    let (name, header, body) = lazai::wire::talk::chat(&request);
    let (provider, echo) = (Arc::new(stage.provider), stage.echo);
    echo.lingers.store(true, Ordering::SeqCst);
    let serving = Front::new(provider.clone(), vec![]).spawn("127.0.0.1:0").unwrap();
    let mut line = TcpStream::connect(serving.address()).unwrap();
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{name}: {header}");
    write!(line, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    while echo.generated.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(line);
    echo.wait_until_left(1);
    echo.lingers.store(false, Ordering::SeqCst);
    // The line broke, says an honest consumer, and asks again.
    let reply = pollster::block_on(provider.chat(&request, &mut |_| {})).unwrap();
    assert_eq!(reply.text, "answer to hi");
}

#[test]
fn a_reply_that_somebody_waits_for_is_made_though_another_left() {
    let stage = Arc::new(Stage::new(800, 0));
    let request = stage.ask("the same");
    let (first, second) = (stage.clone(), stage.clone());
    let (asked, waiting) = (request.clone(), request);
    let leaving =
        std::thread::spawn(move || pollster::block_on(first.provider.chat_while(&asked, &|| false, &mut |_| {})));
    while stage.echo.generated.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let waiting = std::thread::spawn(move || second.chat(&waiting));
    assert!(leaving.join().unwrap().is_ok());
    assert!(waiting.join().unwrap().is_ok());
    assert_eq!(stage.echo.generated.load(Ordering::SeqCst), 1);
}

/// Sends a voucher, and waits for nothing.
fn bring(serving: &Serving, body: &str) -> TcpStream {
    let mut line = TcpStream::connect(serving.address()).unwrap();
    let head = "POST /v1/lazai/vouchers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    write!(line, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    line
}

fn is_well(serving: &Serving) {
    let mut line = TcpStream::connect(serving.address()).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    line.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = [0; 64];
    assert!(line.read(&mut answer).unwrap() > 0);
}

#[test]
fn vouchers_that_wait_for_a_disk_do_not_stop_a_server() {
    let stage = Stage::new(0, 0);
    let voucher = SignedVoucher {
        voucher: stage.conversation.offer.offer.voucher(stage.conversation.session, Amount::from_base_units(1)),
        signature: Signature::from_bytes([1; 65]),
    };
    let ledger = stage.ledger.clone();
    let serving = Front::new(Arc::new(stage.provider), vec![]).spawn("127.0.0.1:0").unwrap();
    is_well(&serving);
    let closed = ledger.gate.write().unwrap();
    let body = serde_json::to_string(&voucher).unwrap();
    let mut kept: Vec<_> = (0..8).map(|_| bring(&serving, &body)).collect();
    // More than the server has threads that listen; they are on their way before it is asked.
    std::thread::sleep(Duration::from_millis(300));
    is_well(&serving);
    drop(closed);
    let mut answer = [0; 64];
    assert!(kept.iter_mut().all(|line| line.read(&mut answer).unwrap() > 0));
}

#[test]
fn vouchers_of_nobody_do_not_stop_a_server() {
    let stage = Stage::new(3_000, 0);
    let request = stage.ask("hi");
    let voucher = SignedVoucher {
        voucher: stage.conversation.offer.offer.voucher(SessionId::from_bytes([9; 32]), Amount::from_base_units(1)),
        signature: Signature::from_bytes([1; 65]),
    };
    let provider = Arc::new(stage.provider);
    let serving = Front::new(provider.clone(), vec![]).spawn("127.0.0.1:0").unwrap();
    let busy = std::thread::spawn(move || pollster::block_on(provider.chat(&request, &mut |_| {})).is_ok());
    while stage.echo.generated.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let body = serde_json::to_string(&voucher).unwrap();
    let _kept: Vec<_> = (0..8).map(|_| bring(&serving, &body)).collect();
    is_well(&serving);
    assert!(!busy.is_finished(), "the server answers while a reply is made");
    assert!(busy.join().unwrap());
}

#[test]
fn who_comes_back_after_a_crash_in_mid_reply_gets_that_reply_and_no_other() {
    let stage = Stage::new(0, 0);
    let (begun, other) = (stage.ask("begun"), stage.ask("other"));
    // The process dies when the first piece left.
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pollster::block_on(stage.provider.chat(&begun, &mut |_| panic!("killed"))).is_ok()
    }));
    assert!(died.is_err());
    let ask = |request| pollster::block_on(stage.provider.chat(request, &mut |_| {}));
    let refused = ask(&other);
    assert!(matches!(refused, Err(NodeError::NotServed { reason, .. }) if reason.contains("begun")), "{refused:?}");
    assert_eq!(ask(&begun).unwrap().text, "answer to begun");
}

#[test]
fn a_reply_that_breaks_off_is_not_followed_by_another_for_nothing() {
    let stage = Stage::new(0, 0);
    let (broken, other) = (stage.ask("this breaks off"), stage.ask("other"));
    let mut heard = Vec::new();
    let mut ask = |request| pollster::block_on(stage.provider.chat(request, &mut |text| heard.push(text.to_owned())));
    assert!(matches!(ask(&broken), Err(NodeError::Generation { .. })));
    let refused = ask(&other);
    assert!(matches!(refused, Err(NodeError::NotServed { reason, .. }) if reason.contains("begun")), "{refused:?}");
    assert_eq!(heard.len(), 1);
}

#[test]
fn a_kept_reply_is_told_to_nobody_else() {
    let stage = Stage::new(0, 0);
    let request = stage.ask("a secret");
    pollster::block_on(stage.provider.chat(&request, &mut |_| {})).unwrap();
    // Words and salt are known, as whoever is shown evidence knows them; the key is not.
    let stolen = ChatRequest { signature: Signature::from_bytes([1; 65]), ..request };
    let mut heard = String::new();
    let refused = pollster::block_on(stage.provider.chat(&stolen, &mut |text| heard.push_str(text)));
    assert!(matches!(refused, Err(NodeError::Market(MarketError::Signature { .. }))), "{refused:?}");
    assert_eq!(heard, "");
}

/// A payer whose accomplice keeps the chain's blocks from the node asks for the end of the session, and talks on.
#[test]
fn a_node_that_sees_no_blocks_serves_nobody() {
    let stage = Stage::new(0, 0);
    let window_s = stage.world.market.params().1.dispute_window_s;
    *stage.ledger.unseen.lock().unwrap() = Duration::from_secs(window_s / 4 + 1);
    let refused = stage.chat(&stage.ask("still there?"));
    assert!(matches!(refused, Err(NodeError::NotServed { reason, .. }) if reason.contains("no new blocks")));
    // Nor does it ask its ledger for each who asks meanwhile.
    let busy = stage.chat(&stage.ask("still there?"));
    assert!(matches!(busy, Err(NodeError::Busy { .. })), "{busy:?}");
    assert_eq!(stage.ledger.asked.load(Ordering::SeqCst), 1);
    *stage.ledger.unseen.lock().unwrap() = Duration::from_secs(window_s / 4 - 1);
    stage.chat(&stage.ask("and now?")).unwrap();
}

#[test]
fn strangers_do_not_wait_for_a_session_that_is_busy() {
    let stage = Stage::new(2_000, 0);
    let (request, other) = (stage.ask("hi"), stage.ask("other"));
    let stolen = ChatRequest { signature: Signature::from_bytes([1; 65]), ..other.clone() };
    let (provider, asked) = (Arc::new(stage.provider), stage.echo);
    let serving = provider.clone();
    let busy = std::thread::spawn(move || pollster::block_on(serving.chat(&request, &mut |_| {})).is_ok());
    while asked.generated.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let refused = pollster::block_on(provider.chat(&stolen, &mut |_| {}));
    assert!(matches!(refused, Err(NodeError::Market(MarketError::Signature { .. }))), "{refused:?}");
    let refused = pollster::block_on(provider.chat(&other, &mut |_| {}));
    assert!(matches!(refused, Err(NodeError::TurnOutOfOrder { .. })), "{refused:?}");
    assert!(!busy.is_finished(), "neither waited for the reply");
    assert!(busy.join().unwrap());
}

struct Strict;

impl Moderator for Strict {
    fn before(&self, _: &[Message]) -> Option<String> {
        None
    }
    fn after(&self, _: &str) -> Option<String> {
        Some("held back".into())
    }
}

#[test]
fn what_a_moderator_holds_back_is_not_heard() {
    let stage = Stage::new(0, 0);
    let request = stage.ask("forbidden");
    let provider = stage.provider.with_moderator(Strict);
    let mut heard = String::new();
    let refused = pollster::block_on(provider.chat(&request, &mut |text| heard.push_str(text)));
    assert!(matches!(refused, Err(NodeError::Moderated { .. })));
    assert_eq!(heard, "");
}

#[test]
fn who_is_moderated_again_and_again_does_not_keep_the_node_busy() {
    let mut stage = Stage::new(0, 0);
    stage.provider = stage.provider.with_moderator(Strict);
    for n in 0..20 {
        let refused = stage.chat(&stage.ask(&format!("forbidden {n}")));
        assert!(matches!(refused, Err(NodeError::Moderated { .. })), "{refused:?}");
    }
    assert_eq!(stage.echo.generated.load(Ordering::SeqCst), 5);
}

#[test]
fn a_session_is_released_to_its_consumer_alone_and_not_served_after() {
    let mut stage = Stage::new(0, 0);
    let talker = |key| Talker::new(stage.domain.clone(), Arc::new(signer(key)));
    let (consumer, stranger) = (talker(SESSION_KEY), talker(NODE));
    let ask = |talker: &Talker| pollster::block_on(talker.leave(&stage.conversation)).unwrap();
    let asked = |request| pollster::block_on(stage.provider.release_asked(&request));
    let refused = asked(ask(&stranger));
    assert!(matches!(refused, Err(NodeError::Market(MarketError::Signature { .. }))), "{refused:?}");
    // What is owed is paid first.
    stage.chat(&stage.ask("hi")).unwrap();
    let refused = asked(ask(&consumer));
    assert!(matches!(refused, Err(NodeError::NotPaid { .. })), "{refused:?}");
    // Of a session in which nothing is owed, at once.
    let fresh = stage.open(7);
    let request = pollster::block_on(consumer.leave(&fresh)).unwrap();
    let release = pollster::block_on(stage.provider.release_asked(&request)).unwrap();
    assert_eq!((release.release.session, release.release.redeemed), (fresh.session, Amount::ZERO));
    let refused = stage.chat(&stage.ask_in(&fresh, "still there?", None));
    assert!(matches!(refused, Err(NodeError::NotServed { .. })), "{refused:?}");
    // Its word, with which the payer ends the session at once.
    stage
        .world
        .act(CONSUMER, Transaction::CloseTogether { session: fresh.session, release: release.signature })
        .unwrap();
    assert!(stage.world.market.session(fresh.session).unwrap().closed);
}

/// Whoever waits for a reply on a single thread does not keep the thread from others.
#[test]
fn a_reply_in_the_making_blocks_nobody() {
    let stage = Stage::new(300, 0);
    let request = stage.ask("Who are you?");
    let mut others_turns = 0_u64;
    let mut hear = |_: &str| {};
    let reply = futures_lite::future::block_on(futures_lite::future::or(
        async { stage.provider.chat(&request, &mut hear).await.map(Some) },
        async {
            loop {
                others_turns += 1;
                futures_lite::future::yield_now().await;
            }
        },
    ));
    assert!(reply.unwrap().is_some());
    assert!(others_turns > 100, "{others_turns} turns of others in 300 ms");
}
