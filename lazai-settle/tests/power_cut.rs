//! A power cut at every write of a scenario (from the ledger's founding on): what was acknowledged is there, nothing is there twice, and going on
//! gives the same ledger as if nothing had happened.
//!
//! The storage drops any part of what was written since the last sync. A slice of the points runs here; all of them by
//! `cargo xtask soak power`. A failure names its point: `LAZAI_POWER_POINT=n cargo test -p lazai-settle --test power_cut`.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::print_stdout)]

mod world;

use std::io;
use std::sync::{Arc, Mutex};

use lazai_core::digest::sha256;
use lazai_core::*;
use lazai_settle::ledger::Storage;
use lazai_settle::{EmbeddedLedger, Genesis, Ledger, ManualClock, Market, SignedTransaction, Transaction};
use pollster::block_on;
use world::{CONSUMER, NODE, address, genesis, signer};

/// Transactions of the scenario.
const TRANSACTIONS: u32 = 1_000;

#[derive(Debug, Clone)]
enum Write {
    Bytes { offset: u64, bytes: Vec<u8> },
    Length(u64),
    Sync,
}

/// A disk that remembers every write, in order.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, Vec<Write>)>>);

impl Disk {
    fn holding(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new((image, Vec::new()))))
    }

    fn writes(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }
}

fn apply(image: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Bytes { offset, bytes } => {
            let end = *offset as usize + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset as usize..end].copy_from_slice(bytes);
        }
        Write::Length(length) => image.resize(*length as usize, 0),
        Write::Sync => {}
    }
}

impl Storage for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let bytes = disk.0.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.note(Write::Length(length))
    }

    fn sync(&self) -> io::Result<()> {
        self.note(Write::Sync)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.note(Write::Bytes { offset, bytes: bytes.to_vec() })
    }
}

impl Disk {
    fn note(&self, write: Write) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        apply(&mut disk.0, &write);
        disk.1.push(write);
        Ok(())
    }
}

/// What happened while the power was on.
struct Story {
    genesis: Genesis,
    transactions: Vec<SignedTransaction>,
    writes: Vec<Write>,
    /// How many writes there had been when each transaction was acknowledged.
    acknowledged: Vec<usize>,
    /// When the ledger was founded.
    founded: usize,
    end: Market,
}

fn story() -> Story {
    let genesis = genesis();
    let pay = |n: u32| {
        let amount = Amount::from_base_units(n.into());
        let transfer = Transaction::Transfer { to: address(NODE), asset: Asset::NATIVE, amount };
        let payer = signer(CONSUMER);
        let signing = SignedTransaction::sign(&payer, &genesis.domain, sha256(&n.to_le_bytes()), transfer);
        block_on(signing).unwrap()
    };
    let transactions: Vec<_> = (0..TRANSACTIONS).map(pay).collect();
    let disk = Disk::default();
    let ledger = EmbeddedLedger::on_storage(disk.clone(), &genesis, ManualClock::at(5)).unwrap();
    let founded = disk.writes();
    let mut acknowledged = Vec::new();
    for transaction in &transactions {
        block_on(ledger.submit(transaction.clone())).unwrap();
        acknowledged.push(disk.writes());
    }
    let end = Market::clone(&ledger.market());
    let writes = disk.0.lock().unwrap().1.clone();
    Story { genesis, transactions, writes, acknowledged, founded, end }
}

/// The disk after the power went before write `point`: everything up to the last sync, and some of what came after.
fn after_cut(writes: &[Write], point: usize) -> Vec<u8> {
    let durable = writes[..point].iter().rposition(|w| matches!(w, Write::Sync)).unwrap_or(0);
    let mut image = Vec::new();
    for write in &writes[..durable] {
        apply(&mut image, write);
    }
    for (i, write) in writes[durable..point].iter().enumerate() {
        match sha256(&[point.to_le_bytes(), i.to_le_bytes()].concat()).as_bytes()[0] % 3 {
            0 => {}
            1 => apply(&mut image, write),
            // Torn: only the first half of it arrived.
            _ => match write {
                Write::Bytes { offset, bytes } => {
                    let half = bytes[..bytes.len() / 2].to_vec();
                    apply(&mut image, &Write::Bytes { offset: *offset, bytes: half });
                }
                other => apply(&mut image, other),
            },
        }
    }
    image
}

fn cut(story: &Story, point: usize) {
    let disk = Disk::holding(after_cut(&story.writes, point));
    let ledger = EmbeddedLedger::on_storage(disk, &story.genesis, ManualClock::at(5))
        .unwrap_or_else(|e| panic!("cut at write {point} of {}: {e}", story.writes.len()));
    let acknowledged = story.acknowledged.iter().filter(|&&at| at <= point).count() as u64;
    let size = ledger.checkpoint().size;
    // What was on its way may have arrived or not.
    let kept = size == acknowledged || size == acknowledged + 1;
    assert!(kept, "cut at write {point}: {acknowledged} were acknowledged, {size} are there");
    // Whoever does not know asks again for everything from shortly before.
    let from = acknowledged.saturating_sub(3) as usize;
    for (index, transaction) in story.transactions.iter().enumerate().skip(from).take(8) {
        let entry = block_on(ledger.submit(transaction.clone())).unwrap();
        assert_eq!(entry.index, index as u64, "cut at write {point}: applied twice, or out of order");
    }
    if point.is_multiple_of(500) {
        for transaction in &story.transactions[from..] {
            block_on(ledger.submit(transaction.clone())).unwrap();
        }
        assert!(*ledger.market() == story.end, "cut at write {point}: another ledger came of it");
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_applied_twice() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<usize>().expect("a number"));
    let story = story();
    if let Some(point) = number("LAZAI_POWER_POINT") {
        return cut(&story, point);
    }
    let step = number("LAZAI_POWER_STEP").unwrap_or(story.writes.len() / 60);
    let points: Vec<usize> = (story.founded..=story.writes.len()).step_by(step.max(1)).collect();
    let mut shown = std::time::Instant::now();
    for (i, &point) in points.iter().enumerate() {
        cut(&story, point);
        if shown.elapsed().as_secs() >= 10 {
            println!("{i} of {} points", points.len());
            shown = std::time::Instant::now();
        }
    }
    println!("{} power cuts, at {} writes of {TRANSACTIONS} transactions", points.len(), story.writes.len());
}
