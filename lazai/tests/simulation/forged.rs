//! What a ledger says of chains that are not what they should be.

use alloy_sol_types::SolEvent;
use lazai::core::Address;
use lazai::settle::Ledger;
use lazai::settle::ledger::LedgerError;
use lazai::settle::ledger::evm::abi::ValidatorQuorum;
use lazai::settle::ledger::evm::{Contracts, Deployment, EvmLedger, Rpc, RpcError};
use serde_json::{Value, json};

use super::acts;
use super::chain::Line;
use super::world::{Process, World};

/// A node that keeps one kind of log to itself.
struct Silent(Line);

impl Rpc for Silent {
    fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let mut answer = self.0.request(method, params)?;
        if let (Some(logs), "eth_getLogs") = (answer.as_array_mut(), method) {
            let hidden = json!(ValidatorQuorum::SubmissionAccepted::SIGNATURE_HASH);
            logs.retain(|log| log["topics"][0] != hidden);
        }
        Ok(answer)
    }
}

#[test]
fn contracts_that_log_something_else_are_found_out() {
    let mut world = World::calm();
    acts::found(&mut world);
    let honest = world.ledger(Process::People);
    assert!(honest.market().counts().0 > 0);
    let read = EvmLedger::open(Silent(world.line()), &world.deployment, None, world.pace);
    assert!(matches!(&read, Err(LedgerError::Diverged { reason, .. }) if reason.contains("did not log")), "{read:?}");
}

#[test]
fn a_market_that_is_not_there_is_not_found() {
    let world = World::calm();
    let open = |deployment: &Deployment| EvmLedger::open(world.line(), deployment, None, world.pace);
    assert!(open(&world.deployment).is_ok());
    let elsewhere = Deployment { chain_id: 1, ..world.deployment.clone() };
    let found = open(&elsewhere);
    assert!(matches!(&found, Err(LedgerError::Deployment { reason }) if reason.contains("expected 1")), "{found:?}");
    let contracts = Contracts { parameters: Address::from_bytes([3; 20]), ..world.deployment.contracts };
    let nowhere = open(&Deployment { contracts, ..world.deployment.clone() });
    assert!(matches!(&nowhere, Err(LedgerError::Deployment { .. })), "{nowhere:?}");
}
