//! What validators do to themselves, and what their own programs do to them.

use std::path::Path;
use std::sync::Arc;

use lazai::Account;
use lazai::validator::{ValidationError, Validator};
use lazai_core::{Digest, Domain};
use lazai_settle::ledger::{EmbeddedLedger, Ledger, SystemClock};
use lazai_settle::market::{SubmissionStatus, Transaction};
use pollster::block_on;

use super::world::{CREATOR, VALIDATORS, World, address, genesis, signer};

fn validator(ledger: &Arc<dyn Ledger>, folder: &Path) -> Validator {
    Validator::new(Account::new(ledger.clone(), Arc::new(signer(VALIDATORS[0]))), &folder.join("signed"))
}

#[test]
fn a_program_that_changes_its_mind_does_not_cost_its_validator_stake() {
    let folder = tempfile::tempdir().unwrap();
    let mut genesis = genesis();
    let mut world = World::new();
    genesis.domain = Domain { name: "attacks".into(), ..genesis.domain };
    world.market = lazai_settle::Market::new(&genesis).unwrap();
    let ledger = EmbeddedLedger::create(&folder.path().join("ledger"), &genesis, SystemClock).unwrap();
    let ledger: Arc<dyn Ledger> = Arc::new(ledger);
    let id = world.submission_id(1);
    let creator = Account::new(ledger.clone(), Arc::new(signer(CREATOR)));
    block_on(creator.send("submit", Transaction::Submit(world.submission(1)))).unwrap();

    // The store failed: she rejects. Then it works again, in another run of the program.
    let rejection = validator(&ledger, folder.path()).rejection(id).unwrap();
    block_on(validator(&ledger, folder.path()).sign(rejection)).unwrap();
    let acceptance = lazai_settle::quorum::Attestation { accepted: true, ..rejection };
    let both = block_on(validator(&ledger, folder.path()).attest(acceptance));
    assert!(matches!(both, Err(ValidationError::SignedOtherwise { .. })), "{both:?}");
    let other = lazai_settle::quorum::Attestation { content: Digest::ZERO, ..rejection };
    assert!(block_on(validator(&ledger, folder.path()).sign(other)).is_err());
    // What she signed she signs again, and it counts.
    block_on(validator(&ledger, folder.path()).attest(rejection)).unwrap();
    let market = ledger.market();
    let state = market.submission(id).unwrap();
    assert_eq!((&state.status, state.verdicts[&address(VALIDATORS[0])]), (&SubmissionStatus::Pending, false));
}
