//! Backward through the vocoder: from a gradient by samples to one by the network's spectral parts. The transforms are linear, so
//! their gradients are transposes.

use crate::math::{exp, simd, tanh, turn};
use crate::model::{BINS, HEAD};
use crate::vocoder::{Bin, HOP, MAX_LOG, Vocoder, WINDOW};

/// The gradient by spectra `[frames, BINS]` of what [`Vocoder::sound`] makes of them: its real part is the gradient by the real
/// part, its imaginary part that by the imaginary part.
pub(super) fn sound_backward(vocoder: &Vocoder, gradient: &[f32]) -> Vec<Bin> {
    let frames = gradient.len() / HOP;
    let squares = vocoder.squares(frames);
    let mut padded = vec![0.0; squares.len()];
    for ((slot, gradient), squares) in padded[WINDOW / 2..].iter_mut().zip(gradient).zip(&squares[WINDOW / 2..]) {
        *slot = gradient / squares;
    }
    let mut out = vec![Bin::default(); frames * BINS];
    let (mut piece, mut scratch) = (vec![0.0; WINDOW], vocoder.forward.make_scratch_vec());
    for (frame, bins) in out.chunks_exact_mut(BINS).enumerate() {
        for ((slot, gradient), hann) in piece.iter_mut().zip(&padded[frame * HOP..]).zip(&*vocoder.hann) {
            *slot = gradient * hann / WINDOW as f32;
        }
        // The buffers have the lengths that the transform asks for.
        let _ = vocoder.forward.process_with_scratch(&mut piece, bins, &mut scratch);
        // All but the first and the last stand for two frequencies.
        bins[1..BINS - 1].iter_mut().for_each(|bin| *bin *= 2.0);
        bins[0].im = 0.0;
        bins[BINS - 1].im = 0.0;
    }
    out
}

/// The gradient by the network's parts of what [`mix`](crate::vocoder::mix) makes of them.
pub(super) fn mix_backward(parts: &[f32], excitation: &[Bin], noise: &[Bin], gradient: &[Bin]) -> Vec<f32> {
    let mut out = vec![0.0; parts.len()];
    simd(
        #[inline(always)]
        || {
            let given = parts.chunks_exact(HEAD).zip(excitation.chunks_exact(BINS)).zip(noise.chunks_exact(BINS));
            for (((parts, excitation), noise), (gradient, out)) in
                given.zip(gradient.chunks_exact(BINS).zip(out.chunks_exact_mut(HEAD)))
            {
                let part = |i: usize| &parts[i * BINS..][..BINS];
                let (harmonic, theta, noisy, free, phi) = (part(0), part(1), part(2), part(3), part(4));
                let (to_harmonic, rest) = out.split_at_mut(BINS);
                let (to_theta, rest) = rest.split_at_mut(BINS);
                let (to_noisy, rest) = rest.split_at_mut(BINS);
                let (to_free, to_phi) = rest.split_at_mut(BINS);
                // A size that is cut does not move.
                let open = |log: f32| if log < MAX_LOG { 1.0 } else { 0.0 };
                for i in 0..BINS {
                    let (a, b) = (gradient[i].re, gradient[i].im);
                    let bent = tanh(theta[i]);
                    let ((cos, sin), size) = (turn(0.5 * bent), exp(harmonic[i].min(MAX_LOG)));
                    let (e, z) = (excitation[i], noise[i]);
                    let (re, im) = (size * (cos * e.re - sin * e.im), size * (cos * e.im + sin * e.re));
                    to_harmonic[i] = open(harmonic[i]) * (a * re + b * im);
                    to_theta[i] = (b * re - a * im) * std::f32::consts::PI * (1.0 - bent * bent);
                    to_noisy[i] = open(noisy[i]) * exp(noisy[i].min(MAX_LOG)) * (a * z.re + b * z.im);
                    let (cos, sin) = turn(phi[i] * (0.5 * std::f32::consts::FRAC_1_PI));
                    let size = exp(free[i].min(MAX_LOG));
                    to_free[i] = open(free[i]) * size * (a * cos + b * sin);
                    to_phi[i] = size * (b * cos - a * sin);
                }
            }
        },
    );
    out
}
