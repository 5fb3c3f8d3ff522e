//! The governor: proposes another split, votes, puts it into force.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use lazai::governor::Governor;
use lazai_examples::Home;
use lazai_examples::home::VOTERS;

fn main() -> anyhow::Result<()> {
    pollster::block_on(async {
        let folder = tempfile::tempdir()?;
        let home = Home::open(folder.path())?;
        println!("before: {:?} bps", home.ledger().market().params().1.split.bps());

        let governors = VOTERS.map(|name| Governor::new(home.account(name)));
        let refused = governors[0].propose_split("too much", 7_000, 2_000, 2_000).await;
        println!("a split of 11000 bps: {}", refused.map_or_else(|e| e.to_string(), |_| "accepted?".into()));

        let proposal = governors[0].propose_split("more for nodes", 6_500, 2_500, 1_000).await?;
        let proposal = proposal.ok_or_else(|| anyhow::anyhow!("the ledger gave no proposal"))?;
        for governor in &governors[..2] {
            governor.vote(proposal, true).await?;
        }
        governors[2].execute(proposal).await?;
        println!("after:  {:?} bps, for sessions opened from now on", home.ledger().market().params().1.split.bps());
        Ok(())
    })
}
