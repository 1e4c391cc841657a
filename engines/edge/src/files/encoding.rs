//! Content codings: what the client takes, what is worth compressing, and doing it.

use std::io::Write;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

/// A coding the edge can produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    pub(crate) const fn header(self) -> HeaderValue {
        match self {
            Self::Brotli => HeaderValue::from_static("br"),
            Self::Gzip => HeaderValue::from_static("gzip"),
        }
    }

    /// Name in entity tags and extension of precompressed siblings.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    /// Compresses a whole body; costs milliseconds, so never call it on a worker thread.
    pub(crate) fn compress(self, body: &[u8]) -> std::io::Result<Bytes> {
        let mut out = Vec::with_capacity(body.len() / 3);
        match self {
            Self::Brotli => {
                // Quality 5 is where brotli beats gzip clearly at about the same cost.
                let mut writer = brotli::CompressorWriter::new(&mut out, 16 * 1024, 5, 22);
                writer.write_all(body)?;
                writer.flush()?;
            }
            Self::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(&mut out, flate2::Compression::new(6));
                writer.write_all(body)?;
                writer.finish()?;
            }
        }
        out.shrink_to_fit();
        Ok(Bytes::from(out))
    }
}

/// The codings a client takes, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    order: [Option<Coding>; 2],
}

impl Accepted {
    pub(crate) const NONE: Self = Self { order: [None, None] };

    pub(crate) fn iter(self) -> impl Iterator<Item = Coding> {
        self.order.into_iter().flatten()
    }

    /// Reads `Accept-Encoding` (RFC 9110 §12.5.3). Equal weights prefer brotli.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let (mut brotli, mut gzip, mut any) = (None, None, None);
        for list in headers.get_all(header::ACCEPT_ENCODING) {
            for item in list.to_str().unwrap_or_default().split(',') {
                let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
                let weight = weight(parameters);
                match name.trim() {
                    name if name.eq_ignore_ascii_case("br") => brotli = Some(weight),
                    name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                        gzip = Some(weight);
                    }
                    "*" => any = Some(weight),
                    _ => {}
                }
            }
        }
        let any = any.unwrap_or(0);
        let (brotli, gzip) = (brotli.unwrap_or(any), gzip.unwrap_or(any));
        let wanted = |coding, weight| (weight > 0).then_some(coding);
        let (brotli_first, br, gz) = (
            brotli >= gzip,
            wanted(Coding::Brotli, brotli),
            wanted(Coding::Gzip, gzip),
        );
        match (brotli_first, br, gz) {
            (_, None, gz) => Self { order: [gz, None] },
            (true, br, gz) => Self { order: [br, gz] },
            (false, br, gz) => Self { order: [gz, br] },
        }
    }
}

/// Thousandths; a malformed weight counts as "not wanted".
fn weight(parameters: &str) -> u16 {
    let Some(value) = parameters
        .trim()
        .strip_prefix("q=")
        .or_else(|| parameters.trim().strip_prefix("Q="))
    else {
        return 1000;
    };
    match value.parse::<f32>() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1000"
        )]
        Ok(value) if (0.0..=1.0).contains(&value) => (value * 1000.0) as u16,
        _ => 0,
    }
}

/// The `Content-Type` of a file name, and whether the type is worth compressing.
pub(crate) fn media_type(file: &str) -> (HeaderValue, bool) {
    let guess = mime_guess::from_path(file).first_raw();
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let essence = match extension {
        // Types that browsers insist on, or that the table lacks.
        "js" | "mjs" | "cjs" => "text/javascript",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "map" => "application/json",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "avif" => "image/avif",
        "md" => "text/markdown",
        _ => guess.unwrap_or("application/octet-stream"),
    };
    let text = essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/json" | "application/xml" | "application/javascript"
        );
    let compress = text
        || matches!(
            essence,
            "application/wasm" | "image/x-icon" | "font/ttf" | "font/otf" | "image/bmp"
        );
    // JSON is UTF-8 by definition; XML and SVG may declare another encoding inside.
    let charset = essence.starts_with("text/") || matches!(essence, "application/json" | "application/manifest+json");
    let value = if charset {
        format!("{essence}; charset=utf-8")
    } else {
        essence.to_owned()
    };
    let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    (value, compress)
}
