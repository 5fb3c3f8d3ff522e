//! The loss of a run as a picture.

use std::fmt::Write;

use lazai_core::record::Evaluation;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 316.0;

/// The loss of each step as a line, and held-out losses as a line with dots, in an SVG image. Steps to the right, nats per
/// token upwards from zero.
///
/// # Example
/// ```
/// let svg = lazai_lora::train::loss_plot("my character", &[3_200_000, 2_900_000, 2_500_000], &[]);
/// assert!(svg.starts_with("<svg") && svg.contains("polyline"));
/// ```
#[must_use]
pub fn loss_plot(title: &str, loss_micronats: &[u64], evaluations: &[Evaluation]) -> String {
    let losses = loss_micronats.iter().zip(1u32..).map(|(&loss, step)| (step, loss as f64 / 1e6));
    let losses: Vec<(u32, f64)> = losses.filter(|(_, loss)| *loss > 0.0).collect();
    let heldout: Vec<(u32, f64)> = evaluations.iter().map(|e| (e.step, e.loss_micronats as f64 / 1e6)).collect();
    let greatest = losses.iter().chain(&heldout).map(|p| p.1).fold(0.1, f64::max);
    let unit = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0].into_iter().find(|u| greatest / u <= 6.0).unwrap_or(10.0);
    let top = (greatest / unit).ceil() * unit;
    let steps = (loss_micronats.len() as u32).max(1);
    let x = |step: u32| LEFT + f64::from(step) / f64::from(steps) * (RIGHT - LEFT);
    let y = |loss: f64| BOTTOM - loss / top * (BOTTOM - TOP);
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\" aria-label=\"Loss of {title}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n\
         <text x=\"{LEFT}\" y=\"40\" fill=\"#555\">nats per token</text>\n"
    );
    // Writing to a String does not fail.
    let mut tick = 0.0;
    while tick <= top + 1e-9 {
        let at = y(tick);
        let _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#e4e9f0\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>", LEFT - 8.0, at + 4.0);
        tick += unit;
    }
    for quarter in 0..=4u32 {
        let step = (u64::from(steps) * u64::from(quarter) / 4) as u32;
        let (at, below) = (x(step), BOTTOM + 18.0);
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{step}</text>");
    }
    let _ = writeln!(svg, "<text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\" fill=\"#555\">steps</text>", BOTTOM + 36.0);
    for (name, colour, at, points) in
        [("training", "#1f3a5f", 470.0, &losses), ("held out", "#c2410c", 590.0, &heldout)]
    {
        if points.is_empty() {
            continue;
        }
        let path: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let path = path.join(" ");
        let _ = writeln!(svg, "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        if name == "held out" || points.len() == 1 {
            for p in points {
                let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>", x(p.0), y(p.1));
            }
        }
        let last = points.last().map_or(0.0, |p| p.1);
        let _ = writeln!(svg, "<text x=\"{at}\" y=\"22\" fill=\"{colour}\">{name}: {last:.2}</text>");
    }
    svg.push_str("</svg>\n");
    svg
}
