//! The provider: serves a minted character, meters, redeems what it is owed.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai_examples::Stage;
use lazai_examples::stage::deposit;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        let minted = stage.minted().await?;

        let provider = stage.provider("node", &minted)?;
        let offer = stage.offer(&provider, &minted).await?;
        println!("the most that one reply can cost, and that the node can lose: {}", offer.offer.step()?);

        // A consumer comes, talks and pays.
        let consumer = stage.consumer()?;
        let mut conversation = consumer.open(1, &offer, deposit(1_000)).await?;
        consumer.say(&mut conversation, &provider, "Who are you?", &mut |_| {}).await?;

        // The last voucher is redeemed and split; what is left of the deposit goes back.
        provider.redeem(conversation.session).await?;
        provider.close(conversation.session).await?;
        let balance = stage.home.ledger().market().balance(provider.address(), offer.offer.asset);
        println!("{} were paid, of which the node got {balance}", conversation.owed());
        Ok(())
    })
}
