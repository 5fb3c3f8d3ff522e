//! What a receipt tells, and who reads what a node keeps.

use lazai::node::{ReplySettings, request_digest};
use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::message::{Message, Role};

use super::stage::Stage;

/// The seed that a receipt would have if it followed from the words and a number that is known or small.
fn guessed(text: &str, node: u64) -> u64 {
    let words = request_digest(Digest::ZERO, &[Message::new(Role::User, text)], &ReplySettings::default());
    let seed = DomainHasher::new("lazai.seed.v1").part(&node.to_le_bytes()).part(words.as_bytes()).finish();
    u64::from_le_bytes(*seed.as_bytes().first_chunk::<8>().unwrap())
}

#[test]
fn a_receipt_does_not_tell_what_was_said() {
    let stage = Stage::new(0, 0);
    let seed = stage.chat(&stage.ask("I am ill")).unwrap().receipt.receipt.seed;
    assert!((0..1_000).all(|node| guessed("I am ill", node) != seed));
    // The salted digest, which is in the receipt too, is not enough either.
    let digest = stage.ask("I am ill").digest();
    for secret in [&[0; 32][..], &[]] {
        let hasher = DomainHasher::new("lazai.seed.v2").part(secret).part(b"request");
        let tried = hasher.part(stage.conversation.session.as_bytes()).part(digest.as_bytes()).finish();
        assert_ne!(u64::from_le_bytes(*tried.as_bytes().first_chunk::<8>().unwrap()), seed);
    }
}

#[test]
fn a_node_that_is_asked_does_not_tell_what_another_said() {
    let mut stage = Stage::new(0, 0);
    let said = stage.chat(&stage.ask("I am ill")).unwrap().receipt.receipt;
    let other = stage.open(2);
    let guess = stage.chat(&stage.ask_in(&other, "I am ill", None)).unwrap().receipt.receipt;
    assert_ne!((guess.seed, guess.request_digest), (said.seed, said.request_digest));
    // With a number, the seed says nothing of the words: other words have the same.
    let numbers = [(3, "I am ill", 1), (4, "I am ill", 1), (5, "I am well", 1), (6, "I am ill", 2)];
    let seeds = numbers.map(|(nonce, text, number)| {
        let conversation = stage.open(nonce);
        std::thread::sleep(std::time::Duration::from_millis(1_050));
        stage.chat(&stage.ask_in(&conversation, text, Some(number))).unwrap().receipt.receipt.seed
    });
    assert!(seeds[0] == seeds[1] && seeds[1] == seeds[2] && seeds[2] != seeds[3], "{seeds:?}");
}

#[test]
fn two_nodes_have_two_secrets_and_a_node_that_starts_again_has_its_own() {
    let (one, other) = (Stage::new(0, 0), Stage::new(0, 0));
    let seed =
        |stage: &Stage| stage.chat(&stage.ask_in(&stage.conversation, "hi", Some(1))).unwrap().receipt.receipt.seed;
    assert_ne!(seed(&one), seed(&other));
    let secret = |stage: &Stage| std::fs::read(stage.folder.path().join("secret")).unwrap();
    assert!(secret(&one) != secret(&other) && secret(&one).len() == 32);
    let again = Stage::new(0, 0);
    std::fs::write(again.folder.path().join("secret"), secret(&one)).unwrap();
    assert_eq!(seed(&again), seed(&one), "the same number has the same seed after a restart");
}

#[cfg(unix)]
#[test]
fn what_a_node_keeps_is_read_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new(0, 0);
    stage.chat(&stage.ask("a secret")).unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(stage.folder.path()).unwrap() {
        let file = file.unwrap();
        files += 1;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
    }
    assert_eq!(files, 2, "a session's page, and the secret");
}
