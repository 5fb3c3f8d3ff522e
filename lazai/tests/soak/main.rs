//! A node in a storm: a process of its own, with ledger and folder on disk, a fast stand-in for its model, and clients over
//! real sockets. Some vanish, stall, send garbage or far too much, ask the same turn many times at once, pay late or never;
//! the process is killed and started again. Whatever happens: every word heard was paid for or lies within one step,
//! nothing is billed twice, no session is stuck, money is conserved to the unit, and memory is flat.
//!
//! Then the same with two replicas of the node, which share a book in PostgreSQL: each request of a client goes to the other replica
//! than the one before; both are killed, and so is the database.
//!
//! A slice of each runs here; `cargo xtask soak node` and `cargo xtask soak replicas` run two hundred clients for ten minutes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::arithmetic_side_effects, missing_docs)]

mod book;
mod client;
mod desk;
#[path = "../simulation/dice.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
mod dice;
mod garbage;
mod line;
mod market;
mod node;
mod postgres;
mod settle;
mod stand_in;
mod tempers;
mod together;
mod watch;
#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use book::Book;
use client::{Client, Shared};
use desk::{Desk, Stats};
use node::{Process, Setup};
use tempers::Temper;

/// Lines of requests that a node may have: as many as it serves or lets wait at a time.
const MAX_LINES: u64 = 64;
/// Files that may stay open beside those of the beginning when all clients are gone.
const MAX_FILES_LEFT: u64 = 16;
/// A life in which there were fewer replies for each client need not have served everybody.
const FEW_REPLIES: u64 = 8;

/// A number out of the environment.
fn told(name: &str, default: u64) -> u64 {
    std::env::var(format!("LAZAI_NODE_{name}")).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
#[ignore = "the process that the soak starts and kills"]
fn the_node() {
    if std::env::var_os(node::VARIABLE).is_some() {
        node::run();
    }
}

#[test]
fn a_node_keeps_its_promises_in_a_storm() {
    storm(1, None);
}

#[test]
fn replicas_keep_a_nodes_promises_in_a_storm() {
    let folder = tempfile::tempdir().unwrap();
    match postgres::Server::start(folder.path(), node::ports(1)[0]) {
        Ok(server) => storm(2, Some(server)),
        Err(missing) => println!("skipped: {missing}"),
    }
}

/// A storm over some replicas of a node.
fn storm(replicas: usize, database: Option<postgres::Server>) {
    let (seconds, clients) = (told("SECONDS", 24), told("CLIENTS", 40) as usize);
    let (kills, seed) = (told("KILLS", 1), told("SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let ports = node::ports(2 * replicas);
    let (ports, desks) = ports.split_at(replicas);
    // Sessions end several times in each life of the node.
    let session_s = (seconds / 5).clamp(8, 120);
    let setup = |replica: usize| Setup {
        folder: folder.path().into(),
        port: ports[replica],
        desk: desks[replica],
        session_s,
        database: database.as_ref().map(postgres::Server::url),
    };
    let setups: Vec<Setup> = (0..replicas).map(setup).collect();
    let ledger = setups[0].ledger();
    let shared = Arc::new(Shared {
        ports: ports.to_vec(),
        next: AtomicUsize::new(0),
        desk: Desk { ports: desks.to_vec(), known: market::found(&ledger, clients) },
        book: Book::default(),
        watched: (0..replicas).map(|_| Arc::default()).collect(),
        stop: AtomicBool::new(false),
    });

    let storm = Storm { setups, shared: shared.clone(), length: Duration::from_secs(seconds), kills, seed, database };
    let (lives, left) = storm.run(clients);
    let book = &shared.book;
    let entries: Vec<u64> = lives.iter().map(|life| life.entries).collect();
    let memory: Vec<Value> = shared.watched.iter().map(|watched| watched.memory(&entries, book)).collect();
    let money = settle::check(&ledger, clients, book);
    let (faults, words) = book.faults();
    let health: Vec<Value> = shared.watched.iter().map(|watched| watched.health()).collect();
    let report = json!({
        "seconds": seconds, "clients": clients, "replicas": replicas, "kills": kills, "seed": seed, "faults": faults,
        "health": health, "lives": memory, "money": money, "counts": book.counts(),
        "replies_begun": lives.iter().map(|l| l.begun).sum::<u64>(),
        "replies_left": lives.iter().map(|l| l.left).sum::<u64>(), "files_left_open": left,
    });
    if let Some(file) = std::env::var_os("LAZAI_NODE_REPORT") {
        std::fs::write(file, format!("{report:#}\n")).unwrap();
    }
    println!("{report:#}");
    assert!(faults == 0, "{faults} faults:\n{}", words.join("\n"));
}

struct Storm {
    /// One for each replica.
    setups: Vec<Setup>,
    shared: Arc<Shared>,
    length: Duration,
    /// How often each replica is killed.
    kills: u64,
    seed: u64,
    database: Option<postgres::Server>,
}

impl Storm {
    /// Runs it; what the node did in each life, all replicas together, and how many files stayed open at its end.
    fn run(&self, clients: usize) -> (Vec<Stats>, Value) {
        let shared = &self.shared;
        let mut processes: Vec<Process> = self.setups.iter().map(|setup| Process::start(setup).0).collect();
        let files: Vec<_> = processes.iter().map(|process| node::usage(process.id()).map(|(_, files)| files)).collect();
        (0..processes.len()).for_each(|replica| self.is_up(replica, &processes[replica], 0));
        let watcher = |replica: usize| {
            let (shared, port) = (shared.clone(), self.setups[replica].port);
            std::thread::spawn(move || watch::watch(&shared.watched[replica].clone(), port, &shared.book))
        };
        let watchers: Vec<_> = (0..processes.len()).map(watcher).collect();
        let begun = Instant::now();
        let live = |number| {
            let client = Client::new(number, self.seed, shared.clone());
            std::thread::spawn(move || tempers::live(client, Temper::of(number)))
        };
        let threads: Vec<_> = (0..clients).map(live).collect();
        let mut dice = dice::Dice::of(self.seed, "kills");
        let (mut lives, mut before, mut served) = (Vec::new(), shared.desk.stats(0).entries, Vec::new());
        for life in 0..=self.kills {
            // Kills come a third of a life early or late.
            let part = self.length / u32::try_from(self.kills + 1).unwrap();
            let late = part * u32::try_from(dice.below(60)).unwrap() / 180;
            let until = if life == self.kills { self.length } else { part * u32::try_from(life + 1).unwrap() + late };
            std::thread::sleep(until.saturating_sub(begun.elapsed()));
            let stats = self.stats(&mut processes);
            served.push(stats.begun >= FEW_REPLIES * clients as u64);
            lives.push(Stats { entries: stats.entries - before, ..stats });
            before = stats.entries;
            if life < self.kills {
                for (replica, process) in processes.iter_mut().enumerate() {
                    shared.watched[replica].up.store(false, Ordering::SeqCst);
                    process.kill();
                    std::thread::sleep(Duration::from_millis(200 + dice.below(2_000)));
                    *process = Process::start(&self.setups[replica]).0;
                    self.is_up(replica, process, life + 1);
                }
                if let Some(database) = self.database.as_ref().filter(|_| life == 0) {
                    database.kill_and_start();
                }
            }
        }
        shared.stop.store(true, Ordering::SeqCst);
        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        for (number, client) in ended.into_iter().enumerate() {
            match client {
                Ok(client) if Temper::of(number) == Temper::Honest => self.was_served(&client, &served),
                Ok(_) => {}
                Err(_) => shared.book.fault(format!("client {number} panicked")),
            }
        }
        let left = processes.iter().zip(files).map(|(process, files)| self.files_left(process, files)).collect();
        self.stats(&mut processes);
        shared.watched.iter().for_each(|watched| watched.over.store(true, Ordering::SeqCst));
        watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
        for (replica, process) in processes.iter_mut().enumerate() {
            shared.desk.stop(replica);
            let status = process.end();
            let errors = process.errors();
            if !status.success() || errors.contains("panicked") {
                shared.book.fault(format!("replica {replica} ended with {status}: {errors}"));
            }
        }
        (lives, left)
    }

    fn is_up(&self, replica: usize, process: &Process, life: u64) {
        let watched = &self.shared.watched[replica];
        watched.process.store(process.id(), Ordering::SeqCst);
        watched.life.store(u32::try_from(life).unwrap(), Ordering::SeqCst);
        watched.up.store(true, Ordering::SeqCst);
    }

    /// What the replicas say of themselves, together: none ever has more lines than it serves requests.
    fn stats(&self, processes: &mut [Process]) -> Stats {
        let mut all = Stats::default();
        for (replica, process) in processes.iter_mut().enumerate() {
            assert!(process.is_alive(), "replica {replica} ended by itself: {}", process.errors());
            let stats = self.shared.desk.stats(replica);
            if stats.lines > MAX_LINES {
                let what = format!("replica {replica} has {} lines, it serves {MAX_LINES} requests", stats.lines);
                self.shared.book.fault(what);
            }
            all.begun += stats.begun;
            all.left += stats.left;
            all.entries = all.entries.max(stats.entries);
        }
        all
    }

    /// Who is honest was served in every life that was long enough. (Of replicas, one is always up: their lives are not told
    /// apart.)
    fn was_served(&self, client: &Client, served: &[bool]) {
        for (life, _) in (0..).zip(served).filter(|(_, long)| **long && self.setups.len() == 1) {
            if !client.lives.contains(&life) {
                self.shared.book.fault(format!("client {} had no reply in life {life}", client.number));
            }
        }
        if client.lives.is_empty() && served.contains(&true) {
            self.shared.book.fault(format!("client {} had no reply", client.number));
        }
    }

    /// How many files stay open when all clients are gone.
    fn files_left(&self, process: &Process, before: Option<u64>) -> Value {
        let Some(before) = before else { return Value::Null };
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let Some((_, files)) = node::usage(process.id()) else { return Value::Null };
            let more = files.saturating_sub(before);
            if more <= MAX_FILES_LEFT {
                return json!(more);
            }
            if Instant::now() > until {
                self.shared.book.fault(format!("{more} files stay open"));
                return json!(more);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
