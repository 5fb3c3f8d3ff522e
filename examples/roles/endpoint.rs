//! An endpoint for stock clients: a node's HTTP front, and the loopback proxy that pays it. Ends with its standard input.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use lazai::core::{Amount, Asset};
use lazai::http::{Budget, Front, HttpNode, Loopback};
use lazai::lora::generate::Sampler;
use lazai::lora::{Compute, Encoder};
use lazai::provider::OfferTerms;
use lazai_examples::Stage;
use tokio::net::TcpListener;

/// The keys of the example are worth nothing.
const PASSWORD: &str = "password";

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stage = Stage::new()?;
        let minted = stage.minted().await?;

        // The node: its characters are models, and cost something.
        // Room for tools in the prompt, and for their calls.
        let usual = Sampler { max_tokens: 160, ..Sampler::default() };
        let provider = Arc::new(stage.provider("node", &minted)?.with_sampler(usual));
        let terms = OfferTerms { prompt_ceiling: 2_000, ..Stage::offer_terms(&minted) };
        let front = Front::new(provider.clone(), vec![terms]);
        // What the node's operator looks at, at an address of its own.
        let operations = front.spawn_operations("127.0.0.1:0")?;
        let node = TcpListener::bind("127.0.0.1:0").await?;
        let node_url = format!("http://{}", node.local_addr()?);
        let router = front.router();
        tokio::spawn(async move { axum::serve(node, router).await });
        // What consumers promised is redeemed before they can take it back.
        tokio::spawn(async move { front.keep_redeeming(Duration::from_secs(60)).await });

        // The consumer's machine: whoever has the key talks, and pays up to 300,000 base units in all.
        let units = Amount::from_base_units;
        let (total, deposit, max_step) = (units(300_000), units(20_000), units(3_000));
        let budget = Budget { asset: Asset::NATIVE, total, deposit, max_step, ..Budget::default() };
        let nodes = vec![HttpNode::new(&node_url)?];
        let proxy = Loopback::open(stage.consumer()?, nodes, budget, stage.home.path("proxy"))?;
        // Texts are embedded here, by an encoder as sentence-transformers keeps it.
        let proxy = match std::env::var_os("LAZAI_ENCODER") {
            Some(folder) => proxy.with_encoder("encoder", Encoder::open(folder.as_ref(), &Compute::cpu())?),
            None => proxy,
        };
        let local = TcpListener::bind("127.0.0.1:0").await?;
        println!("OPENAI_BASE_URL=http://{}/v1", local.local_addr()?);
        println!("OPENAI_API_KEY={}", proxy.key().unwrap_or_default());
        println!("LAZAI_NODE_URL={node_url}");
        println!("LAZAI_OPERATIONS_URL={}", operations.url());
        // For verbs of the command line, which act as the consumer too: its key, in a file as wallets keep it.
        stage.home.key("consumer").to_keystore(&stage.home.path(""), "consumer.json", PASSWORD)?;
        std::fs::write(stage.home.path("password"), PASSWORD)?;
        println!("LAZAI_MARKET={}", stage.home.path("").display());
        let router = proxy.router();
        tokio::spawn(async move { axum::serve(local, router).await });

        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
        // What was earned is redeemed when the node stops.
        let refused = provider.redeem_all().await?;
        println!("{} spent, {} sessions not redeemed", proxy.spent().await.map_err(anyhow::Error::new)?, refused.len());
        Ok(())
    })
}
