//! The module's exports: hands the proxy's callbacks to [`Plugin`] and [`Stream`].
//!
//! [`Plugin`]: super::Plugin
//! [`Stream`]: super::Stream
#![expect(unsafe_code, reason = "an exported name must not be taken twice")]

use std::cell::RefCell;

use super::abi::{self, Proxy};
use super::contexts::Contexts;
use super::{Flow, Host as _, Level, Stream};

thread_local! {
    static CONTEXTS: RefCell<Contexts<Proxy>> = const { RefCell::new(Contexts::new()) };
}

/// Says which version of the ABI the module speaks.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // A panic is a trap; what can still be said is said.
    std::panic::set_hook(Box::new(|panic| Proxy.log(Level::Error, &format!("mcp_toolgate: {panic}"))));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    abi::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root: u32) {
    CONTEXTS.with_borrow_mut(|contexts| contexts.create(id, root, Proxy));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, length: usize) -> bool {
    CONTEXTS.with_borrow_mut(|contexts| contexts.plugin(id).is_some_and(|plugin| plugin.configure(&Proxy, length)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _count: usize, end: bool) -> u32 {
    flow(id, |stream| stream.on_request_headers(end))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, length: usize, end: bool) -> u32 {
    flow(id, |stream| stream.on_request_body(length, end))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _count: usize) -> u32 {
    flow(id, Stream::on_request_trailers)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _count: usize, end: bool) -> u32 {
    flow(id, |stream| stream.on_response_headers(end))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, length: usize, end: bool) -> u32 {
    flow(id, |stream| stream.on_response_body(length, end))
}

/// Comes before the access log is written, so that what is set here is in it.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    CONTEXTS.with_borrow_mut(|contexts| {
        if let Some(stream) = contexts.stream(id) {
            stream.on_end();
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    CONTEXTS.with_borrow_mut(|contexts| contexts.delete(id));
}

/// What a stream says to a callback (`proxy_action_t`); what is of no known stream goes no further.
fn flow(id: u32, callback: impl FnOnce(&mut Stream<Proxy>) -> Flow) -> u32 {
    const CONTINUE: u32 = 0;
    const PAUSE: u32 = 1;
    match CONTEXTS.with_borrow_mut(|contexts| contexts.stream(id).map(callback)) {
        Some(Flow::Continue) => CONTINUE,
        Some(Flow::Pause) | None => PAUSE,
    }
}
