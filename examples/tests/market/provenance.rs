//! The provenance of a reply, and what breaks it.

use super::*;

fn evidence(stage: &Stage, minted: &Minted, nonce: u64) -> (Evidence, TrustAnchor) {
    let node = stage.provider("node", minted).unwrap();
    let consumer = stage.consumer().unwrap();
    let mut conversation = open(stage, minted, &node, nonce, deposit(2_000));
    for text in ["hi", "and?"] {
        block_on(consumer.say(&mut conversation, &node, text, &mut |_| {})).unwrap();
    }
    block_on(node.redeem(conversation.session)).unwrap();
    let ledger = stage.home.ledger();
    let store = stage.home.store();
    let gathered = collect(&*ledger, stage.home.genesis(), &*store, &minted.record, &conversation);
    (block_on(gathered).unwrap(), TrustAnchor::of(&*ledger, stage.base.digest()))
}

fn broken(report: &ReplyProvenance) -> Vec<&str> {
    report.links.iter().filter(|l| l.trust == Trust::Broken).map(|l| l.name.as_str()).collect()
}

#[test]
fn provenance_holds_and_every_change_breaks_a_link() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let (good, anchor) = evidence(stage, minted, 500);
    let report = verify(&good, &anchor);
    assert!(report.holds(), "{:?}", report);
    let json = serde_json::to_vec(&good).unwrap();
    assert_eq!(Evidence::from_json(&json).unwrap(), good, "evidence travels as JSON");

    type Change = fn(&mut Evidence);
    let changes: [(&str, Change); 10] = [
        ("receipt", |e| e.receipts[1].receipt.completion_tokens += 1),
        ("receipt", |e| e.receipts.swap(0, 1)),
        ("voucher and price", |e| e.voucher = None),
        ("training record", |e| e.record.steps += 1),
        ("dataset", |e| e.record.contributors[0].1 += 1),
        ("proof", |e| e.proof[5_000] ^= 1),
        ("proof", |e| e.statement.proved.shares[0].tokens += 1),
        ("inclusion", |e| e.entries[0].entry.time_s += 1),
        ("inclusion", |e| e.entries.push(e.entries[e.entries.len() - 1].clone())),
        ("split", |e| e.entries.retain(|i| !matches!(i.entry.transaction(), Some(Transaction::Redeem { .. })))),
    ];
    for (i, (link, change)) in changes.into_iter().enumerate() {
        let mut other = good.clone();
        change(&mut other);
        let report = verify(&other, &anchor);
        assert!(broken(&report).contains(&link), "change {i}: {:?}", broken(&report));
    }
    let mut few = good.clone();
    let mut votes = 0;
    few.entries.retain(|i| {
        votes += u32::from(matches!(i.entry.transaction(), Some(Transaction::Attest(_))));
        !matches!(i.entry.transaction(), Some(Transaction::Attest(_))) || votes <= 2
    });
    assert_eq!(broken(&verify(&few, &anchor)), ["quorum"]);

    let other = Digest::from_bytes([1; 32]);
    let anchors = [
        ("adapter and base", TrustAnchor { base: other, ..anchor }),
        ("quorum", TrustAnchor { validator_set: other, ..anchor }),
        ("proof", TrustAnchor { verifier_key: other, ..anchor }),
    ];
    for (link, anchor) in anchors {
        assert!(broken(&verify(&good, &anchor)).contains(&link), "{link}");
    }
}

#[test]
fn a_complete_self_made_market_is_refused() {
    let guard = minted();
    let (stage, honest) = &*guard;
    let (_, trusted) = evidence(stage, honest, 600);
    // Everything in it is consistent, signed, proved and quorate: by people that nobody knows.
    let made_up = Stage::new().unwrap();
    let fake = block_on(made_up.minted()).unwrap();
    let (forged, own_anchor) = evidence(&made_up, &fake, 1);
    assert!(verify(&forged, &own_anchor).holds());
    let report = verify(&forged, &trusted);
    for link in ["ledger", "inclusion", "training record", "proof", "quorum"] {
        assert!(broken(&report).contains(&link), "{link} of {:?}", broken(&report));
    }
    // Nor does it help to borrow the trusted genesis.
    let borrowed = Evidence { genesis: stage.home.genesis().clone(), ..forged };
    let report = verify(&borrowed, &trusted);
    assert!(broken(&report).contains(&"inclusion") && broken(&report).contains(&"receipt"));
}
