use crate::metrics::{Counter, Family, exposition, register};
use crate::process::Sample;

#[test]
fn registered_metrics_appear_with_prefix_and_labels() {
    let family = register(
        "test_things",
        "Things seen",
        Family::<[(&'static str, &'static str); 1], Counter>::default(),
    );
    family.get_or_create(&[("kind", "a")]).inc_by(3);
    let text = exposition();
    assert!(text.contains("# HELP mpanel_test_things Things seen.\n"), "{text}");
    assert!(text.contains("mpanel_test_things_total{kind=\"a\"} 3\n"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_name_belongs_to_one_metric() {
    register("test_once", "Once", Counter::<u64>::default());
    let again = std::panic::catch_unwind(|| register("test_once", "Once", Counter::<u64>::default()));
    assert!(again.is_err());
    assert!(
        exposition().contains("mpanel_test_once_total 0"),
        "the registry survives the panic"
    );
}

#[test]
fn the_process_reports_itself_under_the_usual_names() {
    let text = exposition();
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_threads") >= 1.0);
    assert!(value("process_cpu_seconds_total") >= 0.0);
    assert!((0.0..1e5).contains(&value("process_uptime_seconds")));
}

#[test]
fn a_process_name_with_brackets_does_not_shift_the_fields() {
    let numbers: Vec<String> = (4..=52).map(|number| (number * 100).to_string()).collect();
    let stat = format!("4242 (a) R (b) S {}", numbers.join(" "));
    let sample = Sample::parse(&stat, "52.50 100.00", 100.0, 4096, 7).unwrap();
    let expected = Sample {
        cpu_seconds: 29.0,
        uptime_seconds: 30.5,
        resident_bytes: 2400 * 4096,
        open_fds: 7,
        threads: 2000,
    };
    assert_eq!(sample, expected);
    assert_eq!(Sample::parse("4242 (a", "1 1", 100.0, 4096, 7), None);
    assert_eq!(Sample::parse("4242 (a) S 1", "1 1", 100.0, 4096, 7), None);
}
