//! Anyone: checks where a reply comes from, against anchors of their own.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::provenance::{TrustAnchor, collect, verify};
use lazai_examples::Stage;
use lazai_examples::stage::deposit;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let stage = Stage::new()?;
        let minted = stage.minted().await?;
        let node = stage.provider("node", &minted)?;
        let consumer = stage.consumer()?;
        let offer = stage.offer(&node, &minted).await?;
        let mut conversation = consumer.open(1, &offer, deposit(1_000)).await?;
        consumer.say(&mut conversation, &node, "Who are you?", &mut |_| {}).await?;
        node.redeem(conversation.session).await?;

        // The anchor comes from the caller: here from the verifier's own copy of the ledger, never from the evidence.
        let (home, ledger) = (&stage.home, stage.home.ledger());
        let anchor = TrustAnchor::of(&*ledger, stage.base.digest());
        let evidence = collect(&*ledger, home.genesis(), &*home.store(), &minted.record, &conversation).await?;
        // The consumer says of which words it is; without this, nobody else can find out.
        let evidence = evidence.with_words(&conversation)?;
        for link in verify(&evidence, &anchor).links {
            println!("{:9} {:18} {} (not said: {})", format!("{:?}", link.trust), link.name, link.says, link.not_said);
        }
        Ok(())
    })
}
