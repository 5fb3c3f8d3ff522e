//! What the Cyber Diva's folder promises about itself.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, HashSet};

use lazai::core::message::{Dialogue, Role};
use lazai::core::voice::log_mel;
use lazai_examples::CyberDiva;
use lazai_examples::diva::CONTRIBUTORS;

fn replies(dialogues: &[Dialogue]) -> impl Iterator<Item = &str> {
    dialogues.iter().flat_map(|d| &d.messages).filter(|m| m.role == Role::Assistant).map(|m| m.content.as_str())
}

fn eight_grams(text: &str) -> Vec<String> {
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.windows(8).map(|w| w.join(" ")).collect()
}

#[test]
fn enough_of_it_by_several_hands() {
    let diva = CyberDiva::load(false).unwrap();
    let turns: usize = diva.dialogues.iter().map(|d| d.messages.len()).sum();
    assert!(diva.dialogues.len() >= 150 && turns >= 400, "{} dialogues, {turns} turns", diva.dialogues.len());
    let authors: BTreeSet<&str> = diva.dialogues.iter().map(|d| d.contributor.as_str()).collect();
    assert_eq!(authors, BTreeSet::from(CONTRIBUTORS));
    let distinct: HashSet<&str> = replies(&diva.dialogues).collect();
    assert_eq!(distinct.len(), replies(&diva.dialogues).count(), "no reply is said twice");
}

#[test]
fn held_out_replies_share_no_eight_words_with_training() {
    let diva = CyberDiva::load(false).unwrap();
    assert!(diva.heldout.len() >= 20);
    let seen: HashSet<String> = replies(&diva.dialogues).flat_map(eight_grams).collect();
    for reply in replies(&diva.heldout) {
        for gram in eight_grams(reply) {
            assert!(!seen.contains(&gram), "{gram:?} is in the training part");
        }
    }
}

#[test]
fn recordings_are_of_her_lines() {
    let diva = CyberDiva::load(false).unwrap();
    assert!(diva.recordings.len() >= 20);
    for recording in &diva.recordings {
        assert!(
            replies(&diva.dialogues).any(|r| r.contains(&recording.take.transcript)),
            "{}",
            recording.take.transcript
        );
        assert!(recording.samples.iter().any(|s| s.abs() > 0.05), "{}: silence", recording.take.file);
        log_mel(&recording.samples).unwrap();
    }
}
