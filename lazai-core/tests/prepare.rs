//! Preparing training sets: what is dropped is dropped rightly, and nothing leaks into what is held out.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use lazai_core::BasisPoints;
use lazai_core::dialogue::{Dialogue, Options, Role};
use lazai_core::prepare::{Preparation, PrepareError, PrepareStage, Prepared, Settings};
use lazai_core::report::Action;
use proptest::prelude::*;
use serde_json::json;

fn line(user: &str, reply: &str) -> String {
    json!({"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]}).to_string() + "\n"
}

/// Words that look different for different numbers.
fn words(seed: u64, count: u64) -> String {
    let word = |i: u64| format!("w{}", (seed * 1_000 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

fn settings(threads: usize) -> Settings {
    let held_out = BasisPoints::new(1_000).unwrap();
    Settings { held_out, threads: NonZeroUsize::new(threads).unwrap(), ..Settings::default() }
}

fn prepare(text: &str, settings: Settings) -> Result<Prepared, PrepareError> {
    let file = text.as_bytes();
    // ANCHOR: prepare
    let by_mira = Options { contributor: "mira".into(), ..Options::default() };
    let mut preparation = Preparation::new(settings)?;
    preparation.add("a.jsonl", file, &by_mira)?;
    let prepared = preparation.finish()?;
    // ANCHOR_END: prepare
    Ok(prepared)
}

fn both(prepared: &Prepared) -> (Vec<Dialogue>, Vec<Dialogue>) {
    let all = |part: Result<Vec<Dialogue>, _>| part.unwrap();
    (all(prepared.train().unwrap().collect()), all(prepared.held_out().unwrap().collect()))
}

fn grams(dialogues: &[Dialogue]) -> HashSet<String> {
    let said = dialogues.iter().flat_map(|d| &d.messages).filter(|m| m.role != Role::System);
    said.flat_map(|m| {
        let words: Vec<String> =
            m.content.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
        words.windows(8).map(|w| w.join(" ")).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn exact_and_near_duplicates_go_and_the_rest_stays() {
    let mut text = String::new();
    for i in 0..50 {
        text += &line(&format!("question {i}"), &words(i, 60));
    }
    text += &line("question 7", &words(7, 60)); // exact
    text += &line("Question  7", &format!("{} ", words(7, 60)).to_uppercase()); // other case: near
    text += &line("question 9", &words(9, 60).replace("w", "W").replacen(' ', " so ", 1)); // one word more: near
    text += &line("question 9", &words(9, 20)); // a third of it: another one
    let prepared = prepare(&text, settings(2)).unwrap();
    let statistics = prepared.statistics();
    assert_eq!((statistics.exact_duplicates, statistics.near_duplicates, statistics.kept), (1, 2, 51));
    let reasons: Vec<&str> = prepared.report().of(Action::Dropped).map(|n| n.reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["the same as a.jsonl, line 8", "nearly the same as a.jsonl, line 8", "nearly the same as a.jsonl, line 10"]
    );
    assert_eq!(prepared.quality().duplication.get(), 9_444);
}

#[test]
fn held_out_dialogues_share_no_eight_words_with_training() {
    let mut text = String::new();
    for i in 0..600 {
        // Every third shares a long run of words with its neighbour; every seventh with everybody.
        let shared = if i % 3 == 0 { words(10_000 + i / 6, 12) } else { String::new() };
        let common = if i % 7 == 0 { words(99_999, 9) } else { String::new() };
        text += &line(&format!("q {i}"), &format!("{} {shared} {} {common}", words(i, 20), words(i + 5_000, 20)));
    }
    for seed in 0..5 {
        let prepared = prepare(&text, Settings { seed, ..settings(2) }).unwrap();
        let (train, held_out) = both(&prepared);
        assert_eq!((train.len() + held_out.len()) as u64, prepared.statistics().kept);
        assert!((30..=60).contains(&held_out.len()), "{}", held_out.len());
        assert_eq!(held_out.len() as u64, prepared.statistics().held_out);
        let leaked: Vec<_> = grams(&train).intersection(&grams(&held_out)).cloned().collect();
        assert!(leaked.is_empty(), "{leaked:?}");
    }
}

#[test]
fn results_depend_on_the_seed_and_not_on_threads_or_order() {
    let lines: Vec<String> = (0..300).map(|i| line(&format!("q {i}"), &words(i, 30))).collect();
    let ids = |prepared: &Prepared| -> HashSet<String> {
        both(prepared).1.iter().map(|d| d.messages[0].content.clone()).collect()
    };
    let one = prepare(&lines.concat(), settings(1)).unwrap();
    let four = prepare(&lines.concat(), settings(4)).unwrap();
    assert_eq!(both(&one), both(&four));
    assert_eq!((one.report(), one.statistics()), (four.report(), four.statistics()));
    let reversed: String = lines.iter().rev().map(String::as_str).collect();
    assert_eq!(ids(&prepare(&reversed, settings(2)).unwrap()), ids(&one));
    assert_ne!(ids(&prepare(&lines.concat(), Settings { seed: 1, ..settings(2) }).unwrap()), ids(&one));
}

#[test]
fn the_score_counts_what_it_says() {
    let text = [
        line("hi", "Good evening, stranger."),
        line("hi", "Good evening, stranger."),
        "{broken\n".to_owned(),
        json!({"messages": [{"role": "assistant", "content": "A greeting without a question."}]}).to_string() + "\n",
    ];
    let prepared = prepare(&text.concat(), settings(1)).unwrap();
    let quality = prepared.quality();
    assert_eq!((quality.duplication.get(), quality.validity.get(), quality.context.get()), (6_666, 7_500, 6_666));
    assert_eq!(u32::from(quality.score.get()), (2 * 6_666 + 3 * 7_500 + 5 * 6_666) / 10);
    assert!(prepared.statistics().table().contains("| exact duplicates | 1 |"));
    let svg = prepared.statistics().svg();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains(">6666<"));
}

#[test]
fn several_files_and_their_faults() {
    let mut preparation = Preparation::new(settings(1)).unwrap();
    let options = Options { character: Some("Vesper".into()), user: Some("Bo".into()), contributor: "mira".into() };
    preparation.add("log.txt", "<START>\nBo: hi\nVesper: Hush.".as_bytes(), &options).unwrap();
    preparation.add("table.csv", "prompt,response\nhi,Hush.\nbye,Till then.".as_bytes(), &options).unwrap();
    let error = preparation.add("novel.txt", "Once upon a time".as_bytes(), &options).unwrap_err();
    assert!(matches!(error, PrepareError::Dialogue { file, .. } if file == "novel.txt"));
    let prepared = preparation.finish().unwrap();
    assert_eq!(prepared.report().notes[0].place, "table.csv, line 2");
    assert_eq!(prepared.report().notes[0].reason, "the same as log.txt, line 1");
    assert_eq!(both(&prepared).0.len(), 2);
    assert!(matches!(prepare("{\"messages\": []}", settings(1)), Err(PrepareError::NothingLeft { dropped: 1 })));
}

#[test]
fn it_can_be_cancelled_in_every_stage() {
    let text: String = (0..3_000).map(|i| line(&format!("q {i}"), &words(i, 12))).collect();
    for stage in [PrepareStage::Reading, PrepareStage::Splitting] {
        let mut preparation = Preparation::new(settings(2)).unwrap().on_progress(Box::new(move |progress| {
            if progress.stage == stage { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }));
        let added = preparation.add("a", text.as_bytes(), &Options::default());
        let result = added.and_then(|()| preparation.finish().map(|_| ()));
        assert!(matches!(result, Err(PrepareError::Cancelled { .. })), "{stage:?}: {result:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_dialogue_is_kept_once_or_noted(picks in prop::collection::vec(0u64..40, 1..120), threads in 1usize..4) {
        let text: String = picks.iter().map(|&i| line(&format!("q {i}"), &words(i, 25))).collect();
        let prepared = prepare(&text, settings(threads)).unwrap();
        let distinct: HashSet<u64> = picks.iter().copied().collect();
        let (train, held_out) = both(&prepared);
        prop_assert_eq!(train.len() + held_out.len(), distinct.len());
        prop_assert_eq!(prepared.report().dropped as usize, picks.len() - distinct.len());
        let said: HashSet<&str> = train.iter().chain(&held_out).map(|d| d.messages[0].content.as_str()).collect();
        prop_assert_eq!(said.len(), distinct.len());
    }
}
