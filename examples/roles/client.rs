//! An app: opens a session with a character at a node, talks, checks and pays, and gets back what is left of the deposit.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::{Account, Amount, Client};
use lazai_examples::RunningNode;

async fn chat(node: &str, account: Account) -> lazai::Result<()> {
    let client = Client::new(node, account)?;
    let models = client.models().await?;
    let session = client.open(&models[0], Amount::from_base_units(2_000)).await?;
    for question in ["Who are you?", "And where do you live?"] {
        let reply = session.say(question).await?;
        println!("{question}\n  {} ({} base units owed)", reply.text, session.owed());
    }
    println!("{} base units left of the deposit", session.end().await?);
    Ok(())
}

fn main() -> anyhow::Result<()> {
    // A node to try, on a market of its own. On a chain, an account is an `EvmLedger` (feature `evm`) and a signer.
    let node = RunningNode::start()?;
    Ok(pollster::block_on(chat(&node.url(), node.account()))?)
}
