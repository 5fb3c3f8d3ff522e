// ANCHOR: program
//! The creator: a card, a chat log and a folder of recordings, as they are, become a proved submission.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::core::{character::Character, dialogue, pov::PublicPart, voice::read_folder};
use lazai::{models::DatasetBuilder, zk::Prover};
use lazai_examples::{Stage, diva};

fn main() -> anyhow::Result<()> {
    let (stage, files) = (Stage::new()?, diva::folder());
    let (model, creator) = (&stage.base, stage.creator());
    let mira = vec![diva::contributor("mira", stage.home.address("mira"))];
    let by_mira = dialogue::Options { contributor: "mira".into(), ..Default::default() };

    // ANCHOR: read
    // Formats are told apart by content; reports say what was dropped, merged or repaired, and why.
    let card = Character::from_bytes(&std::fs::read(files.join("card.png"))?)?;
    let (chats, _report) = dialogue::read_all(&std::fs::read(files.join("chat.jsonl"))?, &by_mira)?;
    let (mut voice, _report) = read_folder(&files.join("voice/voice.jsonl"))?;
    // ANCHOR_END: read
    voice.retain(|recording| recording.take.contributor == "mira");
    // Dialogues become token ids, recordings become spectrograms; the public part is at most 32 KiB.
    let builder = DatasetBuilder::new(model.tokenizer(), model.template()).with_contributors(mira.clone());
    let (dataset, _report) = builder.with_recordings(&voice).build(&chats)?;
    let public = PublicPart::new(card.profile(), vec!["Who are you?".into()], mira, "synthetic");
    // The proof is bound to this ledger, this creator and the creator's submission number 1.
    let proved = creator.draft(1, dataset, public)?.prove(&Prover::new())?;
    // The private part is encrypted; its key is sealed to the ExEx alone. Each contributor signs.
    let (exex, signers) = (stage.exex().contact(), [stage.home.signer("mira")]);
    let id = pollster::block_on(proved.submit(exex, &signers))?;
    let statement = proved.statement();
    println!("submitted {id}: {} records, {} tokens", statement.records(), statement.tokens());
    Ok(())
}
// ANCHOR_END: program
