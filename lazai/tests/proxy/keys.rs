//! Requests with an idempotency key, asked again of a proxy that was killed: made once, paid once, in the session that they were asked of.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use serde_json::Value;

use super::dice::Dice;
use super::stage::*;

const LIVES: u64 = 20;
const KEYS: usize = 8;

fn asked(url: &str, key: &str) -> (u16, Value) {
    ask_with(url, &said(&format!("What of {key}?")), Some(key))
}

/// The price of a reply, by its receipt.
fn price(answer: &Value) -> u128 {
    let receipt = &answer["lazai"]["receipt"]["receipt"];
    let tokens = |field: &str| u128::from(receipt[field].as_u64().unwrap_or_else(|| panic!("{receipt}")));
    tokens("prompt_tokens") + 3 * tokens("completion_tokens")
}

/// The files of a folder, and of those in it.
fn files(folder: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.insert(entry.clone(), std::fs::read(entry).unwrap());
        }
    }
    found
}

/// Both sessions are open again; the node made a reply in each, of which the proxy has the seed and the session alone. In whatever order
/// the two are asked again, each goes to the session that it was asked of.
#[test]
fn a_key_is_asked_again_of_its_own_session() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(2));
    let front = Listening::on(front(&node, 3));
    let open = || Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2)).router());
    let mut proxy = open();
    assert!(ask_at_once(&proxy.url, 2).iter().all(|(status, _)| *status == 200));
    assert_eq!(stage.sessions("proxy").len(), 2);
    let before = files(&stage.path("proxy"));
    let first: Vec<(u16, Value)> = ["one", "two"].iter().map(|key| asked(&proxy.url, key)).collect();
    assert_ne!(session_of(&first[0].1), session_of(&first[1].1), "each session is used in turn");
    let (spent, made) = (number(&told(&proxy.url)["spent"]), node.seen.begun.load(Ordering::SeqCst));
    for (order, is_kept) in [([0, 1], false), ([1, 0], false), ([0, 1], true), ([1, 0], true)] {
        proxy.kill();
        // Killed as the node answered: its book is as before. Of each request there is what was kept before the node heard of it, or the
        // reply, too: it is kept first.
        drop(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2)));
        before.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
        for (path, bytes) in files(&stage.path("proxy/replies")).into_iter().filter(|_| !is_kept) {
            let mut page: Value = serde_json::from_slice(&bytes).unwrap();
            let choices = page["choices"].as_array_mut().map(std::mem::take).unwrap();
            page["session"] = choices[0]["details"]["receipt"]["receipt"]["session"].clone();
            std::fs::write(path, page.to_string()).unwrap();
        }
        proxy = open();
        for place in order {
            assert_eq!(asked(&proxy.url, ["one", "two"][place]), first[place]);
        }
        assert_eq!(number(&told(&proxy.url)["spent"]), spent);
        assert_eq!(node.seen.begun.load(Ordering::SeqCst), made, "the node made nothing anew");
    }
}

/// Lives of a proxy that end at any moment, with the same requests asked at once in each of them.
#[test]
fn keys_are_paid_once_over_all_lives_of_a_proxy() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let open = || Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 3)).router());
    let keys: Vec<String> = (0..KEYS).map(|key| key.to_string()).collect();
    let mut dice = Dice::new(std::process::id().into());
    let mut answers = BTreeMap::<String, Value>::new();
    let mut hear = |key: &str, (status, answer): (u16, Value)| {
        if status == 200 {
            let known = answers.entry(key.to_owned()).or_insert_with(|| answer.clone());
            assert_eq!(*known, answer, "{key} is told the same again");
        }
        status == 200
    };
    for _ in 0..LIVES {
        let mut proxy = open();
        let asking = keys.iter().map(|key| {
            let (url, key) = (proxy.url.clone(), key.clone());
            std::thread::spawn(move || (asked(&url, &key), key))
        });
        let asking: Vec<_> = asking.collect();
        std::thread::sleep(Duration::from_millis(dice.below(250)));
        proxy.kill();
        for asked in asking {
            let (heard, key) = asked.join().unwrap();
            hear(&key, heard);
        }
    }
    let mut proxy = open();
    for key in &keys {
        assert!(soon(|| hear(key, asked(&proxy.url, key))), "{key} is never answered");
    }
    let spent = number(&told(&proxy.url)["spent"]);
    proxy.kill();
    assert!(block_on(node.provider.redeem_all()).unwrap().is_empty());
    let earned: u128 = stage.sessions("proxy").iter().map(|(_, session)| session.redeemed.base_units()).sum();
    let told: u128 = answers.values().map(price).sum();
    assert!(0 < earned && earned <= spent && spent == told, "earned {earned}, spent {spent}, told {told}");
}
