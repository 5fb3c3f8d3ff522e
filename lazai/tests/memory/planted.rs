//! Facts planted in sessions of other talk are found again in the prompt of a question, long after.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lazai::memory::{Entry, Meaning, Memory, Query, Remembering, Turn};
use lazai_core::SessionId;
use lazai_core::message::{Message, Role};
use lazai_core::tokenizer::Counter;
use serde_json::{Value, json};

use super::facts::{FACTS, Fact};
use super::small_talk::Talk;
use super::{counter, key, percentile};

const SEED: u64 = 38;
const SESSIONS: u64 = 20;
const START_S: u64 = 1_767_225_600;

/// A memory of so many turns of talk over twenty sessions, with the facts between. Returns how long each turn took, in microseconds.
fn grown(memory: &Memory, turns: u64) -> Vec<u128> {
    let remembering = Remembering::new(memory.clone(), 0, None);
    let (mut talk, mut took) = (Talk::new(SEED), Vec::new());
    let mut places: Vec<u64> = FACTS.iter().map(|_| talk.below(turns)).collect();
    places.sort_unstable();
    for turn in 0..turns {
        let session = SessionId::from_bytes([u8::try_from(turn * SESSIONS / turns).unwrap(); 32]);
        let planted = FACTS.iter().zip(&places).filter(|(_, place)| **place == turn);
        let facts: Vec<String> = planted.map(|(fact, _)| talk.around(fact.said)).collect();
        let said = if facts.is_empty() { talk.user() } else { facts.join(" ") };
        let (messages, reply) = ([Message::new(Role::User, said)], talk.character());
        let turn = Turn { session, turn: u32::try_from(turn).unwrap() };
        let began = Instant::now();
        remembering.keep(turn, &messages, &reply, START_S + u64::from(turn.turn) * 600).unwrap();
        took.push(began.elapsed().as_micros());
    }
    took
}

/// The prompt of a question that begins a session, and the tokens that the memory added to it.
fn asked(memory: &Memory, fact: &Fact, max_tokens: u32, counter: &Counter) -> (String, u64) {
    let recall = Query { counter: Some(counter), ..Query::new(fact.asked, max_tokens) };
    let recall = memory.recall(&recall).unwrap();
    let prompt = recall.before(fact.asked);
    let tokens = |content: &str| counter.prompt_tokens(&[Message::new(Role::User, content)]).unwrap();
    let added = tokens(&prompt) - tokens(fact.asked);
    assert!(added <= max_tokens.into() && added == recall.tokens, "{added} tokens for {max_tokens}: {prompt}");
    (prompt, added)
}

fn found(memory: &Memory, max_tokens: u32, counter: &Counter) -> Vec<bool> {
    FACTS.iter().map(|fact| asked(memory, fact, max_tokens, counter).0.contains(fact.answer)).collect()
}

/// What a prompt of the newest words, as many as the budget has room for, would hold.
fn found_in_the_newest(entries: &[Entry], max_tokens: u64, counter: &Counter) -> usize {
    let mut newest = String::new();
    for entry in entries.iter().rev() {
        let more = format!("{}\n{newest}", entry.text);
        if counter.encode(&more).len() as u64 > max_tokens {
            break;
        }
        newest = more;
    }
    FACTS.iter().filter(|fact| newest.contains(fact.answer)).count()
}

/// By how many words of a question are words of its fact.
fn shared(fact: &Fact) -> usize {
    let words = |text: &str| -> std::collections::BTreeSet<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
        words.filter(|word| word.len() > 3).collect()
    };
    words(fact.said).intersection(&words(fact.asked)).count()
}

/// What is found by meaning, too, and how long it takes: the first time, when everything gets its vector, out of its file, and from then on.
fn by_meaning(path: &Path, model: Arc<dyn Meaning>, counter: &Counter) -> Value {
    let opened = || {
        let memory = Memory::open(path, key(1)).unwrap();
        memory.find_by_meaning(model.clone());
        memory
    };
    let ask = |memory: &Memory| {
        let began = Instant::now();
        asked(memory, &FACTS[0], 512, counter);
        began.elapsed().as_millis()
    };
    let first_ms = ask(&opened());
    let memory = opened();
    let (opened_ms, again_ms) = (ask(&memory), ask(&memory));
    let hits = found(&memory, 512, counter);
    let missed: Vec<&str> = FACTS.iter().zip(&hits).filter(|(_, hit)| !**hit).map(|(fact, _)| fact.asked).collect();
    let file = std::fs::metadata(path.with_extension("lzm.meaning")).unwrap().len();
    json!({
        "found": FACTS.len() - missed.len(), "missed": missed, "first_recall_ms": first_ms, "first_recall_with_its_file_ms": opened_ms,
        "recall_ms": again_ms, "file_bytes": file,
    })
}

#[test]
fn planted_facts_are_found_again() {
    let turns = std::env::var("LAZAI_MEMORY_TURNS").map_or(400, |turns| turns.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.lzm");
    let memory = Memory::open(&path, key(1)).unwrap();
    let counter = counter();
    let mut keeping = grown(&memory, turns);

    let began = Instant::now();
    let memory = Memory::open(&path, key(1)).unwrap();
    let opening_ms = began.elapsed().as_millis();
    let began = Instant::now();
    asked(&memory, &FACTS[0], 512, &counter);
    let indexing_ms = began.elapsed().as_millis();

    let none = Memory::new(key(1));
    assert_eq!(found(&none, 512, &counter), [false; 40], "nothing is found where nothing is remembered");
    assert_eq!(found(&memory, 0, &counter), [false; 40], "nothing is found without a budget");
    let by_budget: Vec<(u32, usize)> = [64, 128, 256, 512, 1_024]
        .map(|budget| (budget, found(&memory, budget, &counter).into_iter().filter(|found| *found).count()))
        .to_vec();
    let hits = found(&memory, 512, &counter);
    let count = hits.iter().filter(|found| **found).count();
    let missed: Vec<&str> = FACTS.iter().zip(&hits).filter(|(_, found)| !**found).map(|(fact, _)| fact.asked).collect();
    assert!(count * 10 >= FACTS.len() * 9, "{count} of {} are found; not: {missed:#?}", FACTS.len());

    let by_meaning = std::env::var_os("LAZAI_ENCODER").map(|folder| {
        let encoder = lazai::lora::Encoder::open(folder.as_ref(), &lazai::lora::Compute::cpu()).unwrap();
        by_meaning(&path, Arc::new(encoder), &counter)
    });

    let bytes = std::fs::read(&path).unwrap();
    let in_clear = |words: &str| bytes.windows(words.len()).any(|window| window == words.as_bytes());
    let leaked: Vec<&str> = FACTS.iter().flat_map(|fact| fact.said.split(' ')).filter(|word| word.len() > 6).collect();
    assert!(!leaked.iter().any(|word| in_clear(word)), "a planted word is in the file in clear");
    assert!(!in_clear("\"author\"") && !in_clear("\"text\":"));

    let Some(report) = std::env::var_os("LAZAI_MEMORY_REPORT") else { return };
    let entries = memory.entries().unwrap();
    let (mut recalling, mut tokens) = (Vec::new(), Vec::new());
    for fact in &FACTS {
        let began = Instant::now();
        tokens.push(u128::from(asked(&memory, fact, 512, &counter).1));
        recalling.push(began.elapsed().as_micros());
    }
    let classes = |least: usize, most: usize| {
        let of: Vec<bool> = FACTS
            .iter()
            .zip(&hits)
            .filter(|(fact, _)| (least..=most).contains(&shared(fact)))
            .map(|(_, hit)| *hit)
            .collect();
        json!({"questions": of.len(), "found": of.iter().filter(|hit| **hit).count()})
    };
    let began = Instant::now();
    memory.forget(&[entries[0].id]).unwrap();
    let forgetting_ms = began.elapsed().as_millis();
    let report_of = json!({
        "seed": SEED, "sessions": SESSIONS, "turns": turns, "entries": entries.len(), "facts": FACTS.len(),
        "tokenizer": counter.digest(), "budget_tokens": 512, "found": count, "found_without_memory": 0,
        "found_in_the_newest_words": found_in_the_newest(&entries, 512, &counter),
        "found_by_budget": by_budget.iter().map(|(budget, found)| json!({"tokens": budget, "found": found})).collect::<Vec<_>>(),
        "by_words_shared": {"none": classes(0, 0), "one": classes(1, 1), "more": classes(2, 99)},
        "missed": missed, "by_meaning": by_meaning,
        "recalled_tokens": {"median": percentile(&mut tokens, 50), "most": percentile(&mut tokens, 100)},
        "recall_us": {"median": percentile(&mut recalling, 50), "p95": percentile(&mut recalling, 95)},
        "remember_us": {"median": percentile(&mut keeping, 50), "p95": percentile(&mut keeping, 95)},
        "open_ms": opening_ms, "first_recall_ms": indexing_ms, "forget_ms": forgetting_ms, "file_bytes": bytes.len(),
        "bytes_of_text": entries.iter().map(|entry| entry.text.len()).sum::<usize>(),
        "planted_words_in_the_file_in_clear": 0,
    });
    std::fs::write(report, serde_json::to_string_pretty(&report_of).unwrap()).unwrap();
}
