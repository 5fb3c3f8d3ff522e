//! The proxy on the command line, and its receipts.

use super::command_line::command;
use super::*;

/// Output that is read while it is written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// An agent over the standard streams: all that is printed is the protocol's, and the budget is the operator's.
pub async fn the_command_line_serves_an_agent(served: &Served) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let home = &served.stage.home;
    home.key("consumer").to_keystore(folder.path(), "key", "a password").unwrap();
    std::fs::write(path("password"), "a password\n").unwrap();
    std::fs::write(path("card.json"), include_bytes!("../../cyber-diva/card.json")).unwrap();
    let market = home.path("").display().to_string();
    let args: Vec<String> = [
        ["lazai", "mcp", "--market", &market, "--keystore", &path("key")].map(String::from).to_vec(),
        ["--password-file", &path("password"), "--node", &served.url, "--folder", &path("agent"), "--files", &path("")]
            .map(String::from)
            .to_vec(),
        ["--budget", "5000", "--deposit", "1000", "--reply", "300"].map(String::from).to_vec(),
    ]
    .concat();
    let call = |id: u32, tool: &str, arguments: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
            .to_string()
    };
    let lines = [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "1.0.0"}}).to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        call(1, "lazai_characters", json!({})),
        call(2, "lazai_inspect", json!({"path": "card.json"})),
        call(3, "lazai_say", json!({"message": "Who are you?", "max_tokens": 3})),
        "garbage".to_owned(),
    ];
    let input = std::io::Cursor::new(lines.join("\n").into_bytes());
    let out = Shared::default();
    let mut writes = out.clone();
    let running = tokio::task::spawn_blocking(move || {
        lazai_cli::run(args.into_iter().map(Into::into), Box::new(input), &mut writes)
    });
    assert_eq!(running.await.unwrap(), 0);
    let answers = out.lines();
    assert_eq!(answers.len(), 5, "{answers:?}");
    let of = |id: u32| answers.iter().find(|answer| answer["id"] == id).unwrap()["result"].clone();
    assert_eq!(of(0)["protocolVersion"], "2025-11-25");
    assert!(of(1)["content"][0]["text"].as_str().unwrap().contains("dat:1:1"));
    assert_eq!(of(2)["structuredContent"]["kind"], "character");
    assert_eq!(of(3)["structuredContent"]["character"], "dat:1:1", "{answers:?}");
    // What was promised is in its folder, and found by the other verb.
    let words = ["receipts", &path("agent"), "--market", &market].map(String::from).to_vec();
    let (code, lines) = command(words, "").await;
    assert_eq!((code, lines.len(), lines[0]["trust"].as_str()), (0, 2, Some("checked")), "{lines:?}");
}

/// A proxy pays for a client, and its receipts are found again.
pub async fn the_command_line_runs_a_proxy(served: &Served) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let home = &served.stage.home;
    home.key("consumer").to_keystore(folder.path(), "key", "a password").unwrap();
    std::fs::write(path("password"), "a password\n").unwrap();
    let market = home.path("").display().to_string();
    let args: Vec<String> = [
        ["lazai", "--json", "proxy", "--market", &market, "--keystore", &path("key")].map(String::from).to_vec(),
        ["--password-file", &path("password"), "--node", &served.url, "--folder", &path("proxy")]
            .map(String::from)
            .to_vec(),
        ["--budget", "5000", "--deposit", "1000", "--reply", "300", "--day", "600"].map(String::from).to_vec(),
        ["--address", "127.0.0.1:0", "--until-input-ends"].map(String::from).to_vec(),
    ]
    .concat();
    let (out, (input, end)) = (Shared::default(), std::io::pipe().unwrap());
    let (mut writes, words) = (out.clone(), args.clone());
    let running = std::thread::spawn(move || {
        lazai_cli::run(words.into_iter().map(Into::into), Box::new(std::io::BufReader::new(input)), &mut writes)
    });
    while out.lines().is_empty() {
        assert!(!running.is_finished(), "{:?}", out.lines());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = out.lines().remove(0);
    let mut headers = json_type();
    headers.push(("authorization", format!("Bearer {}", told["key"].as_str().unwrap())));
    let mut prices = Vec::new();
    let refused = loop {
        let url = format!("{}/chat/completions", told["url"].as_str().unwrap());
        let (status, body, _) = call(url, headers.clone(), question("dat:1:1")).await;
        if status != 200 {
            break (status, body["error"]["code"].as_str().unwrap().to_owned());
        }
        prices.push(body["lazai"]["receipt"]["receipt"]["cumulative"].as_str().unwrap().parse::<u128>().unwrap());
        assert!(prices.len() < 100);
    };
    assert_eq!(refused, (402, "loopback.budget.day".into()));
    drop(end);
    assert_eq!(running.join().unwrap(), 0);
    let spent = out.lines()[1]["spent"].as_str().unwrap().to_owned();
    assert_eq!(prices.last().unwrap().to_string(), spent, "in one session");
    // An address that others reach is refused.
    let mut open = args;
    *open.iter_mut().find(|word| *word == "127.0.0.1:0").unwrap() = "0.0.0.0:0".into();
    let (code, told) = command(open[2..].to_vec(), "").await;
    assert_eq!((code, told[0]["error"]["code"].as_str()), (4, Some("io")), "{told:?}");

    let receipts = |more: &[&str]| {
        let words = ["receipts".to_owned(), path("proxy")].into_iter();
        command(words.chain(more.iter().map(|word| (*word).to_owned())).collect(), "")
    };
    let (code, lines) = receipts(&["--market", &market]).await;
    let (last, listed) = lines.split_last().unwrap();
    assert_eq!((code, listed.len(), last["sum"].as_str(), &last["wrong"]), (0, prices.len(), Some(&*spent), &json!(0)));
    assert!(listed.iter().all(|receipt| receipt["trust"] == "checked" && receipt["promised"] == true), "{listed:?}");
    assert_eq!(receipts(&[]).await.1[0]["trust"], "claimed");
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(listed[0]["receivedAtS"].as_u64().unwrap().abs_diff(now_s) < 600);
    let first = prices[0].to_string();
    for (search, found) in [
        (vec!["--character", "dat:1:1"], prices.len()),
        (vec!["--character", "2"], 0),
        (vec!["--session", listed[0]["session"].as_str().unwrap()], prices.len()),
        (vec!["--day", "1999-12-31"], 0),
        (vec!["--least", &first, "--most", &first, "--character", "1"], {
            listed.iter().filter(|receipt| receipt["price"] == *first).count()
        }),
    ] {
        assert_eq!(receipts(&search).await.1.len(), found + 1, "{search:?}");
    }
    // One that somebody wrote over is found out.
    let conversations = folder.path().join("proxy/conversations");
    let file = std::fs::read_dir(&conversations).unwrap().next().unwrap().unwrap().path();
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    kept["conversation"]["receipts"][0]["receipt"]["receipt"]["cumulative"] = "1".into();
    std::fs::write(&file, kept.to_string()).unwrap();
    let (code, lines) = receipts(&["--market", &market]).await;
    assert_eq!((code, lines[0]["trust"].as_str()), (1, Some("wrong")), "{lines:?}");
    let csv = {
        let words = ["lazai", "receipts", &path("proxy"), "--csv"].map(String::from);
        let mut out = Vec::new();
        lazai_cli::run(words.map(Into::into), Box::new(&b""[..]), &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(csv.lines().count(), prices.len() + 1, "{csv}");
    assert!(csv.starts_with("received,model,session,turn,"), "{csv}");
}
