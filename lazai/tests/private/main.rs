//! Who can read a conversation: every byte between consumer, relay and node, the node's log and its folder, in clear, sealed and oblivious
//! conversations. And what holds the seal: nobody between can have it left out, forge its key, replay it to any effect, or learn more of
//! who asks than the relay's address. A stand-in speaks for the model; ledger, nodes, sockets, proxy and relay are the real ones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, missing_docs)]

mod credits;
#[cfg(feature = "quotes")]
mod enclave;
#[path = "../logs/gossip.rs"]
#[allow(dead_code, reason = "the logs' test uses all of it")]
mod gossip;
#[cfg(feature = "quotes")]
#[path = "../quotes/intel.rs"]
#[allow(dead_code, reason = "the test of quotes uses all of it")]
mod intel;
#[cfg(feature = "quotes")]
mod keepers;
#[path = "../logs/lines.rs"]
#[allow(dead_code, reason = "the logs' test uses all of it")]
mod lines;
#[path = "../proxy/listening.rs"]
#[allow(dead_code, reason = "the proxy's test uses all of it")]
mod listening;
#[path = "../soak/market.rs"]
#[allow(dead_code, reason = "the soak uses all of it")]
mod market;
mod measured;
mod relayed;
mod sealed;
mod stage;
mod tap;
#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;

use std::path::Path;

use gossip::{Ask, PROMPT, REPLY};
use lazai::http::{Budget, HttpNode, Loopback, Relay, Sealing};
use lazai_core::Amount;
use pollster::block_on;
use serde_json::json;
use stage::{SLOWLY, Stage, logged};
use tap::Tap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Clear,
    Sealed,
    Oblivious,
}

/// Parts of eight bytes of what was said that stand somewhere.
fn found(said: &[&str], place: &[u8]) -> Vec<String> {
    let parts = said.iter().flat_map(|words| words.as_bytes().windows(8));
    let parts: std::collections::BTreeSet<&[u8]> = parts.collect();
    let stands: std::collections::HashSet<&[u8]> = place.windows(8).collect();
    let found = parts.into_iter().filter(|part| stands.contains(part));
    found.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

fn files(folder: &Path, all: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, all) } else { all.extend(std::fs::read(&path).unwrap()) }
    }
}

/// Turns, errors, a silent while, payments and an end, in one mode: what was heard on the wires, what the node's folder holds, and the
/// session.
fn converse(stage: &Stage, mode: Mode) -> (Vec<u8>, Vec<u8>, String) {
    let node = stage.node(&format!("{mode:?}"));
    let serving = node.front.spawn("127.0.0.1:0").unwrap();
    let at_node = Tap::before(serving.address());
    let relay = Relay::new([at_node.url()]).unwrap().spawn("127.0.0.1:0").unwrap();
    let at_relay = Tap::before(relay.address());
    let line = HttpNode::new(&at_node.url()).unwrap();
    let line = match mode {
        Mode::Clear => line.with_sealing(Sealing::Off),
        Mode::Sealed => line,
        Mode::Oblivious => line.with_relay(&at_relay.url()).unwrap(),
    };

    let session = stage.session(&line);
    let mut streamed = String::new();
    let first = block_on(session.say_streaming(&Ask::Speak.words(), &mut |text| streamed.push_str(text))).unwrap();
    assert!(first.text.contains(REPLY) && streamed == first.text);
    for (ask, code) in [
        (Ask::Setting, "node.setting"),
        (Ask::Moderated, "node.moderated"),
        (Ask::Long, "node.prompt_too_long"),
        (Ask::Fail, "node.generation"),
    ] {
        let error = block_on(session.say(&ask.words())).unwrap_err();
        assert!(error.to_string().contains(code), "{mode:?} {ask:?}: {error}");
    }
    let slow = block_on(session.say(&format!("{SLOWLY}: {PROMPT}"))).unwrap();
    assert!(slow.text.contains(REPLY));
    block_on(session.end()).unwrap();

    // A stock client at the proxy on the consumer's machine, which is not listened to.
    let units = Amount::from_base_units;
    let budget = Budget {
        total: units(20_000),
        deposit: units(5_000),
        max_step: units(2_000),
        sessions: 1,
        ..Budget::default()
    };
    let folder = stage.path(&format!("{mode:?} proxy"));
    let proxy = Loopback::open(stage.consumer(), vec![line], budget, folder).unwrap().without_key();
    let own = proxy.spawn("127.0.0.1:0").unwrap();
    for stream in [false, true] {
        let body = json!({"model": "dat:1:1", "messages": [{"role": "user", "content": Ask::Speak.words()}], "stream": stream});
        let post = ureq::post(format!("{}/v1/chat/completions", own.url())).header("content-type", "application/json");
        let told = post.send(body.to_string()).unwrap().body_mut().read_to_string().unwrap();
        assert!(told.contains(REPLY), "{mode:?}: {told}");
    }
    drop(own);
    let mut kept = Vec::new();
    files(&node.folder, &mut kept);
    let heard = [at_node.heard(), at_relay.heard()];
    assert!(!heard[0].is_empty() && heard[1].is_empty() == (mode != Mode::Oblivious));
    (heard.concat(), kept, session.id().to_string())
}

#[test]
fn nobody_between_reads_a_sealed_conversation() {
    let lines = logged();
    let stage = Stage::new();
    let asked = [Ask::Speak, Ask::Setting, Ask::Moderated, Ask::Fail].map(Ask::words);
    let slow = format!("{SLOWLY}: {PROMPT}");
    let replied = format!("{REPLY} {REPLY} ");
    let said: Vec<&str> = asked.iter().map(String::as_str).chain([slow.as_str(), replied.as_str()]).collect();
    std::thread::scope(|scope| {
        let modes = [Mode::Clear, Mode::Sealed, Mode::Oblivious];
        let stage = &stage;
        let talks = modes.map(|mode| (mode, scope.spawn(move || converse(stage, mode))));
        for (mode, talk) in talks {
            let (heard, kept, session) = talk.join().unwrap();
            if mode == Mode::Clear {
                // The search finds what there is to be found: prompts, replies, the session, and that a line was kept open.
                for words in said.iter().chain([&session.as_str()]) {
                    assert!(!found(&[words], &heard).is_empty(), "{words}");
                }
                assert!(heard.windows(4).any(|part| part == b"\n:\n\n"), "no comment kept the line open");
            } else {
                assert_eq!(found(&said, &heard), Vec::<String>::new(), "{mode:?}");
                assert_eq!(found(&[&session], &heard), Vec::<String>::new(), "the session, {mode:?}");
            }
            assert_eq!(found(&said, &kept), Vec::<String>::new(), "the folder of the node, {mode:?}");
            // A leak of eight bytes in one of its files is found.
            let planted = [&kept[..], &REPLY.as_bytes()[..8]].concat();
            assert_eq!(found(&said, &planted), [&REPLY[..8]], "{mode:?}");
            assert!(kept.len() > 1_000, "pages are there");
        }
    });
    let log = lines.bytes();
    assert_eq!(found(&said, &log), Vec::<String>::new());
    assert!(!found(&said, &[&log[..], &PROMPT.as_bytes()[8..16]].concat()).is_empty());
    assert!(String::from_utf8_lossy(&log).contains("request failed"), "the log is listened to");
}
