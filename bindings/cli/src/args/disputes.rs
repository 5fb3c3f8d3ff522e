//! Arguments of `bond` and `dispute`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::{Acting, Reading};

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples: lazai bond post 500 --local market; lazai bond show --local market")]
pub(crate) struct Bond {
    #[command(subcommand)]
    pub action: BondAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BondAction {
    /// Adds to the node's bond.
    Post {
        /// The amount, in base units of coins.
        amount: String,
        /// Your name for it: the same name is the same posting. By default it is a new one.
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Begins to take a part of it back: it leaves once no reply of before can be disputed.
    Leave {
        /// The amount, in base units of coins.
        amount: String,
        /// Your name for it: the same name is the same leaving. By default it is a new one.
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Takes the part that has left.
    Take {
        /// Your name for it: the same name is the same taking. By default it is a new one.
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Shows a node's bond.
    Show {
        #[command(flatten)]
        reading: Reading,
    },
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  lazai dispute open evidence.json --stake 100 --local market\n  lazai recheck evidence.json --base model.gguf --local market\n  \
                        lazai dispute vote 0x… other --local market --role validator-1\n  lazai dispute show --local market"
)]
pub(crate) struct Dispute {
    #[command(subcommand)]
    pub action: DisputeAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DisputeAction {
    /// Doubts the reply that some evidence is of, with a stake. Nothing of the words goes to the ledger: give the evidence to validators
    /// whom you trust with the conversation.
    Open {
        /// Evidence of the reply (JSON), as `receipts --evidence` and `proxy --evidence` write it.
        evidence: PathBuf,
        /// The amount that you put at risk, in base units of coins; as much of the node's bond is locked.
        #[arg(long)]
        stake: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Doubts a training at one state of its record, with a stake; by its submitter or a contributor.
    Training {
        /// The submission that was minted.
        submission: String,
        /// The place of the state in the training record, from 0: the steps from the one before are doubted.
        state: u32,
        /// The amount that you put at risk, in base units of coins; as much of the ExEx's bond is locked.
        #[arg(long)]
        stake: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Votes on a dispute, as a validator who repeated the reply (`recheck`), or the steps of training.
    Vote {
        /// The dispute.
        dispute: String,
        /// What the repeat came to.
        #[arg(value_enum)]
        word: Word,
        #[command(flatten)]
        acting: Acting,
    },
    /// Ends a dispute that was not decided in time: nobody pays.
    Lapse {
        /// The dispute.
        dispute: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Shows a dispute, or all.
    Show {
        /// The dispute; all, if none is named.
        dispute: Option<String>,
        #[command(flatten)]
        reading: Reading,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Word {
    /// The same reply or state, or one within the tolerance.
    Same,
    /// Other scores, other words, another state.
    Other,
}
