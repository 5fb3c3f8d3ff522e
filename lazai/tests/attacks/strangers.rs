//! Who makes up sessions, to make a node ask its chain for each.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lazai::node::{Node, NodeError, SignedVoucher};
use lazai::safety::{CharacterReport, Concern, SignedReport};
use lazai_core::digest::sha256;
use lazai_core::{Amount, ClassId, SessionId, Signature, VersionNumber};

use super::stage::Stage;

fn made_up(number: u32) -> SessionId {
    SessionId::from_bytes(*sha256(&number.to_le_bytes()).as_bytes())
}

fn is_refused(said: &Result<impl std::fmt::Debug, NodeError>) -> bool {
    said.as_ref().is_err_and(|e| matches!(e.code(), "node.busy" | "node.unknown_session"))
}

#[test]
fn a_thousand_made_up_sessions_cost_a_few_questions_and_keep_nobody_out() {
    let mut stage = Stage::new(0, 0);
    let signature = Signature::from_bytes([1; 65]);
    let request = stage.ask("hi");
    let report = CharacterReport {
        session: made_up(0),
        class: ClassId(1),
        version: VersionNumber(1),
        concern: Concern::Other,
        words: "made up".into(),
        reported_at_s: 0,
    };
    let started = std::time::Instant::now();
    let honest = (0..1_000).fold(None, |mut honest, number| {
        let session = made_up(number);
        let said = match number % 3 {
            0 => stage.chat(&lazai::node::ChatRequest { session, ..request.clone() }).map(drop),
            1 => {
                let voucher = stage.conversation.offer.offer.voucher(session, Amount::from_base_units(1));
                pollster::block_on(stage.provider.pay(&SignedVoucher { voucher, signature }))
            }
            _ => {
                let report = CharacterReport { session, ..report.clone() };
                pollster::block_on(stage.provider.report(&SignedReport { report, signature }))
            }
        };
        assert!(is_refused(&said), "{said:?}");
        if number == 500 {
            honest = Some(stage.open(2));
        }
        honest
    });
    let honest = honest.unwrap();
    // She is told to come back, and is known then.
    let request = stage.ask_in(&honest, "hi", None);
    let tries = (1..=3).find(|_| {
        let said = stage.chat(&request);
        if let Err(error) = &said {
            assert_eq!(error.code(), "node.busy");
            std::thread::sleep(Duration::from_millis(1_050));
        }
        said.is_ok()
    });
    let asked = stage.ledger.asked.load(Ordering::SeqCst) as u64;
    assert!(tries.is_some(), "an honest consumer is not served");
    assert!(asked <= 2 + started.elapsed().as_secs(), "{asked} questions");
}

#[test]
fn one_made_up_session_asked_for_again_is_refused_without_a_question() {
    let stage = Stage::new(0, 0);
    let request = lazai::node::ChatRequest { session: made_up(1), ..stage.ask("hi") };
    for _ in 0..100 {
        let said = stage.chat(&request);
        assert_eq!(said.unwrap_err().code(), "node.unknown_session");
    }
    assert_eq!(stage.ledger.asked.load(Ordering::SeqCst), 1);
}
