//! Keystore files of others open, and ours open again.
#![cfg(feature = "keystore")]
#![allow(clippy::unwrap_used)]

use lazai_core::{LocalSigner, Signer};

/// The PBKDF2 vector of the Web3 Secret Storage Definition, password `testpassword`. (Its scrypt vector has
/// parameters that RFC 7914 forbids, N = 2^18 with r = 1, and is refused.)
const VECTOR: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
    "kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256",
    "salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
    "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

#[test]
fn the_published_vector_opens() {
    let folder = tempfile::tempdir().unwrap();
    let key = hex::decode("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d").unwrap();
    let expected = LocalSigner::from_bytes(key.try_into().unwrap()).unwrap().address();
    let path = folder.path().join("key.json");
    std::fs::write(&path, VECTOR).unwrap();
    assert_eq!(LocalSigner::from_keystore(&path, "testpassword").unwrap().address(), expected);
    assert!(LocalSigner::from_keystore(&path, "wrong").is_err());
}

#[test]
fn ours_round_trips_and_damage_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let signer = LocalSigner::random().unwrap();
    signer.to_keystore(folder.path(), "key.json", "secret").unwrap();
    let path = folder.path().join("key.json");
    assert_eq!(LocalSigner::from_keystore(&path, "secret").unwrap().address(), signer.address());
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::write(&path, "{").unwrap();
    assert!(LocalSigner::from_keystore(&path, "secret").is_err());
    assert!(LocalSigner::from_keystore(&folder.path().join("none"), "secret").is_err());
}
