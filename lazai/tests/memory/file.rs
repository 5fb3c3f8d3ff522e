//! The file: sealed, torn, damaged, shared by processes, forgotten.

use std::io::BufRead as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lazai::memory::{EntryId, Memory, MemoryError, Query};
use lazai::store::Store as _;

use super::key;

fn notes(memory: &Memory, count: u64) -> Vec<EntryId> {
    (0..count).map(|number| memory.note(&format!("Fact {number} of the harbour."), number).unwrap()).collect()
}

#[test]
fn what_is_forgotten_or_changed_is_gone_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/memory.lzm");
    let memory = Memory::open(&path, key(1)).unwrap();
    let ids = notes(&memory, 3);
    memory.edit(ids[1], "Changed.").unwrap();
    let before = std::fs::read(&path).unwrap();
    memory.forget(&[ids[0]]).unwrap();
    let after = std::fs::read(&path).unwrap();
    // No block of the old file is in the new one: it is sealed by another key throughout.
    assert!(after.len() < before.len());
    assert!(!before[4..].chunks(16).any(|block| block.len() == 16 && after.windows(16).any(|window| window == block)));
    for memory in [memory, Memory::open(&path, key(1)).unwrap()] {
        let entries = memory.entries().unwrap();
        let told: Vec<(&str, bool)> = entries.iter().map(|entry| (entry.text.as_str(), entry.edited)).collect();
        assert_eq!(told, [("Changed.", true), ("Fact 2 of the harbour.", false)]);
        assert!(memory.recall(&Query::new("What is fact 0?", 500)).unwrap().lines.iter().all(|line| line.id != ids[0]));
        assert!(matches!(memory.forget(&[ids[2], ids[0]]), Err(MemoryError::UnknownEntry { .. })));
        assert_eq!(memory.entries().unwrap().len(), 2, "all or none");
    }
    let memory = Memory::open(&path, key(1)).unwrap();
    memory.forget_all().unwrap();
    assert!(memory.entries().unwrap().is_empty());
    assert!(std::fs::read(&path).unwrap().len() < 100);
}

#[test]
fn another_key_and_other_bytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.lzm");
    notes(&Memory::open(&path, key(1)).unwrap(), 2);
    assert!(matches!(Memory::open(&path, key(2)), Err(MemoryError::OtherKey)));
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Memory::from_bytes(&before, key(2)), Err(MemoryError::OtherKey)));
    for other in [&b""[..], b"LZM1", &[0; 500], b"{\"id\":1}"] {
        assert!(matches!(Memory::from_bytes(other, key(1)), Err(MemoryError::NotMemory)));
        std::fs::write(&path, other).unwrap();
        assert!(matches!(Memory::open(&path, key(1)), Err(MemoryError::NotMemory)));
        assert_eq!(std::fs::read(&path).unwrap(), other, "what is no memory stays as it is");
    }
    // A memory in this process is found again by the account's key alone.
    let signer = |number: u8| lazai::LocalSigner::from_bytes([number; 32]).unwrap();
    let of = |number| pollster::block_on(lazai::memory::MemoryKey::of(&signer(number))).unwrap();
    let memory = Memory::new(of(7));
    notes(&memory, 2);
    let bytes = memory.to_bytes().unwrap();
    assert_eq!(Memory::from_bytes(&bytes, of(7)).unwrap().entries().unwrap(), memory.entries().unwrap());
    assert!(matches!(Memory::from_bytes(&bytes, of(8)), Err(MemoryError::OtherKey)));
}

/// Wherever a file is cut, what stands whole before the cut is there, and the next entry takes the torn one's place. A byte that
/// is changed is seen.
#[test]
fn a_cut_loses_the_torn_tail_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.lzm");
    let memory = Memory::open(&path, key(1)).unwrap();
    let mut ends = Vec::new();
    for number in 0..4 {
        memory.note(&format!("Note {number}"), number).unwrap();
        ends.push(std::fs::read(&path).unwrap().len());
    }
    let (whole, entries) = (std::fs::read(&path).unwrap(), memory.entries().unwrap());
    for cut in 84..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let memory = Memory::open(&path, key(1)).unwrap();
        let kept = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(memory.entries().unwrap(), entries[..kept], "cut at {cut}");
        if cut % 23 == 0 {
            memory.note("after the cut", 9).unwrap();
            let texts: Vec<String> =
                Memory::open(&path, key(1)).unwrap().entries().unwrap().into_iter().map(|entry| entry.text).collect();
            assert_eq!((texts.len(), texts.last().map(String::as_str)), (kept + 1, Some("after the cut")));
        }
        // A power cut may leave zeros where bytes should be.
        let mut zeros = whole[..cut].to_vec();
        zeros.resize(whole.len(), 0);
        let read = Memory::from_bytes(&zeros, key(1)).map(|memory| memory.entries().unwrap());
        match read {
            Ok(read) => assert_eq!(read, entries[..read.len()]),
            Err(error) => assert!(matches!(error, MemoryError::Damaged { .. }), "{error}"),
        }
    }
    for place in 4..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        match Memory::from_bytes(&flipped, key(1)) {
            Err(MemoryError::OtherKey) => assert!(place < 84),
            Err(MemoryError::Damaged { entry }) => {
                let of = ends.iter().filter(|end| **end <= place).count() as u64 + 1;
                assert_eq!(entry, of, "flip at {place}");
            }
            // The last entry may be one that was not written whole.
            Ok(memory) => {
                assert!(place >= ends[2], "flip at {place}");
                assert_eq!(memory.entries().unwrap(), entries[..3]);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn an_export_comes_back_and_recalls_the_same() {
    let memory = Memory::new(key(1));
    let ids = notes(&memory, 30);
    memory.pin(ids[3], true).unwrap();
    memory.edit(ids[4], "The quay \"burns\"\n\tat night \u{1f525}").unwrap();
    let other = Memory::new(key(2));
    assert_eq!(other.import(&memory.export().unwrap()).unwrap(), 30);
    assert_eq!(other.import(&memory.export().unwrap()).unwrap(), 0, "nothing is there twice");
    assert_eq!(other.entries().unwrap(), memory.entries().unwrap());
    for asked in ["What burns at night?", "fact 7", "harbour", ""] {
        let query = Query::new(asked, 200);
        assert_eq!(other.recall(&query).unwrap(), memory.recall(&query).unwrap());
    }
    let wrong = memory.export().unwrap() + "{\"id\":\"00\"}\n";
    let third = Memory::new(key(3));
    assert!(matches!(third.import(&wrong), Err(MemoryError::Malformed { line: 31, .. })));
    assert!(third.entries().unwrap().is_empty());
    let long = memory.export().unwrap().replace("Fact 7", &"long ".repeat(4_000));
    assert!(matches!(third.import(&long), Err(MemoryError::Malformed { line: 8, .. })));
}

/// What another device, language or version sealed is read: the account's key is all that it takes.
#[test]
fn a_memory_that_was_kept_opens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/memory");
    let signer = lazai::LocalSigner::from_bytes([7; 32]).unwrap();
    let key = pollster::block_on(lazai::memory::MemoryKey::of(&signer)).unwrap();
    let sealed = std::fs::read(folder.join("v1.lzm")).unwrap();
    let memory = Memory::from_bytes(&sealed, key).unwrap();
    assert_eq!(memory.export().unwrap(), std::fs::read_to_string(folder.join("v1.jsonl")).unwrap());
}

/// Sealed bytes are an object of any store.
#[test]
fn a_store_keeps_a_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = lazai::store::FolderStore::new(folder.path());
    let memory = Memory::new(key(1));
    notes(&memory, 5);
    let digest = pollster::block_on(store.put(&memory.to_bytes().unwrap())).unwrap();
    let fetched = pollster::block_on(store.get(digest, lazai::memory::MAX_BYTES)).unwrap();
    assert_eq!(Memory::from_bytes(&fetched, key(1)).unwrap().entries().unwrap(), memory.entries().unwrap());
}

const CHILD: &str = "LAZAI_MEMORY_CHILD";

/// What a child process does: adds notes, and tells of each once it is on disk.
#[test]
fn a_child_adds_notes() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let memory = Memory::open(Path::new(&path), key(1)).unwrap();
    for number in 0..60 {
        let id = memory.note(&format!("Note {number} of process {}", std::process::id()), number).unwrap();
        println!("ID {id}");
        if number % 20 == 7 {
            memory.pin(id, true).unwrap();
        }
    }
}

fn child(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "file::a_child_adds_notes", "--nocapture"]).env(CHILD, path);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn told(output: impl std::io::Read) -> Vec<EntryId> {
    let lines = std::io::BufReader::new(output).lines().map_while(Result::ok);
    lines.filter_map(|line| line.split_once("ID ").and_then(|(_, id)| id.trim().parse().ok())).collect()
}

/// Three processes add and rewrite at a time, one of them is killed, and this one forgets: nothing that was told is lost, and the file
/// stays whole.
#[test]
fn processes_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.lzm");
    let memory = Memory::open(&path, key(1)).unwrap();
    let own = notes(&memory, 10);
    let mut killed = child(&path);
    let mut others = [child(&path), child(&path)];
    std::thread::sleep(std::time::Duration::from_millis(60));
    killed.kill().unwrap();
    killed.wait().unwrap();
    for id in &own[..5] {
        memory.forget(&[*id]).unwrap();
    }
    let mut expected: Vec<EntryId> = own[5..].to_vec();
    expected.extend(told(killed.stdout.take().unwrap()));
    for other in &mut others {
        let ids = told(other.stdout.take().unwrap());
        assert_eq!(ids.len(), 60);
        expected.extend(ids);
        assert!(other.wait().unwrap().success());
    }
    for memory in [memory, Memory::open(&path, key(1)).unwrap()] {
        let entries = memory.entries().unwrap();
        let is_there = |id: &EntryId| entries.iter().any(|entry| entry.id == *id);
        assert!(expected.iter().all(is_there));
        assert!(!own[..5].iter().any(is_there));
        // One that was killed may have written one more than it told of.
        assert!(entries.len() <= expected.len() + 1, "{} for {}", entries.len(), expected.len());
    }
}
