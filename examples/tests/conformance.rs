//! The library's own stores, signers, ledgers, generator and trainer keep the rules that others' must.
#![allow(clippy::unwrap_used)]

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
