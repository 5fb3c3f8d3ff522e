//! Keeping the base's articulation: an adapter that follows one speaker's recordings alone forgets how other words are said.
//!
//! In each step the base and the adapted voice say the same new text, as long, as high and with the same noise. How their spectrograms
//! differ may be another voice's colour, which is the same in every frame; what is left when each band's mean difference is taken out
//! is articulation, and that is held to the base's.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::ear::BANDS;
use super::material::Take;

/// The id of a space, between words.
const SPACE: u32 = 16;
/// The id of a full stop.
const STOP: u32 = 4;
/// Most words of a text.
const WORDS: usize = 10;

/// A text of words that recordings have, in an order that none has.
pub(super) fn text(takes: &[Take], rng: &mut ChaCha8Rng) -> Vec<u32> {
    let mut below = |count: usize| rng.next_u32() as usize % count.max(1);
    let mut words: Vec<&[u32]> = Vec::new();
    for _ in 0..2 {
        let ids = takes.get(below(takes.len())).map_or(&[][..], |take| &take.ids[..]);
        let inner = ids.get(1..ids.len().saturating_sub(1)).unwrap_or(&[]);
        words.extend(inner.split(|&id| id == SPACE).filter(|word| !word.is_empty()));
    }
    for i in (1..words.len()).rev() {
        words.swap(i, below(i + 1));
    }
    words.truncate(WORDS);
    let said = words.join(&SPACE);
    [&[0][..], &said, &[STOP, 0]].concat()
}

/// Mean distance of spectrograms `[frames, BANDS]` when each band's mean difference is taken out, times `weight`; and its gradient by
/// the first.
pub(super) fn distance(heard: &[f32], wanted: &[f32], weight: f32) -> (f64, Vec<f32>) {
    let frames = (heard.len().min(wanted.len()) / BANDS).max(1) as f32;
    let mut means = [0f32; BANDS];
    for (i, (a, b)) in heard.iter().zip(wanted).enumerate() {
        means[i % BANDS] += (a - b) / frames;
    }
    let weight = weight / (frames * BANDS as f32);
    let mut sum = 0.0;
    let mut signs = [0f32; BANDS];
    let mut by = vec![0.0; heard.len()];
    for (i, ((a, b), by)) in heard.iter().zip(wanted).zip(&mut by).enumerate() {
        let apart = a - b - means[i % BANDS];
        sum += f64::from(apart.abs());
        *by = if apart > 0.0 { weight } else { -weight };
        signs[i % BANDS] += *by / frames;
    }
    by.iter_mut().enumerate().for_each(|(i, by)| *by -= signs[i % BANDS]);
    (sum * f64::from(weight), by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_colour_is_no_distance() {
        let wanted: Vec<f32> = (0..6 * BANDS).map(|i| ((i * 7) % 11) as f32 * 0.1).collect();
        let coloured: Vec<f32> = wanted.iter().enumerate().map(|(i, x)| x + (i % BANDS) as f32 * 0.01).collect();
        assert!(distance(&coloured, &wanted, 1.0).0 < 1e-5);
        let mut mumbled = coloured.clone();
        mumbled[2 * BANDS..3 * BANDS].iter_mut().for_each(|x| *x -= 0.6);
        let (far, by) = distance(&mumbled, &wanted, 1.0);
        // A frame of six is lower: each band is off by five sixths of it there, and by one sixth elsewhere.
        assert!((far - (0.5 + 5.0 * 0.1) / 6.0).abs() < 1e-4, "{far}");
        let moved: Vec<f32> = mumbled.iter().zip(&by).map(|(x, by)| x - by).collect();
        let slope: f64 = by.iter().map(|by| f64::from(by * by)).sum();
        let fell = far - distance(&moved, &wanted, 1.0).0;
        assert!((fell - slope).abs() < 0.02 * slope, "{fell} and {slope}");
    }
}
