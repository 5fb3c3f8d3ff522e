//! What the examples share: a home with keys, ledger and store; the Cyber Diva's files; a narrator; a stage on
//! which the earlier phases have been played; a node that runs beside a program.

pub mod chain;
pub mod diva;
pub mod home;
pub mod measure;
pub mod running;
pub mod stage;
pub mod tale;

pub use diva::CyberDiva;
pub use home::Home;
pub use running::RunningNode;
pub use stage::{Stage, base_path};
pub use tale::Tale;

use std::path::PathBuf;

/// The one prover of a program: its circuits are built once.
pub fn prover() -> &'static lazai::zk::Prover {
    static PROVER: std::sync::OnceLock<lazai::zk::Prover> = std::sync::OnceLock::new();
    PROVER.get_or_init(lazai::zk::Prover::new)
}

/// What the demo is told on the command line.
#[derive(Debug, Clone)]
pub struct Args {
    /// The folder that everything is kept in.
    pub home: PathBuf,
    /// The base model, a GGUF file.
    pub base: PathBuf,
    /// The folder of the base voice's assets; without it, nobody speaks.
    pub voice: Option<PathBuf>,
    /// Where the report goes.
    pub report: PathBuf,
    /// A few dialogues and steps only: for tests.
    pub short: bool,
    /// The URL of a test node, where the market is to be on a chain.
    pub chain: Option<String>,
}

impl Args {
    /// Reads `--home DIR --base FILE --report FILE [--voice DIR] [--short] [--chain URL]`.
    ///
    /// # Errors
    /// An unknown or missing argument.
    pub fn parse() -> anyhow::Result<Self> {
        let (mut home, mut base, mut voice, mut report, mut short, mut chain) = (None, None, None, None, false, None);
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().map(PathBuf::from);
            match arg.as_str() {
                "--home" => home = value(),
                "--base" => base = value(),
                "--voice" => voice = value(),
                "--report" => report = value(),
                "--short" => short = true,
                "--chain" => chain = args.next(),
                other => anyhow::bail!("unknown argument {other:?}"),
            }
        }
        let usage = || {
            anyhow::anyhow!(
                "usage: --home DIR --base FILE.gguf --report FILE.json [--voice DIR] [--short] [--chain URL]"
            )
        };
        let home = home.ok_or_else(usage)?;
        Ok(Self { home, base: base.ok_or_else(usage)?, voice, report: report.ok_or_else(usage)?, short, chain })
    }
}
