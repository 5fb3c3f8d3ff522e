//! Stores behind a URL: folders, memory, servers of HTTP, and the clouds' object stores.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::path::Path as FilePath;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use lazai_core::Digest;
use lazai_core::digest::{sha256, sha256_reader};
use lazai_core::file::sync_folder;
use object_store::path::Path;
use object_store::{ObjectStore as Backend, ObjectStoreExt as _, ObjectStoreScheme, PutPayload, WriteMultipart};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::{Store, StoreError, StoreFuture};

/// The size of a part: larger objects are written in several, of which a few are on their way at a time.
const PART_BYTES: usize = 8 << 20;
const PARTS_AT_A_TIME: usize = 4;

/// A store behind a URL.
///
/// | URL | where | feature |
/// |---|---|---|
/// | `file:///FOLDER` | a folder, with the file names of [`FolderStore`](super::FolderStore) | `object-store` |
/// | `memory:///` | the process | `object-store` |
/// | `http://…`, `https://…` | a server that takes `PUT` and `GET` (WebDAV) | `object-store-http` |
/// | `s3://BUCKET/PREFIX` | S3, and what speaks its protocol (`AWS_ENDPOINT`) | `object-store-aws` |
/// | `gs://BUCKET/PREFIX` | Google Cloud Storage | `object-store-gcp` |
/// | `az://CONTAINER/PREFIX` | Azure Blob Storage | `object-store-azure` |
///
/// An object's name is its SHA-256 in hexadecimal, below the URL's path. What is read is held to its digest, and no more is read than was
/// asked for. It has threads of its own, and works under any runtime, or without one.
///
/// # Example
/// ```
/// use lazai::store::{ObjectStore, Store};
/// # fn keep() -> Result<(), lazai::store::StoreError> {
/// let store = ObjectStore::open("memory:///")?;
/// let digest = pollster::block_on(store.put(b"ciphertext"))?;
/// assert_eq!(pollster::block_on(store.get(digest, 100))?, b"ciphertext");
/// # Ok(())
/// # }
/// # keep().unwrap();
/// ```
#[derive(Clone)]
pub struct ObjectStore(Arc<Inner>);

struct Inner {
    backend: Box<dyn Backend>,
    folder: Path,
    /// Without what in it may be a secret.
    name: String,
    /// Of the URL, `user:password@`: errors of others repeat it.
    userinfo: String,
    has_parts: bool,
    // Its timers; taken when the last store is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Inner {
    /// Inside another runtime, waiting for its threads would be refused.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl ObjectStore {
    /// A store behind a URL, with what the environment says of the cloud's account, as its own tools read it (`AWS_…`, `GOOGLE_…`,
    /// `AZURE_…`). Nothing is sent yet.
    ///
    /// # Errors
    /// [`StoreError::Url`] for what is no such URL, or needs another feature.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let variables = std::env::vars_os();
        let texts = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::open_with(url, texts)
    }

    /// As [`open`](Self::open), with these variables in place of the environment's.
    ///
    /// # Errors
    /// [`StoreError::Url`].
    pub fn open_with(url: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, StoreError> {
        let wrong =
            |reason: &dyn std::fmt::Display| StoreError::Url { url: without_secrets(url), reason: reason.to_string() };
        let parsed = Url::parse(url).map_err(|e| wrong(&e))?;
        let (scheme, folder) = ObjectStoreScheme::parse(&parsed).map_err(|e| wrong(&e))?;
        let has_parts = scheme != ObjectStoreScheme::Http;
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let backend = backend(&scheme, &parsed, &variables).map_err(|e| wrong(&e))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("lazai-store").enable_time().build();
        let runtime = Some(runtime.map_err(|e| wrong(&e))?);
        let name = without_secrets(url);
        let userinfo = parsed[url::Position::BeforeUsername..url::Position::BeforeHost].to_owned();
        Ok(Self(Arc::new(Inner { backend, folder, name, userinfo, has_parts, runtime })))
    }

    fn path(&self, digest: Digest) -> Path {
        self.0.folder.clone().join(digest.to_string().trim_start_matches("0x"))
    }

    fn failed(&self, digest: Digest, error: &object_store::Error) -> StoreError {
        let url = self.0.name.clone();
        match error {
            object_store::Error::NotFound { .. } => StoreError::Missing { url, digest },
            error => self.own(error),
        }
    }

    fn own(&self, reason: impl std::fmt::Display) -> StoreError {
        let (url, mut reason) = (self.0.name.clone(), reason.to_string());
        if !self.0.userinfo.is_empty() {
            reason = reason.replace(&self.0.userinfo, "");
        }
        StoreError::Remote { url, reason }
    }

    /// Runs a future where the backend finds its timers, whoever polls it.
    fn within<F: Future>(&self, future: F) -> Within<'_, F> {
        Within { runtime: self.0.runtime.as_ref(), future: Box::pin(future) }
    }

    /// Stores a file and returns its SHA-256. Reads it piece by piece, except for a server of HTTP, which takes an object whole.
    ///
    /// # Errors
    /// [`StoreError::File`]; [`StoreError::WrongDigest`] if the file changed meanwhile; [`StoreError::Remote`].
    pub async fn put_file(&self, file: &FilePath) -> Result<Digest, StoreError> {
        let failed = |source| StoreError::File { path: file.into(), source };
        let open = || std::fs::File::open(file).map_err(failed);
        let digest = sha256_reader(open()?).map_err(failed)?;
        let mut reader = open()?;
        if !self.0.has_parts || reader.metadata().map_err(failed)?.len() <= PART_BYTES as u64 {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(failed)?;
            let found = self.put(&bytes).await?;
            return if found == digest { Ok(digest) } else { Err(StoreError::WrongDigest { expected: digest, found }) };
        }
        let mut hashed = Hashed::default();
        self.within(self.put_parts(digest, || {
            let mut part = vec![0; PART_BYTES];
            let mut filled = 0;
            while filled < part.len() {
                match reader.read(&mut part[filled..]).map_err(failed)? {
                    0 => break,
                    count => filled += count,
                }
            }
            part.truncate(filled);
            hashed.update(&part);
            Ok(Some(Bytes::from(part)).filter(|part| !part.is_empty()))
        }))
        .await?;
        let found = hashed.finish();
        if found != digest {
            // Nothing may stay under a name that is not its own.
            self.within(self.0.backend.delete(&self.path(digest))).await.map_err(|e| self.failed(digest, &e))?;
            return Err(StoreError::WrongDigest { expected: digest, found });
        }
        Ok(digest)
    }

    /// Fetches an object of at most `most` bytes into a file, piece by piece: a file that was there is replaced once the digest holds.
    ///
    /// # Errors
    /// As [`Store::get`]; [`StoreError::File`].
    pub async fn get_file(&self, digest: Digest, most: u64, file: &FilePath) -> Result<(), StoreError> {
        let partial = file.with_extension("partial");
        let failed = |source| StoreError::File { path: partial.clone(), source };
        let mut to = private(&partial).map_err(failed)?;
        let mut hashed = Hashed::default();
        let fetched = self
            .within(self.fetch(digest, most, &mut |piece| {
                hashed.update(piece);
                to.write_all(piece).map_err(failed)
            }))
            .await;
        let fetched = fetched.and_then(|()| match hashed.finish() {
            found if found == digest => Ok(()),
            found => Err(StoreError::WrongDigest { expected: digest, found }),
        });
        let placed = fetched.and_then(|()| {
            to.sync_all().and_then(|()| std::fs::rename(&partial, file)).map_err(failed)?;
            file.parent().map_or(Ok(()), sync_folder).map_err(failed)
        });
        if placed.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        placed
    }

    /// Writes an object in parts; an upload that fails is taken back.
    async fn put_parts(
        &self,
        digest: Digest,
        mut next: impl FnMut() -> Result<Option<Bytes>, StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |error: object_store::Error| self.failed(digest, &error);
        let upload = self.0.backend.put_multipart(&self.path(digest)).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let written = async {
            while let Some(part) = next()? {
                upload.wait_for_capacity(PARTS_AT_A_TIME).await.map_err(failed)?;
                upload.put(part);
            }
            Ok(())
        };
        match written.await {
            Ok(()) => upload.finish().await.map(|_| ()).map_err(failed),
            Err(error) => {
                if let Err(left) = upload.abort().await {
                    tracing::warn!(error = %self.own(left), "parts of an upload that failed may stay in the store");
                }
                Err(error)
            }
        }
    }

    /// Passes an object of at most `most` bytes on, piece by piece.
    async fn fetch(
        &self,
        digest: Digest,
        most: u64,
        on_bytes: &mut (dyn FnMut(&[u8]) -> Result<(), StoreError> + Send),
    ) -> Result<(), StoreError> {
        let failed = |error: object_store::Error| self.failed(digest, &error);
        let found = self.0.backend.get(&self.path(digest)).await.map_err(failed)?;
        let mut bytes = found.meta.size;
        if bytes > most {
            return Err(StoreError::TooLarge { digest, bytes, most });
        }
        // The size is the store's word.
        bytes = 0;
        let mut pieces = pin!(found.into_stream());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(failed)?;
            bytes = bytes.saturating_add(piece.len() as u64);
            if bytes > most {
                return Err(StoreError::TooLarge { digest, bytes, most });
            }
            on_bytes(&piece)?;
        }
        Ok(())
    }
}

impl Store for ObjectStore {
    fn put<'a>(&'a self, bytes: &'a [u8]) -> StoreFuture<'a, Digest> {
        Box::pin(self.within(async move {
            let digest = sha256(bytes);
            if self.0.has_parts && bytes.len() > PART_BYTES {
                let mut parts = bytes.chunks(PART_BYTES);
                self.put_parts(digest, || Ok(parts.next().map(Bytes::copy_from_slice))).await?;
            } else {
                let payload = PutPayload::from(Bytes::copy_from_slice(bytes));
                self.0.backend.put(&self.path(digest), payload).await.map_err(|e| self.failed(digest, &e))?;
            }
            Ok(digest)
        }))
    }

    fn get(&self, digest: Digest, most: u64) -> StoreFuture<'_, Vec<u8>> {
        Box::pin(self.within(async move {
            let mut object = Vec::new();
            self.fetch(digest, most, &mut |piece| {
                object.try_reserve(piece.len()).map_err(|e| self.own(e))?;
                object.extend_from_slice(piece);
                Ok(())
            })
            .await?;
            let found = sha256(&object);
            if found == digest { Ok(object) } else { Err(StoreError::WrongDigest { expected: digest, found }) }
        }))
    }

    fn put_file<'a>(&'a self, file: &'a FilePath) -> StoreFuture<'a, Digest> {
        Box::pin(self.put_file(file))
    }

    fn get_file<'a>(&'a self, digest: Digest, most: u64, file: &'a FilePath) -> StoreFuture<'a, ()> {
        Box::pin(self.get_file(digest, most, file))
    }
}

/// An empty file that its owner alone can read.
fn private(path: &FilePath) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl std::fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectStore {{ url: {:?} }}", self.0.name)
    }
}

/// A URL without user, password and query.
fn without_secrets(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.set_query(None);
            url.to_string()
        }
        // What cannot be read may have a secret anywhere.
        Err(_) => url.split_once("://").map_or_else(|| "the store's URL".into(), |(scheme, _)| format!("{scheme}://…")),
    }
}

/// The backend of a scheme.
fn backend(
    scheme: &ObjectStoreScheme,
    url: &Url,
    variables: &[(String, String)],
) -> Result<Box<dyn Backend>, Box<dyn std::error::Error>> {
    // Without the clouds' features, nothing reads these.
    let _ = (url, variables);
    Ok(match scheme {
        ObjectStoreScheme::Local => Box::new(object_store::local::LocalFileSystem::new()),
        ObjectStoreScheme::Memory => Box::new(object_store::memory::InMemory::new()),
        #[cfg(feature = "object-store-http")]
        ObjectStoreScheme::Http => super::line::http(url)?,
        #[cfg(feature = "object-store-aws")]
        ObjectStoreScheme::AmazonS3 => super::line::aws(url, variables)?,
        #[cfg(feature = "object-store-gcp")]
        ObjectStoreScheme::GoogleCloudStorage => super::line::gcp(url, variables)?,
        #[cfg(feature = "object-store-azure")]
        ObjectStoreScheme::MicrosoftAzure => super::line::azure(url, variables)?,
        _ => return Err(format!("this build does not have the feature for {} stores", url.scheme()).into()),
    })
}

/// SHA-256 of pieces.
#[derive(Default)]
struct Hashed(sha2::Sha256);

impl Hashed {
    fn update(&mut self, piece: &[u8]) {
        sha2::Digest::update(&mut self.0, piece);
    }

    fn finish(self) -> Digest {
        Digest::from_bytes(sha2::Digest::finalize(self.0).into())
    }
}

/// A future that is polled within a runtime.
struct Within<'r, F> {
    runtime: Option<&'r Runtime>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Within<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _within = self.runtime.map(Runtime::enter);
        self.future.as_mut().poll(context)
    }
}
