//! Who watches the node from outside: asks ten times a second whether it is well, and once a second what it takes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::book::Book;
use super::line;
use super::node::usage;

/// Between two questions.
const BEAT: Duration = Duration::from_millis(100);
/// A life's first seconds, in which caches and threads come about, are not held against it.
const WARM: Duration = Duration::from_secs(20);
/// What memory may grow in a life beside what it keeps of the ledger, in KiB: what an allocator that serves a hundred
/// threads wavers by.
const WAVERS_KIB: u64 = 8 << 10;
/// What the process keeps in memory of an entry of its ledger, in KiB at most: session, key, place and digest.
const ENTRY_KIB: u64 = 2;

/// What is known of the node's process at the moment.
#[derive(Debug, Default)]
pub struct Watched {
    /// True if it is meant to answer.
    pub up: AtomicBool,
    /// Its number in the system; 0 while there is none.
    pub process: AtomicU32,
    /// Which life it is, from 0.
    pub life: AtomicU32,
    pub over: AtomicBool,
    answers_us: Mutex<Vec<u64>>,
    outages_ms: Mutex<Vec<u64>>,
    samples: Mutex<Vec<Sample>>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    life: u32,
    at_s: f64,
    resident_kib: u64,
    files: u64,
}

/// Asks until it is over.
pub fn watch(watched: &Arc<Watched>, port: u16, book: &Book) {
    let begun = Instant::now();
    let (mut away, mut looked) = (None, Instant::now());
    while !watched.over.load(Ordering::SeqCst) {
        let (was_up, asked) = (watched.up.load(Ordering::SeqCst), Instant::now());
        let answer = line::health(port);
        let still_up = watched.up.load(Ordering::SeqCst);
        match answer {
            Ok(()) => {
                let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                watched.answers_us.lock().unwrap().push(took);
                if let Some(since) = away.take() {
                    let since: Instant = since;
                    let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                    watched.outages_ms.lock().unwrap().push(ms);
                }
            }
            Err(error) => {
                if was_up && still_up {
                    book.fault(format!("/health: {error}"));
                }
                away.get_or_insert(asked);
            }
        }
        if looked.elapsed() >= Duration::from_secs(1) {
            looked = Instant::now();
            let life = watched.life.load(Ordering::SeqCst);
            if let Some((resident_kib, files)) = usage(watched.process.load(Ordering::SeqCst)) {
                let sample = Sample { life, at_s: begun.elapsed().as_secs_f64(), resident_kib, files };
                watched.samples.lock().unwrap().push(sample);
            }
        }
        std::thread::sleep(BEAT.saturating_sub(asked.elapsed()));
    }
}

fn middle(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

impl Watched {
    /// How long `/health` took, in milliseconds.
    pub fn health(&self) -> Value {
        let mut answers = self.answers_us.lock().unwrap().clone();
        answers.sort_unstable();
        let at = |per_mille: usize| answers.get(answers.len().saturating_sub(1) * per_mille / 1_000).copied();
        let ms = |per_mille| at(per_mille).map(|us| us.div_ceil(10) as f64 / 100.0);
        let outages = self.outages_ms.lock().unwrap().clone();
        json!({
            "asked": answers.len(), "p50_ms": ms(500), "p99_ms": ms(990), "p999_ms": ms(999), "max_ms": ms(1_000),
            "outages_ms": outages,
        })
    }

    /// What each life of the process took; grown too much is a fault. `entries` are those that the ledger got in each.
    pub fn memory(&self, entries: &[u64], book: &Book) -> Value {
        let samples = self.samples.lock().unwrap();
        let lives = entries.iter().zip(0..).map(|(entries, life)| {
            let all: Vec<Sample> = samples.iter().filter(|s| s.life == life).copied().collect();
            let first_s = all.first().map_or(0.0, |s| s.at_s);
            let warm: Vec<&Sample> = all.iter().filter(|s| s.at_s - first_s >= WARM.as_secs_f64()).collect();
            let files: Vec<u64> = all.iter().map(|s| s.files).collect();
            let about = json!({
                "seconds": all.last().map_or(0.0, |s| s.at_s - first_s).round(), "ledger_entries": entries,
                "start_kib": all.first().map(|s| s.resident_kib), "end_kib": all.last().map(|s| s.resident_kib),
                "most_kib": all.iter().map(|s| s.resident_kib).max(),
                "files_middle": middle(files.clone()), "files_most": files.iter().max(),
            });
            // A quarter of less than ten samples says nothing.
            let quarter = warm.len() / 4;
            if quarter < 10 {
                return about;
            }
            let of = |samples: &[&Sample]| middle(samples.iter().map(|s| s.resident_kib).collect());
            let (early, late) = (of(&warm[..quarter]), of(&warm[warm.len() - quarter..]));
            let most = WAVERS_KIB + ENTRY_KIB * entries;
            if late > early + most {
                book.fault(format!(
                    "memory of life {life} grew from {early} to {late} KiB, at most {most} may be more"
                ));
            }
            let mut about = about;
            about["first_quarter_kib"] = json!(early);
            about["last_quarter_kib"] = json!(late);
            about["slope_kib_per_min"] = json!((slope(&warm) * 60.0).round());
            about["may_grow_kib"] = json!(most);
            about
        });
        lives.collect()
    }
}

/// KiB a second, by least squares.
fn slope(samples: &[&Sample]) -> f64 {
    let n = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(|s| of(s)).sum::<f64>() / n;
    let (x, y) = (mean(&|s| s.at_s), mean(&|s| s.resident_kib as f64));
    let both = mean(&|s| (s.at_s - x) * (s.resident_kib as f64 - y));
    both / mean(&|s| (s.at_s - x).powi(2)).max(f64::MIN_POSITIVE)
}
