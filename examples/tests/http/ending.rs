//! How the proxy's sessions end: what is taken back, when, and on whose word.

use std::time::Duration;

use lazai::core::SessionId;
use lazai::node::{ReleaseRequest, SignedRelease};
use lazai::provider::OfferTerms;
use lazai::settle::session::Session;

use super::proxy::{at_most, budget, proxy_to, refusing, units};
use super::*;

/// The sessions that a proxy opened, as the ledger has them.
fn opened(served: &Served, folder: &str) -> Vec<(SessionId, Session)> {
    let market = served.stage.home.ledger().market();
    let kept = std::fs::read_dir(served.stage.home.path(folder).join("conversations")).unwrap();
    let names = kept.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().parse().unwrap());
    names.map(|id: SessionId| (id, market.session(id).unwrap().clone())).collect()
}

/// Waits until something holds, ten seconds at most.
async fn soon(mut holds: impl FnMut() -> bool) -> bool {
    for _ in 0..100 {
        if holds() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// A node that offers sessions of this length.
async fn offering(served: &Served, session_s: u64) -> String {
    let terms = OfferTerms { session_s, ..Stage::offer_terms(&served.minted) };
    listen(Front::new(served.provider.clone(), vec![terms]).router()).await
}

pub async fn a_node_redeems_before_a_proxy_takes_the_rest_back(served: &Served) {
    let node = offering(served, 8).await;
    let open = || proxy_to(served, &node, "short", at_most(600, 500));
    let (url, serving) = listen_for_now(open().await.router()).await;
    let chat = || call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1"));
    let (status, first, _) = chat().await;
    assert_eq!(status, 200, "{first}");
    // What it was held to is told to whoever asked.
    assert_eq!(first["lazai"]["checked"], json!({"tokens": "counted", "model": true}), "{first}");
    let receipt = &first["lazai"]["receipt"]["receipt"];
    let session = receipt["session"].as_str().unwrap().parse().unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    // The budget is for one deposit at a time: this opens another only if the first came back.
    let (status, second, _) = chat().await;
    assert_eq!(status, 200, "{second}");
    let market = served.stage.home.ledger().market();
    let ended = market.session(session).unwrap();
    assert!(ended.closed);
    assert_eq!(ended.redeemed.to_string(), receipt["cumulative"].as_str().unwrap(), "nobody called redeem");
    // Started anew after its deadline, the proxy takes the other back before anybody asks it for anything.
    serving.abort();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let again = open().await;
    let _listens_nowhere = again.router();
    assert!(soon(|| opened(served, "short").iter().all(|(_, session)| session.closed)).await);
}

pub async fn a_deposit_is_asked_back_when_its_node_refuses(served: &Served) {
    const DAY_S: u64 = 86_400;
    let node = listen(refusing(&offering(served, DAY_S).await, "node.not_served").await).await;
    let url = listen(proxy_to(served, &node, "a day", at_most(10_000, 500)).await.router()).await;
    let (_, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
    assert_eq!(body["error"]["code"].as_str(), Some("node.not_served"), "{body}");
    let asked = || opened(served, "a day").iter().all(|(_, session)| session.final_at_s.is_some());
    assert!(soon(asked).await, "the end is asked for at once: {:?}", opened(served, "a day"));
    let now_s = served.stage.home.ledger().now_s();
    let (_, session) = opened(served, "a day").remove(0);
    assert!(session.final_at_s.unwrap() < now_s + DAY_S / 2, "the node's day does not count");
    // Until it is final, the node may redeem: the deposits count.
    assert_eq!((opened(served, "a day").len(), units(&budget(&url).await["bound"])), (2, 1_000));
}

/// What a node redeems of other sessions it may release as often as it likes.
pub async fn a_release_of_another_session_frees_nothing(served: &Served) {
    let first: Arc<Mutex<Option<SignedRelease>>> = Arc::default();
    let provider = served.provider.clone();
    let release = move |body: String| async move {
        let request: ReleaseRequest = serde_json::from_str(&body).unwrap();
        let known = *first.lock().unwrap();
        let known = match known {
            Some(known) => known,
            None => provider.release_asked(&request).await.unwrap(),
        };
        *first.lock().unwrap() = Some(known);
        serde_json::to_string(&known).unwrap()
    };
    let node = refusing(&served.url, "node.not_served").await.route("/v1/lazai/releases", axum::routing::post(release));
    let node = listen(node).await;
    let url = listen(proxy_to(served, &node, "misled", at_most(10_000, 500)).await.router()).await;
    for _ in 0..2 {
        let (status, body, _) = call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
        assert!(status != 200, "{body}");
        // The node is left alone for two seconds.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let sessions = opened(served, "misled");
    let open = sessions.iter().filter(|(_, session)| !session.closed).count();
    assert_eq!((sessions.len(), open), (3, 2), "one was released: {sessions:?}");
    assert_eq!(units(&budget(&url).await["bound"]), 2 * 500, "the others are not back");
}
