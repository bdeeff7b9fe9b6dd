//! Lines with rows under them, as fast as a terminal takes them: what `cargo xtask bench bars` measures. Takes how many
//! lines, and how many rows.

use std::{
    env,
    io::{self, Write as _},
};

use kubectl_trainer::ui::{ColourChoice, LastRows, Loudness, Pen, Ui};

/// What `logs` writes at once, in bytes.
const BLOCK: usize = 64 << 10;
/// With it a line has some 117 bytes, as those of the other measurements.
const FILL: &str = "loss=0.4321 lr=9.6e-05 grad_norm=1.234 throughput=8123.4 tokens/s elapsed=00:12:34 remaining=00:17:21";
/// Bytes of a row.
const ROW: usize = 130;

fn main() -> io::Result<()> {
    let numbers: Vec<usize> = env::args().filter_map(|word| word.parse().ok()).collect();
    let [lines, rows] = numbers[..] else {
        return Err(io::Error::other("how many lines, and how many rows?"));
    };
    let mut pen = Ui::open(ColourChoice::Never, Loudness::Normal).pen();
    if rows > 0 {
        pen.allow_rows();
    }
    let mut block = Vec::with_capacity(2 * BLOCK);
    for number in 1..=lines {
        writeln!(block, "line {number} {FILL}")?;
        if block.len() >= BLOCK || number == lines {
            show(&mut pen, &block, rows)?;
            block.clear();
        }
    }
    pen.leave_rows(LastRows::Erased)
}

fn show(pen: &mut Pen, block: &[u8], rows: usize) -> io::Result<()> {
    if rows > 0 && pen.rest().is_zero() {
        let texts = (1..=rows).map(|row| format!("row {row} {}", "#".repeat(ROW - 6)));
        pen.set_rows(texts.collect());
    }
    pen.answer(block)
}
