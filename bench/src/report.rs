//! The rows of a run: a closed list, so that one that is missing is noticed.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Serialize;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    value: f64,
    unit: &'static str,
    /// What the machine could do at best, in the same unit.
    floor: Option<f64>,
    /// `value / floor`.
    ratio: Option<f64>,
    #[serde(skip)]
    aim: &'static str,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    expected: Vec<String>,
    rows: BTreeMap<String, Row>,
}

impl Report {
    /// These rows must be there at the end.
    pub(crate) fn expect(&mut self, names: impl IntoIterator<Item = String>) {
        self.expected.extend(names);
    }

    pub(crate) fn put(&mut self, name: &str, value: f64, unit: &'static str, floor: Option<f64>, aim: &'static str) {
        let ratio = floor.map(|floor| value / floor);
        eprintln!("  {name}: {value:.2} {unit}");
        self.rows.insert(name.to_owned(), Row { value, unit, floor, ratio, aim });
    }

    /// The figures, for people or as one JSON object.
    ///
    /// # Errors
    /// When one is missing, is no number, or was not expected.
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        let missing: Vec<&String> = self.expected.iter().filter(|name| !self.rows.contains_key(*name)).collect();
        let odd: Vec<&String> = self
            .rows
            .iter()
            .filter(|(name, row)| !row.value.is_finite() || row.value < 0.0 || !self.expected.contains(name))
            .map(|(name, _)| name)
            .collect();
        if json {
            println!("{}", serde_json::to_string(&self.rows)?);
        } else {
            for (name, row) in self.expected.iter().filter_map(|name| self.rows.get_key_value(name)) {
                let floor = row.floor.map_or_else(String::new, |floor| format!("floor {}", short(floor)));
                let ratio = row.ratio.map_or_else(String::new, |ratio| format!("ratio {ratio:.2}"));
                println!("{name:<58} {:>10} {:<8} {floor:<16} {ratio:<12} {}", short(row.value), row.unit, row.aim);
            }
        }
        if missing.is_empty() && odd.is_empty() { Ok(()) } else { bail!("rows missing: {missing:?}; odd: {odd:?}") }
    }
}

fn short(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// The value below which this part of an ascending list lies, milliseconds.
pub(crate) fn percentile(sorted: &[std::time::Duration], part: f64) -> f64 {
    // A list of measurements is far below 2^53 long, and the index is inside it.
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).map_or(f64::NAN, |found| found.as_secs_f64() * 1_000.0)
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_missing_row_is_an_error_and_so_is_one_that_is_no_number() {
        let mut report = Report::default();
        report.expect(["a".to_owned(), "b".to_owned()]);
        report.put("a", 1.0, "ms", Some(2.0), "");
        assert!(report.print(true).unwrap_err().to_string().contains("\"b\""));
        report.put("b", f64::NAN, "ms", None, "");
        assert!(report.print(true).is_err());
        report.put("b", 2.0, "ms", None, "");
        report.print(true).unwrap();
        report.put("c", 2.0, "ms", None, "");
        assert!(report.print(true).is_err(), "nobody expected it");
    }

    #[test]
    fn the_middle_and_the_edge() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        let list: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert!((percentile(&list, 0.5) - 51.0).abs() < 0.01);
        assert!((percentile(&list, 0.99) - 100.0).abs() < 0.01);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
