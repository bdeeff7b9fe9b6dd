//! A film as one SVG file that needs nothing else: all pictures side by side, each row's text written once, and a style
//! that shows one after the other. Where nothing moves, the last picture is seen.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Film, Frame, Look, Run, Weight};

/// Of one character, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: usize = 18;
/// From the top of a row to the feet of its letters.
const BASELINE: usize = 13;
/// Around the text.
const MARGIN: usize = 12;
/// So long the last picture is seen before the film begins anew.
const LAST: Duration = Duration::from_secs(6);

const BACKGROUND: &str = "#14181f";
const FOREGROUND: &str = "#d7dce4";
/// The sixteen colours of terminals, for this background.
const COLOURS: [&str; 16] = [
    "#3b4252", "#ef6b73", "#8fce7d", "#e8c268", "#7aa7f0", "#c792ea", "#5fc9d3", "#d7dce4",
    "#69738a", "#ff8a91", "#aae69a", "#ffdc8c", "#9dc1ff", "#dcb3f7", "#86e3ec", "#ffffff",
];

/// The film, with a title for those who hear it.
pub(crate) fn render_svg(film: &Film, title: &str) -> String {
    let (width, height) = (
        f64::from(film.size.columns) * WIDTH,
        usize::from(film.size.rows) * HEIGHT,
    );
    let mut rows = Rows::default();
    let mut pictures = String::new();
    for (place, frame) in film.frames.iter().enumerate() {
        push_picture(&mut pictures, frame, &mut rows, place_at(place, width));
    }
    let style = style(film, width);
    let defined = rows.defined;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" xml:space=\"preserve\" viewBox=\"0 0 {:.1} {}\">\
         <title>{title}</title>\n<style>{style}</style>\n<defs>\n{defined}</defs>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <svg x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{width:.1}\" height=\"{height}\"><g id=\"film\">\n\
         {pictures}</g></svg></svg>\n",
        width + 24.0,
        height + 2 * MARGIN,
    )
}

/// The rows that were seen, each written once.
#[derive(Default)]
struct Rows<'a> {
    numbers: HashMap<&'a [Run], usize>,
    defined: String,
}

impl<'a> Rows<'a> {
    fn number(&mut self, row: &'a [Run]) -> usize {
        let next = self.numbers.len();
        let Rows { numbers, defined } = self;
        *numbers.entry(row).or_insert_with(|| {
            push_row(defined, row, next);
            next
        })
    }
}

// Writing to a text cannot fail.

/// Each run says how long it is, since the characters of whoever looks may have another width than [`WIDTH`].
fn push_row(defined: &mut String, row: &[Run], number: usize) {
    let _ = write!(defined, "<g id=\"r{number}\">");
    for run in row.iter().filter(|run| !run.text.trim().is_empty()) {
        let (x, length) = (column_at(run.column), column_at(run.text.chars().count()));
        let _ = write!(
            defined,
            "<text x=\"{x:.1}\" y=\"{BASELINE}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\"{}>{}</text>",
            class(run.look),
            escaped(&run.text)
        );
    }
    defined.push_str("</g>\n");
}

fn push_picture<'a>(pictures: &mut String, frame: &'a Frame, rows: &mut Rows<'a>, x: f64) {
    let _ = write!(pictures, "<g transform=\"translate({x:.1})\">");
    for (place, row) in frame
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| !row.is_empty())
    {
        let number = rows.number(row);
        let y = match place * HEIGHT {
            0 => String::new(),
            y => format!(" y=\"{y}\""),
        };
        let _ = write!(pictures, "<use href=\"#r{number}\"{y}/>");
    }
    pictures.push_str("</g>\n");
}

fn class(look: Look) -> String {
    let colour = look.colour.map(|number| format!("c{number}"));
    let weight = match look.weight {
        Weight::Normal => None,
        Weight::Bold => Some("b".to_owned()),
        Weight::Faint => Some("f".to_owned()),
    };
    let names: Vec<String> = colour.into_iter().chain(weight).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" class=\"{}\"", names.join(" "))
}

fn style(film: &Film, width: f64) -> String {
    let mut style = format!(
        "text{{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:{FOREGROUND}}}\
         .b{{font-weight:bold}}.f{{opacity:.65}}"
    );
    for (number, colour) in COLOURS.iter().enumerate() {
        let _ = write!(style, ".c{number}{{fill:{colour}}}");
    }
    let last = place_at(film.frames.len().saturating_sub(1), -width);
    let whole = (film.length + LAST).as_secs_f64();
    let _ = write!(
        style,
        "#film{{transform:translateX({last:.1}px);animation:play {whole:.1}s step-end infinite}}\
         @media(prefers-reduced-motion:reduce){{#film{{animation:none}}}}@keyframes play{{"
    );
    for (place, frame) in film.frames.iter().enumerate() {
        // The first is seen from the beginning.
        let at = if place == 0 {
            0.0
        } else {
            frame.at.as_secs_f64()
        };
        let (part, x) = (100.0 * at / whole, place_at(place, -width));
        let _ = write!(style, "{part:.3}%{{transform:translateX({x:.1}px)}}");
    }
    style.push('}');
    style
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are a few hundred pictures and columns"
)]
fn place_at(place: usize, width: f64) -> f64 {
    place as f64 * width
}

fn column_at(column: usize) -> f64 {
    place_at(column, WIDTH)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::tests::recording;

    #[test]
    fn each_row_is_written_once_and_each_picture_has_its_moment() {
        let recording = recording(&[
            (0, b"\x1b[36mnode-0\x1b[0m | a < b\r\n"),
            (1000, b"\x1b[1mdone\x1b[0m\r\n"),
        ]);
        let film = recording.film().unwrap();
        let svg = render_svg(&film, "a session");
        assert_eq!(svg, render_svg(&recording.film().unwrap(), "a session"));
        assert_eq!(svg.matches("<g id=\"r").count(), 2, "{svg}");
        let row = "<g id=\"r0\"><text x=\"0.0\" y=\"13\" textLength=\"50.4\" lengthAdjust=\"spacingAndGlyphs\" class=\"c6\">node-0</text>";
        assert!(svg.contains(row), "{svg}");
        let rest = "<text x=\"50.4\" y=\"13\" textLength=\"67.2\" lengthAdjust=\"spacingAndGlyphs\"> | a &lt; b</text></g>";
        assert!(svg.contains(rest), "{svg}");
        assert!(
            svg.contains("<g transform=\"translate(0.0)\"><use href=\"#r0\"/></g>"),
            "{svg}"
        );
        assert!(
            svg.contains("<g transform=\"translate(168.0)\"><use href=\"#r0\"/><use href=\"#r1\" y=\"18\"/></g>"),
            "{svg}"
        );
        assert!(
            svg.contains("0.000%{transform:translateX(-0.0px)}"),
            "{svg}"
        );
        assert!(svg.contains("%{transform:translateX(-168.0px)}"), "{svg}");
        assert!(
            svg.contains("#film{transform:translateX(-168.0px);animation:play 7.5s"),
            "{svg}"
        );
    }
}
