//! Export of traces over OTLP/HTTP with protobuf bodies, to an address that the operator configured.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::Error;

/// Sends what is left when dropped.
#[derive(Debug)]
pub(crate) struct Provider(SdkTracerProvider);

impl Drop for Provider {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The exporter batches on a thread of its own; requests run on this runtime.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: reqwest::Client,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let answer = async move {
            let response = client.execute(request).await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        };
        // Not a named task: a span or metric here would feed the exporter with itself.
        let (status, body) = self.runtime.spawn(answer).await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

/// Builds the exporter. Must run inside a Tokio runtime.
pub(crate) fn provider(service: &'static str, endpoint: &str) -> Result<Provider, Error> {
    let traces = |error: &dyn std::error::Error| Error::Traces(error.to_string());
    let runtime = Handle::try_current().map_err(|error| traces(&error))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the collector's address is the operator's, often on loopback: netguard would refuse it"
    )]
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| traces(&error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { runtime, client })
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| traces(&error))?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder_empty().with_service_name(service).build())
        .build();
    Ok(Provider(provider))
}

pub(crate) fn layer<S>(provider: &Provider) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer().with_tracer(provider.0.tracer("mpanel"))
}
