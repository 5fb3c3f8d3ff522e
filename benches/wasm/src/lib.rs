//! Two functions for a host without any glue: memory for bytes, and a verdict on them.

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
pub unsafe extern "C" fn verify(statement: *const u8, statement_bytes: usize, proof: *const u8, proof_bytes: usize) -> u32 {
    // SAFETY: the caller's promise.
    let (statement, proof) =
        unsafe { (std::slice::from_raw_parts(statement, statement_bytes), std::slice::from_raw_parts(proof, proof_bytes)) };
    let Ok(statement) = Statement::from_bytes(statement) else { return 1 };
    let Ok(proof) = Proof::from_bytes(proof) else { return 2 };
    if Verifier::new().verify(&statement, &proof).is_ok() { 0 } else { 3 }
}
