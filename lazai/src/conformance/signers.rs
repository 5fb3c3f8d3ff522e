//! Rules of signers.

use futures_util::future::join_all;
use lazai_core::digest::sha256;
use lazai_core::sign::sign;
use lazai_core::{Domain, SessionId, Signer};

use crate::node::RequestClaim;

fn claim(turn: u32) -> RequestClaim {
    RequestClaim { session: SessionId::from_bytes([1; 32]), turn, request: sha256(&turn.to_le_bytes()) }
}

fn domain() -> Domain {
    Domain::random("LazAI Market", "1").expect("randomness")
}

pub async fn what_is_signed_is_the_accounts(signer: impl Signer) {
    let (domain, account) = (domain(), signer.address());
    let signature = sign(&signer, &domain, &claim(1)).await.expect("a request is signed");
    signature.verify(&domain, &claim(1), account).expect("the signature is the account's, in its only form");
    assert!(signature.verify(&domain, &claim(2), account).is_err(), "it is of nothing else");
    assert_eq!(signer.address(), account, "an account does not change");
}

pub async fn every_request_is_signed_for_itself(signer: impl Signer) {
    let (domain, account) = (domain(), signer.address());
    let (signer, of) = (&signer, &domain);
    let sign_turn = |turn: u32| async move { sign(signer, of, &claim(turn)).await.expect("signed") };
    for (turn, signature) in (0..).zip(join_all((0..8).map(sign_turn)).await) {
        signature
            .verify(&domain, &claim(turn), account)
            .expect("signatures that are asked for at once are not mixed up");
    }
}
