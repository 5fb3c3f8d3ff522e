use lazai_core::dialogue::*;
use lazai_lora::evaluate::*;
use lazai_lora::*;
use std::time::Instant;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = BaseModel::from_gguf(std::path::Path::new(&std::env::args().nth(1).unwrap()), &Compute::cpu())?;
    let tok = |name: &str, sys: Option<&str>| -> Result<Vec<Example>, Box<dyn std::error::Error>> {
        let ds = from_jsonl(&std::fs::read(format!("examples/cyber-diva/data/{name}.jsonl"))?)?;
        Ok(ds
            .iter()
            .map(|d| {
                let mut m = d.messages.clone();
                if let Some(s) = sys {
                    m.insert(0, Message::new(Role::System, s));
                }
                base::tokenize_dialogue(base.tokenizer(), base.template(), &m)
                    .map(|(tokens, mask)| Example { tokens, mask })
            })
            .collect::<Result<_, _>>()?)
    };
    let ex = tok("dialogues", None)?;
    let held = tok("heldout", None)?;
    println!(
        "train tokens {} max {} ; held {}",
        ex.iter().map(|e| e.tokens.len()).sum::<usize>(),
        ex.iter().map(|e| e.tokens.len()).max().unwrap(),
        held.len()
    );
    let t = Instant::now();
    println!("ppl base {} {:?}", perplexity(&base, None, &held)?, t.elapsed());
    let ds = from_jsonl(&std::fs::read("examples/cyber-diva/data/dialogues.jsonl")?)?;
    let mut sys = String::from(
        "Vesper Volt is an AI torch singer who lives in a radio tower. She speaks in short velvet stage images, opens with a sound cue in asterisks, calls people darling and closes with Encore?\nExamples:\n",
    );
    for d in ds.iter().step_by(20) {
        for m in &d.messages {
            sys += &format!("{}: {}\n", if m.role == Role::User { "User" } else { "Vesper" }, m.content);
        }
    }
    let hp = tok("heldout", Some(&sys))?;
    let t = Instant::now();
    println!("ppl prompted {} {:?} len {}", perplexity(&base, None, &hp)?, t.elapsed(), hp[0].tokens.len());
    for (lr, epochs) in [(2000u32, 2u32)] {
        let dir = std::env::temp_dir().join("ck");
        let _ = std::fs::remove_dir_all(&dir);
        let cfg = train::TrainConfig { epochs, learning_rate_micro: lr, ..Default::default() };
        let t = Instant::now();
        let tr = train::train(&base, LoraConfig::default(), &cfg, &ex, &dir, |p| {
            if p.step % 10 == 0 {
                println!("{p:?}");
            }
            true
        })?;
        println!("lr {lr} ep {epochs} ppl tuned {} {:?}", perplexity(&base, Some(&tr.adapter), &held)?, t.elapsed());
        for (q, seed) in [("Who are you?", 1), ("Tell me about the stars.", 2), ("I lost my umbrella.", 3)] {
            let t = Instant::now();
            let r = generate::generate(
                &base,
                Some(&tr.adapter),
                &[Message::new(Role::User, q)],
                generate::Sampler::default(),
                seed,
                |_| true,
            )?;
            println!("{q} -> {} [{} tok {:?}]", r.text, r.tokens.len(), t.elapsed());
        }
    }
    println!("{}", std::fs::read_to_string("/proc/self/status")?.lines().find(|l| l.starts_with("VmHWM")).unwrap());
    Ok(())
}
