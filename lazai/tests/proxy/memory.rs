//! A memory beside real sessions over sockets: what nodes and wires see of it, and what receipts count.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use lazai::consumer::{TokenCheck, TokenCounter};
use lazai::http::{Front, HttpNode, Memories, Sealing};
use lazai::memory::{Memory, MemoryKey, Remembering, has_note, without_note};
use lazai::provider::OfferTerms;
use lazai::{Account, Client, Session, Signer};
use pollster::block_on;
use serde_json::json;

use super::market;
use super::stage::*;
use super::stand_in::Words;

const FACT: &str = "My sister Clara moved to Lyon last spring.";
const OTHER: &str = "The spare key hangs behind the ivy.";
const ASKED: &str = "In which city does my sister live?";

/// A front that reads long prompts, and every byte that it is sent.
fn heard(node: &NodeSeen) -> (Router, Arc<Mutex<Vec<u8>>>) {
    let terms = OfferTerms { prompt_ceiling: 2_000, ..terms(3) };
    let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = bytes.clone();
    let listen = move |request: axum::extract::Request, next: axum::middleware::Next| {
        let kept = kept.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            kept.lock().unwrap().extend([format!("{parts:?}\n").as_bytes(), &body].concat());
            next.run(axum::extract::Request::from_parts(parts, Body::from(body))).await
        }
    };
    (Front::new(node.provider.clone(), vec![terms]).router().layer(axum::middleware::from_fn(listen)), bytes)
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

/// Every byte of every file below a folder.
fn files(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { files(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

// ANCHOR: remember
/// Asks in a session that remembers, and shows what was recalled for it.
async fn asked(
    session: Session,
    file: &Path,
    signer: &dyn Signer,
    counter: Arc<dyn TokenCounter>,
) -> lazai::Result<Session> {
    let key = MemoryKey::of(signer).await?;
    let memory = Memory::open(file, key)?;
    let session = session.with_memory(Remembering::new(memory, 200, Some(counter)));
    session.say("In which city does my sister live?").await?;
    for recalled in session.recalled().unwrap_or_default().lines {
        println!("{} {}", recalled.id, recalled.line);
    }
    Ok(session)
}
// ANCHOR_END: remember

#[test]
fn a_session_remembers_an_earlier_one_and_its_receipts_are_recounted() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let (router, wire) = heard(&node);
    let front = Listening::on(router);
    let signer = market::signer(0);
    let account = Account::new(stage.ledger.clone(), signer.clone());
    let domain = account.domain();
    // In clear text, so that the test can read it.
    let node = HttpNode::new(&front.url).unwrap().with_sealing(Sealing::Off);
    let client = Client::of(node, account).with_counter(Arc::new(Words));
    let model = block_on(client.models()).unwrap().remove(0);
    let path = stage.path("mine/memory.lzm");
    let memory = || Memory::open(&path, block_on(MemoryKey::of(&*signer)).unwrap()).unwrap();
    let open = |remembers: bool| {
        let session = block_on(client.open(&model, UNITS(40_000))).unwrap();
        match remembers {
            true => session.with_memory(Remembering::new(memory(), 200, Some(Arc::new(Words)))),
            false => session,
        }
    };
    let first = open(true);
    block_on(first.say(FACT)).unwrap();
    block_on(first.say(OTHER)).unwrap();
    assert!(first.recalled().unwrap().lines.iter().all(|line| !line.line.contains("Clara")), "it stands there already");
    block_on(first.end()).unwrap();

    wire.lock().unwrap().clear();
    let without = open(false);
    block_on(without.say(ASKED)).unwrap();
    assert!(!holds(&wire.lock().unwrap(), "to Lyon"));
    wire.lock().unwrap().clear();
    let second = block_on(asked(open(false), &path, &*signer, Arc::new(Words))).unwrap();
    let recall = second.recalled().unwrap();
    assert!(recall.lines.iter().any(|line| line.line.contains(FACT)) && recall.counted && recall.tokens <= 200);
    let conversation = second.conversation();
    let asked = &conversation.messages[0].content;
    assert!(has_note(asked) && without_note(asked) == ASKED && asked.contains("Lyon"));
    let words = |text: &str| text.split_whitespace().count() as u64;
    let receipt = &conversation.receipts[0].receipt.receipt;
    assert_eq!(receipt.prompt_tokens, 4 + words(asked), "the note is counted as any words");
    // What was recalled is in the request in clear, and nothing else of the memory is on the wire.
    {
        let wire = wire.lock().unwrap();
        assert!(holds(&wire, FACT) && !holds(&wire, "behind the ivy") && !holds(&wire, "memory.lzm"));
    }
    // The next message has its own note, and the one before has none.
    let reply = block_on(second.say("And where is that spare key?")).unwrap();
    assert_eq!(reply.checked.tokens, TokenCheck::Counted);
    let conversation = second.conversation();
    assert_eq!(conversation.messages[0].content, ASKED);
    assert!(conversation.messages[2].content.contains("ivy"));
    let checked = conversation.check_again(&domain);
    assert!(checked.len() == 2 && checked.iter().all(Result::is_ok), "{checked:?}");
    // The node keeps no word of it, the owner's file none in clear.
    let kept = files(&stage.path("node"));
    assert!(!kept.is_empty());
    for word in ["Clara moved", "to Lyon", "behind the ivy", "spare key"] {
        assert!(!holds(&kept, word) && !holds(&std::fs::read(&path).unwrap(), word), "{word}");
    }
    assert_eq!(memory().entries().unwrap().len(), 8, "four turns with a memory, and none without");
}

/// A summary is a reply that is paid and checked as any other; the conversation goes on as if it had not been asked for.
#[test]
fn a_summary_is_paid_once_a_conversation_begins() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::ZERO);
    let front = Listening::on(heard(&node).0);
    let account = Account::new(stage.ledger.clone(), market::signer(0));
    let client = Client::of(HttpNode::new(&front.url).unwrap(), account).with_counter(Arc::new(Words));
    let model = block_on(client.models()).unwrap().remove(0);
    let memory = Memory::new(MemoryKey::from_bytes(&[1; 32]));
    for number in 0..8 {
        memory.note(&format!("I saw {number} crows."), number).unwrap();
    }
    let remembering = Remembering::new(memory.clone(), 300, None).with_summaries();
    let session = block_on(client.open(&model, UNITS(40_000))).unwrap().with_memory(remembering);
    block_on(session.say("Hello")).unwrap();
    let conversation = session.conversation();
    assert_eq!((conversation.receipts.len(), conversation.messages.len()), (2, 2));
    assert!(!conversation.owes());
    let summaries = memory.entries().unwrap();
    let summaries: Vec<_> = summaries.iter().filter(|entry| entry.author == lazai::memory::Author::Summary).collect();
    assert_eq!(summaries.len(), 1);
    let start: String = summaries[0].text.chars().take(20).collect();
    assert!(conversation.messages[0].content.contains(&start), "the last summary is in every prompt");
    block_on(session.say("Goodbye")).unwrap();
    assert_eq!(session.conversation().receipts.len(), 3);
}

#[test]
fn a_proxy_remembers_for_clients_that_know_nothing_of_it() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(4));
    let (router, wire) = heard(&node);
    let front = Listening::on(router);
    let memories = stage.path("memories");
    let key = || MemoryKey::from_bytes(&[3; 32]);
    let proxy = |remembers: bool| {
        let mut budget = budget(1_000_000, 50_000, 2);
        budget.max_step = UNITS(10_000);
        let proxy = stage.proxy_with(Sealing::Off, "proxy", &[&front.url], budget);
        let memories = Memories::new(&memories, key(), 200, Some(Arc::new(Words)));
        Listening::on(if remembers { proxy.with_memory(memories) } else { proxy }.router())
    };
    let mut first = proxy(true);
    for words in [FACT, OTHER, OTHER] {
        let (status, answer) = ask(&first.url, &said(words));
        assert_eq!(status, 200, "{answer}");
    }
    first.kill();
    let entries = Memory::open(memories.join("1.lzm"), key()).unwrap().entries().unwrap();
    let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts.iter().filter(|text| **text == OTHER).count(), 1, "said again, it is remembered once: {texts:?}");

    wire.lock().unwrap().clear();
    let mut second = proxy(true);
    let (status, answer) = ask(&second.url, &said(ASKED));
    assert_eq!(status, 200, "{answer}");
    assert!(holds(&wire.lock().unwrap(), FACT) && !holds(&wire.lock().unwrap(), "behind the ivy"));
    assert!(!answer.to_string().contains("to Lyon"), "the client sees nothing of it");
    // A conversation goes on in its session, though its client knows of no note.
    let at_once = ask_at_once(&second.url, 2);
    assert_ne!(session_of(&at_once[0].1), session_of(&at_once[1].1));
    let of_another = "Tell me of the sister of another.";
    let [(_, one), (_, other)] = [ASKED, of_another].map(|words| ask(&second.url, &said(words)));
    assert_ne!(session_of(&one), session_of(&other), "the session that was used least of late is taken");
    let on = json!([
        {"role": "user", "content": of_another}, {"role": "assistant", "content": text_of(&other)},
        {"role": "user", "content": "And where is the spare key?"},
    ]);
    let (status, answer) = ask(&second.url, &on);
    assert_eq!((status, session_of(&answer)), (200, session_of(&other)), "{answer}");
    second.kill();
    wire.lock().unwrap().clear();
    let third = proxy(false);
    assert_eq!(ask(&third.url, &said(ASKED)).0, 200);
    assert!(!holds(&wire.lock().unwrap(), "to Lyon"), "off unless it is asked for");
    for word in ["Clara moved", "to Lyon", "behind the ivy"] {
        assert!(!holds(&files(&memories), word) && !holds(&files(&stage.path("node")), word), "{word}");
    }
}
