//! The statistics as a picture.

use std::fmt::Write;

use super::{Histogram, Statistics};

const WIDTH: usize = 720;
const HEIGHT: usize = 300;
const INK: &str = "#1f3a5f";

impl Statistics {
    /// Histograms of dialogue lengths and reply lengths, and the parts of the score, as an SVG image.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"11\" role=\"img\" aria-label=\"Lengths and quality of {} dialogues\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n",
            self.usable
        );
        histogram(&mut svg, 20, "messages per dialogue", &self.messages_per_dialogue);
        histogram(&mut svg, 260, "bytes per reply", &self.bytes_per_reply);
        let quality = self.quality();
        text(&mut svg, 500, 24, "start", "quality, in basis points");
        let parts = [
            ("duplication", quality.duplication),
            ("validity", quality.validity),
            ("context", quality.context),
            ("score", quality.score),
        ];
        for (i, (name, part)) in parts.into_iter().enumerate() {
            let (y, bps) = (50 + i * 46, usize::from(part.get()));
            text(&mut svg, 500, y, "start", name);
            text(&mut svg, 700, y, "end", &bps.to_string());
            bar(&mut svg, (500, y + 6), (200, 12), "#e4e9f0");
            bar(&mut svg, (500, y + 6), (bps * 200 / 10_000, 12), INK);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn histogram(svg: &mut String, left: usize, title: &str, histogram: &Histogram) {
    text(svg, left, 24, "start", title);
    let highest = histogram.0.iter().copied().max().unwrap_or(0).max(1);
    let width = 200 / histogram.0.len().max(1);
    for (i, &count) in histogram.0.iter().enumerate() {
        // At most 200: fits.
        let height = (u128::from(count) * 200 / u128::from(highest)) as usize;
        let x = left + i * width;
        bar(svg, (x, 250 - height), (width.saturating_sub(3).max(1), height), INK);
        text(svg, x + width / 2, 266, "middle", &(1u64 << i.min(63)).to_string());
    }
    text(svg, left, 288, "start", &format!("highest bar: {highest}"));
}

fn bar(svg: &mut String, (x, y): (usize, usize), (width, height): (usize, usize), fill: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>");
}

fn text(svg: &mut String, x: usize, y: usize, anchor: &str, words: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{words}</text>");
}
