//! The command line at a real node and ledger.

use super::*;

/// Runs the command line with some input; gives its exit code and what it says.
pub async fn command(args: Vec<String>, input: &'static str) -> (u8, Vec<Value>) {
    let run = move || {
        let mut out = Vec::new();
        let args = ["lazai".to_owned(), "--json".to_owned()].into_iter().chain(args).map(Into::into);
        let code = lazai_cli::run(args, Box::new(input.as_bytes()), &mut out);
        (code, out.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A fresh key in a keystore file, with the arguments that name it.
pub fn keystore(folder: &std::path::Path) -> (LocalSigner, Vec<String>) {
    let key = LocalSigner::random().unwrap();
    key.to_keystore(folder, "key", "a password").unwrap();
    std::fs::write(folder.join("password"), "a password\n").unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    (key, vec!["--keystore".into(), path("key"), "--password-file".into(), path("password")])
}

pub async fn the_command_line_talks(served: &Served) {
    let folder = tempfile::tempdir().unwrap();
    let (key, keys) = keystore(folder.path());
    let node = HttpNode::new(&served.url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let home = &served.stage.home;
    let consumer = Consumer::new(home.account("consumer"), Arc::new(key));
    let conversation = consumer.open(3, &offer, deposit(1_000)).await.unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("conversation.json"), serde_json::to_vec(&conversation).unwrap()).unwrap();
    let mut args: Vec<String> = ["chat", "--deposit", "1000", "--node", &served.url].map(Into::into).into();
    args.extend([
        "--conversation".into(),
        path("conversation.json"),
        "--market".into(),
        home.path("").display().to_string(),
    ]);
    args.extend(keys);
    let (code, turns) = command(args.clone(), "Who are you?\n\nAnd where?\n").await;
    assert_eq!((code, turns.len()), (0, 2), "{turns:?}");
    let held_to =
        |turn: &Value| (turn["tokenCheck"].as_str().unwrap().to_owned(), turn["modelChecked"].as_bool().unwrap());
    assert_eq!(held_to(&turns[1]), ("bounded".into(), true));
    let kept = std::fs::read(path("conversation.json")).unwrap();
    let kept: Conversation = serde_json::from_slice(&kept).unwrap();
    assert_eq!((kept.receipts.len(), kept.messages.len()), (2, 4));
    assert_eq!(kept.paid.unwrap().voucher.cumulative.to_string(), turns[1]["owed"].as_str().unwrap());
    // With a tokenizer, receipts are recounted.
    args.extend(["--tokenizer".into(), lazai_examples::stage::base_path().unwrap().display().to_string()]);
    // What the deposit no longer covers is refused, with the node's own code.
    let (code, told) = command(args, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n").await;
    assert_eq!((code, told.last().unwrap()["error"]["code"].as_str()), (1, Some("node.deposit_exhausted")));
    assert_eq!(held_to(&told[0]), ("counted".into(), true));
}

pub async fn the_command_line_serves(served: &Served) {
    let folder = tempfile::tempdir().unwrap();
    let (_, keys) = keystore(folder.path());
    let minted = &served.minted;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let adapter = served.stage.exex().adapter_folder(minted.record.submission).display().to_string();
    let base = lazai_examples::stage::base_path().unwrap().display().to_string();
    let words = [
        ["serve", "--until-input-ends", "--market", &served.stage.home.path("").display().to_string()]
            .map(String::from)
            .to_vec(),
        ["--base", &base, "--adapter", &adapter, "--class", &minted.class.to_string()].map(String::from).to_vec(),
        ["--prompt-price", "1", "--completion-price", "4", "--reply-tokens", "8"].map(String::from).to_vec(),
        ["--book", &path("book"), "--address", "127.0.0.1:0", "--disk", &path("disk")].map(String::from).to_vec(),
        ["--tls-certificates", &path("certificate.pem"), "--tls-key", &path("key.pem")].map(String::from).to_vec(),
        ["--operations", "127.0.0.1:0"].map(String::from).to_vec(),
    ];
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(path("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut args = words.concat();
    args.extend(keys);
    let (code, told) = command(args.clone(), "").await;
    assert_eq!((code, told[0]["character"].as_str()), (0, Some("Vesper Volt")), "{told:?}");
    assert!(told[0]["url"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    assert_eq!(told[1]["notRedeemed"], 0);
    // A node that has no room for the conversations that it offers does not start.
    let (code, told) =
        command([args.clone(), ["--conversation-mb", "16"].map(String::from).to_vec()].concat(), "").await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (3, Some("model")), "{told:?}");
    // The character stands in a registry of agents under its name, by a call that a wallet sends.
    let market = served.stage.home.path("").display().to_string();
    let registry = format!("eip155:1:0x{}", "80".repeat(20));
    let class = minted.class.to_string();
    let words = ["agent", &class, "--market", &market, "--url", "https://node.example", "--registry", &registry];
    let (code, told) = command(words.map(String::from).to_vec(), "").await;
    assert_eq!((code, told[0]["file"]["name"].as_str()), (0, Some("Vesper Volt")), "{told:?}");
    let card = format!("https://node.example/a2a/dat:{class}:1/.well-known/agent-card.json");
    assert_eq!(told[0]["file"]["services"][0]["endpoint"], card);
    assert!(told[0]["call"]["data"].as_str().unwrap().starts_with("0xf2c298be"), "{told:?}");
    // A version that the ledger does not have is not served.
    args.extend(["--version".into(), "9".into()]);
    let (code, told) = command(args, "").await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (3, Some("dat.unknown")));
}

#[test]
fn the_command_line_votes() {
    with_runtime(async {
        let folder = tempfile::tempdir().unwrap();
        let (key, keys) = keystore(folder.path());
        let voter = key.address();
        let genesis = lazai::settle::Genesis {
            domain: lazai::core::Domain::random("LazAI Market", "1").unwrap(),
            validators: [(voter, 1)].into(),
            voters: [(voter, 1)].into(),
            balances: Vec::new(),
            params: lazai::settle::Params::default(),
            assets: Vec::new(),
            pool: None,
        };
        std::fs::write(folder.path().join("genesis.json"), serde_json::to_vec(&genesis).unwrap()).unwrap();
        let open = || {
            let path = folder.path().join("ledger");
            lazai::settle::EmbeddedLedger::open_or_create(&path, &genesis, lazai::settle::SystemClock).unwrap()
        };
        {
            let account = lazai::Account::new(Arc::new(open()), Arc::new(key));
            let governor = lazai::governor::Governor::new(account);
            governor.propose_split("more for nodes", 6_500, 2_500, 1_000).await.unwrap();
        }
        let mut args: Vec<String> = ["vote", "1", "yes", "--market"].map(Into::into).into();
        args.push(folder.path().display().to_string());
        args.extend(keys);
        let (code, told) = command(args.clone(), "").await;
        assert_eq!((code, told[0]["voter"].as_str()), (0, Some(voter.to_string().as_str())));
        let market = lazai::settle::Ledger::market(&open());
        assert_eq!(market.proposal(lazai::core::ProposalId(1)).unwrap().votes, [(voter, true)].into());
        drop(market);
        args[1] = "2".into();
        let (code, told) = command(args, "").await;
        assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("market")));
    });
}

/// Card and chats become a character that is heard; stopped and called anew, what is done is not done again.
#[test]
fn the_command_line_creates_a_character() {
    let folder = tempfile::tempdir().unwrap();
    let diva = lazai_examples::diva::folder();
    let chats = std::fs::read_to_string(diva.join("data/dialogues.jsonl")).unwrap();
    let few: Vec<&str> = chats.lines().step_by(8).collect();
    std::fs::write(folder.path().join("chats.jsonl"), few.join("\n")).unwrap();
    let voice = std::fs::read_to_string(diva.join("voice/voice.jsonl")).unwrap();
    std::fs::write(folder.path().join("voice.jsonl"), voice.lines().take(2).collect::<Vec<_>>().join("\n")).unwrap();
    for clip in ["clip-01.flac", "clip-02.flac"] {
        std::fs::copy(diva.join("voice").join(clip), folder.path().join(clip)).unwrap();
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let create = |steps: &str, name: &str| {
        let base = lazai_examples::stage::base_path().unwrap().display().to_string();
        let files = [diva.join("card.json").display().to_string(), path("chats.jsonl"), path("voice.jsonl")];
        let args = ["lazai", "--json", "create"]
            .map(String::from)
            .into_iter()
            .chain(files)
            .chain(["--base".into(), base, "--out".into(), path("made"), "--steps".into(), steps.into()])
            .chain(["--address", "0x00000000000000000000000000000000000000ad", "--name", name].map(String::from))
            .chain(["--licence", "CC-BY-4.0", "--consent", "for training"].map(String::from));
        let mut out = Vec::new();
        let code = lazai_cli::run(args.map(Into::into), Box::new(std::io::empty()), &mut out);
        let told: Vec<Value> =
            out.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        (code, told)
    };
    let (code, told) = create("1", "Ada");
    assert_eq!(code, 0, "{told:?}");
    let step = |name: &str| told.iter().find(|told| told["step"] == name).unwrap();
    assert_eq!(step("card")["name"], "Vesper Volt");
    assert!(step("dataset")["facts"]["records"].as_u64().unwrap() > 3);
    assert_eq!(step("dataset")["facts"]["recordings"], 2);
    let (base, adapter) = (step("preview")["base"].as_str().unwrap(), step("preview")["adapter"].as_str().unwrap());
    assert!(!base.is_empty() && !adapter.is_empty());
    // The adapter is signed; without a market, no account stands for the key.
    let signed = &step("signature")["signed"];
    assert_eq!((signed["files"].as_array().unwrap().len(), &signed["account"]), (3, &Value::Null), "{signed}");
    let made = lazai::core::oms::check_folder(path("made/adapter").as_ref()).unwrap();
    assert_eq!(signed["key"], made.key.hint());
    assert_eq!(step("proof")["missing"][0], "ledger");

    let written = |name: &str| std::fs::metadata(folder.path().join("made").join(name)).unwrap().modified().unwrap();
    let (dataset, digest) = (written("dataset.safetensors"), step("adapter")["digest"].clone());
    let (code, again) = create("1", "Ada");
    assert_eq!((code, written("dataset.safetensors")), (0, dataset));
    assert_eq!(again.iter().find(|told| told["step"] == "adapter").unwrap()["digest"], digest);
    // Other terms are another character's.
    let (code, told) = create("1", "Eve");
    assert_eq!((code, told[0]["error"]["code"].as_str()), (4, Some("file")), "{told:?}");
}

/// Founds a market, publishes a character there, trains, mints, serves and talks: as several processes would.
#[test]
fn a_local_market_is_played_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let diva = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cyber-diva");
    let lines = std::fs::read_to_string(diva.join("data/dialogues.jsonl")).unwrap();
    std::fs::write(path("chats.jsonl"), lines.lines().step_by(12).collect::<Vec<_>>().join("\n")).unwrap();
    let base = lazai_examples::stage::base_path().unwrap().display().to_string();
    let card = diva.join("card.json").display().to_string();
    let (market, made) = (path("market"), path("made"));
    with_runtime(async {
        let run = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()).collect(), "");
        let (code, told) = run(&["publish", &made, "--local", &market]).await;
        assert_eq!((code, told[0]["error"]["code"].as_str()), (4, Some("file")), "no market is there yet");
        let (code, told) = run(&["local", &market]).await;
        assert_eq!((code, told[0]["roles"].as_array().unwrap().len()), (0, 7));
        let terms = ["--name", "Ada", "--licence", "CC-BY-4.0", "--consent", "for training"];
        let create = [
            "create",
            &card,
            &path("chats.jsonl"),
            "--local",
            &market,
            "--base",
            &base,
            "--out",
            &made,
            "--steps",
            "1",
        ];
        let (code, created) = run(&[&create[..], &terms].concat()).await;
        let proof = created.last().unwrap();
        assert_eq!(
            (code, proof["step"].as_str(), proof["files"]["root"].is_string()),
            (0, Some("proof"), true),
            "{created:?}"
        );
        let publish = ["publish", &made, "--local", &market];
        let (code, told) = run(&[&publish[..], &["--no-wait"]].concat()).await;
        assert_eq!((code, told[0]["status"].as_str(), &told[0]["root"]), (0, Some("pending"), &proof["files"]["root"]));
        let play = ["local", &market, "--base", &base, "--steps", "1", "--once"];
        let (code, told) = run(&play).await;
        assert_eq!((code, told.last().unwrap()["minted"]["classId"].as_u64()), (0, Some(1)), "{told:?}");
        // Submitted once, it is followed to its end.
        let (code, told) = run(&publish).await;
        assert_eq!((code, told[0]["status"].as_str()), (0, Some("minted")));
        assert_eq!(run(&play).await.1.len(), 1, "nothing is left to do");

        let serve = ["serve", "--local", &market, "--base", &base, "--prompt-price", "1", "--completion-price", "4"];
        let (hold, held) = std::io::pipe().unwrap();
        let book = path("node");
        a_ceiling_has_room_for_the_card(&[&serve[..], &["--book", &book, "--check"]].concat()).await;
        let voice = std::env::var("LAZAI_VOICE_PACKAGE").ok();
        let speaks = voice.as_deref().map(|voice| ["--voice", voice, "--character-price", "3"]);
        let words =
            [&serve[..], &["--reply-tokens", "4", "--book", &book, "--address", "127.0.0.1:0", "--until-input-ends"]]
                .concat();
        let words = [&words[..], speaks.as_ref().map(|words| &words[..]).unwrap_or_default()].concat();
        let (url, serving) = serve_until(&words, hold);
        let chat =
            ["chat", "--local", &market, "--node", &url, "--deposit", "1000000", "--conversation", &path("talk.json")];
        let (code, told) = command(chat.map(str::to_owned).to_vec(), "Who are you?\n").await;
        assert_eq!((code, told[0]["modelChecked"].as_bool()), (0, Some(true)), "{told:?}");
        if voice.is_some() {
            a_text_is_spoken(&market, &url, &path("talk.json"), &path("line.wav")).await;
        }
        sessions_end(&market, &url, &path("talk.json"), &path("scanty.json")).await;
        let before = book_earnings(&market, &book).await;
        assert!(before["owed"] == before["signed"] && before["openSessions"] == 0, "{before}");
        drop(held);
        assert_eq!(serving.join().unwrap(), 0, "everything is redeemed");
        let after = book_earnings(&market, &book).await;
        assert_eq!(
            (&after["owed"], &after["redeemed"], &after["atRisk"]),
            (&before["owed"], &before["owed"], &"0".into())
        );
        earnings_and_evidence(&market, &path("talk.json"), &base, &path("shown")).await;
        the_dao_decides(&market).await;
    });
}

/// The character's card stands before every conversation: terms without room for it serve nobody, and are refused.
async fn a_ceiling_has_room_for_the_card(check: &[&str]) {
    let run = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()).collect(), "");
    let (code, told) = run(check).await;
    let card = told[0]["checked"][0]["cardTokens"].as_u64().unwrap_or_else(|| panic!("{told:?}"));
    assert!(code == 0 && (8..1_024).contains(&card), "{told:?}");
    let (below, enough) = ((card - 1).to_string(), card.to_string());
    let (code, told) = run(&[check, &["--prompt-ceiling", &below]].concat()).await;
    let message = told[0]["error"]["message"].as_str().unwrap_or_default();
    assert!(code == 3 && message.contains(&format!("{card} tokens")) && message.contains(&below), "{told:?}");
    assert_eq!(run(&[check, &["--prompt-ceiling", &enough]].concat()).await.0, 0);
}

/// A node with the base voice speaks a text, is paid by the character, and its file says what it is.
async fn a_text_is_spoken(market: &str, url: &str, talked: &str, file: &str) {
    let run = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()).collect(), "");
    let say = ["say", "Hello, night.", "--local", market, "--node", url, "--conversation", talked, "--out", file];
    let (code, told) = run(&say).await;
    assert_eq!(
        (code, told[0]["characters"].as_u64(), told[0]["voice"].as_str()),
        (0, Some(13), Some("base")),
        "{told:?}"
    );
    let note = lazai::speech::SpeechManifest::of_wav(&std::fs::read(file).unwrap()).unwrap();
    let (terms, receipt) = (note.terms.terms, note.receipt.receipt);
    assert_eq!((receipt.characters, terms.class.0, terms.voice), (13, 1, lazai::settle::speech::SpokenVoice::Base));
    // Another reader of the file says the same.
    let (code, told) = run(&["inspect", file]).await;
    assert_eq!((code, &told[0]["speech"]["holds"], &told[0]["speech"]["model"]), (0, &true.into(), &"dat:1:1".into()));
    // Replies that are spoken, each into a file: the turn's, after those before.
    let folder = format!("{file}.replies");
    let chat = ["chat", "--local", market, "--node", url, "--conversation", talked, "--speak-to", &folder];
    let (code, told) = command(chat.map(str::to_owned).to_vec(), "Who are you?\n").await;
    assert_eq!((code, told.len()), (0, 2), "{told:?}");
    let (text, spoken) = (told[0]["text"].as_str().unwrap(), &told[1]);
    let note = std::fs::read(spoken["file"].as_str().unwrap_or_else(|| panic!("{told:?}"))).unwrap();
    let note = lazai::speech::SpeechManifest::of_wav(&note).unwrap();
    assert_eq!(note.receipt.receipt.characters, text.chars().count() as u64);
    assert!(
        spoken["file"].as_str().unwrap().ends_with("turn-0004.wav") && spoken["owed"] != told[0]["owed"],
        "{told:?}"
    );
    let (code, told) = run(&[&say[..], &["--speed", "3"]].concat()).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("request.speed")), "{told:?}");
}

/// A deposit that pays for no reply is not taken, nor another for the same conversation; what is left of it comes back.
async fn sessions_end(market: &str, url: &str, talked: &str, scanty: &str) {
    let run = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()).collect(), "");
    let error = |told: &[Value]| told[0]["error"]["code"].as_str().unwrap_or_default().to_owned();
    let balance = async || run(&["balance", "--local", market]).await.1[0]["balance"].as_str().unwrap().to_owned();
    let before = balance().await;
    let chat = ["chat", "--local", market, "--node", url, "--conversation"];
    let (code, told) = run(&[&chat[..], &[scanty, "--deposit", "3"]].concat()).await;
    assert_eq!((code, error(&told)), (1, "node.deposit_exhausted".into()));
    let (code, told) = run(&[&chat[..], &[scanty]].concat()).await;
    assert_eq!((code, error(&told)), (1, "request.deposit".into()), "a new session needs one");
    assert_eq!((balance().await, std::path::Path::new(scanty).exists()), (before, false));
    let (code, told) = run(&[&chat[..], &[talked, "--deposit", "2000000"]].concat()).await;
    assert_eq!((code, error(&told)), (1, "request.deposit".into()));
    let (code, _) = run(&[&chat[..], &[talked]].concat()).await;
    assert_eq!(code, 0, "a conversation goes on without one");
    // A session that is being opened when the command is killed is the one that is opened next.
    std::fs::write(scanty, r#"{"opening":77,"model":null,"deposit":"1000000"}"#).unwrap();
    let (code, _) = run(&[&chat[..], &[scanty]].concat()).await;
    assert_eq!(code, 0);
    let opened: Value = serde_json::from_slice(&std::fs::read(scanty).unwrap()).unwrap();
    std::fs::write(scanty, r#"{"opening":77,"model":null,"deposit":"1000000"}"#).unwrap();
    let (code, _) = run(&[&chat[..], &[scanty]].concat()).await;
    let again: Value = serde_json::from_slice(&std::fs::read(scanty).unwrap()).unwrap();
    assert_eq!((code, &again["session"]), (0, &opened["session"]));

    // Words that were begun to be answered are said again first.
    std::fs::write(std::path::Path::new(talked).with_extension("asked"), "And where?").unwrap();
    let (code, told) = run(&[&chat[..], &[talked]].concat()).await;
    assert!(code == 0 && told.len() == 1, "{told:?}");
    assert!(std::fs::read_to_string(talked).unwrap().contains("And where?"));

    let end = ["end", talked, "--local", market, "--node", url];
    let (code, told) = run(&end).await;
    let left: u64 = told[0]["left"].as_str().unwrap().parse().unwrap();
    assert!(code == 0 && left > 900_000 && left < 1_000_000, "{told:?}");
    assert_eq!(run(&end).await.1, told, "ending again gives the same");
    let (code, told) = run(&["end", scanty, "--local", market, "--alone"]).await;
    assert!(code == 0 && told[0]["finalAtS"].as_u64().is_some(), "{told:?}");
    let owned: u64 = balance().await.parse().unwrap();
    assert_eq!(owned, 1_000_000_000_000_000_000 - 1_000_000 - (1_000_000 - left));
}

/// What a node earned, by its book.
async fn book_earnings(market: &str, book: &str) -> Value {
    let words = ["earnings", "--local", market, "--book", book];
    let (code, told) = command(words.map(str::to_owned).to_vec(), "").await;
    assert_eq!((code, told.len(), told[0]["character"].as_str()), (0, 1, Some("Vesper Volt")), "{told:?}");
    told[0].clone()
}

/// Who earned claims it, and what was said can be shown.
async fn earnings_and_evidence(market: &str, talked: &str, base: &str, shown: &str) {
    let run = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()).collect(), "");
    let earned = ["earnings", "--local", market];
    let (code, told) = run(&earned).await;
    let claimable = told[0]["claimable"].clone();
    let of = |told: &Value| (told["character"].clone(), told["contributor"].clone(), told["claimed"].clone());
    assert_eq!((code, told.len(), of(&told[0])), (0, 1, ("Vesper Volt".into(), "Ada".into(), "0".into())), "{told:?}");
    assert_eq!(run(&["earnings", "--local", market, "--role", "consumer"]).await.1.len(), 0, "who has no shares");
    assert_eq!(run(&["earnings", "--local", market, "--role", "consumer", "--all", "--class", "1"]).await.1, told);
    let claim = ["claim", "1", "--local", market];
    let (code, told) = run(&claim).await;
    let claimed: u64 = told[0]["claimed"].as_str().unwrap().parse().unwrap();
    assert_eq!(claimable, claimed.to_string());
    assert_eq!(run(&["claim", "2", "--local", market]).await.1[0]["tokens"], 0, "who has no shares is told so");
    let told = run(&earned).await.1;
    assert_eq!((&told[0]["claimed"], &told[0]["claimable"]), (&claimable, &"0".into()), "{told:?}");
    for (form, first) in [("--csv", "tokenId,classId,version,character,"), ("", "token  class  version  character")] {
        let words = ["lazai", "earnings", "--local", market, form].into_iter().filter(|word| !word.is_empty());
        let mut out = Vec::new();
        let code = lazai_cli::run(words.map(Into::into), Box::new(std::io::empty()), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(
            code == 0 && out.starts_with(first) && out.contains("Vesper Volt") && out.contains(&claimed.to_string()),
            "{out}"
        );
    }
    assert!(code == 0 && claimed > 0, "{told:?}");
    let balance = run(&["balance", "--local", market, "--role", "creator"]).await.1;
    assert_eq!(balance[0]["balance"].as_str().unwrap(), claimed.to_string());
    assert_eq!(run(&claim).await.1[0]["claimed"], "0");
    let (code, told) = run(&["evidence", talked, "--local", market, "--base", base, "--out", shown]).await;
    assert_eq!(code, 0, "{told:?}");
    let [evidence, anchor] = ["evidence", "anchor"].map(|file| told[0][file].as_str().unwrap());
    let (code, told) = run(&["verify", evidence, "--anchor", anchor, "--words", talked]).await;
    assert_eq!((code, told[0]["holds"].as_bool()), (0, Some(true)), "{told:?}");
}

/// A proposal is made, voted on by several roles, executed, and listed as that.
async fn the_dao_decides(market: &str) {
    let run = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()).collect(), "");
    let local = ["--local", market];
    let (code, told) = run(&[&["propose", "6500", "2500", "1000"], &local[..]].concat()).await;
    assert_eq!((code, told[0]["proposal"].as_u64()), (0, Some(1)), "{told:?}");
    let vote = |role: &'static str| [&["vote", "1", "yes", "--role", role], &local[..]].concat();
    let execute = [&["execute", "1"], &local[..]].concat();
    assert_eq!(run(&vote("creator")).await.0, 0);
    let (code, told) = run(&execute).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("market")), "one of three is no majority");
    assert_eq!((run(&vote("node")).await.0, run(&execute).await.0), (0, 0));
    let (code, told) = run(&vote("consumer")).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("market")), "executed");
    assert_eq!((run(&vote("node")).await.0, run(&execute).await.0), (0, 0), "the same again changes nothing");
    let (code, told) = run(&vote("validator-9")).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (3, Some("keystore")), "no such role");
    let (code, told) = run(&[&["proposals"], &local[..]].concat()).await;
    let of = |field: &str| told[0][field].as_u64();
    assert_eq!((code, of("inFavour"), of("against"), told[0]["executed"].as_bool()), (0, Some(2), Some(0), Some(true)));
}

/// Serves on a thread until the input ends; gives the URL, and at the end the exit code.
fn serve_until(words: &[&str], input: std::io::PipeReader) -> (String, std::thread::JoinHandle<u8>) {
    let args: Vec<std::ffi::OsString> = ["lazai", "--json"].iter().chain(words).map(Into::into).collect();
    let (told, mut out) = std::io::pipe().unwrap();
    let serving = std::thread::spawn(move || lazai_cli::run(args, Box::new(std::io::BufReader::new(input)), &mut out));
    let mut told = std::io::BufReader::new(told);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut told, &mut line).unwrap();
    // What is told at the end is read, too, or telling it would fail.
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    let told: Value = serde_json::from_str(&line).unwrap();
    (told["url"].as_str().unwrap().to_owned(), serving)
}
