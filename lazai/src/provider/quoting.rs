//! Quotes of a node that runs in a confidential machine: one for each day's sealing key, by a program of the operator's.
//!
//! The program knows the machine: where a quote comes from there (on Linux `/sys/kernel/config/tsm/report`), and who gives what the vendor
//! signs about it. The library knows the key. A quote that is not of the key is not told.

use std::ffi::OsString;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use lazai_core::Domain;
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

/// What was made last.
struct Made {
    terms: SealTerms,
    quote: Result<Quote, QuoterError>,
    /// When another is asked for.
    again_at: Instant,
}

/// A node's quotes.
#[derive(Default)]
pub(super) struct Quoting {
    quoter: Option<Arc<dyn Quoter>>,
    made: Mutex<Option<Made>>,
    /// Held while one is made: hardware is asked once, however many ask the node.
    making: Mutex<()>,
}

impl Quoting {
    /// What is told of a key until another quote is asked for.
    fn fresh(&self, terms: &SealTerms) -> Option<Result<Quote, QuoterError>> {
        let made = lock(&self.made);
        made.as_ref()
            .filter(|made| made.terms == *terms && Instant::now() < made.again_at)
            .map(|made| made.quote.clone())
    }

    /// The last quote of a key, of whatever age.
    fn last(&self, terms: &SealTerms) -> Option<Quote> {
        let made = lock(&self.made);
        made.as_ref().filter(|made| made.terms == *terms).and_then(|made| made.quote.clone().ok())
    }

    fn quote(&self, domain: &Domain, terms: &SealTerms) -> Option<Result<Quote, QuoterError>> {
        let quoter = self.quoter.as_ref()?;
        if let Some(told) = self.fresh(terms) {
            return Some(told);
        }
        let _making = match self.making.try_lock() {
            Ok(making) => making,
            Err(_) => {
                // While one is made, the one before is as good; without it, those who ask wait.
                if let Some(quote) = self.last(terms) {
                    return Some(Ok(quote));
                }
                let making = lock(&self.making);
                if let Some(told) = self.fresh(terms) {
                    return Some(told);
                }
                making
            }
        };
        let expected = report_data(domain, terms);
        let quote = quoter.quote(&expected).and_then(|quote| match quote.told_report_data() {
            Some(found) if found == expected => Ok(quote),
            _ => Err(QuoterError::OtherKey { expected: hex::encode(expected) }),
        });
        let (quote, holds) = match quote {
            Ok(quote) => (Ok(quote), FRESH),
            Err(error) => {
                tracing::warn!(%error, "no quote could be had");
                // The one before is told as long as its key is: whether it still holds is the consumer's to check.
                (self.last(terms).ok_or(error), AGAIN)
            }
        };
        *lock(&self.made) = Some(Made { terms: *terms, quote: quote.clone(), again_at: Instant::now() + holds });
        Some(quote)
    }
}

impl Provider {
    /// Tells a quote beside its sealing key: which program holds the key, as the machine's vendor vouches.
    ///
    /// The keys are then made here and kept in memory alone. The book's file of keys is neither read nor written, because the machine's host could have written
    /// it; so each replica has keys of its own, and needs a URL of its own.
    #[must_use]
    pub fn with_quoter(mut self, quoter: impl Quoter + 'static) -> Self {
        self.quoting.quoter = Some(Arc::new(quoter));
        self.sealing.keep_in_memory();
        self
    }

    /// The quote of the key that consumers seal to now; `None` if this node tells none. May wait for hardware, for a minute at most.
    ///
    /// # Errors
    /// [`UnsealError`] of the key. The inner one: no quote could be had, or it is of another key.
    pub async fn quote_of_now(&self) -> Result<Option<Result<Quote, QuoterError>>, UnsealError> {
        // A quote for any other key is not to be had: it would vouch for whatever a caller names.
        let Some(signed) = self.seal_terms().await? else { return Ok(None) };
        Ok(self.quoting.quote(&self.account.domain(), &signed.terms))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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

    /// Hardware that counts how often it is asked, and fails where it is told to.
    #[derive(Default)]
    struct Counted {
        asked: AtomicU64,
        fails: AtomicBool,
        lies: AtomicBool,
    }

    impl Quoter for Arc<Counted> {
        fn quote(&self, report_data: &[u8; 64]) -> Result<Quote, QuoterError> {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            if self.fails.load(Ordering::SeqCst) {
                return Err(QuoterError::Program { program: "p".into(), reason: "no network".into() });
            }
            let data = if self.lies.load(Ordering::SeqCst) { [0; 64] } else { *report_data };
            let report = [[0; 0x50].as_slice(), &data, &asked.to_be_bytes()].concat();
            Ok(Quote::SevSnp { report, vcek: Vec::new() })
        }
    }

    #[test]
    fn hardware_is_asked_once_and_the_last_quote_of_a_key_is_told_while_another_cannot_be_had() {
        let hardware = Arc::new(Counted::default());
        let quoting = Quoting { quoter: Some(Arc::new(hardware.clone())), ..Quoting::default() };
        let domain = Domain::random("quoting", "1").unwrap();
        let public_key = lazai_core::seal::UnsealingKey::random().unwrap().public();
        let terms =
            SealTerms { node: lazai_core::Address::from_bytes([7; 20]), key_id: 1, public_key, valid_until_s: 100 };
        let told = || quoting.quote(&domain, &terms).unwrap();
        let first = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(told)).collect();
            let mut all = all.into_iter().map(|one| one.join().unwrap().unwrap());
            let first = all.next().unwrap();
            assert!(all.all(|quote| quote == first));
            first
        });
        assert_eq!(hardware.asked.load(Ordering::SeqCst), 1);
        assert_eq!(first.told_report_data(), Some(report_data(&domain, &terms)));
        let forget = || lock(&quoting.made).as_mut().unwrap().again_at = Instant::now();
        // Another is made in time; and where that fails, the one before is told.
        forget();
        let second = told().unwrap();
        assert_ne!(first, second);
        hardware.fails.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            forget();
            assert_eq!(told(), Ok(second.clone()));
        }
        assert_eq!((told(), hardware.asked.load(Ordering::SeqCst)), (Ok(second), 4));
        // It is of its key alone.
        let other = SealTerms { key_id: 2, ..terms };
        assert!(matches!(quoting.quote(&domain, &other), Some(Err(QuoterError::Program { .. }))));
        hardware.fails.store(false, Ordering::SeqCst);
        hardware.lies.store(true, Ordering::SeqCst);
        assert!(
            matches!(told(), Err(QuoterError::OtherKey { .. })),
            "hardware that is asked for one key and shows another"
        );
        assert!(Quoting::default().quote(&domain, &terms).is_none());
    }
}
