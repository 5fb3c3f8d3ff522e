//! The links, one function each.

use lazai_core::dat::VersionMetadata;
use lazai_core::pov::PublicPart;
use lazai_core::record::RecordClaim;
use lazai_core::{Address, Amount, Domain, ParamsVersion, Signature, TypedData};
use lazai_settle::market::{Event, Submission, Transaction, chain_domain};
use lazai_settle::notice::Entry;
use lazai_settle::quorum::{ContributorConsent, is_quorum};
use lazai_settle::session::{Offer, Receipt, SessionPayment};
use lazai_settle::{RevenueSplit, merkle};
use lazai_zk::opening::prompts_root;

use super::evidence::{Evidence, opened_session};
use super::repeated::Disputed;
use super::turns::turns;
use super::{Link, Trust, TrustAnchor, repeated};

/// A link's finding and its trust, or the reason why it is broken.
type Outcome = Result<(Trust, String), String>;

pub(super) fn walk(evidence: &Evidence, anchor: &TrustAnchor) -> Vec<Link> {
    let walk = Walk { evidence, anchor, domain: &evidence.genesis.domain };
    let links: [(&str, Outcome, &str); 11] = [
        ("ledger", walk.ledger(), "that whoever keeps the ledger followed its rules before the checkpoint"),
        ("inclusion", walk.inclusion(), "that nothing else is on the ledger"),
        ("receipt", walk.receipt(), "that the node generated these words as it says"),
        ("voucher and price", walk.voucher(), "that the tokens were worth their price"),
        ("access", walk.access(), "that the person at the other end is of the minimum age"),
        (
            repeated::LINK,
            walk.adapter(),
            "that the node really ran this adapter: unless it was repeated, it is the node's word",
        ),
        ("training record", walk.record(), "that training was done as recorded: it is the ExEx's word"),
        ("dataset", walk.dataset(), "that contributors are who their names say, and wrote what they signed"),
        ("proof", walk.proof(), "that the dataset is any good, or that training used it"),
        ("quorum", walk.quorum(), "that validators are independent of each other"),
        ("split", walk.split(), "that holders have claimed their part"),
    ];
    let link = |(name, outcome, not_said): (&str, Outcome, &str)| {
        let (trust, says) = outcome.unwrap_or_else(|reason| (Trust::Broken, reason));
        Link { name: name.into(), trust, says, not_said: not_said.into() }
    };
    links.into_iter().map(link).collect()
}

struct Walk<'a> {
    evidence: &'a Evidence,
    anchor: &'a TrustAnchor,
    domain: &'a Domain,
}

struct Opened<'a> {
    payer: Address,
    consumer: Address,
    offer: &'a Offer,
    offer_signature: &'a Signature,
    payment: SessionPayment,
    params: ParamsVersion,
}

fn must(holds: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Most characters of a reply or a name that a link repeats.
const EXCERPT_CHARS: usize = 200;

fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(EXCERPT_CHARS).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

impl<'a> Walk<'a> {
    fn ledger(&self) -> Outcome {
        let found = self.evidence.genesis.ledger_id().map_err(|e| e.to_string())?;
        must(found == self.anchor.ledger, format!("evidence is of ledger {found}, you trust {}", self.anchor.ledger))?;
        must(self.anchor.checkpoint.ledger == found, "the checkpoint is of another ledger")?;
        if self.evidence.genesis.is_on_chain() {
            // The ledger's id binds chain and contract, but not the domain's other fields in the evidence.
            let of_chain = chain_domain(self.domain.chain_id, self.domain.verifying_contract);
            must(*self.domain == of_chain, "the domain of signatures is not that of the market's contracts")?;
        }
        Ok((Trust::Proved, format!("genesis is that of ledger {found}")))
    }

    fn inclusion(&self) -> Outcome {
        must(!self.evidence.entries.is_empty(), "no ledger entries")?;
        // A repeated entry would count twice: as two payments, say.
        let once = self.evidence.entries.is_sorted_by(|a, b| a.entry.index < b.entry.index);
        must(once, "the entries are not in the ledger's order, each once")?;
        for included in &self.evidence.entries {
            let bytes = lazai_core::digest::canonical_json(&included.entry).map_err(|e| e.to_string())?;
            let index = included.entry.index;
            let holds = included.inclusion.index == index
                && merkle::verify(&self.anchor.checkpoint, merkle::leaf_hash(&bytes), &included.inclusion);
            must(holds, format!("entry {index} is not in the checkpoint"))?;
        }
        let size = self.anchor.checkpoint.size;
        Ok((Trust::Proved, format!("{} entries are among the {size} of the checkpoint", self.evidence.entries.len())))
    }

    /// Checks a signature that the ledger has.
    fn logged<T: TypedData>(&self, signature: &Signature, value: &T, signer: Address) -> Result<(), String> {
        let checked = signature.verify(self.domain, value, signer);
        let by_contract = self.evidence.genesis.is_on_chain() && *signature == Signature::NOT_LOGGED;
        checked.map_err(|e| {
            if by_contract {
                return format!("{signer} is a contract (ERC-1271): the chain checked its signature, nobody else can");
            }
            e.to_string()
        })
    }

    fn last_receipt(&self) -> Result<&'a Receipt, String> {
        self.evidence.receipts.last().map(|r| &r.receipt).ok_or_else(|| "no receipt".into())
    }

    fn opened(&self) -> Result<Opened<'a>, String> {
        let session = self.last_receipt()?.session;
        let found = self.evidence.transactions().find(|(entry, _)| opened_session(entry) == Some(session));
        let (entry, transaction) = found.ok_or("the session is not on the ledger")?;
        let params = entry.events.iter().find_map(|event| match event {
            Event::SessionOpened { params, .. } => Some(*params),
            _ => None,
        });
        match (transaction, params) {
            (Transaction::OpenSession { consumer, offer, offer_signature, payment, .. }, Some(params)) => Ok(Opened {
                payer: entry.sender,
                consumer: *consumer,
                offer,
                offer_signature,
                payment: *payment,
                params,
            }),
            _ => Err("the session was not opened by a session transaction".into()),
        }
    }

    fn minted(&self) -> Result<(&'a Entry, &'a VersionMetadata, &'a Signature), String> {
        let offer = self.opened()?.offer;
        let of_version = |entry: &Entry| {
            entry.events.iter().any(|event| {
                matches!(event, Event::VersionMinted { class, version, .. }
                    if (*class, *version) == (offer.class, offer.version))
            })
        };
        let found = self.evidence.transactions().find_map(|(entry, transaction)| match transaction {
            Transaction::Mint { metadata, record_signature } if of_version(entry) => {
                Some((entry, metadata, record_signature))
            }
            _ => None,
        });
        found.ok_or_else(|| "the version that is served was not minted".into())
    }

    fn submission(&self) -> Result<(&'a Entry, &'a Submission), String> {
        let id = self.minted()?.1.submission;
        self.evidence.submission(id).ok_or_else(|| format!("submission {id} is not on the ledger"))
    }

    fn receipt(&self) -> Outcome {
        let opened = self.opened()?;
        for (i, turn) in turns(self.evidence).into_iter().enumerate() {
            let in_order = turn.number() as usize == i + 1 && turn.session() == self.last_receipt()?.session;
            must(in_order, format!("receipt {} is out of order", i + 1))?;
            turn.check_signed(self.domain, opened.offer).map_err(|e| format!("receipt {}: {e}", i + 1))?;
        }
        self.evidence.check_words().map_err(|e| e.to_string())?;
        let of = match &self.evidence.words {
            Some(words) => format!("the last is of the reply {:?}", excerpt(&words.text)),
            None => "of which words, is not said".into(),
        };
        let (node, receipts) = (opened.offer.node, self.evidence.receipts.len());
        let spoken = match self.evidence.spoken.len() {
            0 => String::new(),
            texts => format!(" and {texts} of speech"),
        };
        Ok((Trust::Claimed, format!("node {node} signed {receipts} receipts{spoken}; {of}")))
    }

    fn voucher(&self) -> Outcome {
        let opened = self.opened()?;
        let offered = self.logged(opened.offer_signature, opened.offer, opened.offer.node);
        offered.map_err(|e| format!("offer: {e}"))?;
        let mut sum = Amount::ZERO;
        for turn in turns(self.evidence) {
            sum = turn.price(opened.offer).and_then(|p| sum.checked_add(p)).map_err(|e| e.to_string())?;
            let (number, asked) = (turn.number(), turn.cumulative());
            must(sum == asked, format!("receipt {number}: {sum} by price, {asked} asked"))?;
        }
        if sum == Amount::ZERO {
            return Ok((Trust::Claimed, "nothing is owed for the tokens the node counted".into()));
        }
        let promised = self.evidence.voucher.ok_or("the reply is not promised: there is no voucher")?;
        let signed = promised.signature.verify(self.domain, &promised.voucher, opened.consumer);
        signed.map_err(|e| format!("voucher: {e}"))?;
        must(promised.voucher.session == self.last_receipt()?.session, "the voucher is of another session")?;
        must(promised.voucher.cumulative >= sum, format!("{} promised of {sum}", promised.voucher.cumulative))?;
        let out_of = match opened.payment {
            SessionPayment::Deposit(_) => format!("a deposit of {}", opened.payer),
            SessionPayment::Quota(token) => format!("the class's fund, for a unit of token {token}"),
        };
        let who = opened.consumer;
        Ok((Trust::Claimed, format!("{sum} promised by {who} for the tokens the node counted, out of {out_of}")))
    }

    fn access(&self) -> Outcome {
        let opened = self.opened()?;
        let (class, version) = (opened.offer.class, opened.offer.version);
        let policy = &self.minted()?.1.policy;
        let rating = format!("{:?}", policy.rating).to_lowercase();
        let says = format!("{} opened the session on version {version} of class {class}, rated {rating}", opened.payer);
        Ok((Trust::Proved, says))
    }

    fn adapter(&self) -> Outcome {
        let (receipt, metadata) = (self.last_receipt()?, self.minted()?.1);
        let (used, minted) = (receipt.adapter_digest, metadata.adapter_digest);
        must(used == minted, format!("receipt names adapter {used}, the token {minted}"))?;
        let base = self.anchor.base;
        let same = receipt.base_digest == base && metadata.base.digest == base;
        must(same, format!("base is {}, you trust {base}", metadata.base.digest))?;
        let named = format!("adapter {used} on {}", metadata.base.name);
        Ok(match repeated::on_ledger(self.evidence, self.anchor, receipt)? {
            Disputed::Same(by) => (Trust::Repeated, format!("{named}; repeated by {by}")),
            Disputed::Undecided(None) => (Trust::Claimed, named),
            Disputed::Undecided(Some(so)) => (Trust::Claimed, format!("{named}; {so}")),
        })
    }

    fn record(&self) -> Outcome {
        let (entry, metadata, signature) = self.minted()?;
        let record = &self.evidence.record;
        let found = record.digest().map_err(|e| e.to_string())?;
        must(
            found == metadata.record_digest,
            format!("record has digest {found}, the token says {}", metadata.record_digest),
        )?;
        for (what, same) in [
            ("adapter", record.adapter_digest == metadata.adapter_digest),
            (
                "voice",
                record.voice.as_ref().map(|v| (v.base_digest, v.adapter_digest))
                    == metadata.voice.map(|v| (v.base_digest, v.adapter_digest)),
            ),
            ("quality", record.quality == metadata.quality),
            ("base", record.base_digest == self.anchor.base),
            ("ledger", record.ledger == self.anchor.ledger),
            ("submission", record.submission == metadata.submission),
            ("tokenizer", record.tokenizer_digest == self.last_receipt()?.tokenizer_digest),
        ] {
            must(same, format!("the record names another {what}"))?;
        }
        let claim = RecordClaim { submission: metadata.submission, record: found };
        self.logged(signature, &claim, metadata.exex).map_err(|e| format!("record: {e}"))?;
        must(entry.sender == metadata.exex, "minted by somebody else than its ExEx")?;
        let again = repeated::training(self.evidence, self.anchor, metadata.submission)?;
        let again = again.map_or_else(String::new, |again| format!("; {again}"));
        let quality = record.quality.map_or_else(String::new, |quality| format!("; {}", quality.in_words()));
        let (steps, tokens) = (record.steps, record.tokens);
        let says = format!("ExEx {} signed {steps} steps over {tokens} tokens{quality}{again}", metadata.exex);
        Ok((Trust::Claimed, says))
    }

    fn dataset(&self) -> Outcome {
        let (_, submission) = self.submission()?;
        let record = &self.evidence.record;
        must(record.dataset_root == submission.root, "the record is of another dataset than was submitted")?;
        let shares = submission.shares.iter().map(|s| (s.contributor, s.tokens));
        must(shares.eq(record.contributors.iter().copied()), "the record names other contributors")?;
        let public = PublicPart::from_bytes(submission.public_part.as_bytes()).map_err(|e| e.to_string())?;
        must(public.contributors.len() == submission.shares.len(), "contributors and consents differ in number")?;
        // The signed class is the paid one.
        let (class, signed) = (self.opened()?.offer.class, submission.lineage.class());
        must(signed.is_none_or(|s| s == class), "the model is served in another class than contributors signed for")?;
        let total = submission.tokens().ok_or("the weights of contributors exceed 64 bits")?;
        for (contributor, share) in public.contributors.iter().zip(&submission.shares) {
            // A name stands for an address only if the public part gives it that one.
            let (named, signed) = (contributor.address, share.contributor);
            must(named == signed, format!("{:?} is at {named}, the consent is of {signed}", contributor.name))?;
            let consent = ContributorConsent {
                submission: record.submission,
                root: share.root,
                licence: &contributor.licence,
                consent: &contributor.consent,
                tokens: share.tokens,
                total,
                lineage: submission.lineage,
            };
            let checked = self.logged(&share.consent, &consent, share.contributor);
            checked.map_err(|e| format!("consent of {}: {e}", share.contributor))?;
        }
        let (after, keep) = (submission.lineage.after(), submission.lineage.keep().get());
        let kept = after.filter(|_| keep != 0).map(|v| format!("; version {v} keeps {keep} of 10000"));
        let kept = kept.unwrap_or_default();
        let named = public.contributors.iter().map(|c| format!("{:?} ({})", excerpt(&c.name), c.address));
        let named = named.collect::<Vec<_>>().join(", ");
        Ok((Trust::Claimed, format!("{named} signed for their records and weights{kept}")))
    }

    fn proof(&self) -> Outcome {
        let (entry, submission) = self.submission()?;
        let statement = &self.evidence.statement;
        for (what, same) in [
            ("statement", statement.digest() == submission.statement),
            ("root", statement.proved.root == submission.root),
            ("ledger", statement.binding.ledger == self.anchor.ledger),
            ("submitter", statement.binding.submitter == entry.sender),
            ("submission", statement.binding.submission == self.evidence.record.submission),
        ] {
            must(same, format!("the proof is of another {what} than was submitted"))?;
        }
        // Revenue follows the submission's weights: they must be the proved ones.
        let proved = statement.shares().map(|(contributor, share)| (contributor, share.tokens, share.root));
        let paid = submission.shares.iter().map(|s| (s.contributor, s.tokens, s.root));
        must(proved.eq(paid), "the weights that are paid by are not those that were proved")?;
        // The public part must be the one that the proof is bound to.
        let public = PublicPart::from_bytes(submission.public_part.as_bytes()).map_err(|e| e.to_string())?;
        let same = statement.declared.prompts == prompts_root(&public.prompts);
        must(same, "the public part has other prompts than the statement")?;
        let allowed = &statement.declared.licences;
        let declared = statement.proved.shares.iter().map(|share| allowed.get(usize::from(share.licence)));
        let signed = public.contributors.iter().map(|contributor| Some(&contributor.licence));
        must(declared.eq(signed), "contributors signed other licences than the statement has")?;
        let same = statement.declared.tokenizer == self.evidence.record.tokenizer_digest;
        must(same, "the statement is of another tokenizer than the record")?;
        self.check_proof()
    }

    fn check_proof(&self) -> Outcome {
        use lazai_zk::{Proof, Verifier, verifier_key_digest};
        let trusted = self.anchor.verifier_key;
        let verifier = Verifier::trusting(trusted);
        let verifier = verifier.ok_or_else(|| {
            format!("this verifier has key {} and earlier ones, you trust {trusted}", verifier_key_digest())
        })?;
        let proof = Proof::from_bytes(&self.evidence.proof).map_err(|e| e.to_string())?;
        verifier.verify(&self.evidence.statement, &proof).map_err(|e| e.to_string())?;
        let (records, tokens) = (self.evidence.statement.records(), self.evidence.statement.tokens());
        Ok((
            Trust::Proved,
            format!("{records} records, {tokens} tokens, no two alike, all inside the vocabulary, under the root"),
        ))
    }

    fn quorum(&self) -> Outcome {
        let (entry, submission) = self.submission()?;
        let (validators, history) = self.evidence.validators_at(entry);
        let trusted = self.anchor.validator_set;
        must(history == trusted, format!("the history of validators is {history}, you trust {trusted}"))?;
        let (content, mut attested) = (submission.content(), std::collections::BTreeMap::new());
        let mut by_contracts = 0;
        let brought = self.evidence.transactions().filter_map(|(_, transaction)| match transaction {
            Transaction::Attest(verdicts) => Some(verdicts),
            _ => None,
        });
        for verdict in brought.flatten() {
            let attestation = &verdict.attestation;
            let same =
                Some(attestation.submission) == super::evidence::submission_of(entry) && attestation.content == content;
            let signed = verdict.signature.verify(self.domain, attestation, verdict.validator);
            by_contracts += u32::from(same && verdict.signature == Signature::NOT_LOGGED);
            let counts = same && attestation.accepted && signed.is_ok();
            if let (true, Some(&weight)) = (counts, validators.get(&verdict.validator)) {
                attested.insert(verdict.validator, weight);
            }
        }
        let sum = |weights: &mut dyn Iterator<Item = &u64>| weights.copied().fold(0u64, u64::saturating_add);
        let (weight, total) = (sum(&mut attested.values()), sum(&mut validators.values()));
        must(is_quorum(weight, total), {
            let few = format!("{weight} of {total} attested, two thirds are needed");
            match by_contracts {
                0 => few,
                n => format!("{few}; {n} more are contracts (ERC-1271), whose signatures the chain alone can check"),
            }
        })?;
        Ok((Trust::Attested, format!("{} validators with {weight} of {total}", attested.len())))
    }

    fn split(&self) -> Outcome {
        let opened = self.opened()?;
        let split = self.split_of(opened.params)?;
        let session = self.last_receipt()?.session;
        let mut gross = Amount::ZERO;
        for (entry, transaction) in self.evidence.transactions() {
            // A redemption of another session is on the ledger too, but is not part of this story.
            let own = matches!(transaction, Transaction::Redeem { voucher, .. } if voucher.session == session);
            if !own {
                continue;
            }
            for event in &entry.events {
                let Event::VoucherRedeemed { increment, split: parts, .. } = event else { continue };
                must(*parts == split.split(*increment), format!("{increment} was split otherwise than the rules say"))?;
                gross = gross.checked_add(*increment).map_err(|e| e.to_string())?;
            }
        }
        // A voucher promises; the ledger's redemption shows the payment.
        let owed = self.last_receipt()?.cumulative;
        must(gross >= owed, format!("promised and not paid: {gross} of {owed} is redeemed"))?;
        let [creator, node, pool] = split.bps();
        Ok((Trust::Proved, format!("{gross} paid, split {creator}/{node}/{pool} under parameters {}", opened.params)))
    }

    fn split_of(&self, params: ParamsVersion) -> Result<RevenueSplit, String> {
        // A chain's first parameters are on it, as all later ones.
        if params == ParamsVersion(1) && !self.evidence.genesis.is_on_chain() {
            return Ok(self.evidence.genesis.params.split);
        }
        let changes = self.evidence.entries.iter().flat_map(|e| &e.entry.events);
        let found = changes.into_iter().find_map(|event| match event {
            Event::ParamsChanged { params: version, split, .. } if *version == params => Some(*split),
            _ => None,
        });
        found.ok_or_else(|| format!("parameters {params} are not on the ledger"))
    }
}
