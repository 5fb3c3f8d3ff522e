//! The Cyber Diva, from dialogue to paid chat: the whole market in one process, on real input.
//!
//! Killed at any moment and run again, it goes on from where it was.

mod acts;
mod facts;
mod tell;
mod voice;

use std::sync::Arc;

use lazai::consumer::Consumer;
use lazai::core::record::TrainConfig;
use lazai::creator::Creator;
use lazai::exex::ExEx;
use lazai::governor::Governor;
use lazai::lora::Candle;
use lazai::lora::generate::Sampler;
use lazai::lora::{BaseModel, Compute};
use lazai::models::ModelCounter;
use lazai::provenance::{TrustAnchor, collect, verify};
use lazai::provider::Provider;
use lazai::settle::market::SubmissionStatus;
use lazai::validator::Validator;
use lazai::voice::BaseVoice;
use lazai_examples::home::{VALIDATORS, VOTERS};
use lazai_examples::{Args, CyberDiva, Home, Tale};

fn main() -> anyhow::Result<()> {
    pollster::block_on(scenario(&Args::parse()?))
}

async fn scenario(args: &Args) -> anyhow::Result<()> {
    let mut tale = Tale::begin("The Cyber Diva: an AI character becomes a verifiable, paid, tradable thing");
    let home = match &args.chain {
        Some(url) => tale.wait("finding the market on the chain", || Home::on_chain(&args.home, url))?,
        None => Home::open(&args.home)?,
    };
    let diva = CyberDiva::load(args.short)?;
    let base = tale.wait("loading the base model", || BaseModel::from_gguf(&args.base, &Compute::cpu()))?;
    let base = Arc::new(base);
    let model = Arc::new(Candle::new(base.clone()));
    let exex =
        ExEx::new(home.account("exex"), home.unsealing_key("exex"), home.store(), home.path("exex")).keep_in_clear();

    // 1. The creator packs dialogue and voice, and proves that the dataset is whole.
    tale.phase("1. Character modelling: the creator packs and proves");
    let creator = Creator::new(home.account("creator"), home.store());
    let public = diva.public_part(diva.contributors(|name| home.address(name)));
    let public = public.with_prompt(diva.character.prompt_card());
    let dataset = acts::dataset(&tale, &home, &diva, &base)?;
    let (proved, prove_s) = acts::proved(&tale, &home, &creator, dataset, public)?;
    tell::dataset(&mut tale, &proved)?;
    let submission = proved.id();
    if home.ledger().market().submission(submission).is_none() {
        proved.submit(exex.contact(), &acts::signers(&home)).await?;
    }
    tale.say(format!("submitted as {submission}; only the ExEx can open the private part"));

    // 2. Validators verify what they can see, and attest.
    tale.phase("2. Validation: an iDAO of four checks proof, public part and ciphertext");
    let validators = VALIDATORS.map(|name| Validator::new(home.account(name), &home.path("signed")));
    let rejected = acts::offer_tampered(&tale, &home, &validators, submission).await?;
    for validator in &validators {
        let attestation = validator.verify(submission, &*home.store()).await?;
        validator.attest(attestation).await?;
    }
    tell::quorum(&mut tale, &home, submission, rejected)?;
    tell::proof(&mut tale, proved.statement(), proved.proof(), prove_s)?;

    // 3. The ExEx sees the accepted dataset, decrypts it, fine-tunes.
    tale.phase("3. Model minting: the ExEx fine-tunes with LoRA");
    let accepted = exex.follow().await?;
    let minted = home.ledger().market().submission(submission).map(|s| s.status.clone());
    anyhow::ensure!(
        accepted.contains(&submission) || matches!(minted, Some(SubmissionStatus::Minted { .. })),
        "the accepted submission did not reach the ExEx"
    );
    let config = TrainConfig {
        epochs: if args.short { 1 } else { 2 },
        max_steps: args.short.then_some(4),
        block_tokens: if args.short { 256 } else { 512 },
        checkpoint_steps: if args.short { 1 } else { 5 },
        ..TrainConfig::default()
    };
    let mut bar = tale.bar("training");
    let training = exex.open(submission, model.clone()).await?.with_config(config);
    let trained = training.run(|p| {
        bar(p.step.into(), p.steps.into(), format!("loss {:.3}, {:.0} tokens/s", p.loss, p.tokens_per_s));
        true
    })?;
    acts::measure(&mut tale, &home, &diva, &model, &trained.files, &exex.adapter_folder(submission))?;
    let base_voice = args.voice.as_deref().map(BaseVoice::open).transpose()?;
    let spoken = match &base_voice {
        Some(base_voice) => voice::trained(&mut tale, &home, &training, base_voice, args.short)?,
        None => None,
    };
    let trained = trained.with_voice(spoken);

    // 4. The DAT: a class for the character, share tokens for those who contributed.
    tale.phase("4. DAT anchoring: the model becomes a token class");
    home.let_doubts_pass(submission)?;
    let minted = exex.mint(&trained, acts::terms(&diva)).await?;
    let access = acts::access_token(&home, minted.class).await?;
    tell::dat(&mut tale, &home, &minted);

    // 5. A consumer pays and talks; a node with the adapter answers.
    tale.phase("5. Inference: a consumer talks with the character");
    let adapter = exex.adapter_folder(submission);
    let sampler = Sampler { max_tokens: if args.short { 12 } else { 56 }, ..Sampler::default() };
    let provider = Provider::new(home.account("node"), model.clone(), home.path("node"))
        .with_adapter(minted.class, minted.version, &adapter, minted.record.adapter_digest)?
        .with_sampler(sampler);
    let provider = match &base_voice {
        Some(base_voice) => voice::served(&tale, &home, &exex, provider, base_voice, &minted)?,
        None => provider,
    };
    let counter = Arc::new(ModelCounter::from_gguf(&args.base)?);
    let remembering = voice::memory(&home, counter.clone()).await?;
    let consumer = Consumer::new(home.account("consumer"), home.signer("consumer's app")).with_counter(counter);
    let questions = if args.short { &acts::QUESTIONS[..2] } else { &acts::QUESTIONS[..] };
    let mut first =
        acts::talk(&tale, &home, &provider, &consumer, &minted, 1, acts::deposit()?, questions, None).await?;
    voice::spoken(&mut tale, &home, &provider, &consumer, &minted, &mut first).await?;
    remembering.kept(&first, home.ledger().now_s());
    tell::chat(&mut tale, &base, &first)?;

    // 6. Settlement: the last voucher is redeemed and split; contributors claim.
    tale.phase("6. Settlement: 70 % creator's class, 20 % node, 10 % governance pool");
    provider.redeem(first.session).await?;
    provider.close(first.session).await?;
    acts::claim(&home, minted.class, "first").await?;
    tell::settlement(&mut tale, &home, first.session)?;

    // 7. The DAO changes the split; a session opened after it obeys.
    tale.phase("7. Governance: the DAO votes 65 / 25 / 10");
    let governors = VOTERS.map(|name| Governor::new(home.account(name)));
    let proposal = governors[0].propose_split("more for nodes", 6_500, 2_500, 1_000).await?;
    let proposal = proposal.ok_or_else(|| anyhow::anyhow!("the ledger gave no proposal"))?;
    home.in_time(|| governors[0].vote(proposal, true)).await?;
    home.in_time(|| governors[1].vote(proposal, true)).await?;
    let executed = home.in_time(|| governors[2].execute(proposal)).await?;
    let again = Some(&remembering);
    let second =
        acts::talk(&tale, &home, &provider, &consumer, &minted, 2, acts::deposit()?, &[voice::ASKED], again).await?;
    provider.redeem(second.session).await?;
    provider.close(second.session).await?;
    acts::pay_for_quota(&home, minted.class).await?;
    let quota = lazai::settle::session::SessionPayment::Quota(access);
    let third = acts::talk(&tale, &home, &provider, &consumer, &minted, 3, quota, &questions[..1], None).await?;
    provider.redeem(third.session).await?;
    provider.close(third.session).await?;
    acts::claim(&home, minted.class, "second").await?;
    tell::governance(&mut tale, &home, executed, second.session)?;

    // Anyone: where does the first reply come from?
    tale.phase("Anyone: where does that reply come from?");
    let anchor = TrustAnchor::of(&*home.ledger(), base.digest());
    let evidence = collect(&*home.ledger(), home.genesis(), &*home.store(), &minted.record, &first).await?;
    let evidence = evidence.with_words(&first)?;
    home.keep("evidence.json", &evidence)?;
    home.keep("anchor.json", &anchor)?;
    let started = std::time::Instant::now();
    let report = verify(&evidence, &anchor);
    tell::provenance(&mut tale, &report, started.elapsed());
    tell::totals(&mut tale, &home)?;
    tell::chain(&mut tale, &home)?;
    anyhow::ensure!(report.holds(), "the provenance of the first reply does not hold");
    tale.end(&args.report)
}
