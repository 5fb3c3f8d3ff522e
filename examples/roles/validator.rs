//! The validator: verifies a submission without seeing the private data, and attests it.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::settle::market::SubmissionStatus;
use lazai::validator::Validator;
use lazai_examples::Stage;
use lazai_examples::home::VALIDATORS;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        let submission = stage.submitted().await?;

        for name in VALIDATORS {
            let validator = Validator::new(stage.home.account(name), &stage.home.path("signed"));
            // Fetches proof, statement and ciphertext from the store, and checks all three.
            let attestation = validator.verify(submission, &*stage.home.store()).await?;
            validator.attest(attestation).await?;
            let status = stage.home.ledger().market().submission(submission).map(|s| s.status.clone());
            println!("{name} attested; the submission is {status:?}");
            if status == Some(SubmissionStatus::Accepted) {
                break;
            }
        }
        Ok(())
    })
}
