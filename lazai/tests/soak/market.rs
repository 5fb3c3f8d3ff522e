//! The market of the soak: one character, one node, a payer for each client.

use std::path::Path;
use std::sync::Arc;

use lazai::conversation::Conversation;
use lazai::node::SignedVoucher;
use lazai::provider::OfferTerms;
use lazai::settle::ledger::Ledger;
use lazai::settle::{EmbeddedLedger, SystemClock};
use lazai_core::digest::sha256;
use lazai_core::record::RecordClaim;
use lazai_core::{Amount, Asset, ClassId, Domain, LedgerId, LocalSigner, Signer, VersionNumber};
use lazai_settle::{Genesis, Market, Transaction};
use pollster::block_on;

use super::world::{self, CREATOR, EXEX, STRANGER, VALIDATORS, World};

/// What each payer has at first, in base units.
pub const FUNDS: u128 = 1_000_000_000_000;

/// What everybody knows of the market.
#[derive(Debug, Clone)]
pub struct Known {
    pub domain: Domain,
    pub ledger: LedgerId,
}

/// The key of a client: it pays and signs.
pub fn signer(client: usize) -> Arc<LocalSigner> {
    let key = sha256(format!("client {client}").as_bytes());
    Arc::new(LocalSigner::from_bytes(*key.as_bytes()).unwrap())
}

/// Founds the ledger in a folder, and mints the character.
pub fn found(folder: &Path, clients: usize) -> Known {
    let money = |client| (signer(client).address(), Asset::NATIVE, Amount::from_base_units(FUNDS));
    let genesis = Genesis { balances: (0..clients).map(money).collect(), ..world::genesis() };
    let ledger = EmbeddedLedger::create(folder, &genesis, SystemClock).unwrap();
    let mut world = World::new();
    world.market = Market::new(&genesis).unwrap();
    let mut acts = 0_u8;
    let mut act = |who: u8, of: &dyn Fn(&World) -> Transaction| {
        acts += 1;
        let signed = world.sign(who, sha256(&[acts]), of(&world));
        block_on(ledger.submit(signed)).unwrap();
        world.market = (*ledger.market()).clone();
    };
    act(CREATOR, &|world| Transaction::Submit(world.submission(1)));
    for validator in &VALIDATORS[..3] {
        act(STRANGER, &|world| {
            let id = world.submission_id(1);
            Transaction::Attest(vec![world.verdict(*validator, world.attestation(id))])
        });
    }
    act(EXEX, &|world| {
        let id = world.submission_id(1);
        let metadata = world.metadata(id);
        let claim = RecordClaim { submission: id, record: metadata.record_digest };
        Transaction::Mint { record_signature: world.signed(EXEX, &claim), metadata }
    });
    let market = ledger.market();
    Known { domain: market.domain().clone(), ledger: market.ledger() }
}

/// A client's promise of everything that it owes.
pub fn promise(talk: &Conversation, known: &Known, signer: &LocalSigner) -> SignedVoucher {
    let voucher = talk.offer.offer.voucher(talk.session, talk.owed());
    let signature = block_on(lazai_core::sign::sign(signer, &known.domain, &voucher)).unwrap();
    SignedVoucher { voucher, signature }
}

/// What the node asks.
pub fn terms(session_s: u64) -> OfferTerms {
    OfferTerms {
        prompt_price: Amount::from_base_units(1),
        completion_price: Amount::from_base_units(3),
        prompt_ceiling: 600,
        session_s,
        ..OfferTerms::free(ClassId(1), VersionNumber(1))
    }
}
