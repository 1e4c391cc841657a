mod logs;
mod metrics;
mod tasks;
#[cfg(feature = "otlp")]
mod traces;

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing_subscriber::fmt::MakeWriter;

/// A log sink that tests read.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Sink {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Keeps every log statement of the binary enabled. Otherwise a statement first reached by a test without a subscriber
/// races to be cached as disabled, and is missing from the sink of the test that looks for it.
fn enable_all() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::Registry::default()).unwrap());
}

/// What `act` logs.
fn logged(json: bool, act: impl FnOnce()) -> String {
    enable_all();
    use tracing_subscriber::layer::SubscriberExt;
    let sink = Sink::default();
    let lines = crate::log::lines(json, false, sink.clone());
    let subscriber = tracing_subscriber::Registry::default()
        .with(crate::log::filter("info").unwrap())
        .with(lines);
    tracing::subscriber::with_default(subscriber, act);
    sink.text()
}
