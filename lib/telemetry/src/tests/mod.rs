mod logs;
mod metrics;
mod tasks;
#[cfg(feature = "otlp")]
mod traces;

use std::io;
use std::sync::{Arc, Mutex};

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

/// What `act` logs.
fn logged(json: bool, act: impl FnOnce()) -> String {
    use tracing_subscriber::layer::SubscriberExt;
    let sink = Sink::default();
    let lines = crate::log::lines(json, false, sink.clone());
    let subscriber = tracing_subscriber::Registry::default()
        .with(crate::log::filter("info").unwrap())
        .with(lines);
    tracing::subscriber::with_default(subscriber, act);
    sink.text()
}
