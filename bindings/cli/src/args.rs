//! The command line's arguments.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

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
    /// Identifies files and their contents: cards, dialogues, recordings, datasets.
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
    /// Serves a minted character as a node, until it is stopped; redeems what it is owed.
    Serve(Box<Serve>),
    /// Talks with a character: a line in, a reply out. Each reply is checked, then a voucher promises its payment.
    Chat(Chat),
    /// Ends the session of a conversation; what is left of its deposit comes back.
    End(End),
    /// Prints an account's balance.
    Balance(Balance),
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

/// The market and the acting account.
#[derive(Debug, ClapArgs)]
pub(crate) struct Acting {
    /// The folder of a market that `local` founded.
    #[arg(long)]
    pub local: Option<PathBuf>,
    /// The role of the local market that acts, such as `node`; by default the verb's own.
    #[arg(long, requires = "local", conflicts_with = "keystore")]
    pub role: Option<String>,
    /// The folder of a market on this machine.
    #[arg(long, required_unless_present_any = ["rpc", "local"], conflicts_with = "local")]
    pub market: Option<PathBuf>,
    /// URL of a chain's node.
    #[arg(long, requires = "deployment", conflicts_with_all = ["market", "local"])]
    pub rpc: Option<String>,
    /// The file with the addresses of the market's contracts.
    #[arg(long)]
    pub deployment: Option<PathBuf>,
    /// The folder for what was read of the chain, and for transactions until they are confirmed: the next call goes on from there. By
    /// default one of the account's in `.lazai` in the home directory.
    #[arg(long, requires = "rpc")]
    pub chain: Option<PathBuf>,
    /// The number of confirmations that a transaction needs.
    #[arg(long, default_value_t = 12)]
    pub depth: u64,
    /// The keystore file (version 3) of the acting account.
    #[arg(long, required_unless_present = "local", requires = "password_file")]
    pub keystore: Option<PathBuf>,
    /// The file with its password.
    #[arg(long, requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai publish mira --local market")]
pub(crate) struct Publish {
    /// The folder that `create` made.
    pub folder: PathBuf,
    #[command(flatten)]
    pub acting: Acting,
    /// The folder of the store that validators and ExEx read.
    #[arg(long, required_unless_present = "local")]
    pub store: Option<PathBuf>,
    /// The ExEx that may open the dataset (JSON with its address and sealing key).
    #[arg(long, required_unless_present = "local")]
    pub exex: Option<PathBuf>,
    /// Your number for the submission: the same number is the same submission.
    #[arg(long, default_value_t = 1)]
    pub nonce: u64,
    /// Does not wait for the model.
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai local market --base model.gguf, and in another terminal\n  \
                        lazai create card.png chats.jsonl --local market --base model.gguf --out mira ...\n  \
                        lazai publish mira --local market\n  \
                        lazai serve --local market --base model.gguf --prompt-price 1 --completion-price 4 --book node\n  \
                        lazai chat --local market --node http://127.0.0.1:8028 --deposit 1000000 --conversation talk.json")]
pub(crate) struct Local {
    /// The folder of the market.
    pub folder: PathBuf,
    /// The base model (GGUF) that the ExEx trains; without it, the market is founded and nobody plays.
    #[arg(long)]
    pub base: Option<PathBuf>,
    /// Most steps of a training.
    #[arg(long)]
    pub steps: Option<u32>,
    /// Ends when nothing is left to do; otherwise it goes on until it is killed, which loses nothing.
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub acting: Acting,
    /// The base model (a GGUF file, or a folder as Hugging Face has them) that the version was trained on.
    #[arg(long)]
    pub base: PathBuf,
    /// The adapter's folder, in PEFT's files; it must be the one that the ledger names.
    #[arg(long, required_unless_present = "local")]
    pub adapter: Option<PathBuf>,
    /// The class; with `--local`, the first by default.
    #[arg(long, required_unless_present = "local")]
    pub class: Option<u64>,
    /// The version.
    #[arg(long, default_value_t = 1)]
    pub version: u32,
    /// Price of one token of the conversation before a reply, in base units of coins.
    #[arg(long)]
    pub prompt_price: String,
    /// Price of one token of a reply, in base units of coins.
    #[arg(long)]
    pub completion_price: String,
    /// Most tokens of a conversation before a reply.
    #[arg(long, default_value_t = 1_024)]
    pub prompt_ceiling: u32,
    /// Most tokens of a reply.
    #[arg(long, default_value_t = 256)]
    pub reply_tokens: u32,
    /// Seconds that a session lasts.
    #[arg(long, default_value_t = 86_400)]
    pub session_s: u64,
    /// The folder of the node's book: what it must not forget.
    #[arg(long)]
    pub book: PathBuf,
    /// The address to listen at. TLS is left to a proxy before it.
    #[arg(long, default_value = "127.0.0.1:8028")]
    pub address: String,
    /// Stops when the input ends, after redeeming everything; otherwise it serves until it is killed, which loses nothing.
    #[arg(long)]
    pub until_input_ends: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    #[command(flatten)]
    pub acting: Acting,
    /// URL of the node.
    #[arg(long)]
    pub node: String,
    /// The model at the node; the first by default.
    #[arg(long)]
    pub model: Option<String>,
    /// The deposit of a new session, in base units; `end` gives the unspent part back.
    #[arg(long)]
    pub deposit: Option<String>,
    /// The file that keeps the conversation with its receipts. If it exists, its session goes on; if not, one is opened.
    #[arg(long)]
    pub conversation: PathBuf,
    /// The base model (a GGUF file, or a folder with tokenizer.json): receipts are recounted with its tokenizer. Without
    /// it, receipts are only held to bounds.
    #[arg(long)]
    pub tokenizer: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct End {
    /// The file of the conversation.
    pub conversation: PathBuf,
    #[command(flatten)]
    pub acting: Acting,
    /// URL of the node: the session ends at once, by its consent.
    #[arg(long, required_unless_present = "alone")]
    pub node: Option<String>,
    /// Ends the session without the node, in two steps: the first asks the ledger for the end, and tells from when the second call
    /// gives the rest back. The node may redeem in between.
    #[arg(long, conflicts_with = "node")]
    pub alone: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Balance {
    #[command(flatten)]
    pub acting: Acting,
    /// Address of the asset; coins by default.
    #[arg(long, default_value = COINS)]
    pub asset: String,
}

/// The address that stands for the ledger's coins.
pub(crate) const COINS: &str = "0x0000000000000000000000000000000000000000";

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai propose 6500 2500 1000 --local market")]
pub(crate) struct Propose {
    /// The creator's share, in basis points.
    pub creator: u16,
    /// The node's share.
    pub node: u16,
    /// The pool's share.
    pub pool: u16,
    /// Your name for the proposal: the same name is the same proposal.
    #[arg(long, default_value = "split")]
    pub label: String,
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Proposals {
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Execute {
    /// The proposal's number.
    pub proposal: u64,
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Vote {
    /// The proposal's number.
    pub proposal: u64,
    /// In favour or against.
    #[arg(value_enum)]
    pub choice: Choice,
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Choice {
    Yes,
    No,
}
