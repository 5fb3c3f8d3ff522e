//! A plot of one quantity against another, as an SVG image.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 310.0;

/// A line through points, both axes from zero. Axes are labelled at quarters.
pub fn line(title: &str, x_name: &str, y_name: &str, points: &[(f64, f64)]) -> String {
    let max = |axis: fn(&(f64, f64)) -> f64| points.iter().map(axis).fold(f64::MIN_POSITIVE, f64::max);
    let (x_max, y_max) = (max(|p| p.0), max(|p| p.1));
    let x = |value: f64| LEFT + value / x_max * (WIDTH - LEFT - 30.0);
    let y = |value: f64| BOTTOM - value / y_max * (BOTTOM - 50.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\" aria-label=\"{title}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"14\">{title}</text>\n"
    );
    // Writing to a String does not fail.
    for quarter in 0..=4u8 {
        let part = f64::from(quarter) / 4.0;
        let (at_x, at_y) = (x(x_max * part), y(y_max * part));
        let _ =
            writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at_y}\" y2=\"{at_y}\" stroke=\"#e4e9f0\"/>", x(x_max));
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.0}</text>",
            LEFT - 8.0,
            at_y + 4.0,
            y_max * part
        );
        let _ = writeln!(
            svg,
            "<text x=\"{at_x}\" y=\"{}\" text-anchor=\"middle\">{:.0}</text>",
            BOTTOM + 18.0,
            x_max * part
        );
    }
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{x_name}</text>", x(x_max), BOTTOM + 38.0);
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"42\">{y_name}</text>");
    let path: Vec<_> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
    let _ =
        writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f3a5f\" stroke-width=\"2\"/>", path.join(" "));
    for p in points {
        let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#1f3a5f\"/>", x(p.0), y(p.1));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Groups of bars between 0 and 1, one colour for each series.
pub fn bars(title: &str, series: &[&str], groups: &[(String, Vec<f64>)]) -> String {
    const COLOURS: [&str; 4] = ["#b8c4d6", "#1f3a5f", "#7fa66b", "#c98b4b"];
    let colour = |i: usize| COLOURS[i % COLOURS.len()];
    let y = |value: f64| BOTTOM - value.clamp(0.0, 1.0) * (BOTTOM - 70.0);
    let group = (WIDTH - LEFT - 30.0) / groups.len().max(1) as f64;
    let bar = group * 0.8 / series.len().max(1) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\" aria-label=\"{title}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"14\">{title}</text>\n"
    );
    // Writing to a String does not fail.
    for quarter in 0..=4u8 {
        let value = f64::from(quarter) / 4.0;
        let (at, right) = (y(value), WIDTH - 30.0);
        let _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at}\" y2=\"{at}\" stroke=\"#e4e9f0\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{value}</text>", LEFT - 8.0, at + 4.0);
    }
    for (i, name) in series.iter().enumerate() {
        let x = LEFT + 170.0 * i as f64;
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"36\" width=\"12\" height=\"12\" fill=\"{}\"/>", colour(i));
        let _ = writeln!(svg, "<text x=\"{}\" y=\"46\">{name}</text>", x + 18.0);
    }
    for (i, (name, values)) in groups.iter().enumerate() {
        let left = LEFT + group * (i as f64 + 0.1);
        for (j, &value) in values.iter().enumerate() {
            let (x, top) = (left + bar * j as f64, y(value));
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                bar - 2.0,
                BOTTOM - top,
                colour(j)
            );
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\">{value:.2}</text>",
                x + bar / 2.0 - 1.0,
                top - 4.0
            );
        }
        let middle = left + group * 0.4;
        let _ = writeln!(svg, "<text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>", BOTTOM + 18.0);
    }
    svg.push_str("</svg>\n");
    svg
}
