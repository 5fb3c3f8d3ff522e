//! plonky2's own verifier, which ours is held to.

use lazai_core::Digest;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut as Plonky2Hash;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::plonk::circuit_data::{VerifierCircuitData, VerifierOnlyCircuitData};
use plonky2::plonk::proof::ProofWithPublicInputs;
use plonky2::util::serialization::{Buffer, Read, Write};

use super::setup::Setup;
use super::{C, D, F};
use crate::key::VerifierKey;
use crate::poseidon::HashOut;
use crate::proof::Proof;
use crate::statement::Statement;
use crate::verifier::VerifyError;

/// plonky2's verifier behind a reader that bounds and checks everything first: slower than
/// [`Verifier`](crate::Verifier), and there to compare it with.
///
/// plonky2 panics on some malformed proofs; such a panic is caught and given as [`VerifyError::Malformed`].
#[derive(Debug)]
pub struct Plonky2Verifier {
    /// Of each known key, oldest first: its digest, and its entries.
    keys: Vec<(Digest, Vec<VerifierCircuitData<F, C, D>>)>,
}

impl Plonky2Verifier {
    /// The verifier for the keys that this crate carries.
    #[must_use]
    pub fn new() -> Self {
        let common = Setup::pinned().outer;
        let hash = |h: &HashOut| Plonky2Hash { elements: h.0.map(F::from_canonical_u64) };
        let keys = VerifierKey::known().iter().map(|key| {
            let entries = (0..=u8::MAX).map_while(|depth| key.at(depth));
            let data = entries.map(|entry| VerifierCircuitData {
                verifier_only: VerifierOnlyCircuitData {
                    constants_sigmas_cap: MerkleCap(entry.cap.iter().map(hash).collect()),
                    circuit_digest: hash(&entry.digest),
                },
                common: common.clone(),
            });
            (key.digest(), data.collect())
        });
        Self { keys: keys.collect() }
    }

    /// Checks that a proof proves a statement.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> Result<(), VerifyError> {
        let (expected, found) = (VerifierKey::pinned().digest(), proof.key_digest());
        let key = self.keys.iter().find(|(digest, _)| *digest == found);
        let (_, entries) = key.ok_or(VerifyError::OtherCircuit { expected, found })?;
        let data = entries.get(usize::from(proof.depth()));
        let data = data.ok_or(VerifyError::Malformed { reason: "depth beyond the key's" })?;
        let inputs = statement.public_inputs()?;
        let verify = || verify_body(data, &inputs, proof.body());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(verify))
            .unwrap_or(Err(VerifyError::Malformed { reason: "shape" }))
    }
}

impl Default for Plonky2Verifier {
    fn default() -> Self {
        Self::new()
    }
}

fn verify_body(data: &VerifierCircuitData<F, C, D>, inputs: &[u64], body: &[u8]) -> Result<(), VerifyError> {
    // Lengths inside come from the key or are single bytes, so reading allocates within the proof's size.
    let parsed = Buffer::new(body).read_proof::<F, C, D>(&data.common);
    let parsed = parsed.map_err(|_| VerifyError::Malformed { reason: "cut short" })?;
    // Writing it again finds trailing bytes and field elements that are not below the order: either would give one
    // proof many spellings.
    let mut again = Vec::with_capacity(body.len());
    again.write_proof(&parsed).map_err(|_| VerifyError::Malformed { reason: "not writable" })?;
    if again != body {
        return Err(VerifyError::Malformed { reason: "not in canonical form" });
    }
    let public_inputs = inputs.iter().map(|&i| F::from_canonical_u64(i)).collect();
    data.verify(ProofWithPublicInputs { proof: parsed, public_inputs })
        .map_err(|_| VerifyError::Rejected { reason: "by plonky2" })
}
