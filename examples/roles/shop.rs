//! A node on a chain that sells single replies to any wallet that speaks x402. Ends with its standard input.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use anyhow::Context;
use lazai::core::{Amount, LocalSigner, Signer};
use lazai::http::Front;
use lazai::provider::OfferTerms;
use lazai::settle::market::Event;
use lazai::settle::notice::Cursor;
use lazai_examples::Stage;
use tokio::net::TcpListener;

/// The wallet of the example; it is worth nothing.
const WALLET: [u8; 32] = [0x11; 32];
const PASSWORD: &str = "worth nothing";

fn main() -> anyhow::Result<()> {
    let url = std::env::var("LAZAI_CHAIN_URL").context("LAZAI_CHAIN_URL names a test chain's node")?;
    let stage = Stage::on_chain(&url, 1)?;
    let minted = pollster::block_on(stage.minted())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let chain = stage.home.chain().context("it is on a chain")?;
        // ANCHOR: sell
        let provider = Arc::new(stage.provider("node", &minted)?);
        let terms = OfferTerms { asset: chain.dollar()?, ..Stage::offer_terms(&minted) };
        let front = Front::new(provider, vec![terms]);
        // No reply for less than fifty units of the asset, whatever it costs by its tokens: taking a payment costs gas.
        front.sell_at_once(Amount::from_base_units(50));
        // ANCHOR_END: sell
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("LAZAI_NODE_URL=http://{}", listener.local_addr()?);
        chain.give_dollars(LocalSigner::from_bytes(WALLET)?.address(), 1_000_000)?;
        println!("LAZAI_WALLET_KEY=0x{}", hex::encode(WALLET));
        println!("LAZAI_NETWORK=eip155:{}", chain.ledger.deployment().chain_id);
        println!("LAZAI_DOLLAR={}", chain.dollar()?.0);
        println!("LAZAI_RPC_URL={url}");
        // For `lazai facilitator` and `lazai pay` on the same chain.
        println!("LAZAI_DEPLOYMENT={}", stage.home.path("deployment.json").display());
        let keystores = stage.home.path("keystores");
        std::fs::create_dir_all(&keystores)?;
        stage.home.key("deployer").to_keystore(&keystores, "facilitator", PASSWORD)?;
        LocalSigner::from_bytes(WALLET)?.to_keystore(&keystores, "wallet", PASSWORD)?;
        std::fs::write(keystores.join("password"), PASSWORD)?;
        println!("LAZAI_KEYSTORES={}", keystores.display());
        let router = front.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
        let ledger = stage.home.ledger();
        let (mut replies, mut sum) = (0, Amount::ZERO);
        for notice in ledger.notices(&Cursor::new()).await? {
            let (_, Some(new)) = notice.parts() else { continue };
            for event in new.entries.iter().flat_map(|entry| &entry.events) {
                if let Event::Paid { amount, .. } = event {
                    (replies, sum) = (replies + 1, sum.checked_add(*amount)?);
                }
            }
        }
        println!("{replies} replies were paid at once, with {sum} units");
        Ok(())
    })
}
