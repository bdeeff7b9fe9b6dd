//! Amounts as Kubernetes writes them: `500m`, `2Gi`, `1e3`. Pure.

/// The amount in its base unit. `None` for what is no amount.
pub(in super::super) fn parse_quantity(text: &str) -> Option<f64> {
    let (number, suffix) = split(text);
    Some(number.parse::<f64>().ok()? * factor(suffix)?)
}

/// Twice as much, in the same unit. `None` for nothing, and for what is no amount.
pub(super) fn double(text: &str) -> Option<String> {
    let (number, suffix) = split(text);
    factor(suffix)?;
    let doubled = number.parse::<f64>().ok().filter(|number| *number > 0.0)? * 2.0;
    Some(format!("{doubled}{suffix}"))
}

fn split(text: &str) -> (&str, &str) {
    let unit = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    text.split_at(unit.unwrap_or(text.len()))
}

fn factor(suffix: &str) -> Option<f64> {
    if let Some(exponent) = suffix
        .strip_prefix(['e', 'E'])
        .filter(|rest| !rest.is_empty())
    {
        return Some(10_f64.powi(exponent.parse().ok()?));
    }
    Some(match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 2_f64.powi(10),
        "Mi" => 2_f64.powi(20),
        "Gi" => 2_f64.powi(30),
        "Ti" => 2_f64.powi(40),
        "Pi" => 2_f64.powi(50),
        "Ei" => 2_f64.powi(60),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_different_units_can_be_compared() {
        for (less, more) in [
            ("500m", "1"),
            ("1023Mi", "1Gi"),
            ("1e3", "1Ki"),
            ("999M", "1G"),
            ("0", "1n"),
            ("2", "1E"),
        ] {
            assert!(parse_quantity(less) < parse_quantity(more), "{less} {more}");
        }
        assert_eq!(parse_quantity("1024Mi"), parse_quantity("1Gi"));
        assert_eq!(parse_quantity("a lot"), None);
        assert_eq!(parse_quantity("2x"), None);
    }

    #[test]
    fn twice_as_much_keeps_its_unit() {
        let doubled: Vec<_> = ["1", "500m", "1.5Gi", "2e3"]
            .map(double)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(doubled, ["2", "1000m", "3Gi", "4e3"]);
        assert_eq!(double("0"), None);
        assert_eq!(double("much"), None);
    }
}
