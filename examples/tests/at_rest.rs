//! What lies on the disks of an execution node and a node after a whole run: no fragment of a dialogue, none of an adapter.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai::adapters::{at_rest, fetch_at, keep_weights};
use lazai::core::digest::sha256;
use lazai::core::oms::check_folder;
use lazai::core::record::Kept;
use lazai::exex::ExEx;
use lazai::lora::adapter::WEIGHTS_FILE;
use lazai::lora::generate::Sampler;
use lazai::provider::Provider;
use lazai::store::FolderStore;
use lazai_examples::Stage;
use lazai_examples::stage::deposit;
use pollster::block_on;

/// The length of a fragment.
const FRAGMENT: usize = 8;

/// Fragments of what is private.
#[derive(Default)]
struct Private(HashSet<[u8; FRAGMENT]>);

impl Private {
    /// Adds all fragments of these bytes, but for those of few different bytes, which stand everywhere.
    fn add(&mut self, bytes: &[u8]) {
        let fragments = bytes.windows(FRAGMENT).filter_map(|part| part.first_chunk::<FRAGMENT>());
        self.0.extend(fragments.filter(|part| part.iter().collect::<HashSet<_>>().len() >= 4));
    }

    fn leave_out(&mut self, public: &[u8]) {
        public.windows(FRAGMENT).filter_map(|part| part.first_chunk::<FRAGMENT>()).for_each(|part| {
            self.0.remove(part);
        });
    }

    /// The files of a folder that have a fragment.
    fn found_in(&self, folder: &Path) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(FRAGMENT).any(|part| part.first_chunk().is_some_and(|part| self.0.contains(part)))
        };
        files(folder).into_iter().filter(holds).collect()
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// What everybody may know: the public part, the ledger's own words, the character's card.
fn public(stage: &Stage) -> Vec<u8> {
    let (_, part) = stage.packed().unwrap();
    let terms = format!("{:?}", stage.terms());
    [part.to_bytes().unwrap(), terms.into_bytes()].concat()
}

/// The words of all dialogues, and their tokens as numbers of two and four bytes.
fn dialogues(stage: &Stage) -> Private {
    let mut private = Private::default();
    for dialogue in &stage.diva.dialogues {
        dialogue.messages.iter().for_each(|message| private.add(message.content.as_bytes()));
    }
    let (dataset, _) = stage.packed().unwrap();
    for record in dataset.records() {
        private.add(&record.tokens.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<u8>>());
        let short = record.tokens.iter().filter_map(|token| u16::try_from(*token).ok());
        private.add(&short.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    }
    private.leave_out(&public(stage));
    private
}

/// The numbers of an adapter's file, without its header.
fn numbers(weights: &[u8]) -> Private {
    let header = usize::try_from(u64::from_le_bytes(*weights.first_chunk().unwrap())).unwrap();
    let mut private = Private::default();
    private.add(&weights[8 + header..]);
    private
}

#[test]
fn nothing_private_lies_on_a_disk_and_a_planted_leak_is_found() {
    let stage = Stage::new().unwrap();
    let submission = block_on(stage.accepted()).unwrap();
    let home = &stage.home;
    let exex_folder = home.path("exex");
    let exex = ExEx::new(home.account("exex"), home.unsealing_key("exex"), home.store(), &exex_folder);

    // A run that is cancelled after its step, and one that goes on from the sealed checkpoint.
    let open = || block_on(exex.open(submission, stage.model.clone())).unwrap().with_config(stage.training());
    let _ = open().run(|_| false);
    let trained = open().run(|_| true).unwrap();
    home.let_doubts_pass(submission).unwrap();
    let minted = block_on(exex.mint(&trained, stage.terms())).unwrap();
    assert_eq!(minted.record.kept, Some(Kept::Sealed));
    let weights = exex.weights(submission).unwrap();
    assert_eq!(sha256(&weights), minted.record.adapter_digest);
    open().replay(&minted.record, 0..1).unwrap();

    // It goes to a node through a store that is neither's, and the node says something with it.
    let between = tempfile::tempdir().unwrap();
    let shop = FolderStore::new(between.path());
    block_on(keep_weights(&shop, &weights, &minted.record)).unwrap();
    let folder = home.path("node/adapters/1-1");
    let market = home.ledger().market();
    let version = market.class(minted.class).and_then(|class| class.version(minted.version)).unwrap().metadata.clone();
    let kept = block_on(at_rest(&*home.signer("node"))).unwrap();
    block_on(fetch_at(&shop, &version, &folder, &kept)).unwrap();
    let provider = || {
        Provider::new(home.account("node"), stage.model.clone(), home.path("node"))
            .with_sampler(Sampler { max_tokens: 8, ..Sampler::default() })
    };
    let digest = minted.record.adapter_digest;
    let node = provider().with_adapter_at(minted.class, minted.version, &folder, digest, &kept).unwrap();
    let consumer = stage.consumer().unwrap();
    let offer = block_on(stage.offer(&node, &minted)).unwrap();
    let mut conversation = block_on(consumer.open(1, &offer, deposit(2_000))).unwrap();
    let reply = block_on(consumer.say(&mut conversation, &node, "hi", &mut |_| {})).unwrap();
    assert!(!reply.text.is_empty());
    // Another account's node cannot open it, and neither does one without a key.
    let other = block_on(at_rest(&*home.signer("somebody else"))).unwrap();
    for wrong in [other, lazai::core::seal::AtRest::Clear] {
        assert!(provider().with_adapter_at(minted.class, minted.version, &folder, digest, &wrong).is_err());
    }

    let (words, adapter) = (dialogues(&stage), numbers(&weights));
    assert!(words.0.len() > 500 && adapter.0.len() > 100_000, "{} and {}", words.0.len(), adapter.0.len());
    let disks = [exex_folder.clone(), home.path("node")];
    for disk in &disks {
        assert!(files(disk).len() > 2, "{disk:?} has too few files to say anything");
        assert_eq!(words.found_in(disk), Vec::<PathBuf>::new(), "words");
        assert_eq!(adapter.found_in(disk), Vec::<PathBuf>::new(), "adapter");
    }
    // Between the creator and whoever trains: the store of the market, and everything else at home.
    assert_eq!(words.found_in(&home.path("store")), Vec::<PathBuf>::new(), "words on their way");
    assert_eq!(adapter.found_in(&home.path("store")), Vec::<PathBuf>::new(), "adapter");

    // A planted leak is found: one fragment of each, in the middle of something else.
    let messages = stage.diva.dialogues.iter().flat_map(|dialogue| &dialogue.messages);
    let said: Vec<u8> = messages.flat_map(|message| message.content.bytes()).collect();
    for (private, bytes) in [(&words, &said[..]), (&adapter, &weights[weights.len() / 2..])] {
        let fragment = bytes.windows(FRAGMENT).find(|part| private.0.contains(part.first_chunk::<FRAGMENT>().unwrap()));
        for disk in &disks {
            let planted = disk.join("planted.log");
            std::fs::write(&planted, [b"before ", fragment.unwrap(), b" behind"].concat()).unwrap();
            assert_eq!(private.found_in(disk), vec![planted.clone()]);
            std::fs::remove_file(planted).unwrap();
        }
    }

    // What is given away is in clear, and signed.
    let given = between.path().join("given");
    block_on(exex.export(submission, &given)).unwrap();
    assert_eq!(adapter.found_in(&given), vec![given.join(WEIGHTS_FILE)]);
    let signed = check_folder(&given).unwrap();
    assert_eq!(signed.account.unwrap().0, home.address("exex"));
    assert_eq!(signed.files[WEIGHTS_FILE], digest);

    // Kept in clear by policy, the record says so.
    let open_exex = ExEx::new(home.account("exex"), home.unsealing_key("exex"), home.store(), home.path("open"));
    let training = block_on(open_exex.keep_in_clear().open(submission, Arc::clone(&stage.model) as _)).unwrap();
    let trained = training.with_config(stage.training()).run(|_| true).unwrap();
    assert_eq!((trained.kept, trained.files.adapter_digest), (Kept::InClear, digest));
    assert!(!adapter.found_in(&home.path("open")).is_empty());
}
