//! What a file of synthetic speech says of itself: that it is synthetic, and which node signed for it.
//!
//! A WAV file carries it in a chunk `lzai` behind the samples, as JSON, a FLAC file in a block before them; players pass over parts that
//! they do not know. Whoever cuts the part off has a file that says nothing: it marks what honest people pass on, and proves nothing of other files.

use lazai_core::{Digest, Domain, TypedData as _};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{SignedSpeechReceipt, SignedSpeechTerms, audio_digest};

/// The chunk's name.
pub(super) const CHUNK: &[u8; 4] = b"lzai";
/// Largest manifest that is read.
const MAX_BYTES: usize = 64 << 10;

/// A signed note in a file: this sound is synthetic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechManifest {
    /// Always true.
    pub synthetic: bool,
    /// The domain of the ledger that the signatures are for.
    pub domain: Domain,
    /// The terms: who speaks, for which version, with which voice.
    pub terms: SignedSpeechTerms,
    /// The receipt, which has the digest of the samples.
    pub receipt: SignedSpeechReceipt,
    /// The salt of that digest.
    pub salt: Digest,
}

/// Why a file is no speech that a node signed for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotSpeech {
    /// It is no file of sound of one channel and 16 bits.
    #[error("no file of sound of one channel and 16 bits: {what}")]
    Format {
        /// What is missing or other.
        what: &'static str,
    },
    /// It has no manifest.
    #[error("the file does not say that it is synthetic: it has no part \"lzai\"")]
    NoManifest,
    /// The manifest cannot be read.
    #[error("the manifest cannot be read: {reason}")]
    Manifest {
        /// The reason.
        reason: String,
    },
    /// A signature or a digest does not hold.
    #[error("the manifest does not hold: {what}")]
    Broken {
        /// What does not.
        what: &'static str,
    },
}

impl SpeechManifest {
    /// The manifest of speech.
    #[must_use]
    pub fn new(domain: Domain, terms: SignedSpeechTerms, receipt: SignedSpeechReceipt, salt: Digest) -> Self {
        Self { synthetic: true, domain, terms, receipt, salt }
    }

    /// A WAV file of the samples, with this manifest.
    ///
    /// # Panics
    /// Never: a manifest is text, numbers and hex, and samples of a receipt are far below the four gibibytes of a file.
    #[must_use]
    pub fn wav(&self, samples: &[i16]) -> Vec<u8> {
        let mut note = serde_json::to_vec(self).expect("text, numbers and hex");
        // Chunks begin at even places; a space more changes no JSON.
        note.resize(note.len() + note.len() % 2, b' ');
        let rate = self.terms.terms.sample_rate;
        let sound: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let mut file = Vec::with_capacity(52 + sound.len() + note.len());
        file.extend(b"RIFF");
        file.extend(length(4 + 24 + 8 + sound.len() + 8 + note.len()));
        file.extend(b"WAVEfmt ");
        file.extend(length(16));
        // PCM, one channel, bytes a second, bytes a sample, bits.
        file.extend([1_u16, 1].iter().flat_map(|value| value.to_le_bytes()));
        file.extend([rate, rate.saturating_mul(2)].iter().flat_map(|value| value.to_le_bytes()));
        file.extend([2_u16, 16].iter().flat_map(|value| value.to_le_bytes()));
        file.extend(b"data");
        file.extend(length(sound.len()));
        file.extend(sound);
        file.extend(CHUNK);
        file.extend(length(note.len()));
        file.extend(note);
        file
    }

    /// Reads the manifest of a WAV file, and holds it to the samples: signatures of the node that the terms name, digests, counts.
    /// That the node serves the version that it names, a ledger says.
    ///
    /// # Errors
    /// [`NotSpeech`].
    pub fn of_wav(file: &[u8]) -> Result<Self, NotSpeech> {
        let wav = Chunks::read(file)?;
        let manifest = Self::read(wav.note.ok_or(NotSpeech::NoManifest)?)?;
        let (pairs, _) = wav.samples.as_chunks::<2>();
        let samples: Vec<i16> = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        manifest.check(wav.rate, &samples)?;
        Ok(manifest)
    }

    /// Reads the manifest of a file, whichever of the two kinds it is: WAV, or (feature `flac`) FLAC.
    ///
    /// # Errors
    /// [`NotSpeech`].
    pub fn of_file(file: &[u8]) -> Result<Self, NotSpeech> {
        #[cfg(feature = "flac")]
        if file.starts_with(b"fLaC") {
            return Self::of_flac(file);
        }
        Self::of_wav(file)
    }

    /// The manifest in its JSON, not checked.
    pub(super) fn read(note: &[u8]) -> Result<Self, NotSpeech> {
        if note.len() > MAX_BYTES {
            return Err(NotSpeech::Manifest { reason: format!("{} bytes, at most {MAX_BYTES} are read", note.len()) });
        }
        serde_json::from_slice(note).map_err(|error| NotSpeech::Manifest { reason: error.to_string() })
    }

    /// Holds the manifest to the samples of its file.
    pub(super) fn check(&self, rate: u32, samples: &[i16]) -> Result<(), NotSpeech> {
        let holds = |holds: bool, what| if holds { Ok(()) } else { Err(NotSpeech::Broken { what }) };
        let (terms, receipt) = (&self.terms.terms, &self.receipt.receipt);
        holds(self.synthetic, "it says that the sound is not synthetic")?;
        holds(self.terms.signature.verify(&self.domain, terms, terms.node).is_ok(), "the signature of the terms")?;
        holds(self.receipt.signature.verify(&self.domain, receipt, terms.node).is_ok(), "the receipt's signature")?;
        holds(receipt.terms_digest == terms.hash_struct(), "the receipt is of other terms")?;
        holds(rate == terms.sample_rate, "the file has another rate than the terms")?;
        let digest = audio_digest(self.salt, rate, samples);
        holds(digest == receipt.audio_digest, "the samples are others than those that the node signed for")
    }
}

/// What matters of a WAV file.
struct Chunks<'f> {
    rate: u32,
    samples: &'f [u8],
    note: Option<&'f [u8]>,
}

impl<'f> Chunks<'f> {
    fn read(file: &'f [u8]) -> Result<Self, NotSpeech> {
        let missing = |what| NotSpeech::Format { what };
        let mut rest = match file.split_at_checked(12) {
            Some((head, rest)) if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") => {
                let length = head[4..8].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
                if length.checked_add(8) != Some(file.len()) {
                    return Err(missing("its length is another than it says"));
                }
                rest
            }
            _ => return Err(missing("no RIFF")),
        };
        let (mut rate, mut samples, mut note) = (None, None, None);
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let (name, length) = head.split_at(4);
            let length = length.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
            let body = after.get(..length).ok_or_else(|| missing("a chunk is cut"))?;
            // A second one would be what a player takes, or what it does not.
            let is_second = match name {
                b"fmt " => {
                    let read = one_channel(body).ok_or_else(|| missing("another form of samples"))?;
                    rate.replace(read).is_some()
                }
                b"data" => samples.replace(body).is_some(),
                name if name == CHUNK => note.replace(body).is_some(),
                _ => false,
            };
            if is_second {
                return Err(missing("a chunk comes twice"));
            }
            rest = after.get(length + length % 2..).unwrap_or_default();
        }
        let rate = rate.ok_or_else(|| missing("no fmt"))?;
        Ok(Self { rate, samples: samples.ok_or_else(|| missing("no data"))?, note })
    }
}

/// The rate that a `fmt ` chunk tells, if it is of PCM, one channel, 16 bits.
fn one_channel(body: &[u8]) -> Option<u32> {
    let (form, rest) = body.split_first_chunk::<4>()?;
    let (rate, rest) = rest.split_first_chunk::<4>()?;
    let is_ours = *form == [1, 0, 1, 0] && rest.get(4..8) == Some(&[2, 0, 16, 0]);
    is_ours.then(|| u32::from_le_bytes(*rate))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use lazai_core::sign::sign;
    use lazai_core::{Amount, Asset, ClassId, LocalSigner, SessionId, Signer as _, VersionNumber};
    use lazai_settle::speech::{SpeechReceipt, SpeechTerms};
    use pollster::block_on;

    use super::*;

    pub(in crate::speech) fn manifest(samples: &[i16]) -> SpeechManifest {
        let (domain, node) = (Domain::random("speech", "1").unwrap(), LocalSigner::from_bytes([1; 32]).unwrap());
        let terms = SpeechTerms {
            node: node.address(),
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            character_price: Amount::from_base_units(2),
            character_ceiling: 100,
            base_digest: Digest::ZERO,
            voice: lazai_settle::speech::SpokenVoice::Base,
            adapter_digest: Digest::ZERO,
            sample_rate: 24_000,
            valid_until_s: 60,
            series: 0,
        };
        let salt = Digest::from_bytes([9; 32]);
        let receipt = SpeechReceipt {
            session: SessionId::from_bytes([2; 32]),
            turn: 1,
            terms_digest: terms.hash_struct(),
            request_digest: Digest::ZERO,
            audio_digest: audio_digest(salt, 24_000, samples),
            characters: 3,
            samples: samples.len() as u64,
            seed: 1,
            cumulative: Amount::from_base_units(6),
        };
        let terms = SignedSpeechTerms { signature: block_on(sign(&node, &domain, &terms)).unwrap(), terms };
        let receipt = SignedSpeechReceipt { signature: block_on(sign(&node, &domain, &receipt)).unwrap(), receipt };
        SpeechManifest::new(domain, terms, receipt, salt)
    }

    #[test]
    fn a_file_says_that_it_is_synthetic_and_who_signed_for_it() {
        for samples in [&[1, -2, 3][..], &[i16::MIN, i16::MAX]] {
            let manifest = manifest(samples);
            let file = manifest.wav(samples);
            assert_eq!(SpeechManifest::of_wav(&file), Ok(manifest));
            // The length that RIFF tells is the file's.
            assert_eq!(u32::from_le_bytes(*file[4..].first_chunk().unwrap()) as usize + 8, file.len());
        }
    }

    #[test]
    fn a_file_with_other_sound_or_a_forged_note_is_told() {
        let samples = [5; 100];
        let file = manifest(&samples).wav(&samples);
        let mut louder = file.clone();
        louder[60] ^= 1;
        assert!(matches!(SpeechManifest::of_wav(&louder), Err(NotSpeech::Broken { .. })));
        let mut other = manifest(&samples);
        other.receipt.receipt.characters += 1;
        let forged = SpeechManifest::of_wav(&other.wav(&samples));
        assert_eq!(forged, Err(NotSpeech::Broken { what: "the receipt's signature" }));
        let (mut without, length) = (file[..44 + 200].to_vec(), 36_u32 + 200);
        without[4..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(SpeechManifest::of_wav(&without), Err(NotSpeech::NoManifest));
        // Sound that players hear before that which is signed.
        let mut twice = file.clone();
        twice.splice(36..36, [&b"data"[..], &4_u32.to_le_bytes(), &[1, 2, 3, 4]].concat());
        let length = u32::try_from(twice.len() - 8).unwrap();
        twice[4..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(SpeechManifest::of_wav(&twice), Err(NotSpeech::Format { what: "a chunk comes twice" }));
        // However it is cut, it is refused, not misread.
        for end in 0..file.len() {
            assert!(SpeechManifest::of_wav(&file[..end]).is_err(), "{end}");
        }
    }
}
