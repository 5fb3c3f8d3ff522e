//! The ExEx: follows the ledger, decrypts what is accepted for it, fine-tunes, mints.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::core::record::LoraConfig;
use lazai_examples::Stage;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        stage.accepted().await?;

        let exex = stage.exex();
        let (lora, config) = (LoraConfig::default(), stage.training());
        for submission in exex.follow().await? {
            // Recomputes the root from the decrypted records; a mismatch is a reason to refuse.
            let dataset = exex.open(submission, &*stage.backend).await?;
            let trained = exex.train(submission, &dataset, &*stage.backend, &lora, &config, |progress| {
                println!("step {} of {}, loss {:.3}", progress.step, progress.steps, progress.loss);
                true
            })?;
            let minted = exex.mint(submission, &*stage.backend, &lora, &config, &trained, stage.terms()).await?;
            // What the record says can be repeated; anyone who may read the dataset can do it.
            let repeated = exex.replay(&dataset, &*stage.backend, &minted.record, 0..minted.record.steps)?;
            println!("repeated steps {:?}: {:?}", repeated.steps, repeated.agreement);
            println!(
                "minted class {} version {}: adapter {}",
                minted.class, minted.version, minted.record.adapter_digest
            );
        }
        Ok(())
    })
}
