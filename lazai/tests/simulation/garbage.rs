//! The stranger with garbage: requests, vouchers, reports and claims that nobody is owed anything for. Nothing changes by
//! them, whoever is honest is served beside them, and the chain is not asked for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lazai::conversation::{Conversation, Talker};
use lazai::core::message::{Message, Role};
use lazai::core::{Amount, ClassId, SessionId, Signature};
use lazai::node::{
    ChatRequest, Node, NodeError, ReleaseClaim, ReleaseRequest, ReplySettings, RequestClaim, SignedVoucher,
};
use lazai::provider::Provider;
use lazai::safety::{CharacterReport, Concern, SignedReport};
use lazai::settle::session::Voucher;
use pollster::block_on;

use super::acts::{signed, units};
use super::network::made_up;
use super::talk::{open_session, price};
use super::world::{Process, World, signer};

/// What is thrown before and after an honest request.
const PIECES: u64 = 12;

pub fn throw(w: &mut World) {
    let mut honest = open_session(w, "node");
    // The node looks for new sessions by itself; what it is asked meanwhile is another question.
    w.refresh(Process::Node);
    w.spare(Process::Node);
    let node = w.node("node");
    let (provider, folder) = (&*node.provider, w.node_folder("node"));
    let talker = Talker::new(w.deployment.domain(), signer("consumer"));
    let (looks, started) = (w.looks(Process::Node), Instant::now());

    some(w, provider, &honest, &folder);
    let messages = vec![Message::new(Role::User, "beside all this")];
    let request = block_on(talker.ask(&honest, messages, ReplySettings::default())).unwrap();
    let reply = block_on(provider.chat(&request, &mut |_| {}));
    let reply = reply.unwrap_or_else(|e| panic!("who is honest is not served beside garbage: {e}"));
    block_on(talker.take(&mut honest, &request, &reply)).unwrap();
    let again = resigned(w, request, "cheat");
    let heard = block_on(provider.chat(&again, &mut |_| {}));
    assert!(heard.is_err(), "what somebody else asked is answered: {heard:?}");
    assert_eq!(honest.owed(), price(&honest));
    some(w, provider, &honest, &folder);
    w.signed.insert(honest.session, honest.owed());
    let paid = block_on(provider.pay(&honest.unpaid.expect("it is signed")));
    assert!(paid.is_ok(), "who is honest cannot pay beside garbage: {paid:?}");
    honest.mark_paid();
    some(w, provider, &honest, &folder);

    // One question a second for all of it. One that gets lost is asked again.
    let asked = w.looks(Process::Node) - looks;
    let most = (2 + started.elapsed().as_secs()) * if w.lossy == 0 { 1 } else { 64 };
    assert!(asked <= most, "the chain was asked {asked} times for sessions that are not there, {most} at most");
}

/// Throws some, after which everything is as before.
fn some(w: &mut World, provider: &Provider, honest: &Conversation, folder: &Path) {
    let before = files(folder);
    for _ in 0..PIECES {
        let kind = w.dice.below(14);
        let said = piece(w, provider, honest, kind);
        assert!(said.is_err(), "garbage of kind {kind} was taken");
    }
    let after = files(folder);
    let changed: Vec<_> = after.iter().filter(|(path, bytes)| before.get(*path) != Some(*bytes)).collect();
    assert!(after == before, "garbage changed what the node keeps: {changed:?}");
}

fn piece(w: &mut World, provider: &Provider, honest: &Conversation, kind: u64) -> Result<(), NodeError> {
    let n = w.number();
    let w = &*w;
    let nowhere = SessionId::from_bytes(*made_up("session", n).as_bytes());
    let offer = honest.offer.offer.clone();
    let chat =
        |request: &ChatRequest| block_on(provider.chat(request, &mut |_| panic!("garbage is answered"))).map(drop);
    let request = |session, turn, by: &str| request(w, session, turn, by);
    let pay = |voucher: Voucher, by: &str| {
        let signature = signed(w, by, &voucher);
        block_on(provider.pay(&SignedVoucher { voucher, signature }))
    };
    let owed = |more: u128| honest.owed().checked_add(units(more)).unwrap();
    let report = |session, by: &str| {
        let report = CharacterReport {
            session,
            class: offer.class,
            version: offer.version,
            concern: Concern::Other,
            words: "made up".into(),
            reported_at_s: n,
        };
        let signature = signed(w, by, &report);
        block_on(provider.report(&SignedReport { report, signature }))
    };
    let claim = |session, by: &str| {
        let signature = signed(w, by, &ReleaseClaim { session });
        block_on(provider.release_asked(&ReleaseRequest { session, signature })).map(drop)
    };
    let next = honest.receipts.len() as u32 + 1;
    match kind {
        0 => chat(&request(nowhere, 1, "cheat")),
        1 => chat(&request(honest.session, next, "cheat")),
        2 => chat(&ChatRequest {
            signature: Signature::from_bytes([n as u8; 65]),
            ..request(honest.session, next, "consumer")
        }),
        3 => chat(&request(honest.session, [0, next + 1, u32::MAX][n as usize % 3], "consumer")),
        4 => pay(offer.voucher(nowhere, units(77)), "cheat"),
        // Just what is owed, by somebody else; and what is not owed, by who may sign.
        5 | 6 => pay(offer.voucher(honest.session, owed(0)), "cheat"),
        7 => pay(offer.voucher(honest.session, owed(1)), "consumer"),
        8 => {
            let above = honest.deposit.checked_add(units(1)).unwrap();
            pay(offer.voucher(honest.session, above), "consumer")
        }
        9 => pay(Voucher { class: ClassId(offer.class.0 + 1), ..offer.voucher(honest.session, owed(0)) }, "consumer"),
        // Another session's, if there is one that is not over: of another node, or with what that session does not owe.
        10 => match elsewhere(w, honest) {
            Some(session) => pay(offer.voucher(session, Amount::from_base_units(1)), "consumer"),
            None => pay(offer.voucher(nowhere, Amount::ZERO), "consumer"),
        },
        11 => report(nowhere, "cheat"),
        12 => report(honest.session, "cheat"),
        _ => claim(if n.is_multiple_of(2) { nowhere } else { honest.session }, "cheat"),
    }
}

/// A request for nothing in particular, by whomever.
pub fn request(w: &World, session: SessionId, turn: u32, by: &str) -> ChatRequest {
    let messages = vec![Message::new(Role::User, "nothing")];
    let (settings, signature) = (ReplySettings::default(), Signature::from_bytes([1; 65]));
    let asked = ChatRequest { session, turn, messages, settings, salt: made_up("salt", w.next), signature };
    resigned(w, asked, by)
}

fn resigned(w: &World, asked: ChatRequest, by: &str) -> ChatRequest {
    let claim = RequestClaim { session: asked.session, turn: asked.turn, request: asked.digest() };
    ChatRequest { signature: signed(w, by, &claim), ..asked }
}

/// Another session that somebody talks in.
fn elsewhere(w: &World, honest: &Conversation) -> Option<SessionId> {
    w.signed.keys().copied().find(|id| *id != honest.session)
}

/// All files of a folder, but the node's secret.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().is_some_and(|name| name != "secret") {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}
