//! Functions for a host without any glue: memory for bytes, a verdict on them, and signatures checked.

use std::cell::RefCell;

use lazai_core::sign::{Encoder, signing_digest};
use lazai_core::{Address, Digest, Domain, LocalSigner, Signature, Signer, TypedData};
use lazai_zk::{Proof, Statement, Verifier};

/// Reserves memory for so many bytes; the host writes there and hands it to [`verify`].
#[unsafe(no_mangle)]
pub extern "C" fn reserve(bytes: usize) -> *mut u8 {
    Box::leak(vec![0; bytes].into_boxed_slice()).as_mut_ptr()
}

/// 0 if the proof proves the statement; 1 to 3 for no statement, no proof, or one that does not hold.
///
/// # Safety
/// Both pointers are from [`reserve`], with their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verify(
    statement: *const u8,
    statement_bytes: usize,
    proof: *const u8,
    proof_bytes: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let (statement, proof) = unsafe {
        (std::slice::from_raw_parts(statement, statement_bytes), std::slice::from_raw_parts(proof, proof_bytes))
    };
    let Ok(statement) = Statement::from_bytes(statement) else { return 1 };
    let Ok(proof) = Proof::from_bytes(proof) else { return 2 };
    if Verifier::new().verify(&statement, &proof).is_ok() { 0 } else { 3 }
}

/// What a voucher is, as it is signed: `lazai_settle::session::Voucher` without the market around it.
struct Voucher {
    session: Digest,
    cumulative: u128,
}

impl TypedData for Voucher {
    const TYPE: &'static str = "Voucher(bytes32 session,address node,uint64 class,uint32 version,uint128 cumulative)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(self.session);
        out.address(address(2));
        out.uint(1);
        out.uint(1);
        out.uint(self.cumulative);
    }
}

thread_local! {
    static VOUCHERS: RefCell<Vec<(Voucher, Signature, Digest)>> = const { RefCell::new(Vec::new()) };
}

const fn address(byte: u8) -> Address {
    Address::from_bytes([byte; 20])
}

fn domain() -> Domain {
    Domain { name: "LazAI Market".into(), version: "1".into(), chain_id: 1, verifying_contract: address(1), salt: None }
}

fn consumer() -> LocalSigner {
    LocalSigner::from_bytes([7; 32]).expect("sevens are a key")
}

/// Signs so many vouchers, to be checked.
#[unsafe(no_mangle)]
pub extern "C" fn sign_vouchers(count: u32) {
    let (domain, consumer) = (domain(), consumer());
    let signed = (0..count).map(|n| {
        let session = Digest::from_bytes([u8::try_from(n % 251).unwrap_or(0); 32]);
        let voucher = Voucher { session, cumulative: n.into() };
        let digest = signing_digest(&domain, &voucher);
        (voucher, consumer.sign_digest(digest), digest)
    });
    VOUCHERS.with_borrow_mut(|vouchers| *vouchers = signed.collect());
}

/// How many of the vouchers are good, each hashed and its signer recovered: what a consumer's page or a node does.
#[unsafe(no_mangle)]
pub extern "C" fn check_vouchers() -> u32 {
    let (domain, consumer) = (domain(), consumer().address());
    let good =
        |(voucher, signature, _): &&(Voucher, Signature, Digest)| signature.verify(&domain, voucher, consumer).is_ok();
    VOUCHERS.with_borrow(|vouchers| vouchers.iter().filter(good).count() as u32)
}

/// The limit: k256 alone recovers each key, from digests and signatures that are parsed before.
#[unsafe(no_mangle)]
pub extern "C" fn recover_keys() -> u32 {
    use k256::ecdsa::{RecoveryId, Signature as Parsed, VerifyingKey};
    VOUCHERS.with_borrow(|vouchers| {
        let recovered = vouchers.iter().filter(|(_, signature, digest)| {
            let bytes = signature.as_bytes();
            let parsed = Parsed::from_slice(&bytes[..64]).ok().zip(RecoveryId::from_byte(bytes[64] - 27));
            parsed.is_some_and(|(s, id)| VerifyingKey::recover_from_prehash(digest.as_bytes(), &s, id).is_ok())
        });
        recovered.count() as u32
    })
}
