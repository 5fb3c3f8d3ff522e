//! Where clients reach the ledger: at the node's process, which has it open. A line of JSON asks, a line answers. (On a chain
//! each would ask its own provider.)

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use lazai::settle::EmbeddedLedger;
use lazai::settle::ledger::Ledger as _;
use lazai_core::digest::sha256;
use lazai_core::{Amount, SessionId, Signer};
use lazai_settle::notice::Entry;
use lazai_settle::{SignedTransaction, Transaction};
use pollster::block_on;
use serde::{Deserialize, Serialize};

use super::market::Known;

/// Longest line.
const MAX_BYTES: u64 = 1 << 20;
/// How long the node may be away.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    Submit(Box<SignedTransaction>),
    Session(SessionId),
    Stats,
    Stop,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Done(Box<Entry>),
    Refused(String),
    Session(Option<SessionState>),
    Stats(Stats),
    Stopping,
}

/// A session, as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    pub redeemed: Amount,
    pub closed: bool,
}

/// What the node's process says of itself.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Stats {
    pub begun: u64,
    pub left: u64,
    pub lines: u64,
    pub entries: u64,
}

/// Serves the desk on threads of its own, for as long as the process lives.
pub fn serve(port: u16, ledger: Arc<EmbeddedLedger>, stats: Arc<dyn Fn() -> Stats + Send + Sync>, stop: Sender<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            let (ledger, stats, stop) = (ledger.clone(), stats.clone(), stop.clone());
            std::thread::spawn(move || answer(line, &ledger, &*stats, &stop));
        }
    });
}

fn answer(mut line: TcpStream, ledger: &EmbeddedLedger, stats: &dyn Fn() -> Stats, stop: &Sender<()>) -> Result<()> {
    let mut text = String::new();
    BufReader::new((&line).take(MAX_BYTES)).read_line(&mut text)?;
    let answer = match serde_json::from_str(&text)? {
        Ask::Submit(signed) => match block_on(ledger.submit(*signed)) {
            Ok(entry) => Answer::Done(Box::new(entry)),
            Err(error) => Answer::Refused(error.to_string()),
        },
        Ask::Session(id) => Answer::Session(
            ledger.market().session(id).map(|s| SessionState { redeemed: s.redeemed, closed: s.closed }),
        ),
        Ask::Stats => Answer::Stats(Stats { entries: ledger.checkpoint().size, ..stats() }),
        Ask::Stop => {
            let _ = stop.send(());
            Answer::Stopping
        }
    };
    line.write_all(format!("{}\n", serde_json::to_string(&answer)?).as_bytes())
}

/// The desk as its clients see it.
#[derive(Debug, Clone)]
pub struct Desk {
    /// One for each replica.
    pub ports: Vec<u16>,
    pub known: Known,
}

impl Desk {
    fn try_ask(port: u16, ask: &Ask) -> Result<Answer> {
        let mut line = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        line.set_read_timeout(Some(Duration::from_secs(20)))?;
        line.write_all(format!("{}\n", serde_json::to_string(ask)?).as_bytes())?;
        let mut text = String::new();
        BufReader::new(line.take(MAX_BYTES)).read_line(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Asks one replica after the other, until one is there.
    pub fn ask(&self, ask: &Ask) -> Answer {
        Self::ask_at(&self.ports, ask)
    }

    fn ask_at(ports: &[u16], ask: &Ask) -> Answer {
        let until = Instant::now() + PATIENCE;
        loop {
            for port in ports {
                match Self::try_ask(*port, ask) {
                    Ok(answer) => return answer,
                    Err(error) => assert!(Instant::now() < until, "the desk does not answer: {error}"),
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Has a replica stop.
    pub fn stop(&self, replica: usize) {
        let answer = Self::ask_at(&self.ports[replica..=replica], &Ask::Stop);
        assert!(matches!(answer, Answer::Stopping), "the desk said {answer:?}");
    }

    /// Has a transaction applied; the same label again is the same transaction.
    pub fn send(
        &self,
        signer: &dyn Signer,
        label: &str,
        transaction: Transaction,
    ) -> std::result::Result<Entry, String> {
        let key = sha256(format!("{} {label}", signer.address()).as_bytes());
        let signed = block_on(SignedTransaction::sign(signer, &self.known.domain, key, transaction)).unwrap();
        match self.ask(&Ask::Submit(Box::new(signed))) {
            Answer::Done(entry) => Ok(*entry),
            Answer::Refused(reason) => Err(reason),
            other => panic!("the desk said {other:?}"),
        }
    }

    pub fn session(&self, id: SessionId) -> SessionState {
        match self.ask(&Ask::Session(id)) {
            Answer::Session(Some(state)) => state,
            other => panic!("session {id}: the desk said {other:?}"),
        }
    }

    /// What a replica says of itself.
    pub fn stats(&self, replica: usize) -> Stats {
        match Self::ask_at(&self.ports[replica..=replica], &Ask::Stats) {
            Answer::Stats(stats) => stats,
            other => panic!("the desk said {other:?}"),
        }
    }
}
