//! Stores behind URLs: the rules of stores, and a server that speaks S3's protocol.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use lazai::store::{FolderStore, ObjectStore, Store as _, StoreError};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use pollster::block_on;

fn folder_url(folder: &std::path::Path) -> String {
    format!("file://{}", folder.display())
}

mod folder {
    lazai::conformance::store!(|| {
        let folder = tempfile::tempdir().unwrap();
        (super::ObjectStore::open(&super::folder_url(folder.path())).unwrap(), folder)
    });
}

mod memory {
    lazai::conformance::store!(|| (super::ObjectStore::open("memory:///").unwrap(), ()));
}

mod http {
    lazai::conformance::store!(|| {
        let server = super::Files::serve();
        (super::ObjectStore::open(&format!("{}/below/a path", server.url)).unwrap(), server)
    });
}

/// A server that takes `PUT` and `GET`, one connection a request.
struct Files {
    url: String,
    objects: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
}

impl Files {
    fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let objects: Arc<Mutex<std::collections::BTreeMap<_, _>>> = Arc::default();
        let kept = objects.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = kept.clone();
                std::thread::spawn(move || Self::answer(stream.unwrap(), &kept));
            }
        });
        Self { url, objects }
    }

    fn answer(stream: TcpStream, objects: &Mutex<std::collections::BTreeMap<String, Vec<u8>>>) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first).unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        let answer = match method {
            "PUT" => {
                objects.lock().unwrap().insert(path, body);
                ("201 Created", Vec::new())
            }
            _ => match objects.lock().unwrap().get(&path) {
                Some(found) => ("200 OK", found.clone()),
                None => ("404 Not Found", Vec::new()),
            },
        };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\nLast-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\nETag: \"e\"\r\nConnection: close\r\n\r\n",
            answer.0,
            answer.1.len()
        );
        let mut stream = stream;
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.1));
    }
}

#[test]
fn a_folder_is_the_same_by_its_path_and_by_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let (by_path, by_url) = (FolderStore::new(folder.path()), ObjectStore::open(&folder_url(folder.path())).unwrap());
    let first = block_on(by_path.put(b"one")).unwrap();
    let second = block_on(by_url.put(b"two")).unwrap();
    assert_eq!(block_on(by_url.get(first, 3)).unwrap(), b"one");
    assert_eq!(block_on(by_path.get(second, 3)).unwrap(), b"two");
}

#[test]
fn what_a_store_gives_is_held_to_its_digest_and_its_size() {
    let server = Files::serve();
    let store = ObjectStore::open(&server.url).unwrap();
    let digest = block_on(store.put(b"ciphertext")).unwrap();
    for object in server.objects.lock().unwrap().values_mut() {
        object[0] ^= 1;
    }
    let wrong = block_on(store.get(digest, 100)).unwrap_err();
    assert!(matches!(wrong, StoreError::WrongDigest { expected, .. } if expected == digest), "{wrong}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("object");
    let wrong = block_on(store.get_file(digest, 100, &file)).unwrap_err();
    assert!(matches!(wrong, StoreError::WrongDigest { .. }), "{wrong}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing of it stays");
    let large = block_on(store.get(digest, 9)).unwrap_err();
    assert!(matches!(large, StoreError::TooLarge { bytes: 10, most: 9, .. }), "{large}");
    let missing = block_on(store.get(Digest::ZERO, 9)).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
}

#[test]
fn a_url_that_is_none_is_refused_and_tells_no_secret() {
    for url in ["", "folder", "ftp://host/x", "file://remote/x", "https://user:secret@host:port/x?secret"] {
        let refused = ObjectStore::open_with(url, []).unwrap_err();
        assert!(matches!(refused, StoreError::Url { .. }), "{url}: {refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    let store = ObjectStore::open_with("https://user:secret@127.0.0.1:1/x?secret", []).unwrap();
    assert!(!format!("{store:?}").contains("secret"));
    // Nobody listens there: the backend's own words name the URL.
    let refused = block_on(store.get(Digest::ZERO, 9)).unwrap_err();
    assert!(matches!(refused, StoreError::Remote { .. }), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("secret"), "{refused}");
}

/// The training record of a vector, and the metadata that was minted of it, with other weights.
#[cfg(feature = "models")]
fn minted(weights: &[u8]) -> (lazai_core::record::TrainingRecord, lazai_core::dat::VersionMetadata) {
    use serde_json::Value;
    fn metadata(value: &Value) -> Option<&Value> {
        match value {
            Value::Object(fields) => fields.get("metadata").or_else(|| fields.values().find_map(metadata)),
            Value::Array(items) => items.iter().find_map(metadata),
            _ => None,
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/provenance/evidence.json");
    let evidence: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut record: lazai_core::record::TrainingRecord = serde_json::from_value(evidence["record"].clone()).unwrap();
    let minted = metadata(&evidence["entries"]).unwrap().clone();
    let mut version: lazai_core::dat::VersionMetadata = serde_json::from_value(minted).unwrap();
    record.adapter_digest = sha256(weights);
    (version.adapter_digest, version.record_digest) = (record.adapter_digest, record.digest().unwrap());
    (record, version)
}

#[cfg(feature = "models")]
#[test]
fn an_adapter_is_kept_in_a_store_and_fetched_by_what_the_ledger_says() {
    use lazai::adapters::{AdapterError, fetch, keep};
    let (server, folder) = (Files::serve(), tempfile::tempdir().unwrap());
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let (record, version) = minted(&OBJECT);
    std::fs::create_dir(&from).unwrap();
    std::fs::write(from.join("adapter_model.safetensors"), &*OBJECT).unwrap();
    let stores: [Box<dyn lazai::store::Store>; 4] = [
        Box::new(FolderStore::new(folder.path().join("folder"))),
        Box::new(ObjectStore::open(&folder_url(&folder.path().join("url"))).unwrap()),
        Box::new(ObjectStore::open("memory:///").unwrap()),
        Box::new(ObjectStore::open(&format!("{}/adapters", server.url)).unwrap()),
    ];
    std::fs::create_dir(folder.path().join("url")).unwrap();
    for store in &stores {
        let missing = block_on(fetch(&**store, &version, &to)).unwrap_err();
        assert!(matches!(missing, AdapterError::Store(_)), "{missing}");
        block_on(keep(&**store, &from, &record)).unwrap();
        block_on(fetch(&**store, &version, &to)).unwrap();
        assert_eq!(std::fs::read(to.join("adapter_model.safetensors")).unwrap(), *OBJECT);
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(to.join("adapter_config.json")).unwrap()).unwrap();
        assert_eq!(
            (config["r"].as_u64(), config["lora_alpha"].as_u64()),
            (Some(record.lora.rank as u64), Some(record.lora.alpha as u64))
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(to.join("adapter_model.safetensors")).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "the adapter is its owner's");
        }
        std::fs::remove_dir_all(&to).unwrap();
        // The record of another adapter is kept under no name, and a token of another record finds nothing.
        let other = lazai_core::record::TrainingRecord { adapter_digest: Digest::ZERO, ..record.clone() };
        assert!(matches!(block_on(keep(&**store, &from, &other)), Err(AdapterError::Record { .. })));
        let unknown = lazai_core::dat::VersionMetadata { record_digest: other.digest().unwrap(), ..version.clone() };
        assert!(block_on(fetch(&**store, &unknown, &to)).is_err());
        // One whose token names other weights than its record does is refused before they are fetched.
        let lied = lazai_core::dat::VersionMetadata { adapter_digest: Digest::ZERO, ..version.clone() };
        assert!(matches!(block_on(fetch(&**store, &lied, &to)), Err(AdapterError::Record { .. })));
    }
    // What somebody changed in the store is not an adapter any more.
    let weights = server
        .objects
        .lock()
        .unwrap()
        .keys()
        .find(|path| path.ends_with(bare(record.adapter_digest).as_str()))
        .cloned();
    server.objects.lock().unwrap().get_mut(&weights.unwrap()).unwrap()[7] ^= 1;
    let changed = block_on(fetch(&*stores[3], &version, &to)).unwrap_err();
    assert!(matches!(changed, AdapterError::Store(StoreError::WrongDigest { .. })), "{changed}");
    assert!(!to.join("adapter_model.safetensors").exists());
}

#[cfg(feature = "models")]
fn bare(digest: Digest) -> String {
    digest.to_string().trim_start_matches("0x").to_owned()
}

/// moto's server: S3's protocol, out of a package.
struct S3 {
    child: Child,
    port: u16,
}

impl S3 {
    /// `None`, with the reason, where it cannot be had.
    fn start() -> Result<Self, String> {
        let program = std::env::var("LAZAI_S3_SERVER").unwrap_or_else(|_| "moto_server".into());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = started.map_err(|e| format!("{program}: {e} (`pip install 'moto[server]'` brings it)"))?;
        let (server, begun) = (Self { child, port }, Instant::now());
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(format!("{program} does not listen within a minute"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let made = ureq::put(format!("http://127.0.0.1:{port}/bucket")).send_empty();
        made.map_err(|e| e.to_string()).map(|_| server)
    }

    fn store(&self, prefix: &str) -> ObjectStore {
        let variables = [
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "key".into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        ObjectStore::open_with(&format!("s3://bucket/{prefix}"), variables).unwrap()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..20_000_001_u32).map(|place| (place % 251) as u8).collect());

/// Holds a server's stores, each behind another prefix, to all rules; large objects go in parts, out of memory and out of a file.
fn keeps_the_rules(open: impl Fn(&str) -> ObjectStore) {
    use lazai::conformance::stores;
    block_on(stores::an_object_is_read_as_it_was_written(open("one")));
    block_on(stores::writing_twice_is_writing_once(open("two")));
    block_on(stores::no_more_is_read_than_asked_for(open("three")));
    block_on(stores::what_is_not_there_is_an_error(open("four")));
    block_on(stores::objects_are_written_side_by_side(open("five")));
    let (store, folder) = (open("large"), tempfile::tempdir().unwrap());
    let digest = block_on(store.put(&OBJECT)).unwrap();
    assert_eq!(block_on(store.get(digest, OBJECT.len() as u64)).unwrap(), *OBJECT);
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, &*OBJECT).unwrap();
    let other = open("file");
    assert_eq!(block_on(other.put_file(&from)).unwrap(), sha256(&OBJECT));
    block_on(other.get_file(digest, OBJECT.len() as u64, &to)).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), *OBJECT);
    let large = block_on(other.get_file(digest, OBJECT.len() as u64 - 1, &to)).unwrap_err();
    assert!(matches!(large, StoreError::TooLarge { .. }), "{large}");
}

/// A store at a server that somebody started, if a variable tells its URL.
#[cfg(any(feature = "object-store-gcp", feature = "object-store-azure"))]
fn at_server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        // A skipped test says so.
        let _ = writeln!(std::io::stderr(), "skipped: {variable} names no server");
    }
    url
}

/// Behind Google's protocol (the XML one): `LAZAI_GCS` is the URL of a server that has a bucket `bucket` for everybody.
#[test]
#[cfg(feature = "object-store-gcp")]
fn a_server_that_speaks_googles_protocol_keeps_the_rules() {
    let Some(server) = at_server("LAZAI_GCS") else { return };
    let account = format!(
        r#"{{"gcs_base_url": "{server}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#
    );
    keeps_the_rules(|prefix| {
        let variables = [("GOOGLE_SERVICE_ACCOUNT_KEY".to_owned(), account.clone())];
        ObjectStore::open_with(&format!("gs://bucket/{prefix}"), variables).unwrap()
    });
}

/// Behind Azure's protocol: `LAZAI_AZURE` is the URL of Azurite, which has a container `container`.
#[test]
#[cfg(feature = "object-store-azure")]
fn a_server_that_speaks_azures_protocol_keeps_the_rules() {
    let Some(server) = at_server("LAZAI_AZURE") else { return };
    // The account that every Azurite has.
    let account = "devstoreaccount1";
    let key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    keeps_the_rules(|prefix| {
        let variables = [
            ("AZURE_STORAGE_ACCOUNT_NAME", account.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", key.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", format!("{server}/{account}")),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        ObjectStore::open_with(&format!("az://container/{prefix}"), variables).unwrap()
    });
}

#[test]
fn a_server_that_speaks_s3_keeps_the_rules() {
    let server = match S3::start() {
        Ok(server) => server,
        Err(reason) => {
            assert!(std::env::var_os("LAZAI_S3_SERVER").is_none(), "{reason}");
            // A skipped test says so.
            let _ = writeln!(std::io::stderr(), "skipped: {reason}");
            return;
        }
    };
    keeps_the_rules(|prefix| server.store(prefix));
    // One that nobody may open is refused in time, with a reason.
    let gone = S3 { child: Command::new("true").spawn().unwrap(), port: 1 };
    let refused = block_on(gone.store("x").get(sha256(b"x"), 1)).unwrap_err();
    assert!(matches!(refused, StoreError::Remote { .. }), "{refused}");
}
