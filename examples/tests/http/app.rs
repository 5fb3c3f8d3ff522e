//! An app's way through the front door.

use lazai::conversation::TokenCheck;
use lazai::core::{Amount, LocalSigner};
use lazai::models::ModelCounter;
use lazai::node::NodeError;
use lazai::{Client, ConsumerError, Conversation};

use crate::{Served, UNITS};

/// Opens, talks, goes on after a crash, and ends.
pub async fn an_app_talks_by_its_client(served: &Served) {
    let account = served.stage.home.account("consumer");
    let key = std::sync::Arc::new(LocalSigner::random().unwrap());
    let client = Client::new(&served.url, account.clone()).unwrap().with_session_key(key);
    let models = client.models().await.unwrap();
    let balance = || served.stage.home.ledger().market().balance(account.address(), lazai::core::Asset::NATIVE);
    let before = balance();
    let session = client.open(&models[0], UNITS(2_000)).await.unwrap();
    let mut heard = String::new();
    let reply = session.say_streaming("Who are you?", &mut |piece| heard.push_str(piece)).await.unwrap();
    assert_eq!(reply.text, heard);
    assert!(reply.checked.model, "the ledger was at hand");
    // What an app keeps is enough to go on.
    let kept = serde_json::to_string(&session.conversation()).unwrap();
    let conversation: Conversation = serde_json::from_str(&kept).unwrap();
    let session = client.resume(conversation);
    session.say("And where do you live?").await.unwrap();
    let owed = session.owed();
    assert!(owed > reply.receipt.receipt.cumulative);
    let left = session.end().await.unwrap();
    assert_eq!(left.checked_add(owed).unwrap(), UNITS(2_000));
    assert_eq!(before.checked_sub(balance()).unwrap(), owed, "the rest of the deposit is the account's again");
    assert_eq!(session.end().await.unwrap(), left, "ending again gives the same");
    assert_eq!(session.take_back().await.unwrap(), lazai::consumer::TakeBack::Done);
    // A second session of one account has a number of its own; a deposit that is not there opens none.
    let other = client.open(&models[0], UNITS(2_000)).await.unwrap();
    assert_eq!(other.end().await.unwrap(), UNITS(2_000));
    let scanty = client.open(&models[0], UNITS(1)).await.unwrap_err();
    assert!(
        matches!(scanty, ConsumerError::Node(NodeError::DepositExhausted { left, .. }) if left == UNITS(1)),
        "{scanty}"
    );
    let refused = client.open(&models[0], Amount::from_base_units(u128::MAX >> 1)).await.unwrap_err();
    assert!(matches!(refused, ConsumerError::Send(_)), "{refused}");
}

/// Turns of a session wait for one another, whoever says what, and the end waits for them: nothing is lost.
pub async fn turns_of_a_session_wait_for_one_another(served: &Served) {
    let client = Client::new(&served.url, served.stage.home.account("consumer")).unwrap();
    let models = client.models().await.unwrap();
    let counter = std::sync::Arc::new(ModelCounter::from_gguf(&lazai_examples::stage::base_path().unwrap()).unwrap());
    let session = client.open(&models[0], UNITS(20_000)).await.unwrap().with_system("You are Vesper Volt.");
    // Either way of setting one thing keeps the other.
    let session = session.with_counter(counter);
    let saying = (0..4).map(|n| {
        let session = session.clone();
        tokio::spawn(async move { session.say(&format!("Question {n}?")).await.map(|reply| reply.checked.tokens) })
    });
    let said: Vec<_> = saying.collect();
    for said in said {
        assert_eq!(said.await.unwrap().unwrap(), TokenCheck::Counted);
    }
    let conversation = session.conversation();
    assert_eq!(conversation.messages[0].role, lazai::core::message::Role::System);
    let asked = conversation.messages.iter().filter(|m| m.content.starts_with("Question")).count();
    assert_eq!(asked, 4, "{:?}", conversation.messages);
    let owed = session.owed();
    assert_eq!(session.end().await.unwrap().checked_add(owed).unwrap(), UNITS(20_000));
}
