//! Two markets that are to be one: the Rust state machine and the contracts, with the same people and time.

use std::collections::{BTreeMap, BTreeSet};

use lazai_core::digest::sha256;
use lazai_core::pov::{Contributor, Profile, PublicPart};
use lazai_core::seal::{SealedKey, UnsealingKey};
use lazai_core::sign::signing_digest;
use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::ledger::evm::abi;
use lazai_settle::market::{Class, ContributorShare, Submission};
use lazai_settle::quorum::ContributorConsent;
use lazai_settle::session::{Offer, Receipt};
use lazai_settle::{Genesis, Lineage, Market, Params, RevenueSplit};

use super::chain::Chain;

/// Everyone who acts. The first four validate, the next two create, then ExEx, two nodes, consumers and others.
pub const PEOPLE: usize = 14;
pub const VALIDATORS: usize = 4;
pub const CREATORS: [usize; 2] = [4, 5];
pub const EXEX: usize = 6;
pub const NODES: [usize; 2] = [7, 8];
pub const START_S: u64 = 1_800_000_000;

/// A session that was tried to be opened.
pub struct Tried {
    pub payer: usize,
    pub nonce: u64,
    pub consumer: usize,
    pub offer: Offer,
}

pub struct World {
    pub market: Market,
    pub chain: Chain,
    pub now_s: u64,
    pub signers: Vec<LocalSigner>,
    pub governance: Address,
    pub submissions: Vec<SubmissionId>,
    pub sessions: BTreeMap<SessionId, Tried>,
    pub tried: Vec<SessionId>,
    /// Receipts that were disputed, or tried to be.
    pub doubted: Vec<Receipt>,
    /// Disputes about these, and about trainings: their names.
    pub quarrels: Vec<Digest>,
    pub nonce: u64,
    /// The numbers of signed transfers that were made, with who made them.
    pub paid_nonces: BTreeSet<(usize, Digest)>,
    /// Nothing is tried that must be refused.
    pub careful: bool,
    random: u64,
}

pub fn params() -> Params {
    Params {
        min_stake: Amount::from_base_units(1_000),
        challenge_bond: Amount::from_base_units(100),
        max_price: Amount::from_base_units(1_000),
        challenge_window_s: 1_800,
        ..Params::default()
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let signer = |n: usize| LocalSigner::from_bytes(*sha256(&[n as u8, 77]).as_bytes()).unwrap();
        let signers: Vec<_> = (0..PEOPLE).map(signer).collect();
        let people: Vec<Address> = signers.iter().map(Signer::address).collect();
        let governor = LocalSigner::from_bytes([0x60; 32]).unwrap();
        let governance = governor.address();
        let validators: Vec<_> = (0..VALIDATORS).map(|n| (people[n], 1 + (n as u64 % 2))).collect();
        let chain =
            Chain::new(START_S, governor, (0..PEOPLE).map(signer).collect(), abi::params(&params()), &validators);
        let genesis = Genesis {
            domain: chain.domain(),
            // As on a chain: they come one by one.
            validators: BTreeMap::new(),
            voters: BTreeMap::new(),
            balances: Vec::new(),
            params: params(),
            assets: vec![chain.asset(false)],
            pool: Some(governance),
        };
        let mut market = Market::with_ledger(chain.ledger(), &genesis).unwrap();
        for (validator, weight) in validators {
            market.enact(&Measure::SetValidator { validator, weight }).unwrap();
        }
        Self {
            market,
            chain,
            now_s: START_S,
            signers,
            governance,
            submissions: Vec::new(),
            sessions: BTreeMap::new(),
            tried: Vec::new(),
            doubted: Vec::new(),
            quarrels: Vec::new(),
            nonce: 0,
            paid_nonces: BTreeSet::new(),
            careful: false,
            // Hashed, since the streams of neighbouring numbers would overlap.
            random: u64::from_le_bytes(*sha256(&seed.to_le_bytes()).as_bytes().first_chunk().unwrap()),
        }
    }

    /// A number below `bound`, by SplitMix64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0 && !self.careful
    }

    pub fn anyone(&mut self) -> usize {
        self.below(PEOPLE as u64) as usize
    }

    /// Somebody in particular, but for one in eight times.
    pub fn mostly(&mut self, who: usize) -> usize {
        if self.one_in(8) { self.anyone() } else { who }
    }

    pub fn address(&self, who: usize) -> Address {
        self.signers[who].address()
    }

    pub fn person(&self, address: Address) -> Option<usize> {
        (0..PEOPLE).find(|&n| self.address(n) == address)
    }

    /// An amount: often small, sometimes with fractions of shares, seldom huge.
    pub fn amount(&mut self) -> u128 {
        match self.below(8) {
            0 => u128::from(self.below(10)),
            1 => u128::from(self.below(u64::MAX)),
            _ => u128::from(self.below(1_000_000)),
        }
    }

    pub fn signed<T: TypedData>(&self, who: usize, value: &T) -> Signature {
        self.signers[who].sign_digest(signing_digest(self.market.domain(), value))
    }

    pub fn submission(&mut self, creator: usize) -> (SubmissionId, Submission) {
        self.nonce += 1;
        let nonce = self.nonce;
        let id = SubmissionId::derive(self.market.ledger(), self.address(creator), nonce);
        let ada = Profile { name: "Ada".into(), description: "counts".into(), ..Profile::default() };
        let writers: Vec<usize> = (0..1 + self.below(3)).map(|_| self.anyone()).collect();
        let contributor = |n: &usize| Contributor {
            address: self.address(*n),
            name: n.to_string(),
            licence: "CC0-1.0".into(),
            consent: "yes".into(),
        };
        let contributors: Vec<_> = writers.iter().map(contributor).collect();
        let public = PublicPart::new(ada, vec!["hi".into()], contributors, "");
        let weights: Vec<u64> = writers.iter().map(|_| self.weight()).collect();
        let total = weights.iter().fold(0, |sum: u64, tokens| sum.saturating_add(*tokens));
        let lineage = self.lineage(creator);
        let mut shares = Vec::new();
        for (who, tokens) in writers.into_iter().zip(weights) {
            let root = sha256(&tokens.to_le_bytes());
            let signed = if self.one_in(30) { tokens + 1 } else { tokens };
            let (licence, consent) = ("CC0-1.0", "yes");
            let consent = ContributorConsent { submission: id, root, licence, consent, tokens: signed, total, lineage };
            let signer = if self.one_in(20) { self.anyone() } else { who };
            let consent = self.signed(signer, &consent);
            shares.push(ContributorShare { contributor: self.address(who), tokens, root, consent });
        }
        let submission = Submission {
            nonce,
            statement: sha256(&nonce.to_le_bytes()),
            root: sha256(b"root"),
            proof: sha256(b"proof"),
            ciphertext: sha256(b"ciphertext"),
            sealed_key: SealedKey { encapsulated: UnsealingKey::derive(&[5; 32]).public().0, ciphertext: [0; 48] },
            exex: self.address(EXEX),
            lineage,
            public_part: String::from_utf8(public.to_bytes().unwrap()).unwrap(),
            shares,
        };
        (id, submission)
    }

    fn weight(&mut self) -> u64 {
        if self.one_in(6) { self.below(u64::MAX / 4) } else { u64::from(self.careful) + self.below(1_000) }
    }

    /// A class of its own, or mostly one of the creator's, after any of its versions, with what that one keeps.
    fn lineage(&mut self, creator: usize) -> Lineage {
        let own =
            |w: &Self, n: u64| w.market.class(ClassId(n)).is_some_and(|c| c.anchored && c.owner == w.address(creator));
        let classes: Vec<u64> = (1..20).filter(|&n| own(self, n)).collect();
        if classes.is_empty() || self.below(3) == 0 {
            return Lineage::NEW_CLASS;
        }
        let class =
            if self.one_in(12) { self.below(6) + 1 } else { classes[self.below(classes.len() as u64) as usize] };
        let keep = if self.below(4) == 0 { 0 } else { self.below(5_001) as u16 };
        let last = self.market.class(ClassId(class)).and_then(Class::last_version).map_or(1, |last| last.0);
        // Seldom one that there is not.
        let after = if self.one_in(12) { 1 + last } else { 1 + self.below(last.into()) as u32 };
        Lineage::next(ClassId(class), VersionNumber(after), BasisPoints::new(keep).unwrap()).unwrap()
    }

    pub fn offer(&mut self) -> (usize, Offer) {
        let node = NODES[self.below(2) as usize];
        let anchored: Vec<u64> =
            (1..20).filter(|&n| self.market.class(ClassId(n)).is_some_and(|c| c.anchored)).collect();
        let class = if self.one_in(12) { self.below(5) } else { anchored[self.below(anchored.len() as u64) as usize] };
        let last = self.market.class(ClassId(class)).map_or(0, |c| c.versions.len() as u64).max(1);
        let offer = Offer {
            node: self.address(node),
            class: ClassId(class),
            version: VersionNumber(if self.one_in(8) { self.below(5) as u32 } else { 1 + self.below(last) as u32 }),
            asset: if self.one_in(20) {
                Asset(self.address(0))
            } else {
                let n = self.one_in(2);
                self.chain.asset(n)
            },
            prompt_price: Amount::from_base_units(if self.one_in(20) { 1_001 } else { 1 }),
            completion_price: Amount::from_base_units(2),
            prompt_ceiling: 100,
            completion_ceiling: 10,
            session_s: if self.one_in(20) { self.below(2) * 90_000 } else { 600 + self.below(3) },
            valid_until_s: if self.one_in(20) { self.now_s - 1 } else { self.now_s + self.below(100) },
            min_deposit: Amount::from_base_units(if self.one_in(10) { 1_000 } else { 0 }),
            quota_deposit: Amount::from_base_units(u128::from(self.below(6) * self.below(1_000))),
            series: self.market.series_of(self.address(node)) + u64::from(self.one_in(30)),
        };
        (node, offer)
    }

    /// Another split, mostly a valid one.
    pub fn other_params(&mut self) -> Option<Params> {
        let creator = 5_000 + self.below(5_001) as u16;
        let node = self.below(u64::from(10_001 - creator)) as u16;
        let split = RevenueSplit::new(creator, node, 10_000 - creator - node).ok()?;
        let window = |w: u64| if w == 0 { 61 * 86_400 } else { 1_800 * w };
        let challenge_window_s = if self.one_in(20) { window(0) } else { window(1) };
        let bps = |n| BasisPoints::new(n).unwrap();
        let (slash, challenger) = (bps(self.below(10_001) as u16), bps(self.below(10_001) as u16));
        let min_stake = Amount::from_base_units(u128::from(self.below(2_000)));
        let dispute_window_s = if self.one_in(20) { 599 } else { 600 + self.below(4_000) };
        let mint_window_s = 8 * 86_400 - self.below(20) / 19 + self.below(4_000);
        Some(Params {
            split,
            slash,
            challenger,
            min_stake,
            challenge_window_s,
            dispute_window_s,
            mint_window_s,
            ..params()
        })
    }
}
