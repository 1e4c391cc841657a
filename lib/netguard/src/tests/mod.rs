mod addresses;
mod requests;
mod server;

use bytes::Bytes;
use http::Request;

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}
