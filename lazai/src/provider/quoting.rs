//! Quotes of a node that runs in a confidential machine: one for each day's sealing key, by a program of the operator's.
//!
//! The program knows the machine: where a quote comes from there (on Linux `/sys/kernel/config/tsm/report`), and who gives what the vendor
//! signs about it. The library knows the key. A quote that is not of the key is not told.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::page::lock;
use super::{Provider, UnsealError};
use crate::enclave::{MAX_QUOTE_BYTES, NotQuote, Quote, report_data};
use crate::seal::SealTerms;

/// A program that takes longer than this is ended.
const LONGEST: Duration = Duration::from_secs(60);
/// The time for which a quote is told before another is made: what vendors sign about a machine is renewed meanwhile.
const FRESH: Duration = Duration::from_secs(3_600);
/// The time after which a quote is asked for again that could not be had.
const AGAIN: Duration = Duration::from_secs(30);

/// Why a node has no quote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QuoterError {
    /// The file cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// What came is no quote.
    #[error(transparent)]
    NotQuote(#[from] NotQuote),
    /// The quote is of another key.
    #[error("the quote is of another key: report data {expected} are asked for")]
    OtherKey {
        /// The report data of the key, as hex.
        expected: String,
    },
    /// The program failed.
    #[error("{program}: {reason}")]
    Program {
        /// The program.
        program: String,
        /// The reason.
        reason: String,
    },
}

/// Where a node's quotes come from. May wait for hardware and network.
pub trait Quoter: Send + Sync {
    /// A quote whose report data are these.
    ///
    /// # Errors
    /// [`QuoterError`].
    fn quote(&self, report_data: &[u8; 64]) -> Result<Quote, QuoterError>;
}

/// Quotes by a program: it is given the report data as 128 hexadecimal digits, behind its other arguments, and writes a [`Quote`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteCommand {
    program: OsString,
    arguments: Vec<OsString>,
}

impl QuoteCommand {
    /// A program, and its arguments before the report data. No shell is between.
    #[must_use]
    pub fn new(program: impl Into<OsString>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().collect() }
    }

    fn failed(&self, reason: impl std::fmt::Display) -> QuoterError {
        QuoterError::Program { program: self.program.to_string_lossy().into_owned(), reason: reason.to_string() }
    }
}

impl Quoter for QuoteCommand {
    fn quote(&self, report_data: &[u8; 64]) -> Result<Quote, QuoterError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(hex::encode(report_data));
        // What it says of errors goes where the node's log goes.
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|e| self.failed(e))?;
        let out = child.stdout.take().ok_or_else(|| self.failed("it has no output"))?;
        // Something that the program started may hold its output open for longer than it runs itself.
        let (sender, read) = mpsc::channel();
        std::thread::spawn(move || {
            let mut json = Vec::new();
            let most = MAX_QUOTE_BYTES as u64 + 1;
            let _ = sender.send(out.take(most).read_to_end(&mut json).map(|_| json));
        });
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|e| self.failed(e))? {
                Some(status) => break status,
                None if begun.elapsed() < LONGEST => std::thread::sleep(Duration::from_millis(20)),
                None => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(self.failed(format!("it took longer than {} s", LONGEST.as_secs())));
                }
            }
        };
        let left = LONGEST.saturating_sub(begun.elapsed());
        let json = read.recv_timeout(left).map_err(|_| self.failed("its output has no end"))?;
        let json = json.map_err(|e| self.failed(e))?;
        // One that writes too much is stopped by that, and did not fail otherwise.
        if json.len() > MAX_QUOTE_BYTES || status.success() {
            return Ok(Quote::from_json(&json)?);
        }
        Err(self.failed(status))
    }
}

/// A quote in a file, as JSON, which somebody renews each day: read again each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteFile(PathBuf);

impl QuoteFile {
    /// The file.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.into())
    }
}

impl Quoter for QuoteFile {
    fn quote(&self, _: &[u8; 64]) -> Result<Quote, QuoterError> {
        let failed = |error: std::io::Error| QuoterError::File { path: self.0.clone(), reason: error.to_string() };
        let mut json = Vec::new();
        let file = std::fs::File::open(&self.0).map_err(failed)?;
        file.take(MAX_QUOTE_BYTES as u64 + 1).read_to_end(&mut json).map_err(failed)?;
        Ok(Quote::from_json(&json)?)
    }
}

/// What was made last, for which key, and when.
type Made = (SealTerms, Instant, Result<Quote, QuoterError>);

/// A node's quotes.
#[derive(Default)]
pub(super) struct Quoting {
    quoter: Option<Arc<dyn Quoter>>,
    /// Held while one is made: hardware is asked once, however many ask the node.
    made: Mutex<Option<Made>>,
}

impl Provider {
    /// Tells a quote beside its sealing key: which program holds the key, as the machine's vendor vouches.
    #[must_use]
    pub fn with_quoter(mut self, quoter: impl Quoter + 'static) -> Self {
        self.quoting.quoter = Some(Arc::new(quoter));
        self
    }

    /// Tells whether it was given a way to quotes.
    #[must_use]
    pub fn has_quoter(&self) -> bool {
        self.quoting.quoter.is_some()
    }

    /// The quote for the key that consumers seal to; `None` if this node has none. May wait for hardware.
    ///
    /// # Errors
    /// [`QuoterError`]: no quote could be had, or it is of another key.
    pub fn quote(&self, terms: &SealTerms) -> Result<Option<Quote>, QuoterError> {
        let Some(quoter) = &self.quoting.quoter else { return Ok(None) };
        let mut made = lock(&self.quoting.made);
        if let Some((of, at, quote)) = &*made {
            let holds = if quote.is_ok() { FRESH } else { AGAIN };
            if of == terms && at.elapsed() < holds {
                return quote.clone().map(Some);
            }
        }
        let expected = report_data(&self.account.domain(), terms);
        let quote = quoter.quote(&expected).and_then(|quote| match quote.told_report_data() {
            Some(found) if found == expected => Ok(quote),
            _ => Err(QuoterError::OtherKey { expected: hex::encode(expected) }),
        });
        if let Err(error) = &quote {
            tracing::warn!(%error, "no quote is told");
        }
        *made = Some((*terms, Instant::now(), quote.clone()));
        quote.map(Some)
    }

    /// As [`quote`](Self::quote), for the key of now.
    ///
    /// # Errors
    /// [`UnsealError`] of the key; the inner one of the quote.
    pub async fn quote_of_now(&self) -> Result<Option<Result<Quote, QuoterError>>, UnsealError> {
        let Some(signed) = self.seal_terms().await? else { return Ok(None) };
        Ok(self.quote(&signed.terms).transpose())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(script: &str) -> Result<Quote, QuoterError> {
        QuoteCommand::new("/bin/sh", ["-c", script, "sh"].map(OsString::from)).quote(&[0xab; 64])
    }

    #[test]
    fn a_program_is_given_the_report_data_and_writes_the_quote() {
        let quote = told(r#"printf '{"kind":"sev_snp","report":"%s","vcek":"00"}' "$1""#).unwrap();
        assert_eq!(quote, Quote::SevSnp { report: vec![0xab; 64], vcek: vec![0] });
        for (script, says) in
            [("exit 3", "3"), ("echo nothing", "not a quote"), ("head -c 300000 /dev/zero", "a quote of")]
        {
            let error = told(script).unwrap_err();
            assert!(error.to_string().contains(says), "{script}: {error}");
        }
        let none = QuoteCommand::new("/no/such/program", []).quote(&[0; 64]).unwrap_err();
        assert!(matches!(none, QuoterError::Program { .. }), "{none}");
    }

    #[test]
    fn a_file_is_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quote.json");
        let file = QuoteFile::new(&path);
        assert!(matches!(file.quote(&[0; 64]), Err(QuoterError::File { .. })));
        for byte in [1, 2] {
            let quote = Quote::SevSnp { report: vec![byte], vcek: Vec::new() };
            std::fs::write(&path, serde_json::to_vec(&quote).unwrap()).unwrap();
            assert_eq!(file.quote(&[0; 64]).unwrap(), quote);
        }
    }
}
