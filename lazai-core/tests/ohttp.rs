//! Requests and answers that another implementation encapsulated: the crate `ohttp`, by an author of the formats.
#![allow(clippy::unwrap_used, missing_docs)]

use lazai_core::seal::UnsealingKey;
use serde_json::Value;

/// `vectors/sealed/README.md` says how they were made.
#[test]
fn requests_and_answers_of_another_implementation_open() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/sealed/ohttp.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let hex = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let key = UnsealingKey::derive(&hex(&vectors["ikm"]).try_into().unwrap());
    // Key id, KEM, public key, and one pair of KDF and AEAD (RFC 9458, section 3.1).
    let id = u8::try_from(vectors["keyId"].as_u64().unwrap()).unwrap();
    let config = [&[id, 0, 0x20][..], key.public().0.as_bytes(), &[0, 4, 0, 1, 0, 3]].concat();
    assert_eq!(hex(&vectors["config"]), config);
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let length = usize::try_from(case["length"].as_u64().unwrap()).unwrap();
        let words: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
        let (asked, secret) = key.decapsulate(id, &hex(&case["request"])).unwrap();
        assert_eq!(*asked, words);
        let answer = hex(&case["answer"]);
        let (mut opener, mut heard) = (secret.opener(), Vec::new());
        for piece in answer.chunks(1_000) {
            heard.extend(opener.push(piece).unwrap());
        }
        heard.extend(opener.finish().unwrap());
        assert_eq!(heard, [b"first ".to_vec(), words].concat());
    }
}
