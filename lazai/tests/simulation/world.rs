//! A whole market on that chain: people, the processes they run, and what each of them remembers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use lazai::core::digest::sha256;
use lazai::core::{Address, Amount, Asset, BasisPoints, LocalSigner, SessionId, Signer, SubmissionId};
use lazai::settle::governance::Params;
use lazai::settle::ledger::LedgerError;
use lazai::settle::ledger::evm::abi::evm;
use lazai::settle::ledger::evm::{Deployment, EvmLedger, Founding, Pace};
use lazai::settle::market::Transaction;
use lazai::settle::merkle::Checkpoint;
use lazai::settle::notice::Entry;
use lazai::settle::{Ledger, MarketError};
use lazai::{Account, SendError};
use pollster::block_on;

use super::chain::{Chain, Line};
use super::dice::Dice;
use super::network::Book;

/// Everyone's coins at first.
pub const COINS: u128 = 1 << 80;
/// Two lie: the one signs the contrary of what is so, the other abstains, and doubts every honest verdict.
pub const VALIDATORS: [&str; 7] =
    ["validator 1", "validator 2", "validator 3", "validator 4", "validator 5", "liar", "abstainer"];
pub const HONEST: usize = 5;
pub const VOTERS: [&str; 3] = ["governor 1", "governor 2", "governor 3"];
const OTHERS: [&str; 9] =
    ["creator", "writer", "exex", "node", "crook", "consumer", "cheat", "reporter", "second account"];

pub fn signer(name: &str) -> Arc<LocalSigner> {
    Arc::new(LocalSigner::from_bytes(*sha256(name.as_bytes()).as_bytes()).unwrap())
}

pub fn address(name: &str) -> Address {
    signer(name).address()
}

/// Programs that run by themselves, each with a ledger of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// Creators, validators, consumers and voters.
    People,
    Node,
    ExEx,
}

pub const PROCESSES: [Process; 3] = [Process::People, Process::Node, Process::ExEx];

/// What of a process outlives it, and what does not.
struct Running {
    ledger: Option<EvmLedger>,
    fuse: Arc<AtomicI64>,
    dice: Arc<Mutex<Dice>>,
    /// Up to where its log was confirmed, the last time anybody looked.
    confirmed: Option<Checkpoint>,
}

pub struct World {
    pub chain: Arc<Mutex<Chain>>,
    pub deployment: Deployment,
    pub pace: Pace,
    pub dice: Dice,
    folder: tempfile::TempDir,
    running: BTreeMap<Process, Running>,
    lossy: u64,
    pub submissions: BTreeMap<SubmissionId, bool>,
    /// What the honest node remembers; on its disk.
    pub book: Arc<Book>,
    /// The most that each session's consumer ever signed for.
    pub signed: BTreeMap<SessionId, Amount>,
    pub next: u64,
    pub crashes: u64,
    pub sent: u64,
}

pub fn params() -> Params {
    Params {
        slash: BasisPoints::new(5_000).unwrap(),
        min_stake: Amount::from_base_units(1_000),
        challenge_bond: Amount::from_base_units(100),
        max_price: Amount::from_base_units(1_000),
        // Long enough for everything to get through, however badly the chain behaves.
        attestation_window_s: 30 * 86_400,
        challenge_window_s: 3_600,
        unbonding_window_s: 31 * 86_400,
        max_session_s: 30 * 86_400,
        ..Params::default()
    }
}

/// A chain with the market's contracts, deployed once for all seeds.
fn deployed() -> (Chain, Deployment) {
    static DEPLOYED: OnceLock<(Chain, Deployment)> = OnceLock::new();
    let make = || {
        let names = VALIDATORS.iter().chain(&VOTERS).chain(&OTHERS).chain(&["deployer"]);
        let accounts: Vec<_> = names.map(|name| evm(address(name))).collect();
        let chain = Arc::new(Mutex::new(Chain::new(&accounts, COINS)));
        let (fuse, dice) = (Arc::new(AtomicI64::new(-1)), Arc::new(Mutex::new(Dice::new(0))));
        let line = Line { chain: chain.clone(), fuse, dice, lossy: 0 };
        let founding = Founding {
            params: params(),
            assets: Vec::new(),
            validators: VALIDATORS.map(|name| (address(name), 1)).into(),
            voters: VOTERS.map(|name| (address(name), 10u128.pow(18))).to_vec(),
            guardian: Address::ZERO,
            timelock_s: 3_600,
        };
        let pace = Pace { depth: 0, poll: Duration::ZERO, ..Pace::default() };
        let deployment = block_on(EvmLedger::deploy(line, &*signer("deployer"), &founding, pace)).unwrap();
        let mut chain = chain.lock().unwrap().clone();
        // So deep that no reorganisation undoes it.
        for _ in 0..16 {
            chain.tick();
        }
        (chain, deployment)
    };
    DEPLOYED.get_or_init(make).clone()
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "world");
        let (mut chain, deployment) = deployed();
        let depth = 1 + dice.below(12);
        chain.dice = Dice::of(seed, "chain");
        chain.deepest = depth;
        chain.rival = Some(evm(address("cheat")));
        let running = PROCESSES.map(|process| {
            let dice = Arc::new(Mutex::new(Dice::of(seed, &format!("{process:?}"))));
            (process, Running { ledger: None, fuse: Arc::new(AtomicI64::new(-1)), dice, confirmed: None })
        });
        Self {
            chain: Arc::new(Mutex::new(chain)),
            deployment,
            pace: Pace { depth, poll: Duration::ZERO, resend_after: 3, patience: 400, ..Pace::default() },
            lossy: [0, 40, 200][dice.below(3) as usize],
            dice,
            folder: tempfile::tempdir().unwrap(),
            running: running.into(),
            submissions: BTreeMap::new(),
            book: Arc::default(),
            signed: BTreeMap::new(),
            next: 0,
            crashes: 0,
            sent: 0,
        }
    }

    /// A market on a chain on which everything goes well.
    pub fn calm() -> Self {
        let mut world = Self::new(0);
        world.lossy = 0;
        world.chain.lock().unwrap().deepest = 0;
        world
    }

    /// Another connection to the chain, of a process that never dies.
    pub fn line(&self) -> Line {
        let (fuse, dice) = (Arc::new(AtomicI64::new(-1)), Arc::new(Mutex::new(Dice::new(0))));
        Line { chain: self.chain.clone(), fuse, dice, lossy: 0 }
    }

    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn folder(&self, process: Process) -> PathBuf {
        self.folder.path().join(format!("{process:?}"))
    }

    /// Lets a process die within its next calls.
    pub fn doom(&mut self, process: Process) {
        let calls = 1 + self.dice.below(150) as i64;
        self.running[&process].fuse.store(calls, Ordering::SeqCst);
    }

    pub fn is_dead(&self, process: Process) -> bool {
        self.running[&process].fuse.load(Ordering::SeqCst) == 0
    }

    /// A process's ledger. One that died begins anew, with what is on its disk.
    pub fn ledger(&mut self, process: Process) -> EvmLedger {
        loop {
            if self.is_dead(process) {
                self.crashes += 1;
                self.running.get_mut(&process).unwrap().ledger = None;
                self.running[&process].fuse.store(-1, Ordering::SeqCst);
            }
            if let Some(ledger) = &self.running[&process].ledger {
                return ledger.clone();
            }
            let (running, lossy) = (&self.running[&process], self.lossy);
            let line =
                Line { chain: self.chain.clone(), fuse: running.fuse.clone(), dice: running.dice.clone(), lossy };
            let outbox = self.folder(process).join("outbox");
            match EvmLedger::open(line, &self.deployment, Some(&outbox), self.pace) {
                Ok(ledger) => self.running.get_mut(&process).unwrap().ledger = Some(ledger),
                Err(LedgerError::Rpc { .. }) => self.chain.lock().unwrap().tick(),
                Err(error) => panic!("{process:?} cannot open its ledger: {error}"),
            }
        }
    }

    pub fn account(&mut self, process: Process, name: &str) -> Account {
        Account::new(Arc::new(self.ledger(process)), signer(name))
    }

    /// Sends until it is known what became of it, through whatever gets lost and however often the process dies.
    pub fn send(&mut self, process: Process, name: &str, label: &str, wanted: &Transaction) -> Result<Entry, Refusal> {
        let account_of = |w: &mut Self| w.account(process, name);
        self.persist(process, |w| {
            let account = account_of(w);
            match block_on(account.send(label, wanted.clone())) {
                Ok(entry) => Ok(entry),
                Err(SendError::Ledger(error)) => Err(error),
                Err(error) => panic!("{error}"),
            }
        })
    }

    /// Does something with the ledger again and again, until the answer is one that counts.
    pub fn persist<T>(
        &mut self,
        process: Process,
        mut attempt: impl FnMut(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, Refusal> {
        self.sent += 1;
        let mut last = String::new();
        for _ in 0..60 {
            let error = match attempt(self) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            last = error.to_string();
            match error {
                LedgerError::Rpc { .. } | LedgerError::Unconfirmed { .. } => self.chain.lock().unwrap().tick(),
                LedgerError::TooEarly { at_s, now_s, .. } => {
                    let mut chain = self.chain.lock().unwrap();
                    chain.leap(at_s.saturating_sub(now_s));
                    chain.tick();
                }
                // A reorganisation came between trying it out and its block.
                LedgerError::Reverted { reason } if reason.contains("had changed") => self.chain.lock().unwrap().tick(),
                LedgerError::Market(error) => return Err(Refusal::Market(error)),
                LedgerError::Reverted { reason } => return Err(Refusal::Reverted(reason)),
                other => panic!("{process:?}: {other}"),
            }
        }
        panic!("{process:?}: nothing gets through, at last {last}")
    }

    /// Does something that must work.
    pub fn must(&mut self, process: Process, name: &str, label: &str, wanted: &Transaction) -> Entry {
        self.send(process, name, label, wanted).unwrap_or_else(|e| panic!("{label}: {e:?}"))
    }

    /// Reads what is new.
    pub fn refresh(&mut self, process: Process) -> EvmLedger {
        let refreshed = self.persist(process, |w| {
            let ledger = w.ledger(process);
            block_on(ledger.refresh()).map(|()| ledger)
        });
        refreshed.unwrap_or_else(|e| panic!("{e:?}"))
    }

    /// What a process's log has confirmed only ever grows.
    pub fn check_confirmed(&mut self, process: Process) {
        let ledger = self.refresh(process);
        let now = ledger.checkpoint();
        if let Some(before) = self.running[&process].confirmed {
            assert!(now.size >= before.size, "{process:?}: {} entries were confirmed, now {}", before.size, now.size);
            if before.size > 0 {
                let (entry, _) = block_on(ledger.entry(before.size - 1)).unwrap().expect("it was confirmed");
                assert_eq!(entry.index, before.size - 1);
            }
            assert_eq!(root_at(&ledger, before.size), before.root, "{process:?}: what was confirmed has changed");
        }
        self.running.get_mut(&process).unwrap().confirmed = Some(now);
    }

    pub fn native(&mut self, process: Process, name: &str) -> Amount {
        self.ledger(process).market().balance(address(name), Asset::NATIVE)
    }
}

/// The root over the first entries of a log.
pub fn root_at(ledger: &EvmLedger, size: u64) -> lazai::core::Digest {
    let leaf = |index| {
        let (entry, _) = block_on(ledger.entry(index)).unwrap().expect("it was confirmed");
        lazai::settle::merkle::leaf_hash(&lazai::core::digest::canonical_json(&entry).unwrap())
    };
    lazai::settle::merkle::root(&(0..size).map(leaf).collect::<Vec<_>>())
}

/// Why something was refused.
#[derive(Debug)]
#[allow(dead_code, reason = "shown where it is not expected")]
pub enum Refusal {
    Market(MarketError),
    Reverted(String),
}
