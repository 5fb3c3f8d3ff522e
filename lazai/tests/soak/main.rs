//! A node in a storm: a process of its own, with ledger and folder on disk, a fast stand-in for its model, and clients over
//! real sockets. Some vanish, stall, send garbage or far too much, ask the same turn many times at once, pay late or never;
//! the process is killed and started again. Whatever happens: every word heard was paid for or lies within one step,
//! nothing is billed twice, no session is stuck, money is conserved to the unit, and memory is flat.
//!
//! A slice runs here; `cargo xtask soak node` runs two hundred clients for ten minutes.
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
mod settle;
mod stand_in;
mod tempers;
mod together;
mod watch;
#[path = "../../../lazai-settle/tests/world/mod.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use book::Book;
use client::{Client, Shared};
use desk::{Answer, Ask, Desk, Stats};
use node::{Process, Setup};
use tempers::Temper;
use watch::Watched;

/// Claims that a node may hold: as many as it serves or lets wait at a time.
const MAX_CLAIMS: u64 = 64;
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
    let (seconds, clients) = (told("SECONDS", 24), told("CLIENTS", 40) as usize);
    let (kills, seed) = (told("KILLS", 1), told("SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let (port, desk) = node::ports();
    // Sessions end several times in each life of the node.
    let session_s = (seconds / 5).clamp(8, 120);
    let setup = Setup { folder: folder.path().into(), port, desk, session_s };
    let desk = Desk { port: desk, known: market::found(&setup.ledger(), clients) };
    let watched = Arc::new(Watched::default());
    let shared =
        Arc::new(Shared { port, desk, book: Book::default(), watched: watched.clone(), stop: AtomicBool::new(false) });

    let storm = Storm { setup, shared: shared.clone(), length: Duration::from_secs(seconds), kills, seed };
    let (lives, left) = storm.run(clients);
    let (book, memory) =
        (&shared.book, watched.memory(&lives.iter().map(|l| l.entries).collect::<Vec<_>>(), &shared.book));
    let money = settle::check(&storm.setup.ledger(), clients, book);
    let (faults, words) = book.faults();
    let report = json!({
        "seconds": seconds, "clients": clients, "kills": kills, "seed": seed, "faults": faults,
        "health": watched.health(), "lives": memory, "money": money, "counts": book.counts(),
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
    setup: Setup,
    shared: Arc<Shared>,
    length: Duration,
    kills: u64,
    seed: u64,
}

impl Storm {
    /// Runs it; what each life of the node did, and how many files stayed open at its end.
    fn run(&self, clients: usize) -> (Vec<Stats>, Value) {
        let (shared, watched) = (&self.shared, &self.shared.watched);
        let (mut process, _) = Process::start(&self.setup);
        let files = node::usage(process.id()).map(|(_, files)| files);
        self.is_up(&process, 0);
        let watcher = {
            let (shared, port) = (shared.clone(), self.setup.port);
            std::thread::spawn(move || watch::watch(&shared.watched.clone(), port, &shared.book))
        };
        let begun = Instant::now();
        let live = |number| {
            let client = Client::new(number, self.seed, shared.clone());
            std::thread::spawn(move || tempers::live(client, Temper::of(number)))
        };
        let threads: Vec<_> = (0..clients).map(live).collect();
        let mut dice = dice::Dice::of(self.seed, "kills");
        let (mut lives, mut before, mut served) = (Vec::new(), shared.desk.stats().entries, Vec::new());
        for life in 0..=self.kills {
            // Kills come a third of a life early or late.
            let part = self.length / u32::try_from(self.kills + 1).unwrap();
            let late = part * u32::try_from(dice.below(60)).unwrap() / 180;
            let until = if life == self.kills { self.length } else { part * u32::try_from(life + 1).unwrap() + late };
            std::thread::sleep(until.saturating_sub(begun.elapsed()));
            assert!(process.is_alive(), "the node ended by itself: {}", process.errors());
            let stats = self.stats();
            served.push(stats.begun >= FEW_REPLIES * clients as u64);
            lives.push(Stats { entries: stats.entries - before, ..stats });
            before = stats.entries;
            if life < self.kills {
                watched.up.store(false, Ordering::SeqCst);
                process.kill();
                std::thread::sleep(Duration::from_millis(200 + dice.below(2_000)));
                process = Process::start(&self.setup).0;
                self.is_up(&process, life + 1);
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
        let left = self.files_left(&process, files);
        self.stats();
        watched.over.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        assert!(matches!(shared.desk.ask(&Ask::Stop), Answer::Stopping));
        let status = process.end();
        let errors = process.errors();
        if !status.success() || errors.contains("panicked") {
            shared.book.fault(format!("the node ended with {status}: {errors}"));
        }
        (lives, left)
    }

    fn is_up(&self, process: &Process, life: u64) {
        let watched = &self.shared.watched;
        watched.process.store(process.id(), Ordering::SeqCst);
        watched.life.store(u32::try_from(life).unwrap(), Ordering::SeqCst);
        watched.up.store(true, Ordering::SeqCst);
    }

    /// What the node says of itself: it never holds more claims than it serves requests.
    fn stats(&self) -> Stats {
        let stats = self.shared.desk.stats();
        if stats.claims > MAX_CLAIMS {
            self.shared.book.fault(format!("the node holds {} claims, it serves {MAX_CLAIMS} requests", stats.claims));
        }
        stats
    }

    /// Who is honest was served in every life that was long enough.
    fn was_served(&self, client: &Client, served: &[bool]) {
        for (life, _) in (0..).zip(served).filter(|(_, long)| **long) {
            if !client.lives.contains(&life) {
                self.shared.book.fault(format!("client {} had no reply in life {life}", client.number));
            }
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
