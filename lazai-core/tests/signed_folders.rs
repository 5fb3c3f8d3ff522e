//! Signed folders beside the OpenSSF's own program: each checks what the other signed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use lazai_core::oms::{
    ACCOUNT_FILE, AccountNote, FileKey, KEY_FILE, OmsError, SIGNATURE_FILE, check_folder, sign_folder,
};
use lazai_core::{Domain, LocalSigner, Signer as _};

/// An adapter's folder, and a key beside it.
fn adapter() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("adapter");
    std::fs::create_dir_all(folder.join("checkpoints")).unwrap();
    for (name, bytes) in [
        ("adapter_model.safetensors", &[7_u8; 100_000][..]),
        ("adapter_config.json", b"{\"peft_type\":\"LORA\"}"),
        ("record.json", b"{}"),
        ("checkpoints/state", b"of the run"),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let key = home.path().join("key.pem");
    (home, folder, key)
}

/// `model_signing`'s verdict on a folder, with the key beside the files.
fn accepts(program: &str, folder: &Path) -> (bool, String) {
    let mut verify = Command::new(program);
    verify.args(["verify", "key"]).arg(folder);
    verify.arg("--signature").arg(folder.join(SIGNATURE_FILE)).arg("--public_key").arg(folder.join(KEY_FILE));
    let told = verify.output().unwrap();
    let words = [told.stdout, told.stderr].concat();
    (told.status.success(), String::from_utf8_lossy(&words).into_owned())
}

#[test]
#[ignore = "needs `model_signing`: `cargo xtask signing`"]
fn the_openssf_program_accepts_what_is_signed_and_refuses_what_was_changed() {
    let program = std::env::var("LAZAI_MODEL_SIGNING").unwrap();
    let (_home, folder, key) = adapter();
    let (key, signer) = (FileKey::open_or_create(&key).unwrap(), LocalSigner::random().unwrap());
    let domain = Domain::random("LazAI Market", "1").unwrap();
    let note = pollster::block_on(AccountNote::sign(&signer, domain, &key.public())).unwrap();
    sign_folder(&folder, &key, Some(&note)).unwrap();
    let (accepted, told) = accepts(&program, &folder);
    assert!(accepted, "{told}");
    assert_eq!(check_folder(&folder).unwrap().account.unwrap().0, signer.address());

    // One bit of each file, and a file more.
    for name in ["adapter_model.safetensors", "adapter_config.json", ACCOUNT_FILE] {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let (accepted, told) = accepts(&program, &folder);
        assert!(!accepted && told.contains(name), "{told}");
        assert!(matches!(check_folder(&folder), Err(OmsError::Changed { file, .. }) if file == name));
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::write(folder.join("more.py"), b"print()").unwrap();
    let (accepted, told) = accepts(&program, &folder);
    assert!(!accepted && told.contains("more.py"), "{told}");
    assert!(matches!(check_folder(&folder), Err(OmsError::Unsigned { file }) if file == "more.py"));
}

#[test]
#[ignore = "needs `model_signing`: `cargo xtask signing`"]
fn what_the_openssf_program_signs_holds_here() {
    let program = std::env::var("LAZAI_MODEL_SIGNING").unwrap();
    let (_home, folder, key_file) = adapter();
    let key = FileKey::open_or_create(&key_file).unwrap();
    std::fs::write(folder.join(KEY_FILE), key.public().pem()).unwrap();
    let mut sign = Command::new(program);
    sign.args(["sign", "key"]).arg(&folder).arg("--private_key").arg(&key_file);
    let told = sign.arg("--signature").arg(folder.join(SIGNATURE_FILE)).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let signed = check_folder(&folder).unwrap();
    assert_eq!((signed.key, signed.account, signed.files.len()), (key.public(), None, 5));
    std::fs::write(folder.join("checkpoints/state"), b"of another run").unwrap();
    assert!(matches!(check_folder(&folder), Err(OmsError::Changed { file, .. }) if file == "checkpoints/state"));
}
