//! Whole markets of bonds and disputes, from a seed: honest nodes and one that lies and runs, honest consumers and one that doubts everything,
//! nodes that dispute with themselves, an ExEx that trained as recorded or not, and validators of whom less than a third of all weight lies.
//!
//! Whatever happens: no unit appears or vanishes, nobody honest loses one, and everything false that was doubted and judged by enough honest
//! weight cost who claimed it. A slice runs here; `cargo xtask soak disputes` runs ten thousand. A failure names its seed:
//! `LAZAI_DISPUTES_SEED=n cargo test -p lazai-settle --test disputes_sim`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use lazai_core::digest::sha256;
use lazai_core::sign::signing_digest;
use lazai_core::*;
use lazai_settle::dispute::{DISPUTE_VOTE_WINDOW_S, Outcome, TrainingDoubt};
use lazai_settle::governance::Measure;
use lazai_settle::market::{Event, POOL};
use lazai_settle::quorum::is_quorum;
use lazai_settle::session::{Offer, Receipt, SessionPayment, session_id};
use lazai_settle::{Market, Params, Transaction};

mod world;

const VALIDATORS: usize = 9;
/// Who is there: an honest node, one that lies, an honest consumer, one who doubts whatever was said, the lying node's second account; an ExEx,
/// honest or not, a contributor who repeats the training, and the submitter, who doubts whatever was trained.
const NODE: usize = VALIDATORS;
const LIAR: usize = NODE + 1;
const CONSUMER: usize = NODE + 2;
const CHEAT: usize = NODE + 3;
const SECOND: usize = NODE + 4;
const EXEX: usize = NODE + 5;
const WRITER: usize = NODE + 6;
const CREATOR: usize = NODE + 7;
const PEOPLE: usize = NODE + 8;
/// States of the training record; of a false one, the steps to this do not follow.
const STATES: u64 = 4;
const FALSE_STATE: u32 = 2;
const PURSE: u128 = 100_000;
const ACTS: u32 = 60;

struct Reply {
    receipt: Receipt,
    node: usize,
    consumer: usize,
    /// True if the adapter that the receipt names made it.
    is_true: bool,
    disputed: bool,
}

#[derive(Default, Debug)]
struct Tally {
    disputes: u64,
    upheld: u64,
    denied: u64,
    undecided: u64,
}

struct Sim {
    market: Market,
    now_s: u64,
    people: Vec<LocalSigner>,
    /// Validators that lie: less than a third of all weight, whatever governance does.
    lying: Vec<bool>,
    replies: Vec<Reply>,
    /// True if the ExEx trained as it recorded.
    is_trained: bool,
    /// Of each dispute, whether what is doubted is true.
    truth: BTreeMap<Digest, bool>,
    nonce: u64,
    random: u64,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let founded = world::World::minted();
        let signer = |n: usize| match n {
            EXEX => world::signer(world::EXEX),
            WRITER => world::signer(world::WRITERS[0]),
            CREATOR => world::signer(world::CREATOR),
            _ => LocalSigner::from_bytes(*sha256(&[n as u8, 54]).as_bytes()).unwrap(),
        };
        let people: Vec<_> = (0..PEOPLE).map(signer).collect();
        let mut sim = Self {
            market: founded.market,
            now_s: founded.now_s,
            people,
            lying: vec![false; VALIDATORS],
            replies: Vec::new(),
            is_trained: true,
            truth: BTreeMap::new(),
            nonce: 0,
            random: u64::from_le_bytes(*sha256(&seed.to_le_bytes()).as_bytes().first_chunk().unwrap()),
        };
        sim.found();
        sim
    }

    /// The class that was minted stays; validators and money are this simulation's.
    fn found(&mut self) {
        for validator in world::VALIDATORS {
            let dismiss = Measure::SetValidator { validator: world::address(validator), weight: 0 };
            self.market.enact(&dismiss).unwrap();
        }
        let weights: Vec<u64> = (0..VALIDATORS).map(|_| 1 + self.below(5)).collect();
        let total: u64 = weights.iter().sum();
        let mut lies = 0;
        for (n, weight) in weights.into_iter().enumerate() {
            let validator = self.address(n);
            self.market.enact(&Measure::SetValidator { validator, weight }).unwrap();
            if self.one_in(2) && 3 * (lies + weight) < total {
                (self.lying[n], lies) = (true, lies + weight);
            }
        }
        let challenger = BasisPoints::new(self.below(10_001) as u16).unwrap();
        let challenge_bond = Amount::from_base_units(self.below(50).into());
        let params = Params { challenger, challenge_bond, ..Params::default() };
        self.market.enact(&Measure::ApplyParameters(params)).unwrap();
        for n in NODE..PEOPLE {
            let (from, to) = (world::address(world::CONSUMER), self.address(n));
            let give = Transaction::Transfer { to, asset: Asset::NATIVE, amount: Amount::from_base_units(PURSE) };
            self.market.apply_as(self.now_s, from, &give).unwrap();
        }
        self.is_trained = self.one_in(2);
        for node in [NODE, LIAR, EXEX] {
            let amount = Amount::from_base_units(10_000 + u128::from(self.below(30_000)));
            self.act(node, &Transaction::PostBond { amount }).unwrap();
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn address(&self, who: usize) -> Address {
        self.people[who].address()
    }

    fn signed<T: TypedData>(&self, who: usize, value: &T) -> Signature {
        self.people[who].sign_digest(signing_digest(self.market.domain(), value))
    }

    fn act(&mut self, who: usize, transaction: &Transaction) -> Option<Vec<Event>> {
        let sender = self.address(who);
        self.market.apply_as(self.now_s, sender, transaction).ok()
    }

    /// All that somebody has: the balance, the bond, and what is at risk in disputes.
    fn wealth(&self, who: usize) -> u128 {
        let account = self.address(who);
        let at_risk = self.market.disputes().filter(|(_, d)| d.outcome.is_none() && d.challenger == account);
        let at_risk: u128 = at_risk.map(|(_, d)| d.stake.base_units()).sum();
        let bond = self.market.bond_of(account).total().unwrap().base_units();
        self.market.balance(account, Asset::NATIVE).base_units() + bond + at_risk
    }

    /// Somebody talks with a node: the honest one says what its adapter says, the other seldom.
    fn talk(&mut self) {
        let node = if self.one_in(2) { NODE } else { LIAR };
        // The lying node talks with itself, too.
        let consumer = [CONSUMER, CHEAT, if node == LIAR { SECOND } else { CONSUMER }][self.below(3) as usize];
        self.nonce += 1;
        let offer = Offer {
            node: self.address(node),
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            prompt_price: Amount::ZERO,
            completion_price: Amount::ZERO,
            prompt_ceiling: 100,
            completion_ceiling: 10,
            session_s: 1 + self.below(86_400),
            valid_until_s: u64::MAX,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
            series: 0,
        };
        let (payer, nonce) = (self.address(consumer), self.nonce);
        let session = session_id(self.market.ledger(), payer, nonce, payer, &offer);
        let offer_signature = self.signed(node, &offer);
        let payment = SessionPayment::Deposit(Amount::ZERO);
        let open = Transaction::OpenSession { nonce, consumer: payer, offer, offer_signature, payment };
        self.act(consumer, &open).unwrap();
        for turn in 1..=1 + self.below(3) as u32 {
            let digest = sha256(&self.below(u64::MAX).to_le_bytes());
            let receipt = Receipt {
                session,
                turn,
                request_digest: digest,
                reply_digest: digest,
                prompt_tokens: 1,
                completion_tokens: 1,
                tokenizer_digest: digest,
                temperature_milli: 700,
                top_p_milli: 900,
                seed: self.below(u64::MAX),
                base_digest: digest,
                adapter_digest: digest,
                cumulative: Amount::ZERO,
            };
            let is_true = node == NODE || self.one_in(4);
            self.replies.push(Reply { receipt, node, consumer, is_true, disputed: false });
        }
    }

    /// The honest consumer doubts what is false, with what it can spare; the cheat whatever there is; the lying node itself.
    fn doubt(&mut self) {
        let open: Vec<usize> = (0..self.replies.len()).filter(|&n| !self.replies[n].disputed).collect();
        let Some(&n) = open.get(self.below(open.len() as u64) as usize) else { return };
        let (consumer, is_true) = (self.replies[n].consumer, self.replies[n].is_true);
        if consumer == CONSUMER && is_true {
            return;
        }
        let receipt = self.replies[n].receipt.clone();
        let signature = self.signed(self.replies[n].node, &receipt);
        let free = self.market.bond_of(self.address(self.replies[n].node)).free().unwrap().base_units();
        let stake = Amount::from_base_units(match self.below(4) {
            0 => free,
            1 => free + 1,
            _ => u128::from(self.below(5_000)),
        });
        let by = if self.one_in(10) { CHEAT } else { consumer };
        let id = receipt.hash_struct();
        self.replies[n].disputed = self.act(by, &Transaction::OpenDispute { receipt, signature, stake }).is_some();
        if self.replies[n].disputed {
            self.truth.insert(id, is_true);
        }
    }

    /// The contributor doubts the state that is false, if one is; the submitter any.
    fn doubt_training(&mut self) {
        let who = if self.one_in(2) { WRITER } else { CREATOR };
        let submission = SubmissionId::derive(self.market.ledger(), self.address(CREATOR), 1);
        let state = self.below(STATES) as u32;
        let is_true = self.is_trained || state != FALSE_STATE;
        if who == WRITER && is_true {
            return;
        }
        let stake = Amount::from_base_units(self.below(5_000).into());
        let id = TrainingDoubt { submission, state, challenger: self.address(who) }.hash_struct();
        if self.act(who, &Transaction::DisputeTraining { submission, state, stake }).is_some() {
            self.truth.insert(id, is_true);
        }
    }

    /// Validators vote: the honest what they repeated, if they have time; those who lie whatever is false.
    fn vote(&mut self, tally: &mut Tally) {
        let open: Vec<Digest> = self.market.disputes().filter(|(_, d)| d.outcome.is_none()).map(|(id, _)| id).collect();
        let Some(&id) = open.get(self.below(open.len() as u64) as usize) else { return };
        let is_true = self.truth[&id];
        let everybody = self.one_in(2);
        let first = self.below(VALIDATORS as u64) as usize;
        for n in 0..VALIDATORS {
            let who = (first + n) % VALIDATORS;
            let lies = self.lying[who];
            if !lies && !everybody && self.one_in(2) {
                continue;
            }
            let same = if lies { !is_true } else { is_true };
            let voted = self.act(who, &Transaction::VoteOnDispute { dispute: id, same });
            self.hear(voted.unwrap_or_default(), tally);
        }
        if self.one_in(3) {
            self.now_s += self.below(2 * DISPUTE_VOTE_WINDOW_S);
        }
        let lapsed = self.act(CHEAT, &Transaction::LapseDispute { dispute: id });
        self.hear(lapsed.unwrap_or_default(), tally);
    }

    /// No dispute ends against the truth; one that ends undecided lacked votes.
    fn hear(&self, events: Vec<Event>, tally: &mut Tally) {
        for event in events {
            let Event::DisputeDecided { dispute, outcome, .. } = event else { continue };
            let is_true = self.truth[&dispute];
            let told = match outcome {
                Outcome::Same => is_true,
                Outcome::Other => !is_true,
                _ => {
                    let found = self.market.dispute(dispute).unwrap();
                    let honest = |v: &Address| (0..VALIDATORS).any(|n| !self.lying[n] && self.address(n) == *v);
                    let voted = found.votes.keys().filter(|v| honest(v)).filter_map(|v| found.validators.get(v));
                    let total: u64 = found.validators.values().sum();
                    !is_quorum(voted.sum(), total)
                }
            };
            assert!(told, "dispute {dispute} of what is true: {is_true}, ended as {outcome:?}");
            let count = match outcome {
                Outcome::Same => &mut tally.denied,
                Outcome::Other => &mut tally.upheld,
                _ => &mut tally.undecided,
            };
            (tally.disputes, *count) = (tally.disputes + 1, *count + 1);
        }
    }

    /// Who lies tries to be gone with the bond before it is doubted; the honest add to theirs, or take of it.
    fn move_bond(&mut self) {
        let node = [NODE, LIAR, EXEX][self.below(3) as usize];
        let bond = self.market.bond_of(self.address(node));
        let part = u128::from(self.below(1_000));
        let amount = Amount::from_base_units(bond.bonded.base_units() / 1_000 * part);
        let transaction = match self.below(4) {
            0 => Transaction::PostBond { amount: Amount::from_base_units(part) },
            1 => Transaction::LeaveBond { amount },
            2 => {
                if self.one_in(4) {
                    self.now_s = self.now_s.max(bond.available_at_s + 1);
                }
                Transaction::TakeBond
            }
            _ => Transaction::RevokeOffers,
        };
        if !matches!(transaction, Transaction::RevokeOffers) {
            self.act(node, &transaction);
        }
    }

    fn check(&self, total: Amount, before: &BTreeMap<usize, u128>) {
        assert_eq!(self.market.total(Asset::NATIVE).unwrap(), total, "a unit appeared or vanished");
        for (&who, &had) in before {
            assert!(self.wealth(who) >= had, "{who}, who is honest, had {had} and has {}", self.wealth(who));
        }
        for node in [NODE, LIAR, EXEX] {
            let account = self.address(node);
            let open = self.market.disputes().filter(|(_, d)| d.outcome.is_none() && d.node == account);
            let at_risk: u128 = open.map(|(_, d)| d.stake.base_units()).sum();
            assert_eq!(self.market.bond_of(account).locked.base_units(), at_risk, "what is locked is what is at risk");
        }
    }
}

fn run(seed: u64, tally: &mut Tally) {
    let mut sim = Sim::new(seed);
    let total = sim.market.total(Asset::NATIVE).unwrap();
    let honest_exex = sim.is_trained;
    let together = |sim: &Sim| {
        let exex = if honest_exex { 0 } else { sim.wealth(EXEX) };
        [LIAR, SECOND, CHEAT, CREATOR].iter().map(|who| sim.wealth(*who)).sum::<u128>() + exex
    };
    let crooks = together(&sim);
    let pool = sim.market.balance(POOL, Asset::NATIVE);
    for _ in 0..ACTS {
        let honest: BTreeMap<usize, u128> = [NODE, CONSUMER, WRITER]
            .into_iter()
            .chain(0..VALIDATORS)
            .chain(honest_exex.then_some(EXEX))
            .map(|who| (who, sim.wealth(who)))
            .collect();
        match sim.below(13) {
            0..=3 => sim.talk(),
            12 => sim.doubt_training(),
            4..=7 => sim.doubt(),
            8 | 9 => sim.vote(tally),
            10 => sim.move_bond(),
            _ => sim.now_s += sim.below(200_000),
        }
        sim.check(total, &honest);
    }
    // Those who lie never have more together than they began with: what a dispute among themselves moves, it also costs.
    assert!(together(&sim) <= crooks, "the crooks had {crooks} and have {}", together(&sim));
    assert!(sim.market.balance(POOL, Asset::NATIVE) >= pool);
}

#[test]
fn nobody_honest_loses_by_disputes() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let mut tally = Tally::default();
    if let Some(seed) = number("LAZAI_DISPUTES_SEED") {
        return run(seed, &mut tally);
    }
    let first = number("LAZAI_DISPUTES_FIRST").unwrap_or(0);
    let seeds = number("LAZAI_DISPUTES_SEEDS").unwrap_or(100);
    for seed in first..first + seeds {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &mut tally)));
        assert!(outcome.is_ok(), "seed {seed} failed: LAZAI_DISPUTES_SEED={seed} runs it again");
    }
    let Tally { disputes, upheld, denied, undecided } = tally;
    println!("{seeds} markets: {disputes} disputes, {upheld} upheld, {denied} denied, {undecided} undecided");
    assert!(upheld > 0 && denied > 0 && undecided > 0, "nothing was decided");
}
