//! The command line's arguments.

mod agent;
mod credits;
mod disputes;
mod market;
mod memory;
mod pay;
mod private;
mod serve;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub(crate) use agent::*;
pub(crate) use credits::*;
pub(crate) use disputes::*;
pub(crate) use market::*;
pub(crate) use memory::*;
pub(crate) use pay::*;
pub(crate) use private::*;
pub(crate) use serve::*;

/// AI characters as verifiable, paid, tradable things.
#[derive(Debug, Parser)]
#[command(name = "lazai", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Print one line of JSON per result.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 done, or it holds; 1 it does not hold, or was refused; 2 wrong command line; \
                          3 a file or argument is not what it should be; 4 something did not answer.";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Identifies files and their contents: cards, dialogues, recordings, datasets. A file of speech that says it is synthetic is held to
    /// what it says, a folder with a `model.sig` to its signature.
    Inspect(Inspect),
    /// Checks the provenance of a reply, or a proof of a dataset.
    Verify(Verify),
    /// Makes a character out of files: reads card and chats, makes the dataset, trains a preview, lets base and adapter answer side by
    /// side, proves. Stopped and called anew, it goes on, and repeats no finished step.
    Create(Box<Create>),
    /// Makes a dataset of dialogues.
    Prepare(Prepare),
    /// Proves a dataset in zero knowledge; continues an interrupted run.
    Prove(Prove),
    /// Submits a character that `create` made, and follows it until it is minted or refused. Called anew, it goes on following.
    Publish(Publish),
    /// Founds a market in a folder with a key for every role, and plays validators and ExEx there: what is published is attested,
    /// trained and minted. For trying; other verbs take the folder with `--local`.
    Local(Local),
    /// Serves a minted character as a node, until it is stopped: at SIGTERM or SIGINT it begins no more replies, lets those in progress
    /// end, and redeems what it is owed. A second signal stops it at once.
    Serve(Box<Serve>),
    /// Talks with a character: a line in, a reply out. Each reply is checked, then a voucher promises its payment.
    Chat(Box<Talk>),
    /// Buys and spends credits, each of which pays a reply without telling by whom: blind signatures of the node (RFC 9474).
    Credits(Credits),
    /// Has a text spoken with a character's voice, into a WAV file that says it is synthetic; paid by the character of text.
    Say(Say),
    /// Ends the session of a conversation; what is left of its deposit comes back.
    End(End),
    /// Runs an endpoint on this machine for stock clients of OpenAI's dialect: it pays nodes within a budget, and checks every receipt.
    Proxy(Box<Proxy>),
    /// Passes sealed requests on to nodes, until it is stopped: it sees who asks and nothing of what is asked, the nodes see the relay.
    Relay(Relay),
    /// Buys from any server that speaks x402, within a budget: signs one transfer of an ERC-20, and sends it again if the answer is lost.
    Pay(Box<Pay>),
    /// Settles signed transfers for servers that speak x402, until it is stopped: checks payments and sends them to the chain.
    Facilitator(Box<Facilitator>),
    /// Gives an agent characters as tools (MCP): to list them, to say something within a budget, to verify, to see balance and receipts.
    Mcp(Box<Mcp>),
    /// Shows what a conversation remembers (`chat --memory`), and changes or forgets it.
    Memory(Memory),
    /// Searches the receipts of a proxy and of conversations, and checks each again.
    Receipts(Receipts),
    /// Repeats a reply out of its evidence, or a training out of its record and dataset, and tells whether it was made as it was signed.
    Recheck(Recheck),
    /// Posts, takes back or shows a node's bond, which answers for its replies.
    Bond(Bond),
    /// Doubts a reply before the validators, votes on such a doubt, or shows it.
    Dispute(Dispute),
    /// Prints an account's balance.
    Balance(Balance),
    /// Claims what a character earned, for the account's tokens of its class.
    Claim(Claim),
    /// Tells what an account's shares of characters earned; or, by its book, what a node earned.
    Earnings(Earnings),
    /// Writes a character's file for registries of agents (ERC-8004), and the call by which a wallet registers it.
    Agent(Agent),
    /// Writes the evidence of a conversation's last reply, and an anchor to verify it against.
    Evidence(Evidence),
    /// Proposes another split of revenue to the DAO.
    Propose(Propose),
    /// Lists the DAO's proposals.
    Proposals(Proposals),
    /// Votes on a proposal of the DAO.
    Vote(Vote),
    /// Puts a proposal that passed into force, for sessions opened after it.
    Execute(Execute),
    /// Writes the completions of a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// The files. The exit code tells whether all were good.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Prints the first N dialogues of each file; learnt messages are marked `>`.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub show: u32,
    #[command(flatten)]
    pub speakers: Speakers,
}

/// The speakers in files that name people.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Speakers {
    /// Name of the character, in logs of several people: its words are learnt, everybody else's are context.
    #[arg(long)]
    pub character: Option<String>,
    /// Name of the user.
    #[arg(long)]
    pub user: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Evidence of a reply (JSON), to be checked against your own anchor.
    #[arg(requires = "anchor", required_unless_present = "proof")]
    pub evidence: Option<PathBuf>,
    /// Your trust anchor (JSON): ledger, validators, verifier's key, base model, checkpoint.
    #[arg(long)]
    pub anchor: Option<PathBuf>,
    /// The conversation of the evidence, as `chat` keeps it: its last reply must be the evidence's.
    #[arg(long, requires = "evidence")]
    pub words: Option<PathBuf>,
    /// Evidence for a repeat (JSON), as `receipts --evidence` writes it: the reply is repeated, too.
    #[arg(long, requires = "evidence", requires = "base", requires = "adapter")]
    pub recheck: Option<PathBuf>,
    /// The base model that the reply is repeated on (GGUF, or a folder).
    #[arg(long, requires = "recheck")]
    pub base: Option<PathBuf>,
    /// The folder of the adapter that it is repeated on.
    #[arg(long, requires = "recheck")]
    pub adapter: Option<PathBuf>,
    /// A policy (JSON) of programs: the reply has to have been asked of an enclave that runs one of them.
    #[arg(long, value_name = "FILE", requires = "evidence", conflicts_with = "recheck")]
    pub enclave: Option<PathBuf>,
    /// A proof of a dataset.
    #[arg(long, requires = "statement", conflicts_with = "evidence")]
    pub proof: Option<PathBuf>,
    /// The statement that it proves.
    #[arg(long)]
    pub statement: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: lazai create card.png chats.jsonl voice/list.csv --base model.gguf --out mira --address 0x… --name Mira \\\n  \
                        --licence CC-BY-4.0 --consent \"for training this character\" --steps 60"
)]
pub(crate) struct Create {
    /// The character's card, of any known format.
    pub card: PathBuf,
    /// Files of dialogues, of any known format, and lists of recordings with transcripts (`file`, `transcript`, `licence`, `consent`).
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The base model (GGUF).
    #[arg(long)]
    pub base: PathBuf,
    /// The folder for everything that is made.
    #[arg(long)]
    pub out: PathBuf,
    /// Account of the contributor; with `--local`, that market's creator by default.
    #[arg(long, required_unless_present = "local")]
    pub address: Option<String>,
    #[command(flatten)]
    pub owner: Owner,
    #[command(flatten)]
    pub speakers: Speakers,
    /// Longest record, in tokens: longer dialogues are cut between turns; 256 unless it is named, and never more than the base reads.
    #[arg(long)]
    pub record_tokens: Option<u32>,
    /// Most steps of the preview's training.
    #[arg(long)]
    pub steps: Option<u32>,
    /// A question that is published, and asked in the preview; may be given several times.
    #[arg(long)]
    pub prompt: Vec<String>,
    /// The folder of a market that `local` founded, which it will be submitted to by its creator.
    #[arg(long, conflicts_with_all = ["ledger", "submitter"])]
    pub local: Option<PathBuf>,
    /// Id of the ledger that it will be submitted to; without it, nothing is proved.
    #[arg(long, requires = "submitter")]
    pub ledger: Option<String>,
    /// Account of the submitter.
    #[arg(long, requires = "ledger")]
    pub submitter: Option<String>,
    /// The submitter's number for the submission.
    #[arg(long, default_value_t = 1)]
    pub nonce: u64,
}

/// The owner of the dialogues, and the terms.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Owner {
    /// The contributor's name.
    #[arg(long)]
    pub name: String,
    /// SPDX identifier of the licence that the contributor gives.
    #[arg(long)]
    pub licence: String,
    /// The consent, in the contributor's words.
    #[arg(long)]
    pub consent: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Prepare {
    /// Files of dialogues, of any known format, and lists of recordings with transcripts (`file`, `transcript`, `licence`, `consent`).
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The base model (GGUF), whose tokenizer is used.
    #[arg(long)]
    pub base: PathBuf,
    /// Account of the contributor.
    #[arg(long)]
    pub address: String,
    #[command(flatten)]
    pub owner: Owner,
    /// The dataset to write.
    #[arg(long)]
    pub out: PathBuf,
    #[command(flatten)]
    pub speakers: Speakers,
    /// Longest record, in tokens: longer dialogues are cut between turns; 256 unless it is named, and never more than the base reads.
    #[arg(long)]
    pub record_tokens: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Prove {
    /// The dataset.
    pub dataset: PathBuf,
    /// The file of its public part, whose prompts are committed to.
    #[arg(long)]
    pub public: Option<PathBuf>,
    /// Id of the ledger that it will be submitted to.
    #[arg(long)]
    pub ledger: String,
    /// The submitter's account.
    #[arg(long)]
    pub submitter: String,
    /// The submitter's number for the submission.
    #[arg(long, default_value_t = 1)]
    pub nonce: u64,
    /// The folder for statement, proof, and the state of an interrupted run.
    #[arg(long)]
    pub out: PathBuf,
}
