//! A platform of Intel's kind under a root of the test's own: real keys, certificates, lists of revocations and quotes.

use lazai::enclave::{EnclaveRoots, Quote, TdxCollateral};
use lazai_core::digest::sha256;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::json;

const FMSPC: [u8; 6] = [0, 0x80, 0x6f, 5, 0, 0];
const SGX: [u64; 7] = [1, 2, 840, 113_741, 1, 13, 1];
/// `SEPT_VE_DISABLE`, which every machine has to have set.
pub const HARDENED: u64 = 1 << 28;
const QE_SIGNER: [u8; 32] = [0xd1; 32];

/// A virtual machine.
#[derive(Clone)]
pub struct Machine {
    pub mr_td: [u8; 48],
    pub rt_mr: [[u8; 48]; 4],
    pub attributes: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { mr_td: [0x7d; 48], rt_mr: [[1; 48], [2; 48], [3; 48], [0; 48]], attributes: HARDENED }
    }
}

/// What is signed about the platform.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    pub status: &'a str,
    pub next_update: &'a str,
    pub is_revoked: bool,
}

impl Default for Signed<'_> {
    fn default() -> Self {
        Self { status: "UpToDate", next_update: "2099-01-01T00:00:00Z", is_revoked: false }
    }
}

pub struct Intel {
    root: CertifiedIssuer<'static, KeyPair>,
    platform_ca: CertifiedIssuer<'static, KeyPair>,
    tcb_signer: (String, SigningKey),
    pck: (String, SigningKey),
    quoting: SigningKey,
}

fn raw(key: &KeyPair) -> SigningKey {
    SigningKey::from_pkcs8_der(&key.serialize_der()).unwrap()
}

fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    let signature: Signature = key.sign(message);
    signature.to_bytes().into()
}

fn params(name: &str, serial: u64, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    } else {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    }
    params
}

/// A value in DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ ..128 => out.push(length as u8),
        length @ ..256 => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}

/// A field of Intel's extension: its number below the extension's own, and a value.
fn field(number: &[u8], value: &[u8]) -> Vec<u8> {
    let oid = [&[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 1, 13, 1][..], number].concat();
    der(0x30, &[&der(6, &[&oid]), value])
}

/// What a platform's certificate says of it (Intel's "PCK Certificate and CRL Profile", 1.3.5).
fn extension() -> CustomExtension {
    let mut svns: Vec<Vec<u8>> = (1..=16).map(|i| field(&[2, i], &der(2, &[&[3]]))).collect();
    svns.push(field(&[2, 17], &der(2, &[&[13]])));
    svns.push(field(&[2, 18], &der(4, &[&[3; 16]])));
    let fields = [
        field(&[1], &der(4, &[&[0xaa; 16]])),
        field(&[2], &der(0x30, &svns.iter().map(Vec::as_slice).collect::<Vec<_>>())),
        field(&[3], &der(4, &[&[0, 0]])),
        field(&[4], &der(4, &[&FMSPC])),
        field(&[5], &der(10, &[&[0]])),
    ];
    let content = der(0x30, &fields.iter().map(Vec::as_slice).collect::<Vec<_>>());
    CustomExtension::from_oid_content(&SGX, content)
}

impl Intel {
    pub fn new() -> Self {
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(params("Root", 1, true), key()).unwrap();
        let platform_ca = CertifiedIssuer::signed_by(params("Platform CA", 2, true), key(), &root).unwrap();
        let (tcb, pck) = (key(), key());
        let tcb_signer = params("TCB Signing", 3, false).signed_by(&tcb, &root).unwrap().pem();
        let mut of_platform = params("PCK Certificate", 4, false);
        of_platform.custom_extensions = vec![extension()];
        let own = of_platform.signed_by(&pck, &platform_ca).unwrap().pem();
        let chain = [own, platform_ca.pem(), root.pem()].concat();
        Self {
            tcb_signer: (tcb_signer + &root.pem(), raw(&tcb)),
            pck: (chain, raw(&pck)),
            quoting: raw(&key()),
            root,
            platform_ca,
        }
    }

    pub fn roots(&self) -> EnclaveRoots {
        EnclaveRoots { intel: Some(self.root.der().to_vec()), amd: Vec::new() }
    }

    fn revoked(&self, issuer: &Issuer<'static, KeyPair>, serial: Option<u64>) -> Vec<u8> {
        let revoked = |serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serial.map(revoked).into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(issuer).unwrap().der().to_vec()
    }

    /// What Intel's service would answer.
    pub fn collateral(&self, signed: Signed<'_>) -> TdxCollateral {
        let svns = |svn: u8| vec![json!({"svn": svn}); 16];
        let tcb_info = json!({
            "id": "TDX", "version": 3, "issueDate": "2020-01-01T00:00:00Z", "nextUpdate": signed.next_update,
            "fmspc": hex::encode(FMSPC), "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17,
            "tdxModule": {"mrsigner": "00".repeat(48), "attributes": "00".repeat(8), "attributesMask": "FF".repeat(8)},
            "tcbLevels": [{
                "tcb": {"sgxtcbcomponents": svns(3), "pcesvn": 13, "tdxtcbcomponents": svns(0)},
                "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": signed.status,
            }],
        })
        .to_string();
        let qe_identity = json!({
            "id": "TD_QE", "version": 2, "issueDate": "2020-01-01T00:00:00Z", "nextUpdate": "2099-01-01T00:00:00Z",
            "tcbEvaluationDataNumber": 17, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
            "attributes": "11000000000000000000000000000000", "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
            "mrsigner": hex::encode(QE_SIGNER), "isvprodid": 2,
            "tcbLevels": [{"tcb": {"isvsvn": 4}, "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": "UpToDate"}],
        })
        .to_string();
        let (chain, key) = &self.tcb_signer;
        TdxCollateral {
            pck_crl_issuer_chain: self.platform_ca.pem() + &self.root.pem(),
            root_ca_crl: self.revoked(&self.root, None),
            pck_crl: self.revoked(&self.platform_ca, signed.is_revoked.then_some(4)),
            tcb_info_issuer_chain: chain.clone(),
            tcb_info_signature: sign(key, tcb_info.as_bytes()).to_vec(),
            tcb_info,
            qe_identity_issuer_chain: chain.clone(),
            qe_identity_signature: sign(key, qe_identity.as_bytes()).to_vec(),
            qe_identity,
            pck_certificate_chain: None,
        }
    }

    /// A quote of version 4 of a machine that asked for these report data.
    pub fn bytes(&self, machine: &Machine, report_data: [u8; 64]) -> Vec<u8> {
        let mut quote = Vec::new();
        // Header: version 4, ECDSA over P-256, TDX, Intel's quoting enclave.
        quote.extend([4, 0, 2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]);
        quote.extend(hex::decode("939a7233f79c4ca9940a0db3957f0607").unwrap());
        quote.extend([0; 20]);
        // The machine's report: versions of TDX, its module, and the machine.
        quote.extend([0; 16]);
        quote.extend([0; 48 + 48 + 8]);
        quote.extend(machine.attributes.to_le_bytes());
        quote.extend([0; 8]);
        quote.extend(machine.mr_td);
        quote.extend([0; 3 * 48]);
        quote.extend(machine.rt_mr.concat());
        quote.extend(report_data);
        let signature = sign(&self.quoting, &quote);

        let point = self.quoting.verifying_key().to_sec1_point(false);
        let own_key = &point.as_bytes()[1..];
        let authentication = [0x33; 32];
        let mut enclave = vec![0; 384];
        enclave[48..64].copy_from_slice(&hex::decode("15000000000000000000000000000000").unwrap());
        enclave[128..160].copy_from_slice(&QE_SIGNER);
        enclave[256..260].copy_from_slice(&[2, 0, 4, 0]);
        enclave[320..352].copy_from_slice(sha256(&[own_key, &authentication].concat()).as_bytes());
        let (chain, pck) = &self.pck;
        let mut inner = enclave.clone();
        inner.extend(sign(pck, &enclave));
        inner.extend([32, 0]);
        inner.extend(authentication);
        inner.extend([5, 0]);
        inner.extend((chain.len() as u32).to_le_bytes());
        inner.extend(chain.as_bytes());
        let mut outer = [&signature[..], own_key, &[6, 0], &(inner.len() as u32).to_le_bytes()].concat();
        outer.extend(inner);
        quote.extend((outer.len() as u32).to_le_bytes());
        quote.extend(outer);
        quote
    }

    pub fn quote(&self, machine: &Machine, report_data: [u8; 64], signed: Signed<'_>) -> Quote {
        Quote::Tdx { quote: self.bytes(machine, report_data), collateral: Box::new(self.collateral(signed)) }
    }
}
