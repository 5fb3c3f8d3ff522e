//! The creator: packs dialogue and voice, proves the dataset whole, submits it.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::zk::Prover;
use lazai_examples::Stage;
use lazai_examples::diva::CONTRIBUTORS;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        let creator = stage.creator();

        // Dialogues become token ids, recordings become spectrograms; the public part is at most 32 KiB.
        let (dataset, public) = stage.packed()?;
        // The proof is bound to this ledger, this creator and her submission number 1.
        let (statement, proof) = creator.prove(&Prover::new()?, &dataset, 1)?;
        // The private part is encrypted; its key is sealed to the ExEx alone. Each contributor signs.
        let exex = stage.exex().contact();
        let contributors: Vec<_> = CONTRIBUTORS.iter().map(|name| stage.home.signer(name)).collect();
        let id = creator.submit(1, &dataset, &public, &statement, &proof, exex, &contributors).await?;

        println!("submitted {id}: {} records, {} tokens", statement.records(), statement.tokens());
        Ok(())
    })
}
