//! Rules of a node's book. Each gets two handles on one empty book, as two replicas of a node have them; a book for a node of one
//! process gives the same handle twice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lazai_core::SessionId;

use crate::provider::{Book, Matter};

/// Two handles on one book.
pub type Shared = (Arc<dyn Book>, Arc<dyn Book>);

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 32])
}

pub async fn a_page_is_what_was_written_last((one, other): Shared) {
    assert_eq!(one.page(session(1)).await.expect("read"), None);
    let first = one.replace(session(1), None, b"{\"first\":1}").await;
    assert!(first.expect("written"), "a page that is not there yet");
    assert_eq!(other.page(session(1)).await.expect("read").as_deref(), Some(&b"{\"first\":1}"[..]));
    // Bytes, whatever they are, and a page of a long reply.
    let long: Vec<u8> = (0..300_000_u32).map(|place| (place * 31 % 251) as u8).collect();
    assert!(other.replace(session(1), Some(b"{\"first\":1}"), &long).await.expect("written"));
    assert_eq!(one.page(session(1)).await.expect("read"), Some(long));
    assert_eq!(one.page(session(2)).await.expect("read"), None);
}

pub async fn a_page_is_replaced_only_if_it_is_as_before((one, other): Shared) {
    assert!(!one.replace(session(1), Some(b"a"), b"b").await.expect("answered"), "no page is not an empty one");
    assert!(one.replace(session(1), None, b"a").await.expect("written"));
    assert!(!other.replace(session(1), None, b"b").await.expect("answered"), "it is there");
    assert!(!other.replace(session(1), Some(b"b"), b"c").await.expect("answered"), "it is another");
    assert_eq!(one.page(session(1)).await.expect("read").as_deref(), Some(&b"a"[..]), "a refusal changes nothing");
    assert!(other.replace(session(1), Some(b"a"), b"b").await.expect("written"));
}

pub async fn sessions_are_those_with_a_page((one, other): Shared) {
    assert_eq!(one.sessions().await.expect("listed"), []);
    one.secret().await.expect("made");
    for number in [3, 1, 2] {
        assert!(one.replace(session(number), None, b"{}").await.expect("written"));
    }
    let mut listed = other.sessions().await.expect("listed");
    listed.sort();
    assert_eq!(listed, [session(1), session(2), session(3)]);
}

pub async fn replicas_at_once_lose_no_change((one, other): Shared) {
    let add = |book: Arc<dyn Book>| async move {
        for _ in 0..25 {
            loop {
                let before = book.page(session(1)).await.expect("read");
                let count = before.as_ref().map_or(0, |page| String::from_utf8_lossy(page).parse().expect("a number"));
                let after = (count + 1_u32).to_string();
                if book.replace(session(1), before.as_deref(), after.as_bytes()).await.expect("answered") {
                    break;
                }
            }
        }
    };
    join_all([add(one.clone()), add(other.clone()), add(one.clone()), add(other)]).await;
    assert_eq!(one.page(session(1)).await.expect("read").as_deref(), Some(&b"100"[..]));
}

pub async fn the_secret_is_one_and_stays((one, other): Shared) {
    let secrets = join_all([one.secret(), other.secret(), one.secret()]).await;
    let secrets: Vec<_> = secrets.into_iter().map(|secret| secret.expect("made")).collect();
    assert!(secrets.iter().all(|secret| *secret == secrets[0] && *secret != [0; 32]), "one secret for all replicas");
}

pub async fn claims_are_given_back((one, other): Shared) {
    for matter in [Matter::Session(session(1)), Matter::Ledger] {
        for book in [&one, &other, &one, &one, &other, &other] {
            // What is given back may be on its way.
            let claim = book.claim(matter, Duration::from_secs(5)).await.expect("answered");
            drop(claim.expect("nobody has it any more"));
        }
    }
}
