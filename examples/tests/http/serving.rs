//! The server for programs without a runtime.

use super::*;

/// A reply that is being made when the server stops is delivered; a client that never finishes its request is hung up on.
pub async fn a_server_of_its_own_is_patient_and_not_too_patient(served: &Served) {
    let terms = Stage::offer_terms(&served.minted);
    let serving = Front::new(served.provider.clone(), vec![terms]).spawn("127.0.0.1:0").unwrap();
    let (address, node) = (serving.address(), HttpNode::new(&serving.url()).unwrap());
    let idle = |begun: &'static [u8]| {
        tokio::task::spawn_blocking(move || {
            let mut line = std::net::TcpStream::connect(address).unwrap();
            line.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
            line.write_all(begun).unwrap();
            let mut answer = String::new();
            // Hanging up may come as a reset.
            let _ = line.read_to_string(&mut answer);
            answer
        })
    };
    let (head, body) = (
        idle(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-le"),
        idle(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{"),
    );
    let model = node.models().await.unwrap().remove(0);
    assert_eq!(head.await.unwrap().split(' ').nth(1).unwrap_or("408"), "408");
    let said = body.await.unwrap();
    assert!(said.contains("408") && said.contains("request.timeout"), "{said}");
    // The line of the first request is idle since then: who pauses between replies does not notice.
    let consumer = served.stage.consumer().unwrap();
    let conversation = consumer.open(7, &model.offer, deposit(1_000)).await.unwrap();
    let domain = served.stage.home.ledger().market().domain().clone();
    let (signer, words) = (served.stage.home.signer("consumer's app"), vec![Message::new(Role::User, "Who are you?")]);
    let request = conversation.request(&domain, &*signer, words, ReplySettings::default()).await.unwrap();
    let mut stopping = Some(serving);
    let mut stopped = None;
    let mut hear = |_: &str| {
        stopped = stopped.take().or_else(|| stopping.take().map(|serving| std::thread::spawn(move || drop(serving))));
    };
    let reply = node.chat(&request, &mut hear).await;
    assert!(!reply.unwrap().text.is_empty());
    tokio::task::spawn_blocking(move || stopped.unwrap().join()).await.unwrap().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// A node that is busy is asked again, whatever is sent.
pub async fn clients_wait_for_a_node_that_is_busy(served: &Served) {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let answer = move || {
        let mut asked = count.lock().unwrap();
        *asked += 1;
        let (status, code) = if *asked % 3 == 0 { (204, "") } else { (503, "node.busy") };
        let body = json!({"error": {"message": "later", "code": code}}).to_string();
        std::future::ready((axum::http::StatusCode::from_u16(status).unwrap(), body))
    };
    let url = listen(axum::Router::new().fallback(answer)).await;
    // It tells no models, and so no key.
    let node = HttpNode::new(&url).unwrap().with_sealing(Sealing::Off);
    let terms = served.stage.offer(&served.provider, &served.minted).await.unwrap();
    let session = lazai::core::SessionId::from_bytes([1; 32]);
    let voucher = terms.offer.voucher(session, UNITS(1));
    node.pay(&lazai::node::SignedVoucher { voucher, signature: terms.signature }).await.unwrap();
    let mut said = Vec::new();
    let status = node.post("/", Vec::new(), String::new(), &mut |bytes| said.extend_from_slice(bytes)).await.unwrap();
    assert_eq!((status, said.len(), *asked.lock().unwrap()), (204, 0, 6));
}

/// What the operator looks at is told at an address of its own, and counts what was served.
pub async fn the_operator_sees_what_is_served(served: &Served) {
    let front = Front::new(served.provider.clone(), vec![Stage::offer_terms(&served.minted)]);
    let (url, operations) = (listen(front.router()).await, front.spawn_operations("127.0.0.1:0").unwrap());
    let get = |path: &str| {
        let url = format!("{}{path}", operations.url());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = agent.get(url).call().unwrap();
            (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
        })
    };
    assert_eq!(get("/ready").await.unwrap(), (200, r#"{"status":"ready"}"#.to_owned()));
    // Nobody pays, somebody asks for what is not there, and somebody is answered.
    call(format!("{url}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
    call(format!("{url}/v1/chat/completions"), json_type(), "{}".into()).await;
    let (consumer, node) = (served.stage.consumer().unwrap(), HttpNode::new(&url).unwrap());
    let offer = node.models().await.unwrap().remove(0).offer;
    let mut conversation = consumer.open(77, &offer, deposit(2_000)).await.unwrap();
    let words = "a secret that no count tells";
    let said = consumer.say(&mut conversation, &node, words, &mut |_| ()).await.unwrap();
    let (status, text) = get("/metrics").await.unwrap();
    assert_eq!(status, 200);
    let value = |line: &str| -> f64 {
        let found =
            text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_else(|| panic!("{line} in {text}"));
        found.trim().parse().unwrap()
    };
    for (outcome, count) in [("unpaid", 1.0), ("refused", 1.0), ("served", 1.0)] {
        assert_eq!(value(&format!("lazai_requests_total{{outcome=\"{outcome}\"}}")), count, "{outcome}");
    }
    let receipt = said.receipt.receipt;
    assert_eq!(value("lazai_tokens_total{kind=\"completion\"}"), receipt.completion_tokens as f64);
    assert_eq!(value("lazai_first_piece_seconds_count"), 1.0);
    let money =
        |kind: &str| value(&format!("lazai_money_base_units{{asset=\"{}\",kind=\"{kind}\"}}", offer.offer.asset.0));
    let mine = conversation.owed().base_units() as f64;
    assert!(
        money("owed") >= mine
            && money("signed") >= mine
            && money("at_risk") >= mine
            && money("owed") >= money("signed")
    );
    assert!(text.ends_with("# EOF\n") && !text.contains("secret") && !text.contains(&conversation.session.to_string()));
    let before = money("redeemed");
    served.provider.redeem(conversation.session).await.unwrap();
    let earned = served.provider.earnings().await.unwrap()[&offer.offer.asset];
    assert!(earned.redeemed.base_units() as f64 >= before + mine && earned.signed >= earned.redeemed);
}

/// Every metric that dashboard and alerts name, with every value of a label, is one that a node tells.
pub fn names_of_dashboard_and_alerts_are_counted(metrics: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("operate");
    for file in ["dashboard.json", "alerts.yml"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap().replace("\\\"", "\"");
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut names = 0;
        for (place, _) in text.match_indices("lazai_") {
            let name: String = text[place..].chars().take_while(|c| is_name(*c)).collect();
            let samples: Vec<&str> = metrics
                .lines()
                .filter(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['{', ' '])))
                .collect();
            assert!(!samples.is_empty(), "{file} names {name}, which no node tells");
            let labels = text[place + name.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
            for label in labels.map_or("", |(labels, _)| labels).split(',').filter(|l| l.contains("=\"")) {
                assert!(samples.iter().any(|sample| sample.contains(label)), "{file}: no {name} has {label}");
            }
            names += 1;
        }
        assert!(names > 5, "{file}");
    }
}

/// Behind TLS, a node is one only to who trusts its certificate.
pub async fn a_server_with_tls_is_known_by_its_certificate(served: &Served) {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificates: folder.path().join("certificate.pem"), key: folder.path().join("key.pem") };
    let front = Front::new(served.provider.clone(), vec![Stage::offer_terms(&served.minted)]);
    assert!(front.spawn_tls("127.0.0.1:0", &files).is_err());
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let serving = front.spawn_tls("127.0.0.1:0", &files).unwrap();
    let (url, address) = (serving.url(), serving.address());
    assert!(url.starts_with("https://"));
    let asked = tokio::task::spawn_blocking(move || {
        let root = ureq::tls::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let tls =
            ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::Specific(Arc::new(vec![root]))).build();
        let trusting: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
        let mut answer = trusting.get(format!("{url}/v1/models")).call().unwrap();
        let models: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(models["data"][0]["id"], "dat:1:1");
        assert!(ureq::get(format!("{url}/health")).call().is_err(), "a stranger's certificate");
        // Other people's clients think so too, where there are some.
        let (at, root) = (address.to_string(), files.certificates.display().to_string());
        let health = format!("{url}/health");
        for (program, args, said) in [
            ("curl", ["--silent", "--fail", "--cacert", &root, &health, "--tlsv1.3"], r#"{"status":"ok"}"#),
            (
                "openssl",
                ["s_client", "-connect", &at, "-CAfile", &root, "-verify_return_error"],
                "Verify return code: 0 (ok)",
            ),
        ] {
            match std::process::Command::new(program).args(args).stdin(std::process::Stdio::null()).output() {
                Ok(output) => assert!(String::from_utf8_lossy(&output.stdout).contains(said), "{program}: {output:?}"),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{program}: {error}"),
            }
        }
        // Without TLS, nothing is answered.
        assert!(ureq::get(format!("http://{address}/health")).call().is_err());
    });
    asked.await.unwrap();
}
