//! A bar as text: how much of a whole is done. It is full only when all of it is.

use crate::style::{Glyphs, Role, Style};

/// How a bar looks.
#[derive(Clone, Copy, Debug)]
pub struct BarLook {
    pub style: Style,
    pub glyphs: Glyphs,
    /// Of what is done; the rest is muted.
    pub done: Role,
}

/// `━━━━╸─────`, or `####------`. Of what is not known to be done, nothing is.
pub fn render_bar(part: Option<f64>, columns: usize, look: BarLook) -> String {
    let (done, rest) = match look.glyphs {
        Glyphs::Unicode => {
            let halves = steps(part, 2 * columns);
            let half = if halves % 2 == 1 { "╸" } else { "" };
            let done = format!("{}{half}", "━".repeat(halves / 2));
            (done, "─".repeat(columns - halves.div_ceil(2)))
        }
        Glyphs::Ascii => {
            let done = steps(part, columns);
            ("#".repeat(done), "-".repeat(columns - done))
        }
    };
    let paint = |role, text: &str| match text {
        "" => String::new(),
        text => look.style.paint(role, text),
    };
    paint(look.done, &done) + &paint(Role::Muted, &rest)
}

/// So many of `whole` steps are done, each of them wholly.
fn steps(part: Option<f64>, whole: usize) -> usize {
    let part = part.unwrap_or_default();
    // What is not a number is not above any step.
    (1..=whole)
        .take_while(|step| part >= to_number(*step) / to_number(whole))
        .count()
}

/// No terminal has more columns than a `u16` counts.
fn to_number(count: usize) -> f64 {
    u16::try_from(count).unwrap_or(u16::MAX).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prose;

    const LOOK: BarLook = BarLook {
        style: Style::Plain,
        glyphs: Glyphs::Unicode,
        done: Role::Good,
    };
    const ASCII: BarLook = BarLook {
        glyphs: Glyphs::Ascii,
        ..LOOK
    };

    #[test]
    fn every_step_of_as_many_fills_one_column() {
        for columns in 1..=100_u16 {
            for done in 0..=columns {
                let part = f64::from(done) / f64::from(columns);
                let bar = render_bar(Some(part), columns.into(), ASCII);
                assert_eq!(
                    bar.matches('#').count(),
                    usize::from(done),
                    "{done}/{columns}"
                );
            }
        }
    }

    #[test]
    fn a_bar_grows_by_half_a_column() {
        for (part, expected) in [
            (0.0, "──────────"),
            (0.05, "╸─────────"),
            (0.42, "━━━━──────"),
            (0.45, "━━━━╸─────"),
            (0.999, "━━━━━━━━━╸"),
            (1.0, "━━━━━━━━━━"),
        ] {
            assert_eq!(render_bar(Some(part), 10, LOOK), expected, "{part}");
        }
    }

    #[test]
    fn elsewhere_than_in_utf_8_it_grows_by_columns() {
        assert_eq!(render_bar(Some(0.42), 10, ASCII), "####------");
        assert_eq!(render_bar(Some(0.999), 10, ASCII), "#########-");
        assert_eq!(render_bar(Some(1.0), 10, ASCII), "##########");
    }

    #[test]
    fn what_is_not_known_is_not_done() {
        assert_eq!(render_bar(None, 4, ASCII), "----");
        assert_eq!(render_bar(Some(f64::NAN), 4, ASCII), "----");
        assert_eq!(render_bar(Some(-1.0), 4, ASCII), "----");
        assert_eq!(render_bar(Some(1.0), 0, ASCII), "");
    }

    #[test]
    fn what_is_done_has_its_role_and_the_rest_is_muted() {
        let look = BarLook {
            style: Style::Coloured,
            ..LOOK
        };
        assert_eq!(
            render_bar(Some(0.5), 4, look),
            "\u{1b}[32m━━\u{1b}[0m\u{1b}[2m──\u{1b}[0m"
        );
        assert_eq!(render_bar(Some(1.0), 2, look), "\u{1b}[32m━━\u{1b}[0m");
    }

    proptest! {
        #[test]
        fn a_bar_is_as_long_as_wanted_and_full_only_at_the_end(
            part in any::<f64>(),
            columns in 0_usize..200,
        ) {
            for look in [LOOK, ASCII] {
                let bar = render_bar(Some(part), columns, look);
                prop_assert_eq!(prose::width(&bar), columns);
                let is_full = columns > 0 && bar.chars().all(|glyph| "━#".contains(glyph));
                prop_assert_eq!(is_full, columns > 0 && part >= 1.0);
            }
        }
    }
}
