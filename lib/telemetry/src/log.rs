//! Log lines on standard error: text for people, JSON for machines, each event with the fields of its spans.

use std::io::{self, IsTerminal};
use std::panic;

use tracing::Subscriber;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::Error;
use crate::escape::{SafeJson, text_fields};

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Text when standard error is a terminal, else JSON.
    Auto,
    Text,
    Json,
}

/// What `init` sets up.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The process's name in traces, such as `mpanel-serve`.
    pub service: &'static str,
    /// As [`filter`] reads it, such as `info,mpanel_dns=debug`.
    pub filter: &'a str,
    pub format: Format,
    /// OTLP/HTTP address for traces; `None` sends nothing anywhere.
    pub traces: Option<&'a str>,
}

/// Keep it until the end of `main`: dropping it sends the last traces.
#[must_use = "dropping the guard stops the export of traces"]
#[derive(Debug)]
pub struct Guard {
    #[cfg(feature = "otlp")]
    _traces: Option<crate::otlp::Provider>,
}

/// Sets up logging, the logging of panics and, when asked for, traces. Once per process; inside a Tokio runtime when
/// there are traces to export.
pub fn init(options: &Options<'_>) -> Result<Guard, Error> {
    let terminal = io::stderr().is_terminal();
    let json = match options.format {
        Format::Auto => !terminal,
        Format::Text => false,
        Format::Json => true,
    };
    let lines = lines(json, terminal, io::stderr);
    let subscriber = Registry::default().with(filter(options.filter)?).with(lines);

    #[cfg(feature = "otlp")]
    let guard = {
        let traces = options
            .traces
            .map(|endpoint| crate::otlp::provider(options.service, endpoint))
            .transpose()?;
        let layer = traces.as_ref().map(crate::otlp::layer);
        subscriber
            .with(layer)
            .try_init()
            .map_err(|_| Error::AlreadyInitialised)?;
        Guard { _traces: traces }
    };
    #[cfg(not(feature = "otlp"))]
    let guard = {
        if options.traces.is_some() {
            return Err(Error::Traces(format!(
                "{} is built without their export",
                options.service
            )));
        }
        subscriber.try_init().map_err(|_| Error::AlreadyInitialised)?;
        Guard {}
    };
    panic::set_hook(Box::new(log_panic));
    Ok(guard)
}

/// Reads a filter: a level, or `target=level`, several with commas.
///
/// # Errors
/// [`Error::Filter`] with what is wrong.
// Not `EnvFilter`, which can tell spans apart as well and is asked each time one is entered.
pub fn filter(directives: &str) -> Result<Targets, Error> {
    directives.parse().map_err(|error: ParseError| Error::Filter {
        filter: directives.to_owned(),
        reason: error.to_string(),
    })
}

/// The layer that writes lines.
pub(crate) fn lines<S, W>(json: bool, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    if json {
        let layer = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true);
        layer.with_writer(SafeJson(writer)).boxed()
    } else {
        fmt::layer()
            .fmt_fields(text_fields())
            .with_ansi(colours)
            .with_writer(writer)
            .boxed()
    }
}

/// One line in the form of every other line, inside the span of the task that panicked.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info.payload_as_str().unwrap_or("a value that is no text");
    tracing::error!(location, panic = message, "panic");
}
