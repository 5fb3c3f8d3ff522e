//! The library's own stores, signers, ledgers, generator and trainer keep the rules that others' must.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::{Arc, LazyLock};

use lazai::core::message::{Message, Role};
use lazai::core::sign::CallbackSigner;
use lazai::core::{Amount, Asset, Domain};
use lazai::lora::{BaseModel, Candle, Compute, WeightFormat};
use lazai::settle::{EmbeddedLedger, Genesis, Params, SystemClock};
use lazai::{LocalSigner, Signer as _};

mod folder_store {
    lazai::conformance::store!(|| {
        let folder = tempfile::tempdir().unwrap();
        (lazai::store::FolderStore::new(folder.path()), folder)
    });
}

#[path = "../../lazai/tests/soak/postgres.rs"]
#[allow(dead_code, reason = "the storm uses all of it")]
mod postgres;

mod folder_book {
    lazai::conformance::book!(|| {
        let folder = tempfile::tempdir().unwrap();
        let book: std::sync::Arc<dyn lazai::provider::Book> =
            std::sync::Arc::new(lazai::provider::FolderBook::new(folder.path()));
        ((book.clone(), book), folder)
    });
}

mod postgres_book {
    lazai::conformance::book!(super::shared_book);

    /// Of two replicas, one has a matter at a time; what one that is gone had is free. Without a database, requests fail in time.
    #[test]
    fn a_claim_is_one_replicas() {
        use std::time::Duration;

        use lazai::provider::Matter;

        use super::Database;

        let ((one, other), server) = super::shared_book();
        let Some(Database { server, .. }) = server else { return };
        let claim = |book: &std::sync::Arc<dyn lazai::provider::Book>, wait| {
            pollster::block_on(book.claim(Matter::Ledger, wait)).unwrap()
        };
        let held = claim(&one, Duration::ZERO).unwrap();
        assert!(claim(&other, Duration::from_millis(100)).is_none());
        drop(held);
        let held = claim(&other, Duration::from_secs(5)).unwrap();
        assert!(claim(&one, Duration::ZERO).is_none());
        drop((held, other));
        assert!(claim(&one, Duration::from_secs(5)).is_some());
        server.kill_and_start();
        assert!(claim(&one, Duration::ZERO).is_some(), "it is connected again");
    }
}

/// What a database sums is what the pages say, and what a folder sums of the same pages.
#[test]
fn sums_are_those_of_the_pages() {
    use lazai::core::SessionId;
    use lazai::provider::{Book, FolderBook, PageSums};
    use pollster::block_on;
    use serde_json::{Value, json};

    let folder = tempfile::tempdir().unwrap();
    let plain: Arc<dyn Book> = Arc::new(FolderBook::new(folder.path()));
    let ((shared, _), _server) = shared_book();
    let node = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/formats/0.1/node");
    let page = std::fs::read_dir(node).unwrap().map(|file| file.unwrap().path());
    let page = page.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "json")).unwrap();
    let page: Value = serde_json::from_slice(&std::fs::read(page).unwrap()).unwrap();
    let most = u128::MAX.to_string();
    let mut expected = Vec::new();
    for (number, (owed, signed)) in
        [("0", None), ("7", None), ("9", Some("9")), (&most, Some("12"))].into_iter().enumerate()
    {
        let session = SessionId::from_bytes([u8::try_from(number).unwrap(); 32]);
        let mut page = page.clone();
        page["owed"] = owed.into();
        // What a model may say, and a database may stumble over.
        page["last"]["reply"]["text"] = "\u{0}\" \\u0000 'ä' $1".into();
        match signed {
            Some(signed) => page["paid"]["voucher"]["cumulative"] = signed.into(),
            None => page["paid"] = json!(null),
        }
        for book in [&plain, &shared] {
            assert!(block_on(book.replace(session, None, page.to_string().as_bytes())).unwrap());
        }
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        expected.push(PageSums { session, owed: amount(owed), signed: amount(signed.unwrap_or("0")) });
    }
    for book in [&plain, &shared] {
        let mut sums = block_on(book.sums()).unwrap();
        sums.sort_by_key(|sums| sums.session);
        assert_eq!(sums, expected, "{book:?}");
    }
}

/// A server that takes connections and says nothing: waiting for it has an end.
#[test]
fn a_silent_database_is_not_waited_for_without_end() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("postgresql://lazai@127.0.0.1:{}/postgres", silent.local_addr().unwrap().port());
    let node = lazai::Address::from_bytes([7; 20]);
    let opened = pollster::block_on(lazai::provider::PostgresBook::connect(&url, node, None));
    assert!(opened.unwrap_err().to_string().contains("no connection"));
}

type Pair = (Arc<dyn lazai::provider::Book>, Arc<dyn lazai::provider::Book>);

/// A database with its folder, which goes after it.
struct Database {
    server: postgres::Server,
    _folder: tempfile::TempDir,
}

/// Two replicas' books on one database; where none can be had, a folder's, twice.
fn shared_book() -> (Pair, Option<Database>) {
    use lazai::provider::{Book, FolderBook, PostgresBook};

    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    match postgres::Server::start(folder.path(), free) {
        Ok(server) => {
            let open = || -> Arc<dyn Book> {
                let node = lazai::Address::from_bytes([7; 20]);
                Arc::new(pollster::block_on(PostgresBook::connect(&server.url(), node, None)).unwrap())
            };
            ((open(), open()), Some(Database { server, _folder: folder }))
        }
        Err(missing) => {
            println!("skipped: {missing}");
            let book: Arc<dyn Book> = Arc::new(FolderBook::new(folder.keep()));
            ((book.clone(), book), None)
        }
    }
}

mod local_signer {
    lazai::conformance::signer!(|| (lazai::LocalSigner::random().unwrap(), ()));
}

mod callback_signer {
    lazai::conformance::signer!(|| (super::callback(), ()));
}

/// A wallet behind a callback, which takes its time.
fn callback() -> CallbackSigner {
    let key = Arc::new(LocalSigner::random().unwrap());
    CallbackSigner::new(key.address(), move |request| {
        let key = key.clone();
        Box::pin(async move {
            std::thread::sleep(std::time::Duration::from_millis(1));
            key.sign(request).await
        })
    })
}

mod embedded_ledger {
    lazai::conformance::ledger!(super::embedded);
}

fn embedded() -> (lazai::conformance::Funded, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let signer = LocalSigner::random().unwrap();
    let genesis = Genesis {
        domain: Domain::random("LazAI Market", "1").unwrap(),
        validators: [(signer.address(), 1)].into(),
        voters: [(signer.address(), 1)].into(),
        balances: vec![(signer.address(), Asset::NATIVE, Amount::from_base_units(1_000))],
        params: Params::default(),
        assets: Vec::new(),
        pool: None,
    };
    let ledger = EmbeddedLedger::create(folder.path(), &genesis, SystemClock).unwrap();
    (lazai::conformance::Funded { ledger: Arc::new(ledger), signer: Arc::new(signer) }, folder)
}

static BASE: LazyLock<Arc<BaseModel>> = LazyLock::new(|| {
    let path = lazai_examples::stage::base_path().unwrap();
    Arc::new(BaseModel::open(&path, &Compute::cpu(), WeightFormat::F32).unwrap())
});

mod candle_generates {
    lazai::conformance::generator!(|| (super::Candle::new(super::BASE.clone()), ()));
}

mod engine_generates {
    lazai::conformance::generator!(|| {
        let settings = lazai::lora::EngineSettings::default();
        (lazai::lora::Engine::new(super::BASE.clone(), settings).unwrap(), ())
    });
}

mod router_generates {
    use std::sync::Arc;

    lazai::conformance::generator!(|| {
        let backend = || Arc::new(super::Candle::new(super::BASE.clone())) as Arc<dyn lazai::lora::Generator>;
        (lazai::http::RouterGenerator::new(vec![backend(), backend()]).unwrap(), ())
    });
}

mod candle_trains {
    lazai::conformance::trainer!(super::trainer);
}

fn trainer() -> (lazai::conformance::TrainerCase, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let dialogue = |question: &str, answer: &str| {
        let messages = [Message::new(Role::User, question), Message::new(Role::Assistant, answer)];
        lazai::models::example(BASE.tokenizer(), BASE.template(), &messages).unwrap()
    };
    let examples = vec![
        dialogue("Who are you?", "Vesper Volt, darling. Encore?"),
        dialogue("Where do you live?", "Above the neon, darling. Below the rain."),
    ];
    let trainer = Arc::new(Candle::new(BASE.clone()));
    (lazai::conformance::TrainerCase { trainer, examples, folder: folder.path().into() }, folder)
}
