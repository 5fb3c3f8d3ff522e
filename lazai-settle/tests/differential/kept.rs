//! What is on disk of a chain: the next process reads on from there, and comes to the same market.

use std::path::Path;

use lazai_settle::{Ledger, Market};

use super::operations;
use super::tape::{Asked, follow, read_on};
use super::world::World;

/// Blocks that a reorganisation may undo are read anew.
const UNDOABLE: usize = 128;

fn played(seed: u64, operations: u32) -> World {
    let mut world = World::new(seed);
    operations::found(&mut world);
    play(&mut world, operations);
    world
}

fn play(world: &mut World, operations: u32) {
    for _ in 0..operations {
        operations::random(world);
    }
}

/// Opens the world's market, and compares what was read; gives how many blocks' receipts and code were asked for.
fn opened(world: &World, folder: &Path) -> usize {
    let asked = Asked::default();
    let (ledger, fresh) = (read_on(world, Some(folder), &asked), follow(world));
    assert!(Market::clone(&ledger.head()).checking_signatures() == world.market);
    assert_eq!(ledger.checkpoint(), fresh.checkpoint());
    let of = |ledger: &dyn Ledger, at| pollster::block_on(ledger.entry(at)).unwrap();
    let size = ledger.checkpoint().size;
    for at in [0, size / 2, size - 1] {
        assert_eq!(of(&ledger, at), of(&fresh, at));
    }
    let asked = asked.lock().unwrap();
    ["eth_getBlockReceipts", "eth_getBlockByHash", "eth_getCode"].iter().filter_map(|method| asked.get(*method)).sum()
}

#[test]
fn a_market_is_read_on_from_what_is_kept_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = played(7, 600);
    let first = opened(&world, folder.path());
    let again = opened(&world, folder.path());
    assert!(again <= 3 * UNDOABLE && first > again + UNDOABLE, "{first} questions, then {again}");
    // What happens while nobody looks is read on.
    play(&mut world, 300);
    let later = opened(&world, folder.path());
    assert!(later < first, "{first} questions, later {later}");
    assert!(opened(&world, folder.path()) <= 3 * UNDOABLE);
}

#[test]
fn a_file_that_is_no_use_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let world = played(8, 400);
    let first = opened(&world, folder.path());
    let file = folder.path().join("blocks.redb");
    let whole = std::fs::read(&file).unwrap();
    let (half, nothing, noise) = (&whole[..whole.len() / 2], &[][..], &[0x5a; 40_000][..]);
    for damaged in [half, nothing, noise] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(opened(&world, folder.path()), first);
        assert!(opened(&world, folder.path()) < first);
    }
    // The same contracts on another branch: a test chain that was begun anew.
    let other = played(9, 400);
    opened(&other, folder.path());
    let again = opened(&other, folder.path());
    assert!(again <= 3 * UNDOABLE, "{again}");
}

#[test]
fn one_process_keeps_the_blocks_and_another_reads_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let world = played(10, 300);
    let keeps = read_on(&world, Some(folder.path()), &Asked::default());
    opened(&world, folder.path());
    drop(keeps);
    assert!(opened(&world, folder.path()) <= 3 * UNDOABLE);
}
