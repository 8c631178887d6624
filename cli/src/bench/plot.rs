//! The comparison as a picture: ns per delivery against sessions, both axes logarithmic.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use plotters::prelude::*;

use super::compare::{Comparison, Series};

/// In pixels, where nothing scales it.
const SIZE: (u32, u32) = (880, 560);

/// One for each series, ours first. They differ in lightness too, and for the colour-blind.
const COLOURS: [RGBColor; 4] =
    [RGBColor(213, 94, 0), RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

/// A file that will have a picture.
pub(super) struct Plot {
    path: PathBuf,
    file: File,
}

impl Plot {
    /// Opens it for writing; what is in it stays until there is something better.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(|| format!("creating the plot {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn write(mut self, comparison: &Comparison) -> anyhow::Result<()> {
        let svg = draw(comparison).context("drawing the plot")?;
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all(svg.as_bytes()))
            .with_context(|| format!("writing the plot {}", self.path.display()))
    }
}

fn draw(Comparison(series): &Comparison) -> anyhow::Result<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let sessions: Vec<f64> = series[0].points.iter().map(|p| f64::from(p.0)).collect();
    let times = || series.iter().flat_map(|series| &series.points).map(|p| p.1);
    let least = times().fold(f64::INFINITY, f64::min);
    let most = times().fold(0.0, f64::max);
    // Some room on all sides, also where there is only one point, and some more for the legend.
    let x = sessions[0] / 1.5..sessions[sessions.len() - 1] * 1.5;
    let y = least / 1.5..1.5 * most * (2.25 * most / least).powf(0.3);
    let marks = marks(&y);
    let mut chart = ChartBuilder::on(&root)
        .caption("One change to many sessions", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(
            x.log_scale().with_key_points(sessions),
            y.log_scale().with_key_points(marks),
        )?;
    chart
        .configure_mesh()
        .x_desc("sessions")
        .y_desc("ns per delivery")
        .axis_desc_style(("sans-serif", 16))
        .label_style(("sans-serif", 14))
        .x_label_formatter(&|n| format!("{n:.0}"))
        .y_label_formatter(&|ns| if *ns < 1.0 { format!("{ns:.1}") } else { format!("{ns:.0}") })
        .draw()?;
    for (at, (Series { name, points }, colour)) in series.iter().zip(COLOURS).enumerate() {
        // Ours is what one looks for.
        let style = colour.stroke_width(if at == 0 { 3 } else { 2 });
        let points: Vec<_> = points.iter().map(|&(n, ns)| (f64::from(n), ns)).collect();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    drop(chart);
    drop(root);
    Ok(svg)
}

/// The numbers 1, 2 and 5 of each power of ten that lie in the range.
fn marks(range: &Range<f64>) -> Vec<f64> {
    let powers = range.start.log10().floor() as i32..=range.end.log10().floor() as i32;
    let marks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    marks.filter(|mark| range.contains(mark)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lie_where_one_expects_them() {
        assert_eq!(marks(&(0.9..12.0)), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(marks(&(30.0..210.0)), [50.0, 100.0, 200.0]);
    }
}
