//! The answer of a site to one request.

use std::io;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::conditional::{self, Decision, Validators};
use super::encoding::{Accepted, Coding};
use super::entry::{Document, Found, Variant};
use super::{FileBody, FileStore};
use crate::body::Payload;
use crate::pages;
use crate::path::{self, SitePath};
use crate::table::SiteRoute;

/// Browsers keep a copy but ask each time, so an activated release shows at once; the tag makes asking cheap.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

/// What the store needs to know about the moment.
pub(crate) struct Context<'a> {
    pub(crate) started: Instant,
    pub(crate) now: &'a dyn Fn() -> SystemTime,
    pub(crate) provider: Option<&'a str>,
}

/// The representation chosen for a request.
struct Chosen<'a> {
    etag: &'a HeaderValue,
    coding: Option<Coding>,
    length: u64,
    source: Source<'a>,
}

enum Source<'a> {
    Memory(Bytes),
    Disk(&'a Variant),
}

impl FileStore {
    /// Answers without touching the disk or another thread, when everything needed is in memory.
    pub(crate) fn try_respond(&self, site: &SiteRoute, request: &Parts, cx: &Context<'_>) -> Option<Response<Payload>> {
        if request.method != Method::GET || request.headers.contains_key(header::ACCEPT_ENCODING) {
            return None;
        }
        let path = path::normalise(request.uri.path()).ok().filter(|path| !path.hidden)?;
        let entry = self.cached(&site.root, &path.relative, cx.started)?;
        let Found::File(document) = &entry.found else {
            return None;
        };
        let body = document.plain.body.clone()?;
        Some(in_memory(
            document,
            plain(&document.plain, Source::Memory(body)),
            request,
            cx,
        ))
    }

    /// Answers any request for a site.
    pub(crate) async fn respond(&self, site: &SiteRoute, request: &Parts, cx: &Context<'_>) -> Response<Payload> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return pages::method_not_allowed();
        }
        let Ok(path) = path::normalise(request.uri.path()) else {
            return pages::html(
                StatusCode::BAD_REQUEST,
                pages::page("Bad request", "This address cannot be read.", cx.provider),
            );
        };
        self.respond_at(site, &path, request, cx).await
    }

    /// Answers with what is at `path`, whatever the request's own path is.
    pub(crate) async fn respond_at(
        &self,
        site: &SiteRoute,
        path: &SitePath<'_>,
        request: &Parts,
        cx: &Context<'_>,
    ) -> Response<Payload> {
        let response = match self.find(site, path, request, cx).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(root = &*site.root, path = &*path.relative, %error, "site cannot be read");
                pages::unreadable(cx.provider)
            }
        };
        if request.method == Method::HEAD {
            pages::without_body(response)
        } else {
            response
        }
    }

    async fn find(
        &self,
        site: &SiteRoute,
        path: &SitePath<'_>,
        request: &Parts,
        cx: &Context<'_>,
    ) -> io::Result<Response<Payload>> {
        if !path.hidden {
            let entry = self.entry(&site.root, &path.relative, cx.started).await?;
            match &entry.found {
                Found::File(document) => {
                    return self.document(site, &path.relative, document, request, cx).await;
                }
                Found::NeedsSlash => return Ok(add_slash(path, request)),
                Found::Missing => {}
            }
            if site.spa_fallback && is_navigation(path, request) {
                let entry = self.entry(&site.root, "", cx.started).await?;
                if let Found::File(document) = &entry.found {
                    return self.document(site, "", document, request, cx).await;
                }
            }
        }
        self.absent(site, cx).await
    }

    /// Answers that nothing is there.
    pub(crate) async fn missing(&self, site: &SiteRoute, request: &Parts, cx: &Context<'_>) -> Response<Payload> {
        let response = self.absent(site, cx).await.unwrap_or_else(|error| {
            tracing::warn!(root = &*site.root, %error, "site cannot be read");
            pages::unreadable(cx.provider)
        });
        if request.method == Method::HEAD {
            pages::without_body(response)
        } else {
            response
        }
    }

    async fn absent(&self, site: &SiteRoute, cx: &Context<'_>) -> io::Result<Response<Payload>> {
        if let Some(page) = site.not_found.as_deref() {
            let entry = self.entry(&site.root, page, cx.started).await?;
            if let Found::File(document) = &entry.found {
                return self.not_found(site, document).await;
            }
        }
        Ok(pages::not_found(cx.provider))
    }

    async fn document(
        &self,
        site: &SiteRoute,
        path: &str,
        document: &Document,
        request: &Parts,
        cx: &Context<'_>,
    ) -> io::Result<Response<Payload>> {
        // Ranges are of the plain file: a client that resumes a compressed copy notices by `If-Range`.
        let accepted = if document.varies() && !request.headers.contains_key(header::RANGE) {
            Accepted::read(&request.headers)
        } else {
            Accepted::NONE
        };
        for coding in accepted.iter() {
            if let Some(variant) = document.sibling(coding) {
                let mut chosen = plain(variant, source(variant));
                chosen.coding = Some(coding);
                return self.send(site, document, chosen, request, cx).await;
            }
        }
        if document.compressible
            && let Some(coding) = accepted.iter().next()
            && let Some((etag, body)) = self.compressed(&site.root, path, document, coding).await?
        {
            let length = body.len() as u64;
            let chosen = Chosen {
                etag: &etag,
                coding: Some(coding),
                length,
                source: Source::Memory(body),
            };
            return self.send(site, document, chosen, request, cx).await;
        }
        self.send(
            site,
            document,
            plain(&document.plain, source(&document.plain)),
            request,
            cx,
        )
        .await
    }

    async fn send(
        &self,
        site: &SiteRoute,
        document: &Document,
        chosen: Chosen<'_>,
        request: &Parts,
        cx: &Context<'_>,
    ) -> io::Result<Response<Payload>> {
        let Source::Disk(variant) = chosen.source else {
            return Ok(in_memory(document, chosen, request, cx));
        };
        let decision = decide(document, &chosen, request, cx);
        let payload = match decision {
            Decision::NotModified | Decision::Failed | Decision::OutOfRange => Payload::Empty,
            Decision::Full => Payload::File(FileBody::new(self.open(&site.root, variant).await?, 0, variant.length)),
            Decision::Part { first, length } => {
                Payload::File(FileBody::new(self.open(&site.root, variant).await?, first, length))
            }
        };
        Ok(assemble(document, &chosen, decision, payload))
    }

    async fn not_found(&self, site: &SiteRoute, document: &Document) -> io::Result<Response<Payload>> {
        let payload = match &document.plain.body {
            Some(body) => Payload::full(body.clone()),
            None => {
                let file = self.open(&site.root, &document.plain).await?;
                Payload::File(FileBody::new(file, 0, document.plain.length))
            }
        };
        let mut response = Response::new(payload);
        *response.status_mut() = StatusCode::NOT_FOUND;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, document.content_type.clone());
        headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, pages::NOSNIFF);
        Ok(response)
    }
}

fn source(variant: &Variant) -> Source<'_> {
    match &variant.body {
        Some(body) => Source::Memory(body.clone()),
        None => Source::Disk(variant),
    }
}

fn plain<'a>(variant: &'a Variant, source: Source<'a>) -> Chosen<'a> {
    Chosen {
        etag: &variant.etag,
        coding: None,
        length: variant.length,
        source,
    }
}

fn decide(document: &Document, chosen: &Chosen<'_>, request: &Parts, cx: &Context<'_>) -> Decision {
    if !conditional::concerns(&request.headers) {
        return Decision::Full;
    }
    let validators = Validators {
        etag: chosen.etag,
        last_modified: document.last_modified,
        length: chosen.length,
        now: (cx.now)(),
    };
    conditional::decide(&request.method, &request.headers, &validators)
}

fn in_memory(document: &Document, chosen: Chosen<'_>, request: &Parts, cx: &Context<'_>) -> Response<Payload> {
    let decision = decide(document, &chosen, request, cx);
    let payload = match (&chosen.source, decision) {
        (Source::Memory(body), Decision::Full) => Payload::full(body.clone()),
        (Source::Memory(body), Decision::Part { first, length }) => {
            let first = usize::try_from(first).unwrap_or(usize::MAX).min(body.len());
            let end = first
                .saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
                .min(body.len());
            Payload::full(body.slice(first..end))
        }
        _ => Payload::Empty,
    };
    assemble(document, &chosen, decision, payload)
}

fn assemble(document: &Document, chosen: &Chosen<'_>, decision: Decision, payload: Payload) -> Response<Payload> {
    let mut headers = HeaderMap::with_capacity(12);
    if document.varies() {
        headers.insert(header::VARY, ACCEPT_ENCODING);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, pages::NOSNIFF);
    let status = match decision {
        Decision::Failed => StatusCode::PRECONDITION_FAILED,
        Decision::OutOfRange => {
            insert_text(
                &mut headers,
                header::CONTENT_RANGE,
                &format!("bytes */{}", chosen.length),
            );
            StatusCode::RANGE_NOT_SATISFIABLE
        }
        _ => {
            headers.insert(header::ETAG, chosen.etag.clone());
            headers.insert(header::LAST_MODIFIED, document.last_modified_field.clone());
            headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
            StatusCode::NOT_MODIFIED
        }
    };
    let status = match decision {
        Decision::Full | Decision::Part { .. } => {
            headers.insert(header::CONTENT_TYPE, document.content_type.clone());
            match chosen.coding {
                Some(coding) => headers.insert(header::CONTENT_ENCODING, coding.header()),
                None => headers.insert(header::ACCEPT_RANGES, BYTES),
            };
            match decision {
                Decision::Part { first, length } => {
                    let range = format!("bytes {first}-{}/{}", first + length - 1, chosen.length);
                    insert_text(&mut headers, header::CONTENT_RANGE, &range);
                    StatusCode::PARTIAL_CONTENT
                }
                _ => StatusCode::OK,
            }
        }
        _ => status,
    };
    let mut response = Response::new(payload);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn insert_text(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

pub(crate) fn add_slash(path: &SitePath<'_>, request: &Parts) -> Response<Payload> {
    // Encoded anew from the normalised path: never `//host`, never a line break.
    let mut location = path::encode(&path.relative);
    location.push('/');
    if let Some(query) = request.uri.query() {
        location.push('?');
        location.push_str(query);
    }
    pages::redirect(StatusCode::MOVED_PERMANENTLY, &location)
}

/// Whether a person's browser asks for a page, as opposed to a script asking for a file.
fn is_navigation(path: &SitePath<'_>, request: &Parts) -> bool {
    let html = |value: &HeaderValue| value.to_str().is_ok_and(|accept| accept.contains("text/html"));
    !path.has_extension() && request.headers.get_all(header::ACCEPT).iter().any(html)
}
