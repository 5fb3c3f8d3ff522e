//! A whole market on that chain: people, the processes they run, and what each of them remembers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use alloy_sol_types::sol;
use lazai::core::{Address, Amount, Asset, BasisPoints, SessionId, SubmissionId};
use lazai::provider::Standing;
use lazai::settle::governance::Params;
use lazai::settle::ledger::LedgerError;
use lazai::settle::ledger::evm::abi::{from_evm, to_evm};
use lazai::settle::ledger::evm::{Deployment, EvmLedger, Founding, Pace};
use lazai::settle::market::Transaction;
use lazai::settle::merkle::Checkpoint;
use lazai::settle::notice::Entry;
use lazai::settle::{Ledger, MarketError};
use lazai::{Account, SendError};
use pollster::block_on;

use super::chain::{Chain, Line};
use super::dice::Dice;
use super::lies::Lies;
use super::node::{Life, Served};
use super::people::OTHERS;
pub use super::people::{COINS, HONEST, VALIDATORS, VOTERS, address, signer};

sol!(Dollar, "../lazai-settle/artifacts/Dollar.json");

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
    /// The nodes that run in it, by name.
    nodes: BTreeMap<&'static str, Served>,
    fuse: Arc<AtomicI64>,
    looks: Arc<AtomicU64>,
    dice: Arc<Mutex<Dice>>,
    /// Up to where its log was confirmed, the last time anybody looked.
    confirmed: Option<Checkpoint>,
}

pub struct World {
    pub chain: Arc<Mutex<Chain>>,
    pub deployment: Deployment,
    /// An ERC-20 that the market takes.
    pub dollar: Asset,
    pub pace: Pace,
    pub dice: Dice,
    folder: tempfile::TempDir,
    running: BTreeMap<Process, Running>,
    pub lossy: u64,
    /// Whose provider of the chain lies now and then, and what it says.
    deceived: Option<(Process, Arc<Mutex<Lies>>)>,
    /// What nobody lies to: it is what the others' reading is held to.
    truth: Option<EvmLedger>,
    pub submissions: BTreeMap<SubmissionId, bool>,
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
fn deployed() -> (Chain, Deployment, Asset) {
    static DEPLOYED: OnceLock<(Chain, Deployment, Asset)> = OnceLock::new();
    let make = || {
        let names = VALIDATORS.iter().chain(&VOTERS).chain(&OTHERS).chain(&["deployer"]);
        let accounts: Vec<_> = names.map(|name| to_evm(address(name))).collect();
        let chain = Arc::new(Mutex::new(Chain::new(&accounts, COINS)));
        let (fuse, dice) = (Arc::new(AtomicI64::new(-1)), Arc::new(Mutex::new(Dice::new(0))));
        let line = Line { chain: chain.clone(), fuse, dice, lossy: 0, lies: None, looks: Arc::default() };
        let dollar = chain.lock().unwrap().send(&signer("deployer"), None, Dollar::BYTECODE.clone());
        chain.lock().unwrap().tick();
        let dollar = Asset(from_evm(dollar));
        let founding = Founding {
            params: params(),
            assets: vec![dollar],
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
        (chain, deployment, dollar)
    };
    DEPLOYED.get_or_init(make).clone()
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "world");
        let (mut chain, deployment, dollar) = deployed();
        let depth = 1 + dice.below(12);
        chain.dice = Dice::of(seed, "chain");
        chain.deepest = depth;
        chain.rival = Some(signer("cheat"));
        let running = PROCESSES.map(|process| {
            let dice = Arc::new(Mutex::new(Dice::of(seed, &format!("{process:?}"))));
            let fuse = Arc::new(AtomicI64::new(-1));
            let (nodes, looks) = (BTreeMap::new(), Arc::default());
            (process, Running { ledger: None, nodes, fuse, looks, dice, confirmed: None })
        });
        let deceived = dice.one_in(4).then(|| {
            let first = serde_json::from_value(chain.header(0)["hash"].clone()).unwrap();
            let lies = Lies::new(Dice::of(seed, "lies"), deployment.contracts, first);
            (PROCESSES[dice.below(3) as usize], Arc::new(Mutex::new(lies)))
        });
        Self {
            chain: Arc::new(Mutex::new(chain)),
            deployment,
            dollar,
            pace: Pace { depth, poll: Duration::ZERO, resend_after: 3, patience: 400, ..Pace::default() },
            lossy: [0, 40, 200][dice.below(3) as usize],
            dice,
            folder: tempfile::tempdir().unwrap(),
            running: running.into(),
            deceived,
            truth: None,
            submissions: BTreeMap::new(),
            signed: BTreeMap::new(),
            next: 0,
            crashes: 0,
            sent: 0,
        }
    }

    /// A market whose people's providers of the chain tell the truth, whatever else happens.
    pub fn undeceived(seed: u64) -> Self {
        Self { deceived: None, ..Self::new(seed) }
    }

    /// A market on a chain on which everything goes well.
    pub fn calm() -> Self {
        let mut world = Self::new(0);
        world.lossy = 0;
        world.deceived = None;
        world.chain.lock().unwrap().deepest = 0;
        world
    }

    /// Another connection to the chain, of a process that never dies.
    pub fn line(&self) -> Line {
        let (fuse, dice) = (Arc::new(AtomicI64::new(-1)), Arc::new(Mutex::new(Dice::new(0))));
        Line { chain: self.chain.clone(), fuse, dice, lossy: 0, lies: None, looks: Arc::default() }
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
        self.doom_within(process, 150);
    }

    /// Lets a process be: it does not die before it is doomed again. One that is dead begins anew.
    pub fn spare(&mut self, process: Process) {
        self.ledger(process);
        self.running[&process].fuse.store(-1, Ordering::SeqCst);
    }

    /// Lets a process die within so many steps.
    pub fn doom_within(&mut self, process: Process, steps: u64) {
        let steps = 1 + self.dice.below(steps) as i64;
        self.running[&process].fuse.store(steps, Ordering::SeqCst);
    }

    /// Lets the provider of the chain lie for some answers, if somebody has one that does.
    pub fn deceive(&mut self) {
        if let Some((_, lies)) = &self.deceived {
            let mut lies = lies.lock().unwrap();
            (lies.left, lies.of_fate) = (1 + self.dice.below(6), self.dice.one_in(3));
        }
    }

    /// From now on everybody hears the truth. How many lies were told.
    pub fn stop_lies(&mut self) -> u64 {
        let Some((_, lies)) = &self.deceived else { return 0 };
        let mut lies = lies.lock().unwrap();
        lies.left = 0;
        lies.told
    }

    /// True if a process may be lied to.
    fn is_deceived(&self, process: Process) -> bool {
        self.deceived.as_ref().is_some_and(|(deceived, _)| *deceived == process)
    }

    /// How often a process looked at the chain.
    pub fn looks(&self, process: Process) -> u64 {
        self.running[&process].looks.load(Ordering::SeqCst)
    }

    pub fn is_dead(&self, process: Process) -> bool {
        self.running[&process].fuse.load(Ordering::SeqCst) == 0
    }

    /// A process's ledger. One that died begins anew, with what is on its disk.
    pub fn ledger(&mut self, process: Process) -> EvmLedger {
        loop {
            if self.is_dead(process) {
                self.crashes += 1;
                let running = self.running.get_mut(&process).unwrap();
                running.ledger = None;
                running.nodes.clear();
                running.fuse.store(-1, Ordering::SeqCst);
            }
            if let Some(ledger) = &self.running[&process].ledger {
                return ledger.clone();
            }
            let (running, lossy) = (&self.running[&process], self.lossy);
            let lies = self.deceived.as_ref().filter(|(deceived, _)| *deceived == process);
            let line = Line {
                chain: self.chain.clone(),
                fuse: running.fuse.clone(),
                dice: running.dice.clone(),
                lossy,
                lies: lies.map(|(_, lies)| lies.clone()),
                looks: running.looks.clone(),
            };
            let outbox = self.folder(process).join("outbox");
            match EvmLedger::open(line, &self.deployment, Some(&outbox), self.pace) {
                Ok(ledger) => self.running.get_mut(&process).unwrap().ledger = Some(ledger),
                Err(LedgerError::Rpc { .. }) => self.chain.lock().unwrap().tick(),
                Err(LedgerError::Untrue { .. }) if self.is_deceived(process) => self.chain.lock().unwrap().tick(),
                Err(error) => panic!("{process:?} cannot open its ledger: {error}"),
            }
        }
    }

    /// A node in the process of nodes. One that died is opened again from its folder.
    pub fn node(&mut self, name: &'static str) -> Served {
        let ledger = self.ledger(Process::Node);
        let folder = self.node_folder(name);
        let running = self.running.get_mut(&Process::Node).unwrap();
        let life = Life(running.fuse.clone());
        running.nodes.entry(name).or_insert_with(|| Served::open(name, ledger, life, &folder)).clone()
    }

    pub fn node_folder(&self, name: &str) -> PathBuf {
        self.folder(Process::Node).join(name)
    }

    /// What the honest node has in its book.
    pub fn book(&mut self) -> BTreeMap<SessionId, Standing> {
        let node = self.node("node").provider;
        let sessions = block_on(node.sessions()).unwrap();
        sessions.into_iter().map(|id| (id, block_on(node.standing(id)).unwrap())).collect()
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
                // Found out; the next time it may hear the truth.
                LedgerError::Untrue { .. } if self.is_deceived(process) => self.chain.lock().unwrap().tick(),
                LedgerError::TooEarly { at_s, now_s, .. } => {
                    let mut chain = self.chain.lock().unwrap();
                    chain.leap(at_s.saturating_sub(now_s));
                    chain.tick();
                }
                // A reorganisation came between trying it out and its block.
                LedgerError::Reverted { reason } if reason.contains("had changed") => {
                    // Or at once: what was sent may wait yet, if it is not so.
                    if self.dice.one_in(2) {
                        self.chain.lock().unwrap().tick();
                    }
                }
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
        if self.is_deceived(process) {
            let line = self.line();
            let (deployment, pace) = (&self.deployment, self.pace);
            let truth = self.truth.get_or_insert_with(|| EvmLedger::open(line, deployment, None, pace).unwrap());
            block_on(truth.refresh()).unwrap();
            assert!(ledger.head() == truth.head(), "{process:?} believed a lie");
        }
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
