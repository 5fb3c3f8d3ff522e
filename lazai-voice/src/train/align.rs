//! Which moment of a recording is which of the base's own speech of the same text: dynamic time warping (H. Sakoe and S. Chiba,
//! 1978) over cepstra.

use super::ear::BANDS;

/// Cepstral coefficients that are compared; the first, loudness, is not.
const COEFFICIENTS: usize = 13;
/// Frames of a spectrogram in a unit of 25 ms, times two.
pub(super) const FRAMES_OF_TWO: usize = 5;

/// For each frame of `a`, the last frame of `b` that the cheapest path gives it.
pub(super) fn warp(a: &[f32], b: &[f32]) -> Vec<usize> {
    path(a, b).0
}

/// The cheapest path as [`warp`] gives it, and its cost.
pub(super) fn path(a: &[f32], b: &[f32]) -> (Vec<usize>, f32) {
    let (a, b) = (cepstra(a), cepstra(b));
    let (rows, columns) = (a.len(), b.len());
    if rows == 0 || columns == 0 {
        return (vec![0; rows], 0.0);
    }
    // How each cell is reached: 0 from both before, 1 from the row before, 2 from the column before.
    let mut from = vec![0u8; rows * columns];
    let mut costs = vec![f32::INFINITY; columns];
    for (i, x) in a.iter().enumerate() {
        let mut corner = if i == 0 { 0.0 } else { f32::INFINITY };
        let mut left = f32::INFINITY;
        for (j, y) in b.iter().enumerate() {
            let above = costs[j];
            let (way, least) = if corner <= above && corner <= left {
                (0, corner)
            } else if above <= left {
                (1, above)
            } else {
                (2, left)
            };
            from[i * columns + j] = way;
            corner = above;
            left = least + distance(x, y);
            costs[j] = left;
        }
    }
    let mut out = vec![0; rows];
    let (mut i, mut j) = (rows - 1, columns - 1);
    out[i] = j;
    while i > 0 || j > 0 {
        match from[i * columns + j] {
            0 => (i, j) = (i.saturating_sub(1), j.saturating_sub(1)),
            1 => i = i.saturating_sub(1),
            _ => j = j.saturating_sub(1),
        }
        // The path runs backwards: the first visit of a row is its last frame.
        out[i] = out[i].max(j);
    }
    (out, costs[columns - 1])
}

/// One less the cosine of the angle.
fn distance(a: &[f32; COEFFICIENTS], b: &[f32; COEFFICIENTS]) -> f32 {
    let along: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    1.0 - along
}

/// Cepstra of each frame, without their mean and by their deviation over the recording, of length 1.
fn cepstra(log_mel: &[f32]) -> Vec<[f32; COEFFICIENTS]> {
    let cosine = |k: usize, band: usize| {
        (std::f64::consts::PI * (k + 1) as f64 * (band as f64 + 0.5) / BANDS as f64).cos() as f32
    };
    let table: Vec<[f32; BANDS]> = (0..COEFFICIENTS).map(|k| std::array::from_fn(|band| cosine(k, band))).collect();
    let one = |frame: &[f32]| -> [f32; COEFFICIENTS] {
        std::array::from_fn(|k| frame.iter().zip(&table[k]).map(|(x, cosine)| x * cosine).sum())
    };
    let mut all: Vec<_> = log_mel.chunks_exact(BANDS).map(one).collect();
    let count = all.len().max(1) as f32;
    for k in 0..COEFFICIENTS {
        let mean = all.iter().map(|row| row[k]).sum::<f32>() / count;
        let variance = all.iter().map(|row| (row[k] - mean).powi(2)).sum::<f32>() / count;
        all.iter_mut().for_each(|row| row[k] = (row[k] - mean) / (variance.sqrt() + 1e-3));
    }
    for row in &mut all {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
        row.iter_mut().for_each(|x| *x /= length);
    }
    all
}

/// How long each phoneme lasts in a recording of so many frames: `ends` are the phonemes' last frames in the base's own speech, in
/// units of 25 ms, and `warp` leads from there to the recording. Nothing if the recording has fewer units than phonemes.
pub(super) fn durations(ends: &[usize], warp: &[usize], frames: usize) -> Option<Vec<usize>> {
    let most = frames * 2 / FRAMES_OF_TWO;
    if most < ends.len() || warp.is_empty() {
        return None;
    }
    let mut position = 0;
    let mut out: Vec<usize> = Vec::with_capacity(ends.len());
    for &end in ends {
        let frame = warp[(end * FRAMES_OF_TWO / 2).min(warp.len() - 1)];
        let unit = (frame * 2 + FRAMES_OF_TWO / 2) / FRAMES_OF_TWO;
        let lasts = unit.saturating_sub(position).max(1);
        out.push(lasts);
        position += lasts;
    }
    // Short phonemes that were made longer push the end out: the longest gives.
    while position > most {
        let longest = out.iter_mut().max_by_key(|lasts| **lasts)?;
        *longest -= 1;
        position -= 1;
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A spectrogram whose frames are peaks at these bands.
    fn peaks(bands: impl IntoIterator<Item = usize>) -> Vec<f32> {
        let frame = |at: usize| (0..BANDS).map(move |band| if band.abs_diff(at) < 4 { 1.0 } else { -0.5 });
        bands.into_iter().flat_map(frame).collect()
    }

    #[test]
    fn a_slower_speaker_is_followed() {
        let plain = peaks((0..60).map(|i| i / 6 * 7));
        let slow = peaks((0..120).map(|i| i / 12 * 7));
        let path = warp(&plain, &slow);
        for (i, j) in path.iter().enumerate() {
            assert_eq!(i / 6, j / 12, "{path:?}");
        }
        assert!(warp(&plain, &plain).iter().enumerate().all(|(i, j)| i / 6 == j / 6));
        // 60 frames are 24 units of 25 ms; twice as long are 48.
        let ends: Vec<usize> = (1..=4).map(|i| i * 6).collect();
        let lasting = durations(&ends, &path, 120).unwrap();
        assert!(lasting.iter().all(|lasts| (11..=13).contains(lasts)), "{lasting:?}");
        assert!(lasting.iter().sum::<usize>() <= 48);
    }

    #[test]
    fn too_short_a_recording_is_none() {
        assert_eq!(durations(&[1, 2, 3], &[0; 8], 7), None);
        assert_eq!(durations(&[1, 2, 3], &[0; 8], 8), Some(vec![1, 1, 1]));
        assert!(warp(&[], &[]).is_empty());
    }
}
