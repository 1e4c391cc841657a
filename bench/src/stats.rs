//! Orders of samples.

/// The smallest sample that at least `percent` of all do not exceed; 0 of none.
pub fn percentile(samples: &[f64], percent: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The middle sample.
pub fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50.0)
}
