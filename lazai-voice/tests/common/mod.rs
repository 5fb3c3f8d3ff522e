//! The base voice that tests speak with.

use std::path::PathBuf;
use std::sync::OnceLock;

use lazai_voice::Base;

/// The package that `cargo xtask fetch` got, or the one at `LAZAI_VOICE_PACKAGE`.
pub fn package() -> PathBuf {
    std::env::var_os("LAZAI_VOICE_PACKAGE").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::home_dir().unwrap_or_default();
        home.join(".cache/lazai/models/hibari")
    })
}

/// The base voice out of the package.
pub fn base() -> Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    let open = || {
        let path = package().join("hibari.onnx");
        let onnx = std::fs::read(&path);
        let onnx = onnx.unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask fetch`", path.display()));
        Base::from_bytes(&Base::convert(&onnx).unwrap()).unwrap()
    };
    BASE.get_or_init(open).clone()
}
