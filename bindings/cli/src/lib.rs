//! The command line, for the binary `lazai` and for `python -m lazai`: the same verbs, the same exit codes.
//!
//! | code | means |
//! |---|---|
//! | 0 | done; what was to be verified holds |
//! | 1 | it does not hold, or was refused |
//! | 2 | the command line is wrong |
//! | 3 | a file or an argument is not what it should be |
//! | 4 | a node, a chain or a file system did not answer: trying again may help |
#![allow(clippy::print_stderr, reason = "a command line talks")]

mod acting;
mod agent;
mod aloud;
mod args;
mod config;
mod create;
mod credits;
mod data;
mod disputes;
mod earnings;
mod facilitator;
mod local;
mod logs;
mod mcp;
mod memory;
mod money;
mod pay;
mod proxy;
mod publish;
mod receipts;
mod recheck;
mod relay;
mod say;
mod serve;
mod signed;
mod sound;
mod stopping;
mod talk;
mod trust;
mod vote;

use std::ffi::OsString;
use std::io::{BufRead, Write};

use clap::{CommandFactory, Parser};
use lazai_facade::LazaiError;
use serde::Serialize;

use args::{Args, Verb};
pub use logs::quiet_panics;

/// Runs a command line; returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, mut input: Box<dyn BufRead + Send>, out: &mut dyn Write) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let is_json = args.iter().any(|arg| arg == "--json");
    let (args, said) = match config::with_file(args) {
        Ok(read) => read,
        Err(error) => return told(&error, &mut Output { out, json: is_json }),
    };
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            if let Some(error) = said.as_ref().and_then(|said| said.error(&error)) {
                return told(&error, &mut Output { out, json: is_json });
            }
            // Help and version are no errors, and go to the output.
            if error.use_stderr() {
                let _ = error.print();
                return 2;
            }
            let _ = write!(out, "{error}");
            return 0;
        }
    };
    let json = args.json;
    let mut out = Output { out, json };
    let collector = if let Verb::Serve(verb) = &args.verb { verb.traces.as_deref() } else { None };
    // The last traces are sent when all is done.
    let _traces = match logs::start(collector) {
        Ok(traces) => traces,
        Err(error) => return told(&error, &mut out),
    };
    let done = match args.verb {
        Verb::Inspect(verb) => data::inspect(&verb, &mut out),
        Verb::Create(verb) => create::create(*verb, &mut out),
        Verb::Prepare(verb) => data::prepare(verb, &mut out),
        Verb::Prove(verb) => trust::prove(verb, &mut out),
        Verb::Verify(verb) => trust::verify(&verb, &mut out),
        Verb::Publish(verb) => publish::publish(&verb, &mut out),
        Verb::Local(verb) => local::local(&verb, &mut out),
        Verb::Serve(verb) => serve::serve(&verb, input, &mut out),
        Verb::Chat(verb) => talk::chat(&verb, &mut *input, &mut out),
        Verb::Credits(verb) => credits::credits(verb, &mut *input, &mut out),
        Verb::Say(verb) => say::say(&verb, &mut out),
        Verb::End(verb) => talk::end(&verb, &mut out),
        Verb::Proxy(verb) => proxy::proxy(*verb, input, &mut out),
        Verb::Relay(verb) => relay::relay(verb, input, &mut out),
        Verb::Pay(verb) => pay::pay(&verb, &mut out),
        Verb::Facilitator(verb) => facilitator::facilitator(*verb, input, &mut out),
        Verb::Mcp(verb) => mcp::mcp(*verb, input, &mut out),
        Verb::Memory(verb) => memory::memory(verb, &mut out),
        Verb::Receipts(verb) => receipts::receipts(&verb, &mut out),
        Verb::Recheck(verb) => recheck::recheck(&verb, &mut out),
        Verb::Bond(verb) => disputes::bond(&verb, &mut out),
        Verb::Dispute(verb) => disputes::dispute(&verb, &mut out),
        Verb::Balance(verb) => money::balance(&verb, &mut out),
        Verb::Claim(verb) => money::claim(&verb, &mut out),
        Verb::Earnings(verb) => earnings::earnings(&verb, &mut out),
        Verb::Agent(verb) => agent::agent(&verb, &mut out),
        Verb::Evidence(verb) => trust::evidence(&verb, &mut out),
        Verb::Propose(verb) => vote::propose(&verb, &mut out),
        Verb::Proposals(verb) => vote::proposals(&verb, &mut out),
        Verb::Vote(verb) => vote::vote(&verb, &mut out),
        Verb::Execute(verb) => vote::execute(&verb, &mut out),
        Verb::Completions { shell } => {
            // By way of memory: the library panics if its output is closed.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "lazai", &mut script);
            out.out.write_all(&script).map_err(closed).map(|()| true)
        }
    };
    match done {
        Ok(holds) => u8::from(!holds),
        Err(error) => told(&error, &mut out),
    }
}

/// Tells an error; returns its exit code.
fn told(error: &LazaiError, out: &mut Output<'_>) -> u8 {
    if out.json {
        let _ = writeln!(out.out, "{}", refusal(error));
    }
    eprintln!("lazai: {} ({})", error.detail(), error.code());
    exit_code(error.code())
}

/// An error as JSON.
fn refusal(error: &LazaiError) -> serde_json::Value {
    serde_json::json!({"error": {"code": error.code(), "message": error.detail()}})
}

/// Codes of nodes after which the same may be tried again.
const AGAIN: [&str; 8] = [
    "node.book",
    "node.busy",
    "node.draining",
    "node.ledger",
    "node.rate_limited",
    "node.transport",
    "node.unknown_session",
    "node.unsealed",
];

/// The exit code of an error.
fn exit_code(code: &str) -> u8 {
    match code.split('.').next().unwrap_or_default() {
        "file" | "io" | "ledger" | "relay" => 4,
        "node" if AGAIN.contains(&code) => 4,
        "market" | "node" | "consumer" | "request" | "signer" | "cancelled" => 1,
        "payment" if ["payment.transport", "payment.unanswered"].contains(&code) => 4,
        "payment" if !["payment.malformed", "payment.unsafe"].contains(&code) => 1,
        "provenance" if code == "provenance.words" => 1,
        "zk" if matches!(code, "zk.rejected" | "zk.other_circuit") => 1,
        _ => 3,
    }
}

/// The result of a command: true if everything holds.
type Done = Result<bool, LazaiError>;

/// The output: for people, or as JSON, one line per result.
struct Output<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

impl Output<'_> {
    /// Prints one result.
    fn tell<T: Serialize>(&mut self, value: &T, for_people: impl FnOnce(&T) -> String) -> Result<(), LazaiError> {
        let text = if self.json { serde_json::to_string(value)? } else { for_people(value) };
        writeln!(self.out, "{text}").map_err(closed)
    }

    /// Prints a line as it is.
    fn line(&mut self, text: &str) -> Result<(), LazaiError> {
        writeln!(self.out, "{text}").map_err(closed)
    }

    /// Prints a piece of a line at once, for people only.
    fn piece(&mut self, text: &str) {
        if !self.json {
            let _ = write!(self.out, "{text}").and_then(|()| self.out.flush());
        }
    }
}

/// A time, told from now.
fn when(at_s: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    match at_s.saturating_sub(now) {
        0 => "now".into(),
        left @ 1..=119 => format!("in {left} s"),
        left => format!("in {} min", left.div_ceil(60)),
    }
}

fn closed(error: std::io::Error) -> LazaiError {
    LazaiError::new("io", format!("output: {error}"))
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, LazaiError> {
    std::fs::read(path).map_err(|e| LazaiError::new("file", format!("{}: {e}", path.display())))
}
