//! An app's way through the front door.

use lazai::core::{Amount, LocalSigner};
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
    let mut session = client.open(&models[0], UNITS(2_000)).await.unwrap();
    let mut heard = String::new();
    let reply = session.say_streaming("Who are you?", &mut |piece| heard.push_str(piece)).await.unwrap();
    assert_eq!(reply.text, heard);
    assert!(reply.checked.model, "the ledger was at hand");
    // What an app keeps is enough to go on.
    let kept = serde_json::to_string(session.conversation()).unwrap();
    let conversation: Conversation = serde_json::from_str(&kept).unwrap();
    let mut session = client.resume(conversation);
    session.say("And where do you live?").await.unwrap();
    let owed = session.owed();
    assert!(owed > reply.receipt.receipt.cumulative);
    let left = session.end().await.unwrap();
    assert_eq!(left.checked_add(owed).unwrap(), UNITS(2_000));
    assert_eq!(before.checked_sub(balance()).unwrap(), owed, "the rest of the deposit is the account's again");
    // A second session of one account has a number of its own; a deposit that is not there opens none.
    let mut other = client.open(&models[0], UNITS(2_000)).await.unwrap();
    assert_eq!(other.end().await.unwrap(), UNITS(2_000));
    let refused = client.open(&models[0], Amount::from_base_units(u128::MAX >> 1)).await.unwrap_err();
    assert!(matches!(refused, ConsumerError::Send(_)), "{refused}");
}
