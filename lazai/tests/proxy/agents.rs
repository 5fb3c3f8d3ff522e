//! Agents at the proxy: its characters as tools (MCP), over HTTP and over lines, and as agents (A2A).

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lazai::http::HttpNode;
use serde_json::{Value, json};

use super::stage::*;

/// What an agent waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

fn post(url: &str, key: Option<&str>, body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut post = agent.post(url).header("content-type", "application/json");
    if let Some(key) = key {
        post = post.header("authorization", format!("Bearer {key}"));
    }
    let mut answer = post.send(body).unwrap();
    let status = answer.status().as_u16();
    (status, answer.body_mut().read_to_string().unwrap())
}

fn rpc(url: &str, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let (status, answer) = post(url, None, body.to_string().as_bytes());
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)));
    answer
}

/// Calls a tool: it answers before an agent gives up.
fn call(url: &str, tool: &str, arguments: &Value) -> Value {
    let begun = Instant::now();
    let answer = rpc(&format!("{url}/mcp"), "tools/call", &json!({"name": tool, "arguments": arguments}));
    assert!(begun.elapsed() < PATIENCE, "{tool} took {:?}", begun.elapsed());
    let result = answer["result"].clone();
    assert_eq!(result["content"][0]["type"], "text", "{answer}");
    result
}

/// What a tool answers that does its work.
fn facts(url: &str, tool: &str, arguments: &Value) -> Value {
    let result = call(url, tool, arguments);
    assert_eq!(result["isError"], false, "{result}");
    result["structuredContent"].clone()
}

/// The code of a tool's error, which its words begin with.
fn refused(url: &str, tool: &str, arguments: &Value) -> String {
    let result = call(url, tool, arguments);
    assert_eq!(result["isError"], true, "{result}");
    let code = result["structuredContent"]["error"]["code"].as_str().unwrap().to_owned();
    assert!(result["content"][0]["text"].as_str().unwrap().starts_with(&code), "{result}");
    code
}

#[test]
fn an_agent_finds_a_character_talks_and_verifies() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2)).router());
    let (url, mcp) = (&proxy.url, format!("{}/mcp", proxy.url));
    for (asked, met) in [("1.0.0", "2025-11-25"), ("2025-03-26", "2025-03-26"), ("2026-07-28", "2025-11-25")] {
        let begun = rpc(&mcp, "initialize", &json!({"protocolVersion": asked, "capabilities": {}}));
        assert_eq!(begun["result"]["protocolVersion"], met);
    }
    let (status, answer) = post(&mcp, None, br#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#);
    assert_eq!((status, answer.as_str()), (202, ""));
    assert_eq!(rpc(&mcp, "server/discover", &json!({}))["error"]["code"], -32_601);
    let tools = rpc(&mcp, "tools/list", &json!({}));
    let names: Vec<&str> =
        tools["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let known = ["characters", "say", "reply", "verify", "balance", "receipts"].map(|name| format!("lazai_{name}"));
    assert_eq!(names, known);
    let characters = facts(url, "lazai_characters", &Value::Null);
    assert_eq!(characters["characters"][0]["id"], MODEL);
    assert_eq!(characters["characters"][0]["completion_price"], "3");

    let said = call(url, "lazai_say", &json!({"message": "Who are you?", "max_tokens": 5}));
    let first = &said["structuredContent"];
    assert_eq!((&first["status"], &first["receipt"]["completion_tokens"]), (&json!("done"), &json!(5)), "{said}");
    assert_eq!(said["content"][0]["text"], first["text"]);
    assert!(first["text"].as_str().unwrap().len() > 5 && first["receipt"]["checked"]["tokens"] == "counted", "{said}");
    // The conversation goes on: the node reads what was said before.
    let again = json!({"message": "And now?", "conversation": first["conversation"]});
    let second = facts(url, "lazai_say", &again);
    let read = |reply: &Value| reply["receipt"]["prompt_tokens"].as_u64().unwrap();
    assert!(read(&second) > read(first) + 5, "{second}");
    assert_eq!(facts(url, "lazai_reply", &json!({"handle": second["handle"]})), second);

    let receipts = facts(url, "lazai_receipts", &json!({"limit": 9}));
    let listed = receipts["receipts"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|receipt| receipt["trust"] == "checked"), "{receipts}");
    let paid: u128 = [first, &second].iter().map(|reply| number(&reply["receipt"]["price"])).sum();
    assert_eq!(paid, listed.iter().map(|receipt| number(&receipt["price"])).sum::<u128>());
    let balance = facts(url, "lazai_balance", &json!({}));
    assert_eq!((number(&balance["budget"]["spent"]), number(&balance["balance"])), (paid, stage.funds()));

    let session = &second["receipt"]["session"];
    for asked in [json!({"session": session}), json!({"session": session, "turn": 1}), json!({"character": MODEL})] {
        let verified = facts(url, "lazai_verify", &asked);
        assert_eq!((&verified["holds"], &verified["character"]), (&json!(true), &json!(MODEL)), "{verified}");
        let links = verified["links"].as_array().unwrap();
        assert!(links.iter().any(|link| link["trust"] == "claimed" && link["name"] == "adapter and base"));
    }
    // What is changed in the folder is seen.
    let file = stage.path("proxy/conversations").join(session.as_str().unwrap()).with_extension("json");
    let kept = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, kept.replacen("\"completion_tokens\": 5", "\"completion_tokens\": 4", 1)).unwrap();
    assert_eq!(facts(url, "lazai_verify", &json!({"session": session, "turn": 1}))["holds"], false);

    for (tool, arguments, code) in [
        ("lazai_say", json!({"message": "Hi", "character": "dat:9:9"}), "request.model"),
        ("lazai_say", json!({"message": "Hi", "character": "nobody"}), "request.model"),
        ("lazai_say", json!({"message": "Hi", "conversation": "c"}), "agent.conversation"),
        ("lazai_say", json!({"message": "x".repeat((64 << 10) + 1)}), "request.too_large"),
        ("lazai_say", json!({"words": "Hi"}), "request.invalid"),
        ("lazai_say", json!(["Hi"]), "request.invalid"),
        ("lazai_say", json!({"message": "Hi", "max_tokens": -1}), "request.invalid"),
        ("lazai_reply", json!({"handle": "h"}), "agent.handle"),
        ("lazai_verify", json!({"session": "0x12"}), "agent.receipt"),
        ("lazai_verify", json!({"session": session, "turn": 9}), "agent.receipt"),
        ("lazai_verify", json!({"character": "dat:9:9"}), "request.model"),
    ] {
        assert_eq!(refused(url, tool, &arguments), code, "{tool} {arguments}");
    }
    for tool in ["lazai_inspect", "rm", ""] {
        assert_eq!(rpc(&mcp, "tools/call", &json!({"name": tool}))["error"]["code"], -32_602);
    }
}

#[test]
fn a_slow_reply_is_fetched_by_its_handle() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(100));
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2)).router());
    let url = &proxy.url;
    let begun = facts(url, "lazai_say", &json!({"message": "Who are you?"}));
    assert_eq!((&begun["status"], &begun["receipt"]), (&json!("working"), &Value::Null));
    assert!(!begun["text"].as_str().unwrap().is_empty(), "what is there is told");
    let more = json!({"message": "And?", "conversation": begun["conversation"]});
    assert_eq!(refused(url, "lazai_say", &more), "agent.turn");
    let mut reply = Value::Null;
    for _ in 0..9 {
        reply = facts(url, "lazai_reply", &json!({"handle": begun["handle"]}));
        if reply["status"] == "done" {
            break;
        }
    }
    assert_eq!(reply["receipt"]["completion_tokens"], 40, "{reply}");
    assert!(reply["text"].as_str().unwrap().starts_with(begun["text"].as_str().unwrap()));
    assert_eq!(facts(url, "lazai_receipts", &json!({}))["receipts"].as_array().unwrap().len(), 1);
}

#[test]
fn no_agent_spends_more_than_the_budget() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let mut front = Listening::on(front(&node, 3));
    let total = 4 * STEP;
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(total, 2 * STEP, 2)).router());
    let url = &proxy.url;
    let asking = |number: usize| {
        let result = call(url, "lazai_say", &json!({"message": format!("Number {number}?"), "character": MODEL}));
        match &result["structuredContent"] {
            told if result["isError"] == false => (told["status"] == "done").then(|| told["handle"].to_string()),
            told => {
                let code = told["error"]["code"].as_str().unwrap();
                assert!(code.starts_with("loopback."), "{result}");
                None
            }
        }
    };
    let done: usize = (0..4)
        .map(|round| {
            std::thread::scope(|scope| {
                let asking: Vec<_> = (0..4).map(|place| scope.spawn(move || asking(4 * round + place))).collect();
                asking.into_iter().filter_map(|asked| asked.join().unwrap()).count()
            })
        })
        .sum();
    let spent = number(&told(url)["spent"]);
    assert!(done >= 1 && 0 < spent && spent <= total, "{done} replies, {spent} of {total}");
    front.kill();
    let code = refused(url, "lazai_characters", &json!({}));
    assert_eq!(code, "node.transport");
}

#[test]
fn lines_are_answered_whatever_comes() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let proxy = stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2));
    let (reader, mut to) = std::io::pipe().unwrap();
    let (from, mut writer) = std::io::pipe().unwrap();
    let serving = std::thread::spawn(move || {
        let served = proxy.serve_lines(Box::new(BufReader::new(reader)), &mut writer);
        drop(writer);
        served
    });
    let say = json!({"name": "lazai_say", "arguments": {"message": "Hi", "max_tokens": 3}});
    let asked = [
        "no JSON".to_owned(),
        String::new(),
        "x".repeat((1 << 20) + 9),
        json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).to_string(),
        json!({"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}).to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled"}).to_string(),
        json!({"jsonrpc": "2.0", "id": "p", "method": "ping"}).to_string(),
        json!({"jsonrpc": "2.0", "id": "s", "method": "tools/call", "params": say}).to_string(),
        json!({"jsonrpc": "2.0", "id": "m", "method": "resources/list"}).to_string(),
    ];
    let sending = std::thread::spawn(move || {
        for line in asked {
            to.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        // A last line without an end counts, too.
        to.write_all(br#"{"jsonrpc": "2.0", "id": "last", "method": "ping"}"#).unwrap();
    });
    let answers: Vec<Value> =
        BufReader::new(from).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    sending.join().unwrap();
    serving.join().unwrap().unwrap();
    let of = |id: &str| answers.iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("{id}: {answers:?}"));
    let mut codes: Vec<i64> =
        answers.iter().filter(|a| a["id"].is_null()).map(|a| a["error"]["code"].as_i64().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [-32_700, -32_600, -32_600, -32_600]);
    assert_eq!((&of("p")["result"], &of("last")["result"]), (&json!({}), &json!({})));
    assert_eq!(of("m")["error"]["code"], -32_601);
    assert_eq!(of("s")["result"]["structuredContent"]["receipt"]["completion_tokens"], 3);
    assert_eq!(answers.len(), 8);
}

#[test]
fn files_are_looked_at_in_one_folder_alone() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let folder = stage.path("files");
    std::fs::create_dir_all(folder.join("cards")).unwrap();
    let card = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cyber-diva/card.json");
    std::fs::copy(&card, folder.join("cards/diva.json")).unwrap();
    std::fs::copy(&card, stage.path("secret.json")).unwrap();
    let proxy = stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2)).with_files(&folder);
    let proxy = Listening::on(proxy.router());
    let looked = facts(&proxy.url, "lazai_inspect", &json!({"path": "cards/diva.json"}));
    assert_eq!(looked["kind"], "character");
    #[cfg(unix)]
    std::os::unix::fs::symlink(stage.path("secret.json"), folder.join("link.json")).unwrap();
    let absolute = stage.path("secret.json").display().to_string();
    for path in ["../secret.json", "cards/../../secret.json", &absolute, "link.json", "cards", "none.json", ""] {
        assert_eq!(refused(&proxy.url, "lazai_inspect", &json!({"path": path})), "agent.file", "{path}");
    }
}

/// Agents start a server while the one before still ends.
#[test]
fn a_folder_that_is_about_to_be_free_is_waited_for() {
    let stage = Stage::new();
    let open = || {
        let nodes = vec![HttpNode::new("http://127.0.0.1:9").unwrap()];
        lazai::http::Loopback::open(stage.consumer(), nodes, budget(1_000, 500, 1), stage.path("proxy"))
    };
    let first = open().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            drop(first);
        });
        assert!(open().is_ok());
    });
    let held = open().unwrap();
    assert!(open().is_err(), "one at a time");
    drop(held);
}

fn message(words: &str, id: &str) -> Value {
    json!({"message": {"messageId": id, "role": "ROLE_USER", "parts": [{"text": words}]}})
}

/// The results of a stream's events.
fn streamed(url: &str, method: &str, params: &Value) -> Vec<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let (status, events) = post(url, None, body.to_string().as_bytes());
    assert_eq!(status, 200);
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str::<Value>(data).unwrap()["result"].clone()).collect()
}

#[test]
fn a_character_is_an_agent_that_others_talk_to() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let proxy = Listening::on(stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 2)).router());
    let (all, one) = (format!("{}/a2a", proxy.url), format!("{}/a2a/{MODEL}", proxy.url));
    for (endpoint, card) in [(&all, &proxy.url), (&one, &one)] {
        let card =
            ureq::get(format!("{card}/.well-known/agent-card.json")).call().unwrap().into_body().read_to_string();
        let card: Value = serde_json::from_str(&card.unwrap()).unwrap();
        assert_eq!((card["url"].as_str().unwrap(), &card["skills"][0]["id"]), (endpoint.as_str(), &json!(MODEL)));
        assert_eq!(card["supportedInterfaces"][0]["url"], card["url"]);
    }
    // In both versions' forms; the same message again is the same task, and is paid once.
    let sent = rpc(&all, "SendMessage", &message("Who are you?", "one"))["result"]["task"].clone();
    assert_eq!(sent["status"]["state"], "TASK_STATE_COMPLETED", "{sent}");
    let text = sent["artifacts"][0]["parts"][0]["text"].as_str().unwrap();
    assert_eq!(sent["artifacts"][0]["metadata"]["lazai"]["completion_tokens"], 40);
    assert_eq!(rpc(&all, "SendMessage", &message("Who are you?", "one"))["result"]["task"], sent);
    assert_eq!(node.seen.begun.load(Ordering::SeqCst), 1);
    assert_eq!(rpc(&one, "GetTask", &json!({"id": sent["id"]}))["result"], sent);
    let old = rpc(&one, "tasks/get", &json!({"id": sent["id"]}))["result"].clone();
    assert_eq!((&old["kind"], &old["status"]["state"]), (&json!("task"), &json!("completed")));
    assert_eq!(old["artifacts"][0]["parts"][0], json!({"kind": "text", "text": text}));
    // A context goes on, at the endpoint of all, too.
    let mut next = message("And now?", "two");
    next["message"]["contextId"] = sent["contextId"].clone();
    let events = streamed(&all, "SendStreamingMessage", &next);
    assert_eq!(events[0]["task"]["contextId"], sent["contextId"]);
    assert_eq!(events.last().unwrap()["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED", "{events:?}");
    let pieces: Vec<&Value> = events.iter().map(|event| &event["artifactUpdate"]).filter(|e| !e.is_null()).collect();
    let whole: String = pieces.iter().map(|e| e["artifact"]["parts"][0]["text"].as_str().unwrap()).collect();
    assert!(pieces[0]["append"] == false && pieces[1..].iter().all(|piece| piece["append"] == true));
    let told = rpc(&all, "GetTask", &json!({"id": events[0]["task"]["id"]}))["result"].clone();
    assert_eq!(told["artifacts"][0]["parts"][0]["text"], whole);
    assert!(told["artifacts"][0]["metadata"]["lazai"]["prompt_tokens"].as_u64() > Some(40));
    let old = json!({"message": {"kind": "message", "messageId": "three", "role": "user", "parts": [{"kind": "text", "text": "Hi"}]}});
    let events = streamed(&one, "message/stream", &old);
    assert_eq!((&events[0]["kind"], &events.last().unwrap()["final"]), (&json!("task"), &json!(true)));
    for (method, params, code) in [
        ("GetTask", json!({"id": "none"}), -32_001),
        ("CancelTask", json!({"id": sent["id"]}), -32_002),
        (
            "SendMessage",
            json!({"message": {"messageId": "x", "role": "ROLE_USER", "parts": [{"raw": "AA=="}]}}),
            -32_005,
        ),
        ("SendMessage", json!({}), -32_602),
        ("nothing", json!({}), -32_601),
    ] {
        assert_eq!(rpc(&all, method, &params)["error"]["code"], code, "{method}");
    }
    let unknown = rpc(&format!("{}/a2a/dat:9:9", proxy.url), "SendMessage", &message("Hi", "four"));
    assert_eq!(
        unknown["result"]["task"]["status"]["message"]["metadata"]["lazai"]["code"], "request.model",
        "{unknown}"
    );
    node.seen.fails.store(true, Ordering::SeqCst);
    let failed = rpc(&all, "SendMessage", &message("Hi", "five"))["result"]["task"].clone();
    assert_eq!(failed["status"]["state"], "TASK_STATE_FAILED");
}

#[test]
fn a_node_tells_agents_what_payment_it_wants() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let one = format!("{}/a2a/{MODEL}", front.url);
    let card = ureq::get(format!("{one}/.well-known/agent-card.json")).call().unwrap().into_body().read_to_string();
    let card: Value = serde_json::from_str(&card.unwrap()).unwrap();
    assert_eq!((card["url"].as_str(), &card["capabilities"]["streaming"]), (Some(one.as_str()), &json!(false)));
    let asked = rpc(&one, "SendMessage", &message("Who are you?", "one"))["result"]["task"].clone();
    assert_eq!(asked["status"]["state"], "TASK_STATE_INPUT_REQUIRED");
    let metadata = &asked["status"]["message"]["metadata"];
    assert_eq!(metadata["x402.payment.status"], "payment-required");
    let required = &metadata["x402.payment.required"];
    assert_eq!((&required["x402Version"], &required["accepts"][0]["extra"]["model"]), (&json!(2), &json!(MODEL)));
    assert_eq!(
        rpc(&format!("{}/a2a/dat:9:9", front.url), "SendMessage", &message("Hi", "x"))["error"]["code"],
        -32_000
    );
    assert_eq!(node.seen.begun.load(Ordering::SeqCst), 0);
}

#[test]
fn agents_need_the_key_but_for_a_card() {
    let stage = Stage::new();
    let node = stage.node("node", Duration::from_millis(1));
    let front = Listening::on(front(&node, 3));
    let nodes = vec![HttpNode::new(&front.url).unwrap()];
    let proxy =
        lazai::http::Loopback::open(stage.consumer(), nodes, budget(100_000, 5_000, 2), stage.path("proxy")).unwrap();
    let key = proxy.key().unwrap().to_owned();
    let listening = Listening::on(proxy.router());
    let ping = br#"{"jsonrpc": "2.0", "id": 1, "method": "ping"}"#;
    for path in ["mcp", "a2a", "a2a/dat:1:1"] {
        let url = format!("{}/{path}", listening.url);
        assert_eq!(post(&url, None, ping).0, 401, "{path}");
        assert_eq!(post(&url, Some("another"), ping).0, 401, "{path}");
        assert_eq!(post(&url, Some(&key), ping).0, 200, "{path}");
    }
    let card = ureq::get(format!("{}/.well-known/agent-card.json", listening.url)).call().unwrap();
    assert_eq!(card.status(), 200);
}
