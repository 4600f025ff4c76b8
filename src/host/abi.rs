//! The host calls of proxy-wasm (ABI 0.2.1), each with a result, and the memory that the proxy fills.
#![expect(unsafe_code, reason = "host calls are foreign functions that take and fill pointers")]

use std::ptr::{null_mut, slice_from_raw_parts_mut};
use std::time::Duration;

use super::{Head, HeaderBlock, Host, HostError, Level, MetricKind};

mod import {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            value: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            kind: u32,
            start: usize,
            length: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_buffer_bytes(
            kind: u32,
            start: usize,
            length: usize,
            data: *const u8,
            size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(kind: u32, key: *const u8, key_size: usize) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            kind: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_get_header_map_pairs(kind: u32, map: *mut *mut u8, size: *mut usize) -> u32;
        pub(super) fn proxy_get_header_map_value(
            kind: u32,
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_close_stream(kind: u32) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(id: u32, by: i64) -> u32;
        pub(super) fn proxy_record_metric(id: u32, value: u64) -> u32;
    }
}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
/// A status of our own: the proxy said yes and gave something unreadable.
const UNREADABLE: u32 = u32::MAX;

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST_STREAM: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;

/// Memory that the proxy fills and [`receive`] takes back: a boxed slice of exactly `size` bytes.
pub(super) fn allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

/// The proxy that runs this module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proxy;

impl Host for Proxy {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        let path = path.join("\0");
        // SAFETY: the path lives through the call; the out pointers are `receive`'s.
        receive("proxy_get_property", |value, size| unsafe {
            import::proxy_get_property(path.as_ptr(), path.len(), value, size)
        })
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        // SAFETY: both slices live through the call, and the proxy copies them.
        let status = unsafe { import::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
        done("proxy_set_property", status)
    }

    fn configuration(&self, length: usize) -> Result<Vec<u8>, HostError> {
        if length == 0 { Ok(Vec::new()) } else { buffer(PLUGIN_CONFIGURATION, length) }
    }

    fn request_headers(&self) -> Result<HeaderBlock, HostError> {
        let call = "proxy_get_header_map_pairs";
        // SAFETY: the out pointers are `receive`'s.
        let bytes =
            receive(call, |map, size| unsafe { import::proxy_get_header_map_pairs(REQUEST_HEADERS, map, size) })?;
        bytes.and_then(HeaderBlock::parse).ok_or(HostError { call, status: UNREADABLE })
    }

    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        // SAFETY: the name lives through the call; the out pointers are `receive`'s.
        receive("proxy_get_header_map_value", |value, size| unsafe {
            import::proxy_get_header_map_value(RESPONSE_HEADERS, name.as_ptr(), name.len(), value, size)
        })
    }

    fn request_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        if length == 0 { Ok(Vec::new()) } else { buffer(REQUEST_BODY, length) }
    }

    fn response_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        if length == 0 { Ok(Vec::new()) } else { buffer(RESPONSE_BODY, length) }
    }

    fn set_response_body(&self, length: usize, text: &[u8]) -> Result<(), HostError> {
        // SAFETY: the text lives through the call, and the proxy copies it.
        let status = unsafe { import::proxy_set_buffer_bytes(RESPONSE_BODY, 0, length, text.as_ptr(), text.len()) };
        done("proxy_set_buffer_bytes", status)
    }

    fn remove_header(&self, of: Head, name: &str) -> Result<(), HostError> {
        let kind = match of {
            Head::Request => REQUEST_HEADERS,
            Head::Response => RESPONSE_HEADERS,
        };
        // SAFETY: the name lives through the call.
        let status = unsafe { import::proxy_remove_header_map_value(kind, name.as_ptr(), name.len()) };
        done("proxy_remove_header_map_value", status)
    }

    fn set_response_header(&self, name: &str, value: &str) -> Result<(), HostError> {
        // SAFETY: name and value live through the call, and the proxy copies them.
        let status = unsafe {
            import::proxy_replace_header_map_value(
                RESPONSE_HEADERS,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        };
        done("proxy_replace_header_map_value", status)
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<(), HostError> {
        let headers = HeaderBlock::serialise(headers);
        let details = "mcp_toolgate";
        // SAFETY: all slices live through the call, and the proxy copies them.
        let status = unsafe {
            import::proxy_send_local_response(
                u32::from(status),
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                NO_GRPC_STATUS,
            )
        };
        done("proxy_send_local_response", status)
    }

    fn reset(&self) -> Result<(), HostError> {
        // SAFETY: takes no pointer.
        done("proxy_close_stream", unsafe { import::proxy_close_stream(REQUEST_STREAM) })
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        let kind = match kind {
            MetricKind::Counter => 0,
            MetricKind::Gauge => 1,
            MetricKind::Histogram => 2,
        };
        let mut id = 0;
        // SAFETY: the name lives through the call, and the proxy writes four bytes into a `u32` of this frame.
        let status = unsafe { import::proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
        done("proxy_define_metric", status).map(|()| id)
    }

    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError> {
        // SAFETY: takes no pointer.
        done("proxy_increment_metric", unsafe { import::proxy_increment_metric(id, by) })
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        // SAFETY: takes no pointer.
        done("proxy_record_metric", unsafe { import::proxy_record_metric(id, value) })
    }

    fn now(&self) -> Option<Duration> {
        let mut nanoseconds = 0;
        // SAFETY: the proxy writes eight bytes into a `u64` of this frame.
        let status = unsafe { import::proxy_get_current_time_nanoseconds(&raw mut nanoseconds) };
        (status == OK).then(|| Duration::from_nanos(nanoseconds))
    }

    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // SAFETY: the line lives through the call. A log that is refused cannot be reported anywhere.
        let _ = unsafe { import::proxy_log(level, line.as_ptr(), line.len()) };
    }
}

fn buffer(kind: u32, length: usize) -> Result<Vec<u8>, HostError> {
    // SAFETY: the out pointers are `receive`'s.
    let bytes = receive("proxy_get_buffer_bytes", |data, size| unsafe {
        import::proxy_get_buffer_bytes(kind, 0, length, data, size)
    })?;
    Ok(bytes.unwrap_or_default())
}

fn done(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError { call, status }) }
}

/// Makes a call that hands out bytes; none if the proxy has nothing by that name.
fn receive(
    call: &'static str,
    ask: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Option<Vec<u8>>, HostError> {
    let mut data = null_mut();
    let mut size = 0;
    match ask(&raw mut data, &raw mut size) {
        OK if data.is_null() => Ok(Some(Vec::new())),
        // SAFETY: by the ABI the proxy got this memory from [`allocate`], a boxed slice of exactly `size` bytes, filled
        // it, and gave it away.
        OK => Ok(Some(unsafe { Box::from_raw(slice_from_raw_parts_mut(data, size)) }.into_vec())),
        NOT_FOUND => Ok(None),
        status => Err(HostError { call, status }),
    }
}
