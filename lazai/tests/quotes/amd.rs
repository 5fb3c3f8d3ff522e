//! A chip of AMD's kind under a root of the test's own: real RSA and P-384 keys, certificates and reports.

use std::time::Duration;

use lazai::enclave::{AmdRoot, EnclaveRoots, Quote, SnpProduct, SnpTcb};
use p384::ecdsa::signature::Signer as _;
use p384::ecdsa::{Signature, SigningKey};
use rand08::rngs::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use x509_cert::Certificate;
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::der::asn1::{BitString, GeneralizedTime, OctetString};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const CHIP: [u8; 64] = [0xc1; 64];
pub const TCB: SnpTcb = SnpTcb { fmc: 0, bootloader: 3, tee: 0, snp: 8, microcode: 0x73 };
/// The times of the chip's certificate, seconds since 1970.
pub const TIMES: [u64; 2] = [1_600_000_000, 4_000_000_000];

/// A guest, and what its report says.
#[derive(Clone)]
pub struct Guest {
    pub measurement: [u8; 48],
    pub policy: u64,
    pub vmpl: u32,
    pub host_data: [u8; 32],
    pub reported: SnpTcb,
    pub chip: [u8; 64],
    pub key_info: u32,
}

impl Default for Guest {
    fn default() -> Self {
        let measurement = [0x5e; 48];
        Self { measurement, policy: 0x3_0000, vmpl: 0, host_data: [0x44; 32], reported: TCB, chip: CHIP, key_info: 0 }
    }
}

pub struct Amd {
    ark: Vec<u8>,
    ask: Vec<u8>,
    pub vcek: Vec<u8>,
    chip: SigningKey,
}

fn certificate(
    name: &str,
    key: SubjectPublicKeyInfoOwned,
    extensions: Vec<Extension>,
    issuer: &RsaPrivateKey,
) -> Vec<u8> {
    let algorithm = AlgorithmIdentifierOwned { oid: PSS, parameters: None };
    let [not_before, not_after] =
        TIMES.map(|s| Time::GeneralTime(GeneralizedTime::from_unix_duration(Duration::from_secs(s)).unwrap()));
    let name: Name = format!("CN={name}").parse().unwrap();
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::from(1_u8),
        signature: algorithm.clone(),
        issuer: name.clone(),
        validity: Validity { not_before, not_after },
        subject: name,
        subject_public_key_info: key,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: (!extensions.is_empty()).then_some(extensions),
    };
    let signer = rsa::pss::SigningKey::<rsa::sha2::Sha384>::new(issuer.clone());
    let signature = signer.sign_with_rng(&mut OsRng, &tbs_certificate.to_der().unwrap()).to_vec();
    let signature = BitString::from_bytes(&signature).unwrap();
    Certificate { tbs_certificate, signature_algorithm: algorithm, signature }.to_der().unwrap()
}

fn extension(oid: &str, value: Vec<u8>) -> Extension {
    let extn_id = ObjectIdentifier::new(oid).unwrap();
    Extension { extn_id, critical: false, extn_value: OctetString::new(value).unwrap() }
}

impl Amd {
    pub fn new() -> Self {
        // Short keys: what is tested is who signed.
        let [root, signing] = [(); 2].map(|()| RsaPrivateKey::new(&mut OsRng, 1_024).unwrap());
        let of = |key: &RsaPrivateKey| {
            SubjectPublicKeyInfoOwned::from_der(key.to_public_key().to_public_key_der().unwrap().as_bytes()).unwrap()
        };
        let chip = SigningKey::random(&mut OsRng);
        let own = p384::PublicKey::from(chip.verifying_key()).to_public_key_der().unwrap();
        let svn = |number: u8, svn: u8| extension(&format!("1.3.6.1.4.1.3704.1.3.{number}"), svn.to_der().unwrap());
        let extensions = vec![
            svn(1, TCB.bootloader),
            svn(2, TCB.tee),
            svn(3, TCB.snp),
            svn(8, TCB.microcode),
            extension("1.3.6.1.4.1.3704.1.4", CHIP.to_vec()),
        ];
        let own = SubjectPublicKeyInfoOwned::from_der(own.as_bytes()).unwrap();
        Self {
            ark: certificate("ARK", of(&root), Vec::new(), &root),
            ask: certificate("ASK", of(&signing), Vec::new(), &root),
            vcek: certificate("VCEK", own, extensions, &signing),
            chip,
        }
    }

    pub fn roots(&self) -> EnclaveRoots {
        let amd = vec![AmdRoot { product: SnpProduct::Milan, ark: self.ark.clone(), ask: self.ask.clone() }];
        EnclaveRoots { intel: None, amd }
    }

    /// A report of version 2 (AMD publication 56860, table 23).
    pub fn report(&self, guest: &Guest, report_data: [u8; 64]) -> Vec<u8> {
        let mut report = vec![0; 1_184];
        let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
        let SnpTcb { bootloader, tee, snp, microcode, .. } = guest.reported;
        let tcb = [bootloader, tee, 0, 0, 0, 0, snp, microcode];
        put(0, &[2]);
        put(0x08, &guest.policy.to_le_bytes());
        put(0x30, &guest.vmpl.to_le_bytes());
        put(0x34, &[1]);
        put(0x48, &guest.key_info.to_le_bytes());
        put(0x50, &report_data);
        put(0x90, &guest.measurement);
        put(0xc0, &guest.host_data);
        put(0x1a0, &guest.chip);
        for at in [0x38, 0x180, 0x1e0, 0x1f0] {
            put(at, &tcb);
        }
        let signature: Signature = self.chip.sign(&report[..0x2a0]);
        let (r, s) = signature.split_bytes();
        for (at, part) in [(0x2a0, r), (0x2e8, s)] {
            for (index, byte) in part.iter().rev().enumerate() {
                report[at + index] = *byte;
            }
        }
        report
    }

    pub fn quote(&self, guest: &Guest, report_data: [u8; 64]) -> Quote {
        Quote::SevSnp { report: self.report(guest, report_data), vcek: self.vcek.clone() }
    }
}
