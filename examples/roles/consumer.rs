//! The consumer: opens a session, talks, recounts every receipt, pays after each reply.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai_examples::Stage;
use lazai_examples::stage::deposit;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        let minted = stage.minted().await?;
        let node = stage.provider("node", &minted)?;

        let consumer = stage.consumer()?;
        let offer = stage.offer(&node, &minted).await?;
        let mut conversation = consumer.open(1, &offer, deposit(2_000)).await?;
        for question in ["Who are you?", "And where do you live?"] {
            println!("you: {question}");
            // The text could be shown piece by piece as it comes.
            let reply = consumer.say(&mut conversation, &node, question, &mut |_| {}).await?;
            let receipt = &reply.receipt.receipt;
            println!("she: {}", reply.text);
            println!(
                "     {} + {} tokens, {} owed so far",
                receipt.prompt_tokens, receipt.completion_tokens, receipt.cumulative
            );
        }
        Ok(())
    })
}
