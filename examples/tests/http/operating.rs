//! A node that people operate: its file, limits, draining, earnings, and an authority of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use lazai::http::Limits;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use super::command_line::{command, keystore};
use super::*;

/// A node's file in a folder, with a key of its own.
struct NodeFile {
    folder: tempfile::TempDir,
    sections: Vec<(&'static str, String)>,
}

impl NodeFile {
    fn new(served: &Served) -> Self {
        let folder = tempfile::tempdir().unwrap();
        keystore(folder.path());
        let adapter = served.stage.exex().adapter_folder(served.minted.record.submission);
        let base = lazai_examples::stage::base_path().unwrap();
        let market = served.stage.home.path("");
        let sections = vec![
            ("market", format!("folder = {market:?}")),
            ("account", "keystore = \"key\"\npassword_file = \"password\"".into()),
            ("character", format!("base = {base:?}\nadapter = {adapter:?}\nclass = {}", served.minted.class)),
            ("terms", "prompt_price = 1\ncompletion_price = \"4\"\nreply_tokens = 200".into()),
            ("book", "folder = \"book\"".into()),
            ("listen", "address = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\ndrain_s = 60".into()),
        ];
        Self { folder, sections }
    }

    fn with(mut self, section: &'static str, lines: &str) -> Self {
        self.sections.retain(|(name, _)| *name != section);
        self.sections.push((section, lines.to_owned()));
        self
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The words of a command line that serves by it.
    fn words(&self) -> Vec<String> {
        let text: String = self.sections.iter().map(|(name, lines)| format!("[{name}]\n{lines}\n")).collect();
        std::fs::write(self.path("node.toml"), text).unwrap();
        vec!["serve".into(), "--config".into(), self.path("node.toml")]
    }

    async fn check(&self, more: &[&str]) -> (u8, Value) {
        let mut words = self.words();
        words.extend(more.iter().chain(&["--check"]).map(|word| (*word).to_owned()));
        let (code, told) = command(words, "").await;
        (code, told.last().cloned().unwrap_or_default())
    }
}

#[test]
fn a_node_is_operated() {
    with_runtime(async {
        let served = served().await;
        a_node_bounds_how_often_it_is_asked(&served).await;
        a_client_trusts_an_authority_of_its_own(&served).await;
        #[cfg(unix)]
        a_node_that_is_told_to_stop_ends_what_it_began(&served).await;
        a_file_of_a_node_is_checked(&served).await;
    });
}

/// Everything that a node needs is looked at before it serves; what is not in order is told with its code.
async fn a_file_of_a_node_is_checked(served: &Served) {
    let file = NodeFile::new(served);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file.path("password"), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (code, told) = file.check(&[]).await;
    assert_eq!((code, told["checked"][0]["model"].as_str()), (0, Some("dat:1:1")), "{told}");
    assert_eq!((told["checked"][0]["step"].as_str(), told["tls"].as_bool()), (Some("1824"), Some(false)));
    // The address of a node that runs may be checked, too.
    let taken = served.url.strip_prefix("http://").unwrap();
    let (code, told) = file.check(&["--address", taken]).await;
    assert_eq!((code, &told["inUse"]), (0, &json!([taken])), "{told}");
    // This version was published without a card before its conversations.
    let (_, told) = file.check(&[]).await;
    assert_eq!(told["checked"][0]["cardTokens"], json!(null), "{told}");
    assert!(told["inUse"] == json!([]) && told["warnings"] == json!([]), "{told}");
    // An adapter out of a store, by nothing but what the ledger says of the version.
    let market = served.stage.home.ledger().market();
    let version = market.class(served.minted.class).unwrap().version(served.minted.version).unwrap().metadata.clone();
    let (store, fetched) = (lazai::store::FolderStore::new(file.path("store")), file.path("fetched"));
    let kept = served.stage.exex().adapter_folder(served.minted.record.submission);
    lazai::adapters::keep(&store, &kept, &served.minted.record).await.unwrap();
    lazai::adapters::fetch(&store, &version, fetched.as_ref()).await.unwrap();
    let (code, told) = file.check(&["--adapter", &fetched]).await;
    assert_eq!((code, &told["adapterSealed"]), (0, &json!(false)), "{told}");
    // The same, encrypted for the account of this node, and for another.
    let key = LocalSigner::from_keystore(file.path("key").as_ref(), "a password").unwrap();
    for (signer, folder, expected) in [
        (&key, file.path("sealed"), (0, json!(true))),
        (&LocalSigner::random().unwrap(), file.path("other"), (4, json!(null))),
    ] {
        let at_rest = lazai::adapters::at_rest(signer).await.unwrap();
        lazai::adapters::fetch_at(&store, &version, folder.as_ref(), &at_rest).await.unwrap();
        let (code, told) = file.check(&["--adapter", &folder]).await;
        assert_eq!((code, told["adapterSealed"].clone()), expected, "{told}");
    }
    // The operator's page has no key: who opens it to everybody is told.
    let (code, told) = file.check(&["--operations", "0.0.0.0:0"]).await;
    assert!(code == 0 && told["warnings"][0].as_str().unwrap().contains("http://0.0.0.0:0"), "{told}");
    std::fs::write(file.path("wrong.pem"), "no certificate").unwrap();
    let wrong = file.path("wrong.pem");
    for (more, expected) in [
        (vec!["--tls-certificates", &wrong, "--tls-key", &wrong], (3, "tls")),
        (vec!["--tls-certificates", "nowhere.pem", "--tls-key", &wrong], (3, "tls")),
        (vec!["--session-s", "86401"], (1, "market")),
        (vec!["--session-s", "0"], (1, "market")),
        (vec!["--version", "9"], (3, "dat.unknown")),
        (vec!["--adapter", "nowhere"], (4, "file")),
        (vec!["--conversation-mb", "16"], (3, "model")),
        (vec!["--prompt-price=-1"], (3, "money.not_decimal")),
        (vec!["--address", "nowhere"], (3, "address")),
        (vec!["--address", "192.0.2.1:8028"], (3, "address")),
        (vec!["--trusted-proxy", "10.0.0.0/99"], (3, "address")),
        (vec!["--book", &wrong], (3, "config")),
    ] {
        let (code, told) = file.check(&more).await;
        assert_eq!((code, told["error"]["code"].as_str()), (expected.0, Some(expected.1)), "{more:?}: {told}");
    }
    // Without being asked to check, it does not start under terms that open no session.
    let mut words = file.words();
    words.extend(["--session-s".into(), "86401".into(), "--until-input-ends".into()]);
    let (code, told) = command(words, "").await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("market")), "{told:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str, mode| {
            std::fs::set_permissions(file.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("password", 0o644);
        let (_, told) = file.check(&[]).await;
        assert!(told["readableByOthers"].as_array().unwrap().contains(&file.path("password").into()), "{told}");
        std::fs::create_dir(file.path("book")).unwrap();
        mode("book", 0o777);
        let (code, told) = file.check(&[]).await;
        assert_eq!((code, told["error"]["code"].as_str()), (3, Some("config")), "{told}");
    }
    // What the parser refuses is told by the file's keys and lines, not by options that nobody wrote.
    let half = file.with("tls", "key = \"key.pem\"");
    let (code, told) = half.check(&[]).await;
    let message = told["error"]["message"].as_str().unwrap();
    assert!(code == 3 && message.contains("missing: tls.certificates") && !message.contains("--"), "{told}");
    let mut broken = half;
    broken.sections.retain(|(name, _)| *name != "tls");
    let broken = broken.with("limits", "addres_requests = 1");
    let (code, told) = broken.check(&[]).await;
    let message = told["error"]["message"].as_str().unwrap();
    assert!(code == 3 && message.contains("addres_requests") && message.contains("line "), "{told}");
}

/// A command line in a process of its own, which gets signals.
struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
    url: String,
    operations: String,
}

/// Serves as another test says, and ends with the command line's code.
#[test]
#[ignore = "the process of another test"]
fn a_process_that_serves() {
    let words: Vec<String> = serde_json::from_str(&std::env::var("LAZAI_TEST_SERVES").unwrap()).unwrap();
    let input = Box::new(BufReader::new(std::io::stdin()));
    let code = lazai_cli::run(words.into_iter().map(Into::into), input, &mut std::io::stdout());
    std::process::exit(code.into());
}

impl Process {
    fn start(file: &NodeFile) -> Self {
        let words = [vec!["lazai".to_owned(), "--json".into()], file.words()].concat();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "operating::a_process_that_serves", "--ignored", "--nocapture"]);
        command.env("LAZAI_TEST_SERVES", json!(words).to_string());
        command.stderr(std::fs::File::create(file.path("errors")).unwrap());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, said, url: String::new(), operations: String::new() };
        let told = process.told().unwrap();
        process.url = told["url"].as_str().unwrap().to_owned();
        process.operations = told["operations"].as_str().unwrap().to_owned();
        process
    }

    /// The next thing that it tells.
    fn told(&mut self) -> Option<Value> {
        let lines = self.said.by_ref().lines().map_while(Result::ok);
        lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()).find(Value::is_object)
    }

    fn signal(id: u32, name: &str) {
        assert!(Command::new("kill").args([format!("-{name}"), id.to_string()]).status().unwrap().success());
    }

    /// Waits for its end; gives its code and what it told last.
    fn end(mut self) -> (Option<i32>, Option<Value>) {
        let told = self.told();
        (self.child.wait().unwrap().code(), told)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(url: String) -> (u16, String, Option<u64>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(url).call().unwrap();
    let after = answer.headers().get("retry-after").map(|after| after.to_str().unwrap().parse().unwrap());
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap(), after)
}

/// Stopped by a signal, a node begins nothing, ends what it began, is paid and redeems.
#[cfg(unix)]
async fn a_node_that_is_told_to_stop_ends_what_it_began(served: &Served) {
    let file = NodeFile::new(served);
    let process = Process::start(&file);
    let (id, url, operations) = (process.child.id(), process.url.clone(), process.operations.clone());
    let node = HttpNode::new(&url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let consumer = served.stage.consumer().unwrap();
    let mut conversation = consumer.open(501, &offer, deposit(4_000)).await.unwrap();
    let settings = ReplySettings { min_tokens: Some(190), ..ReplySettings::default() };
    let words = vec![Message::new(Role::User, "Tell me a long story.")];
    let mut seen = None;
    let mut hear = |_: &str| {
        if seen.is_some() {
            return;
        }
        Process::signal(id, "TERM");
        // It hears the signal a moment later.
        let ready = (0..200).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            Some(get(format!("{operations}/ready"))).filter(|(status, ..)| *status == 503)
        });
        let metrics = get(format!("{operations}/metrics")).1;
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut refused = agent.post(format!("{url}/v1/chat/completions")).send(question("dat:1:1")).unwrap();
        let after = refused.headers().get("retry-after").unwrap().to_str().unwrap().to_owned();
        let body: Value = serde_json::from_str(&refused.body_mut().read_to_string().unwrap()).unwrap();
        seen = Some((ready, metrics, refused.status().as_u16(), body, after));
    };
    let reply = consumer.ask(&mut conversation, &node, words, settings, &mut hear).await.unwrap();
    assert!(reply.receipt.receipt.completion_tokens >= 190);
    let (ready, metrics, status, body, after) = seen.unwrap();
    assert_eq!(ready.unwrap().1, r#"{"status":"draining"}"#);
    assert!(metrics.contains("lazai_draining 1\n"));
    serving::names_of_dashboard_and_alerts_are_counted(&metrics);
    assert_eq!((status, body["error"]["code"].as_str(), after.as_str()), (503, Some("node.draining"), "30"), "{body}");
    let (code, told) = tokio::task::spawn_blocking(move || process.end()).await.unwrap();
    assert_eq!((code, told), (Some(0), Some(json!({"notRedeemed": 0, "cutOff": 0}))));
    let redeemed = served.stage.home.ledger().market().session(conversation.session).unwrap().redeemed;
    assert_eq!((redeemed, redeemed > Amount::ZERO), (conversation.owed(), true), "it was paid before it ended");

    // Two signals are no patience at all, and neither are no seconds to drain.
    for (listen, signals, expected) in [("drain_s = 60", 2, (Some(1), None)), ("drain_s = 0", 1, (Some(0), Some(1)))] {
        let file = NodeFile::new(served);
        let listen = format!("address = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\n{listen}");
        let file = file.with("listen", &listen);
        let process = Process::start(&file);
        let id = process.child.id();
        let node = HttpNode::new(&process.url).unwrap();
        let offer = node.models().await.unwrap().remove(0).offer;
        let mut conversation = consumer.open(502 + signals, &offer, deposit(4_000)).await.unwrap();
        let settings = ReplySettings { min_tokens: Some(190), ..ReplySettings::default() };
        let mut left = signals;
        let mut hear = |_: &str| {
            for _ in 0..std::mem::take(&mut left) {
                Process::signal(id, "INT");
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
        };
        let words = vec![Message::new(Role::User, "Tell me a long story.")];
        let broken = consumer.ask(&mut conversation, &node, words, settings, &mut hear).await.unwrap_err();
        assert!(matches!(broken, ConsumerError::Node(NodeError::Transport { .. })), "{broken}");
        let (code, told) = tokio::task::spawn_blocking(move || process.end()).await.unwrap();
        assert_eq!((code, told.map(|told| told["cutOff"].as_u64().unwrap())), expected);
        let errors = std::fs::read_to_string(file.path("errors")).unwrap();
        assert_eq!(errors.contains("stopping at once"), signals == 2, "{errors}");
    }
}

/// Who asks too often is told when to ask again; what others sign in a session's name counts nothing.
async fn a_node_bounds_how_often_it_is_asked(served: &Served) {
    let front = Front::new(served.provider.clone(), vec![Stage::offer_terms(&served.minted)]);
    let serving = front.spawn("127.0.0.1:0").unwrap();
    let operations = front.spawn_operations("127.0.0.1:0").unwrap();
    let url = serving.url();
    front.limit(Limits {
        address_requests: 3,
        limit_loopback: true,
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Limits::default()
    });
    let models = format!("{url}/v1/models");
    let from = move |address: &'static str| {
        let (url, agent) = (models.clone(), ureq::Agent::config_builder().http_status_as_error(false).build());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = agent.into();
            let get = agent.get(url);
            let get = if address.is_empty() { get } else { get.header("x-forwarded-for", address) };
            let mut answer = get.call().unwrap();
            let after = answer.headers().get("retry-after").map(|after| after.to_str().unwrap().to_owned());
            let body: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
            (answer.status().as_u16(), after, body)
        })
    };
    for _ in 0..3 {
        assert_eq!(from("").await.unwrap().0, 200);
        assert_eq!(from("192.0.2.1, 198.51.100.7").await.unwrap().0, 200);
    }
    for address in ["", "203.0.113.1, 198.51.100.7"] {
        let (status, after, body) = from(address).await.unwrap();
        assert_eq!((status, after.as_deref()), (429, Some("20")));
        assert_eq!(body["error"]["code"], "node.rate_limited");
        assert_eq!(body["error"]["type"], "rate_limit_error");
    }
    let health = format!("{url}/health");
    assert_eq!(tokio::task::spawn_blocking(move || get(health)).await.unwrap().0, 200, "others' health checks go on");

    front.limit(Limits { session_requests: 1, consumer_requests: 2, ..Limits::default() });
    let node = HttpNode::new(&url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let consumer = served.stage.consumer().unwrap();
    let mut conversation = consumer.open(511, &offer, deposit(1_000)).await.unwrap();
    // A stranger's signature empties nobody's bucket.
    let (domain, stranger) =
        (served.stage.home.ledger().market().domain().clone(), served.stage.home.signer("creator"));
    let words = vec![Message::new(Role::User, "Hi")];
    let forged = conversation.request(&domain, &*stranger, words, ReplySettings::default()).await.unwrap();
    for _ in 0..3 {
        assert!(
            matches!(node.chat(&forged, &mut |_| ()).await, Err(NodeError::Refused { code, .. }) if code == "node.market")
        );
    }
    consumer.say(&mut conversation, &node, "Hi", &mut |_| ()).await.unwrap();
    let limited = |error: ConsumerError| matches!(error, ConsumerError::Node(NodeError::Refused { code, .. }) if code == "node.rate_limited");
    assert!(limited(consumer.say(&mut conversation, &node, "Hi again", &mut |_| ()).await.unwrap_err()));
    let mut second = consumer.open(512, &offer, deposit(1_000)).await.unwrap();
    consumer.say(&mut second, &node, "Hi", &mut |_| ()).await.unwrap();
    let mut third = consumer.open(513, &offer, deposit(1_000)).await.unwrap();
    assert!(limited(consumer.say(&mut third, &node, "Hi", &mut |_| ()).await.unwrap_err()));
    let metrics = format!("{}/metrics", operations.url());
    let text = tokio::task::spawn_blocking(move || get(metrics)).await.unwrap().1;
    for (by, count) in [("address", 2), ("session", 1), ("consumer", 1)] {
        assert!(text.contains(&format!("lazai_limited_total{{by=\"{by}\"}} {count}\n")), "{by}: {text}");
    }
    assert!(text.contains("lazai_requests_total{outcome=\"limited\"} 2\n"), "{text}");
}

/// A node whose certificate an authority of one's own signed is talked with by who names that authority, and by nobody else.
async fn a_client_trusts_an_authority_of_its_own(served: &Served) {
    let file = NodeFile::new(served);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(file.path("certificate.pem"), certificate.pem()).unwrap();
    std::fs::write(file.path("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(file.path("ca.pem"), authority.pem()).unwrap();
    let files = TlsFiles { certificates: file.path("certificate.pem").into(), key: file.path("key.pem").into() };
    let front = Front::new(served.provider.clone(), vec![Stage::offer_terms(&served.minted)]);
    let serving = front.spawn_tls("127.0.0.1:0", &files).unwrap();
    let strange = HttpNode::new(&serving.url()).unwrap();
    assert!(matches!(strange.models().await, Err(NodeError::Transport { .. })), "no public authority signed it");
    let ours = strange.clone().with_root_certificates(authority.pem().as_bytes()).unwrap();
    assert_eq!(ours.models().await.unwrap()[0].id, "dat:1:1");
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let theirs = strange.clone().with_root_certificates(other.cert.pem().as_bytes()).unwrap();
    assert!(matches!(theirs.models().await, Err(NodeError::Transport { .. })), "another authority");
    for wrong in ["", "no certificate", &key.serialize_pem()] {
        assert!(strange.clone().with_root_certificates(wrong.as_bytes()).is_err(), "{wrong}");
    }
    // So does the command line: the key has no money, so the session is refused by the ledger, behind the line.
    let chat = |ca: &[&str]| {
        let words = ["chat", "--node", &serving.url(), "--deposit", "1000", "--market"].map(str::to_owned);
        let market = served.stage.home.path("").display().to_string();
        let more = ["--conversation", &file.path("talk.json"), "--keystore", &file.path("key")].map(str::to_owned);
        let password = ["--password-file", &file.path("password")].map(str::to_owned);
        let ca = ca.iter().map(|word| (*word).to_owned());
        command(words.into_iter().chain([market]).chain(more).chain(password).chain(ca).collect(), "Hi\n")
    };
    let (code, told) = chat(&[]).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (4, Some("node.transport")));
    let message = told[0]["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&serving.url()) && message.contains("--ca"), "{message}");
    let (code, told) = chat(&["--ca", &file.path("ca.pem")]).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (1, Some("market")), "{told:?}");
    let (code, told) = chat(&["--ca", &file.path("key.pem")]).await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (3, Some("tls")), "{told:?}");
}
