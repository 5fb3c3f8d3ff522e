//! The bundle: a DSSE envelope around an in-toto statement.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{FileKey, MAX_FILES, OmsError, PublicFileKey};
use crate::id::Digest;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

/// What is signed: the files of a folder.
pub(super) struct Manifest {
    /// The folder's name.
    pub name: String,
    /// Paths that are not signed.
    pub left_out: Vec<String>,
    /// Files by their paths.
    pub files: BTreeMap<String, Digest>,
}

pub(super) fn sign(manifest: &Manifest, key: &FileKey) -> Vec<u8> {
    let payload = statement(manifest).to_string();
    let signature = key.sign(&authenticated(payload.as_bytes()));
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.public().hint()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": BASE64.encode(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": BASE64.encode(signature), "keyid": ""}],
        },
    });
    bundle.to_string().into_bytes()
}

/// The manifest of a bundle that this key signed.
pub(super) fn check(bundle: &[u8], key: &PublicFileKey) -> Result<Manifest, OmsError> {
    let malformed = |reason: &str| OmsError::Malformed { reason: reason.into() };
    let bundle: Value = serde_json::from_slice(bundle).map_err(|error| malformed(&error.to_string()))?;
    let held = |at: &str, expected: &str| match bundle.pointer(at).and_then(Value::as_str) {
        Some(found) if found == expected => Ok(()),
        found => Err(malformed(&format!("{at} is {found:?}, expected {expected:?}"))),
    };
    held("/mediaType", MEDIA_TYPE)?;
    held("/dsseEnvelope/payloadType", PAYLOAD_TYPE)?;
    held("/verificationMaterial/publicKey/hint", &key.hint())?;
    let bytes = |at: &str| {
        let text = bundle.pointer(at).and_then(Value::as_str).ok_or_else(|| malformed(&format!("{at} is missing")))?;
        BASE64.decode(text).map_err(|_| malformed(&format!("{at} is no base64")))
    };
    let payload = bytes("/dsseEnvelope/payload")?;
    if !key.verifies(&authenticated(&payload), &bytes("/dsseEnvelope/signatures/0/sig")?) {
        return Err(OmsError::Signature);
    }
    let payload: Value = serde_json::from_slice(&payload).map_err(|error| malformed(&error.to_string()))?;
    read(&payload).ok_or_else(|| malformed("the statement is none of signed files, by SHA-256 of each"))
}

/// DSSE's pre-authentication encoding: what the key signs.
fn authenticated(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn statement(manifest: &Manifest) -> Value {
    let resources: Vec<Value> = manifest
        .files
        .iter()
        .map(|(name, digest)| json!({"name": name, "algorithm": "sha256", "digest": plain_hex(digest)}))
        .collect();
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": manifest.name, "digest": {"sha256": plain_hex(&root(manifest.files.values()))}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": false,
                "ignore_paths": manifest.left_out,
            },
            "resources": resources,
        },
    })
}

fn read(statement: &Value) -> Option<Manifest> {
    let is = |at: &str, expected: &str| statement.pointer(at).and_then(Value::as_str) == Some(expected);
    if !is("/_type", STATEMENT_TYPE)
        || !is("/predicateType", PREDICATE_TYPE)
        || !is("/predicate/serialization/method", "files")
        || !is("/predicate/serialization/hash_type", "sha256")
    {
        return None;
    }
    let [subject] = statement.get("subject")?.as_array()?.as_slice() else { return None };
    let left_out = statement.pointer("/predicate/serialization/ignore_paths");
    let left_out = match left_out.and_then(Value::as_array) {
        Some(paths) => paths.iter().map(|path| path.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        None => Vec::new(),
    };
    let resources = statement.pointer("/predicate/resources")?.as_array()?;
    if resources.len() > MAX_FILES {
        return None;
    }
    let (mut files, mut order) = (BTreeMap::new(), Vec::new());
    for resource in resources {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        if text("algorithm") != Some("sha256") {
            return None;
        }
        let digest: Digest = text("digest")?.parse().ok()?;
        order.push(digest);
        if files.insert(text("name")?.to_owned(), digest).is_some() {
            return None;
        }
    }
    let expected: Digest = subject.pointer("/digest/sha256")?.as_str()?.parse().ok()?;
    let name = subject.get("name")?.as_str()?.to_owned();
    (root(&order) == expected).then_some(Manifest { name, left_out, files })
}

/// SHA-256 over the files' digests, in the manifest's order.
fn root<'d>(digests: impl IntoIterator<Item = &'d Digest>) -> Digest {
    let hasher = digests.into_iter().fold(Sha256::new(), |hasher, digest| hasher.chain_update(digest.as_bytes()));
    Digest::from_bytes(hasher.finalize().into())
}

fn plain_hex(digest: &Digest) -> String {
    hex::encode(digest.as_bytes())
}
