//! `--enclave`: a policy in a file, and evidence that no quote was held for.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use serde_json::Value;

fn lazai(args: &[&str]) -> (u8, Value) {
    let mut out = Vec::new();
    let args = ["lazai", "--json"].iter().chain(args).map(Into::into);
    let code = lazai_cli::run(args, Box::new(std::io::empty()), &mut out);
    (code, serde_json::from_slice(&out).unwrap())
}

#[test]
fn evidence_without_a_quote_shows_no_enclave_and_a_policy_that_is_none_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, json: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, json).unwrap();
        path.display().to_string()
    };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/provenance");
    let [evidence, anchor] = ["evidence.json", "anchor.json"].map(|name| vectors.join(name).display().to_string());
    let verify = ["verify", &evidence, "--anchor", &anchor];
    let (code, told) = lazai(&verify);
    let names = |told: &Value| -> Vec<String> {
        told["links"].as_array().unwrap().iter().map(|link| link["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((code, told["holds"].as_bool()), (0, Some(true)), "{told}");
    assert!(!names(&told).contains(&"enclave".to_owned()), "no quote, no claim");

    let policy = file("policy.json", "{}");
    let (code, told) = lazai(&[&verify[..], &["--enclave", &policy]].concat());
    assert_eq!((code, told["holds"].as_bool()), (1, Some(false)), "{told}");
    assert_eq!(names(&told).last().map(String::as_str), Some("enclave"));

    let none = file("none.json", r#"{"sgx": []}"#);
    let (code, told) = lazai(&[&verify[..], &["--enclave", &none]].concat());
    let message = told["error"]["message"].as_str().unwrap();
    assert!(code == 3 && message.contains("none.json") && message.contains("sgx"), "{message}");
}
