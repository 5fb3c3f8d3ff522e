//! The ExEx: follows the ledger, decrypts what is accepted for it, fine-tunes, mints.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai_examples::Stage;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        stage.accepted().await?;

        let exex = stage.exex();
        for submission in exex.follow().await? {
            // Recomputes the root from the decrypted records; a mismatch is a reason to refuse.
            let training = exex.open(submission, stage.model.clone()).await?.with_config(stage.training());
            let trained = training.run(|progress| {
                println!("step {} of {}, loss {:.3}", progress.step, progress.steps, progress.loss);
                true
            })?;
            let minted = exex.mint(&trained, stage.terms()).await?;
            // What the record says can be repeated; anyone who may read the dataset can do it.
            let repeated = training.replay(&minted.record, 0..minted.record.steps)?;
            println!("repeated steps {:?}: {:?}", repeated.steps, repeated.agreement);
            println!(
                "minted class {} version {}: adapter {}",
                minted.class, minted.version, minted.record.adapter_digest
            );
        }
        Ok(())
    })
}
