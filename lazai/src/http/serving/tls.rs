//! TLS by rustls: a certificate out of files, which may be renewed while the server runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use tokio_rustls::rustls::sign::CertifiedKey;

/// A server's certificate and its key, in PEM files. Who renews them replaces the files: the server reads them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and a root that clients know.
    pub certificates: PathBuf,
    /// Its private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the files as [`Front::spawn_tls`](crate::http::Front::spawn_tls) does.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if they are no certificate with its key.
    pub fn check(&self) -> io::Result<()> {
        certified(self, &bytes(self)?, &ring::default_provider()).map(|_| ())
    }
}

/// TLS with the certificate that is in the files now.
pub(in crate::http) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    files: TlsFiles,
    /// The files as they were last looked at, good or not.
    seen: Mutex<(Vec<u8>, Vec<u8>)>,
    current: Arc<Current>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    pub(super) fn open(files: &TlsFiles) -> io::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let seen = bytes(files)?;
        let current = Arc::new(Current(RwLock::new(certified(files, &seen, &provider)?)));
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let mut config = config.map_err(io::Error::other)?.with_no_client_auth().with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { acceptor, files: files.clone(), seen: Mutex::new(seen), current, provider })
    }

    /// Reads files that changed. What is no certificate with its key changes nothing: half of a renewal is none.
    pub(super) fn look(&self) {
        let Ok(found) = bytes(&self.files).inspect_err(|error| tracing::warn!(%error, "the certificate is not there"))
        else {
            return;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if found == *seen {
            return;
        }
        match certified(&self.files, &found, &self.provider) {
            Ok(certified) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
                tracing::info!("a new certificate is used");
            }
            Err(error) => tracing::warn!(%error, "the certificate stays the one before"),
        }
        *seen = found;
    }
}

fn bytes(files: &TlsFiles) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| about(path, &error));
    Ok((read(&files.certificates)?, read(&files.key)?))
}

fn about(path: &Path, reason: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", path.display()))
}

fn certified(
    files: &TlsFiles,
    (certificates, key): &(Vec<u8>, Vec<u8>),
    provider: &CryptoProvider,
) -> io::Result<Arc<CertifiedKey>> {
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| about(&files.certificates, &error))?;
    if chain.is_empty() {
        return Err(about(&files.certificates, &"no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| about(&files.key, &error))?;
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|error| match error {
        Error::InconsistentKeys(_) => about(&files.key, &format!("is not the key of {}", files.certificates.display())),
        error => about(&files.certificates, &error),
    })
}

/// The certificate of the next connection.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A certificate for this machine, and its key.
    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_half_of_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let files = TlsFiles { certificates: place("certificate.pem"), key: place("key.pem") };
        let write = |certificate: &str, key: &str| {
            std::fs::write(&files.certificates, certificate).unwrap();
            std::fs::write(&files.key, key).unwrap();
        };
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let (first, second) = (made(), made());
        assert!(Tls::open(&files).err().unwrap().to_string().contains("certificate.pem"));
        for (certificate, key) in [("", first.1.as_str()), (&first.0, ""), (&first.0, &second.1), (&first.1, &first.0)]
        {
            write(certificate, key);
            assert_eq!(Tls::open(&files).err().unwrap().kind(), io::ErrorKind::InvalidData);
            assert_eq!(files.check().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        write(&first.0, &first.1);
        files.check().unwrap();
        let tls = Tls::open(&files).unwrap();
        let now = || tls.current.0.read().unwrap().cert[0].clone();
        // The new certificate beside the old key; then both.
        for (certificate, key, expected) in [(&second.0, &first.1, &first.0), (&second.0, &second.1, &second.0)] {
            write(certificate, key);
            tls.look();
            assert_eq!(now(), der(expected));
        }
        std::fs::remove_file(&files.key).unwrap();
        tls.look();
        assert_eq!(now(), der(&second.0));
    }
}
